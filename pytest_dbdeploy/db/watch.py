"""Notices that a server has gone silent while a statement waits for it: keepalives do not, where a proxy in between lives on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ..errors import TargetError
from .connect import connect
from .lines import shut_down
from .url import DatabaseUrl


@contextmanager
def watched(conn: psycopg.Connection[Any], url: DatabaseUrl, *, connect_timeout: float) -> Iterator[None]:
    """While the block waits for ``url``'s server on ``conn``, a second connection is tried every ``connect_timeout`` seconds.

    When none is answered twice running, ``conn`` is shut down and the block ends with TargetError. A refusal is an answer.
    ``conn`` may lead there through a hub.
    """
    silent: list[TargetError] = []

    def give_up(error: TargetError) -> None:
        silent.append(error)
        shut_down(conn)

    with asking(url, give_up, connect_timeout=connect_timeout):
        try:
            yield
        except (psycopg.Error, TargetError):
            if silent:
                raise TargetError(
                    f"{url.name} no longer answers: {silent[0].message}", hint=silent[0].hint
                ) from None
            raise


@contextmanager
def asking(
    url: DatabaseUrl, give_up: Callable[[TargetError], None], *, connect_timeout: float, often: int = 2
) -> Iterator[None]:
    """While the block lasts a connection is tried every ``connect_timeout`` seconds, in a thread.

    Each time that none was answered ``often`` times running, ``give_up`` is told why. A refusal is an answer.
    """
    ended = threading.Event()

    def ask() -> None:
        failures = 0
        while not ended.wait(connect_timeout):
            error = _no_answer(url, connect_timeout)
            failures = 0 if error is None else failures + 1
            if error is not None and failures == often and not ended.is_set():
                give_up(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _no_answer(url: DatabaseUrl, connect_timeout: float) -> TargetError | None:
    try:
        connect(url, purpose="watch", connect_timeout=connect_timeout).close()
    except TargetError as error:
        return None if "FATAL" in error.message else error
    return None
