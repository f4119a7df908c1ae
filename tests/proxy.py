"""A way to a server that ends, or falls silent, in the middle."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """A way to a server that ends in the middle: ``then`` is called when ``limit`` bytes of answers went through."""

    def __init__(self, port, limit, then):
        self.target, self.left, self.then = port, limit, then
        self.ended = threading.Event()
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self.sockets += [client, server]
                for pair in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self.forward, args=pair, daemon=True).start()

    def forward(self, source, sink, counted):
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if self.ended.is_set():
                    return  # silent: both connections stay open
                sink.sendall(data)
                if counted:
                    self.left -= len(data)
                    if self.left < 0 and not self.ended.is_set():
                        self.ended.set()
                        self.then()

    def cut(self):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for one in (self.listener, *self.sockets):
            one.close()
