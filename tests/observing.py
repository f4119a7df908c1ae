"""One statement observed as the rehearsal does it, and rolled back: cheap enough for hundreds of them."""

from __future__ import annotations

from typing import Any

import psycopg

from pytest_dbdeploy.db.splitter import split
from pytest_dbdeploy.evidence.observer import Observer
from pytest_dbdeploy.model import Migration, StatementEvidence, StatementRef, Unit


def observed(
    conn: psycopg.Connection[Any], monitor: psycopg.Connection[Any], statement: str
) -> tuple[StatementEvidence, set[tuple[str, str]]]:
    """The evidence of a statement that is rolled back, and the locks that another session sees then."""
    observer = Observer(monitor, {"m": Migration("m", "m.sql", "0", tuple(split(statement)))})
    ref = StatementRef("m", 0)
    observer.start(conn)
    try:
        observer.unit_started(conn, Unit((ref,), True, ()))
        with conn.transaction(force_rollback=True):
            observer.statement_started(ref)
            tag = conn.execute(statement.encode()).statusmessage
            observer.statement_ended(conn, ref, tag)
            oracle = {
                (observer._known[oid].name, mode)
                for oid, mode in monitor.execute(
                    "select relation::bigint, mode from pg_locks where pid = %s and granted and locktype = 'relation'",
                    [conn.info.backend_pid],
                )
                if oid in observer._known
            }
        observer.unit_failed()
    finally:
        observer.end(conn)
    return observer.evidence[ref], oracle
