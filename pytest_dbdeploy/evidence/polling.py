"""What another session locks while it runs: for statements that no transaction block takes, nobody can look from inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from ..db.looking import looking
from ..db.sql import query

_EVERY = 0.002  # seconds


@contextmanager
def polled(monitor: psycopg.Connection[Any], pid: int | None) -> Iterator[set[tuple[int, str]]]:
    """Around a statement of another session: the locks (oid, mode) that were seen, short ones perhaps not.

    ``pid``: of that session; None: all others of the database. ``monitor`` is the poller's as long as the block lasts.
    """
    locks: set[tuple[int, str]] = set()

    def look() -> None:
        locks.update(monitor.execute(query("evidence_locks"), {"pid": pid}).fetchall())

    with looking(look, every=_EVERY):
        yield locks
