"""What real psql sends for a script: a server that speaks just enough of the protocol to write the messages down.

Not a real server with a log: every message counts here, of invalid SQL too, with nothing to create beforehand and nothing
to undo, and texts arrive as bytes, not as a log prints them.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import threading
from pathlib import Path

#: COPY into table t is answered by a request for its data, as a server with that table would.
_COPY_IN = re.compile(r"copy\s+(?:s\.)?t\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_SSL, _GSS = 80877103, 80877104


class Recorder:
    """Listens on a free port for as long as the block lasts; ``messages(script)`` runs psql once."""

    def __init__(self, psql: Path) -> None:
        self.psql = psql
        self.recorded: list[str] = []

    def __enter__(self) -> Recorder:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def messages(self, script: Path) -> list[str]:
        self.recorded.clear()
        env = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        env |= {
            "PGCLIENTENCODING": "UTF8",
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
            "LC_ALL": "C.UTF-8",
        }
        subprocess.run(
            [
                self.psql,
                "-X",
                "-q",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                "x",
                "-d",
                "x",
                "-f",
                script,
            ],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return list(self.recorded)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                self._session(connection, stream)

    def _session(self, connection: socket.socket, stream) -> None:
        while struct.unpack("!I", (body := stream.read(struct.unpack("!I", stream.read(4))[0] - 4))[:4])[
            0
        ] in (_SSL, _GSS):
            connection.sendall(b"N")
        settings = {"server_version": "18.0", "client_encoding": "UTF8", "standard_conforming_strings": "on"}
        answer = _message(b"R", struct.pack("!I", 0))
        for key, value in settings.items():
            answer += _message(b"S", f"{key}\0{value}\0".encode())
        connection.sendall(answer + _message(b"Z", b"I"))
        while (kind := stream.read(1)) not in (b"", b"X"):
            body = stream.read(struct.unpack("!I", stream.read(4))[0] - 4)
            if kind == b"Q":
                text = body[:-1].decode()
                self.recorded.append(text)
                if _COPY_IN.match(text[blank_length(text) :]):
                    connection.sendall(_message(b"G", struct.pack("!bh", 0, 0)))
                    continue
            if kind in (b"Q", b"c", b"f"):
                connection.sendall(_message(b"C", b"DONE\0") + _message(b"Z", b"I"))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def blank_length(text: str) -> int:
    """How many characters of whitespace and (nested) comments ``text`` begins with."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text.startswith("--", at):
            at = min((i for i in (text.find("\n", at), text.find("\r", at)) if i >= 0), default=len(text))
        elif text.startswith("/*", at):
            depth, end = 1, at + 2
            for mark in re.finditer(r"/\*|\*/", text[end:]):
                depth += 1 if mark[0] == "/*" else -1
                if depth == 0:
                    at = end + mark.end()
                    break
            else:
                return at
        else:
            return at
    return at
