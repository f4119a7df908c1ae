"""Notices that a server has gone silent while a statement waits for it: keepalives do not, where a proxy in between lives on."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from ..errors import TargetError
from .connect import connect
from .url import DatabaseUrl


@contextmanager
def watched(conn: psycopg.Connection[Any], url: DatabaseUrl, *, connect_timeout: float) -> Iterator[None]:
    """While the block waits for ``url``'s server on ``conn``, a second connection is tried every ``connect_timeout`` seconds.

    When none is answered twice running, ``conn`` is shut down and the block ends with TargetError. A refusal is an answer.
    ``conn`` may lead there through a hub.
    """
    ended = threading.Event()
    silent: list[TargetError] = []

    def watch() -> None:
        failures = 0
        while not ended.wait(connect_timeout):
            error = _no_answer(url, connect_timeout)
            failures = 0 if error is None else failures + 1
            if error is not None and failures == 2 and not ended.is_set():
                silent.append(error)
                shut_down(conn)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except (psycopg.Error, TargetError):
        if silent:
            raise TargetError(
                f"{url.name} no longer answers: {silent[0].message}", hint=silent[0].hint
            ) from None
        raise
    finally:
        ended.set()


def shut_down(conn: psycopg.Connection[Any]) -> None:
    """Whatever waits on the connection, in any thread, fails at once. A cancel request would need an answer."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(conn.fileno())) as handle:
        handle.shutdown(socket.SHUT_RDWR)


def _no_answer(url: DatabaseUrl, connect_timeout: float) -> TargetError | None:
    try:
        connect(url, purpose="watch", connect_timeout=connect_timeout).close()
    except TargetError as error:
        return None if "FATAL" in error.message else error
    return None
