"""What another session locks while it runs: for statements that no transaction block takes, nobody can look from inside."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from ..db.looking import looking
from ..db.sql import query

_EVERY = 0.002  # seconds
_Lock = tuple[int, str]


class Polled:
    """The locks (oid, mode) that were seen, short ones perhaps not, and for how long without a break."""

    def __init__(self) -> None:
        self.locks: set[_Lock] = set()
        self._looked = time.perf_counter()
        self._since: dict[_Lock, float] = {}
        self._longest: dict[_Lock, float] = {}
        self._gap = 0.0

    def seen(self, locks: Iterable[_Lock], now: float) -> None:
        """One look. A lock may be as old as the look before, and as young as this one: the longer is taken."""
        there, before = set(locks), self._looked
        self.locks |= there
        self._gap, self._looked = max(self._gap, now - before), now
        for lock, since in self._since.items():
            self._longest[lock] = max(self._longest.get(lock, 0.0), now - since)
        self._since = {lock: self._since.get(lock, before) for lock in there}

    def seconds(self, locks: Iterable[_Lock], names: Mapping[int, str]) -> dict[str, float]:
        """By relation, for how long at most it was locked at a time. ``names``: of the relations in ``locks``."""
        found: dict[str, float] = {}
        for oid, mode in locks:
            found[names[oid]] = max(found.get(names[oid], 0.0), self._of((oid, mode)))
        return found

    def _of(self, lock: _Lock) -> float:
        """Of one that nobody has seen: the longest time in which nobody looked."""
        last = self._looked - self._since[lock] if lock in self._since else 0.0
        return max(self._longest.get(lock, 0.0), last) or self._gap


@contextmanager
def polled(monitor: psycopg.Connection[Any], pid: int | None) -> Iterator[Polled]:
    """Around a statement of another session.

    ``pid``: of that session; None: all others of the database. ``monitor`` is the poller's as long as the block lasts.
    """
    found = Polled()

    def look() -> None:
        rows = monitor.execute(query("evidence_locks"), {"pid": pid}).fetchall()
        found.seen(rows, time.perf_counter())

    with looking(look, every=_EVERY):
        yield found
