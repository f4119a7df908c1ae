"""A pooler in transaction mode gives our session to others between two statements: nothing that holds a lock may go through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from ..errors import LockError

_ATTEMPTS = 3


def refuse_pooler(connect: Callable[[], psycopg.Connection[Any]]) -> None:
    """LockError when another connection got the server session that ours had a moment ago: seen, not guessed from a port or a name.

    ``connect`` opens connections in autocommit. A pooler in session mode is as good as none.
    """
    with connect() as ours:
        for _ in range(_ATTEMPTS):
            before = _session(ours)
            with connect() as other, other.transaction():
                pooled = _session(other) == before or _session(ours) != before
            if pooled:
                raise LockError(
                    "a pooler stands before the target that shares its sessions between clients (pgbouncer's transaction mode): "
                    "the deployment lock and the timeouts would be somebody else's",
                    hint="use the direct (not pooled) URL of the database; hosts call it POSTGRES_URL_NON_POOLING, "
                    "DATABASE_URL_UNPOOLED or port 5432",
                )


def _session(conn: psycopg.Connection[Any]) -> int:
    """The server process that answers."""
    ((pid,),) = conn.execute("select pg_backend_pid()").fetchall()
    return int(pid)
