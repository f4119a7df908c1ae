"""What another session locks while it runs: for statements that no transaction block takes, nobody can look from inside."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

import psycopg

from ..db.sql import query

_EVERY = 0.002  # seconds


class Poller:
    """Around a statement of another session: ``locks`` (oid, mode) that were seen, short ones perhaps not.

    ``pid``: of that session; None: all others of the database. ``monitor`` belongs to the poller as long as it runs.
    """

    def __init__(self, monitor: psycopg.Connection[Any], pid: int | None) -> None:
        self.locks: set[tuple[int, str]] = set()
        self._monitor = monitor
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            while not self._done.is_set():
                rows = self._monitor.execute(query("evidence_locks"), {"pid": self._pid}).fetchall()
                self.locks.update(rows)
                self._done.wait(_EVERY)
        except psycopg.Error:
            return  # evidence is less then; what the statement itself does is the other session's business
