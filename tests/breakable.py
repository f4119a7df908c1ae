"""A TCP proxy before a server: the network that a test may cut, and a place that stays when the server moves to another port."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Listens on a port of its own while the block lasts. ``server``: the port that it leads to."""

    def __init__(self, server: int) -> None:
        self.server = server
        self._cut = False
        self._talks = threading.Event()
        self._talks.set()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Every connection breaks, none is made."""
        self._cut = True
        for pair in list(self._pairs):
            _break(*pair)

    def silence(self) -> None:
        """Every connection stays, and new ones are made; but nothing comes through any more."""
        self._talks.clear()

    def mend(self, server: int | None = None) -> None:
        self.server = server or self.server
        if not self._talks.is_set():
            for pair in list(self._pairs):
                _break(*pair)
        self._talks.set()
        self._cut = False

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._cut:
                    raise OSError
                server = socket.create_connection(("127.0.0.1", self.server))
            except OSError:
                client.close()
                continue
            pair = (client, server)
            self._pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(source, sink, pair), daemon=True).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._talks.wait()
                sink.sendall(data)
        _break(*pair)
        self._pairs.discard(pair)


def _break(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
