"""What this process has open to each server, so that all of it can be given up at once when the server has gone silent."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

#: Host and port.
Place = tuple[str, str]

_lock = threading.Lock()
_connections: WeakKeyDictionary[psycopg.Connection[Any], Place] = WeakKeyDictionary()
_programs: dict[int, Place] = {}


def opened(conn: psycopg.Connection[Any], place: Place) -> None:
    """From now until it is closed."""
    with _lock:
        _connections[conn] = place


@contextmanager
def program(pid: int, place: Place) -> Iterator[None]:
    """While the block lasts a child, leader of its process group, works on the server."""
    with _lock:
        _programs[pid] = place
    try:
        yield
    finally:
        with _lock:
            del _programs[pid]


def give_up(place: Place) -> None:
    """Whatever waits for the server, in any thread or child, ends at once. A cancel request would need an answer."""
    with _lock:
        for conn in [c for c, where in _connections.items() if where == place and not c.closed]:
            shut_down(conn)
        for pid in [p for p, where in _programs.items() if where == place]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def shut_down(conn: psycopg.Connection[Any]) -> None:
    """Whatever waits on the connection, in any thread, fails at once."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as handle:
        handle.shutdown(socket.SHUT_RDWR)
