"""The deployment lock: held by a connection of its own, given up while a person sits in a debugger, taken again when that broke."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from ..db.deployment_lock import LOCK_KEY, check_lock, end_leftovers, end_session, notice_our_death, take_lock
from ..db.pooler import refuse_pooler
from ..errors import LockError, TargetError

_RETRY_SECONDS = 0.5


class HeldLock:
    """Takes the lock on a connection of its own, until ``close``. LockError names who holds it, or says that a pooler would not keep it.

    ``look``: what must be the same when a pause ends: the deployment's state, the target's schema and history.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], look: Callable[[], object]) -> None:
        self._connect = connect
        self._look = look
        self._seen: object = None
        self.paused = False
        refuse_pooler(connect)
        self.conn = connect()
        self._hold()

    def _hold(self) -> None:
        """On the connection that is there, which waits while others work."""
        try:
            self.conn.execute("set idle_session_timeout = 0")
            notice_our_death(self.conn)
            take_lock(self.conn)
        except BaseException:
            self.conn.close()
            raise
        self._pid = self.conn.info.backend_pid

    def close(self) -> None:
        self.conn.close()

    def check(self) -> None:
        """LockError when it was lost."""
        check_lock(self.conn)

    def regain(self, patience: float) -> list[str]:
        """Before anything is put back: the lock again if its connection broke, and the end of what we left running on the target.

        Waits ``patience`` seconds for a target that does not answer. The names of the sessions that were ended.
        TargetError when it still does not; LockError when somebody else has the lock by now.
        """
        if self.paused:
            return []
        try:
            self.check()
        except LockError:
            self.paused = True  # until it is ours again
            self.conn.close()
            self.conn = self._reached(time.monotonic() + patience)
            end_session(self.conn, self._pid)
            self._hold()
            self.paused = False
        return end_leftovers(self.conn)

    def _reached(self, deadline: float) -> psycopg.Connection[Any]:
        while True:
            try:
                return self._connect()
            except TargetError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_SECONDS)

    def pause(self) -> None:
        if not self.paused:
            self._seen = self._look()
            self._release()
            self.paused = True

    def go_on(self) -> None:
        """Ends a pause. LockError when somebody else has the target, or had it and changed it; the pause then never ends."""
        if not self.paused:
            return
        take_lock(self.conn)
        if self._look() != self._seen:
            self._release()
            raise LockError(
                "the target or this deployment's row was changed while a person sat in the debugger: it is left as it is now",
                hint="look who did it, in the table deployments of the state schema",
            )
        self.paused = False

    def _release(self) -> None:
        self.conn.execute("select pg_advisory_unlock(%s)", [LOCK_KEY])
