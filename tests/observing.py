"""Statements observed as the rehearsal does it: one that is rolled back, cheap enough for hundreds of them, or whole scripts."""

from __future__ import annotations

from typing import Any

import psycopg

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.splitter import split
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.evidence.observer import Observer
from pytest_dbdeploy.model import Migration, StatementEvidence, StatementRef, Unit
from pytest_dbdeploy.rehearsal import Rehearsal, rehearse
from pytest_dbdeploy.units import initial_units


class Recorder:
    """A history table of one column."""

    def ensure(self, conn: psycopg.Connection[Any]) -> None:
        conn.execute("create table if not exists history (name text)")

    def record(self, conn: psycopg.Connection[Any], migration: Migration) -> None:
        conn.execute("insert into history values (%s)", [migration.name])


def migrations_of(*scripts: str, transaction: bool = True) -> dict[str, Migration]:
    """One migration a script: ``m0``, ``m1``, ..."""
    return {
        f"m{i}": Migration(f"m{i}", f"m{i}.sql", "0", tuple(split(text)), transaction=transaction)
        for i, text in enumerate(scripts)
    }


def rehearsed(database: DatabaseUrl, before: str, *scripts: str, transaction: bool = True) -> Rehearsal:
    """``scripts``, one migration each, in one group, rehearsed on a database that holds what ``before`` makes."""
    migrations = migrations_of(*scripts, transaction=transaction)
    with (
        connect(database, purpose="test", autocommit=True) as conn,
        connect(database, purpose="monitor", autocommit=True) as monitor,
    ):
        conn.execute(before.encode())
        Recorder().ensure(conn)
        return rehearse(conn, monitor, initial_units([list(migrations.values())]), migrations, Recorder())


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
            along = observer.statement_started(ref)
            observer.statement_ended(conn, ref, conn.execute(statement.encode() + along))
            oracle = {
                (observer.known[oid].name, mode)
                for oid, mode in monitor.execute(
                    "select relation::bigint, mode from pg_locks where pid = %s and granted and locktype = 'relation'",
                    [conn.info.backend_pid],
                )
                if oid in observer.known
            }
        observer.unit_failed()
    finally:
        observer.end(conn)
    return observer.evidence[ref], oracle
