"""A thread that looks at a server again and again, while the main one waits for what it does there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from ..errors import DbDeployError


@contextmanager
def looking(look: Callable[[], object], *, every: float) -> Iterator[None]:
    """Calls ``look`` each ``every`` seconds, in a thread of its own, while the block lasts.

    A database's error ends it quietly: who looks on is no reason for others to fail.
    """
    ended = threading.Event()

    def work() -> None:
        with suppress(psycopg.Error, DbDeployError):
            while not ended.is_set():
                look()
                ended.wait(every)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
