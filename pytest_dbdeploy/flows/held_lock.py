"""The deployment lock while a person sits in a debugger: others may have the target, and then it is theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from ..db.state import LOCK_KEY, check_lock, take_lock
from ..errors import LockError


class HeldLock:
    """Takes the lock for the life of ``conn``. LockError names who holds it.

    ``look``: what must be the same when a pause ends: the deployment's state, the target's schema and history.
    """

    def __init__(self, conn: psycopg.Connection[Any], look: Callable[[], object]) -> None:
        take_lock(conn)
        self._conn = conn
        self._look = look
        self._seen: object = None
        self.paused = False

    def check(self) -> None:
        """LockError when it was lost."""
        check_lock(self._conn)

    def pause(self) -> None:
        if not self.paused:
            self._seen = self._look()
            self._release()
            self.paused = True

    def go_on(self) -> None:
        """Ends a pause. LockError when somebody else has the target, or had it and changed it; the pause then never ends."""
        if not self.paused:
            return
        take_lock(self._conn)
        if self._look() != self._seen:
            self._release()
            raise LockError(
                "the target or this deployment's row was changed while a person sat in the debugger: it is left as it is now",
                hint="look who did it, in the table deployments of the state schema",
            )
        self.paused = False

    def _release(self) -> None:
        self._conn.execute("select pg_advisory_unlock(%s)", [LOCK_KEY])
