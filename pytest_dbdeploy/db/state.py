"""The state on the target: one row a deployment in ``<state schema>.deployments``.

The row is committed before the first change to the target, so another machine without any artifacts knows of an
unfinished deployment, of what was kept, and of what can be undone.
"""

from __future__ import annotations

import datetime as dt
import getpass
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ..errors import StateError

#: What an undo needs on the target: plans, rows kept aside, rows put aside. Like the state schema it is ours, and never compared.
UNDO_SCHEMA = "dbdeploy_undo"


class State(StrEnum):
    """States of a deployment, in the order in which they are reached."""

    STARTED = "started"
    APPLYING = "applying"
    APPLIED = "applied"
    KEPT = "kept"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    ROLLBACK_FAILED = "rollback_failed"


FINISHED = frozenset({State.KEPT, State.ROLLED_BACK, State.ABORTED})
NOTHING_STANDS = frozenset({State.ROLLED_BACK, State.ABORTED})

#: The columns of ``deployments``. Columns that are added to this list later must do without a value in older rows.
COLUMNS: Mapping[str, LiteralString] = {
    "id": "text primary key",
    "environment": "text not null",
    "state": "text not null",
    "plan_hash": "text",
    "fingerprint_before": "text",
    "fingerprint_after": "text",
    "migrations": "jsonb not null default '[]'",
    "git_from": "text",
    "git_to": "text",
    "backup": "text",
    "host": "text not null",
    "user": "text not null",
    "started": "timestamptz not null default clock_timestamp()",
    "updated": "timestamptz not null default clock_timestamp()",
    "finished": "timestamptz",
    "position": "integer",
    "objects_before": "jsonb",
    "objects_after": "jsonb",
    "release": "jsonb",
}


@dataclass(frozen=True, slots=True)
class DeploymentRow:
    """A row of ``deployments``. ``migrations``: list of {"name", "checksum"}; ``backup``: path on ``host``.

    ``position``: units that were committed, or begun outside a transaction: 0 means that nothing of it stands. None: not known.
    ``release``: {"code": what undoes the release of the code, empty where there was none; "database": whether it is migrated}.
    ``finished``: when it was kept, rolled back or aborted; a rollback on request later changes ``updated`` only.
    """

    id: str
    environment: str
    state: State
    plan_hash: str | None
    fingerprint_before: str | None
    fingerprint_after: str | None
    migrations: list[dict[str, Any]]
    git_from: str | None
    git_to: str | None
    backup: str | None
    host: str
    user: str
    started: dt.datetime
    updated: dt.datetime
    finished: dt.datetime | None
    position: int | None = None
    release: dict[str, Any] | None = None

    @property
    def unfinished(self) -> bool:
        return self.state not in FINISHED


class StateTable:
    """Reads and writes the deployments of one target. Each write is committed at once unless said otherwise."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.table = sql.Identifier(schema, "deployments")

    def exists(self, conn: psycopg.Connection[Any]) -> bool:
        row = conn.execute(
            "select to_regclass(format('%%I.deployments', %s::text)) is not null", [self.schema]
        ).fetchone()
        return bool(row and row[0])

    def create(self, conn: psycopg.Connection[Any]) -> None:
        """Creates schema, table and columns where missing. StateError names the privilege that lacks.

        What is there is only looked at: CREATE ... IF NOT EXISTS asks for a privilege even when there is nothing to create.
        """
        try:
            with conn.transaction():
                if not _schema_exists(conn, self.schema):
                    conn.execute(
                        sql.SQL("create schema if not exists {}").format(sql.Identifier(self.schema))
                    )
                columns = self._columns(conn)
                if not columns:
                    listed = sql.SQL(", ").join(_definition(name) for name in COLUMNS)
                    conn.execute(sql.SQL("create table if not exists {} ({})").format(self.table, listed))
                    return
                for name in COLUMNS:
                    if name not in columns:  # a table of an earlier version
                        add = sql.SQL("alter table {} add column if not exists {}")
                        conn.execute(add.format(self.table, _definition(name)))
        except psycopg.Error as error:
            raise StateError(
                f"the deployment's state cannot be written to schema {self.schema} of the target: {_message(error)}",
                hint="grant CREATE on the database to this role, or create the schema beforehand and make the role its owner "
                "(state.schema in dbdeploy.yaml names it)",
            ) from None

    def _columns(self, conn: psycopg.Connection[Any]) -> frozenset[str]:
        """Of the table as it is there; a table of an earlier version lacks some."""
        rows = conn.execute(
            "select attname::text from pg_attribute where attrelid = to_regclass(format('%%I.deployments', %s::text)) "
            "and attnum > 0 and not attisdropped",
            [self.schema],
        ).fetchall()
        return frozenset(name for (name,) in rows)

    def insert(
        self, conn: psycopg.Connection[Any], deployment_id: str, environment: str, **values: Any
    ) -> None:
        columns: dict[str, Any] = {
            "id": deployment_id,
            "environment": environment,
            "state": State.STARTED,
            "host": socket.gethostname(),
            "user": _user(),
            "position": 0,
            **values,
        }
        columns["migrations"] = columns.get("migrations", [])
        columns = {name: _sent(value) for name, value in columns.items()}
        statement = sql.SQL("insert into {} ({}) values ({})").format(
            self.table,
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        with self._guard(), conn.transaction():
            conn.execute(statement, list(columns.values()))

    def update(self, conn: psycopg.Connection[Any], deployment_id: str, state: State, **values: Any) -> None:
        """Sets the state (and more columns) inside the caller's transaction, or in one of its own."""
        # The same end said again is no news: what is changed after its end was rolled back on request.
        updated = sql.SQL(
            "updated = case when state = %s and finished is not null then updated else now() end"
        )
        assignments: list[sql.Composable] = [sql.SQL("state = %s"), updated]
        parameters: list[Any] = [state, state]
        if state in FINISHED:
            # The first end counts: what is rolled back on request was deployed in the time that it took then.
            assignments.append(sql.SQL("finished = coalesce(finished, now())"))
        for column, value in values.items():
            assignments.append(sql.SQL("{} = %s").format(sql.Identifier(column)))
            parameters.append(_sent(value))
        statement = sql.SQL("update {} set {} where id = %s").format(
            self.table, sql.SQL(", ").join(assignments)
        )
        with self._guard(), conn.transaction():
            if conn.execute(statement, [*parameters, deployment_id]).rowcount != 1:
                raise StateError(
                    f"the row of deployment {deployment_id} is gone from {self.schema}.deployments on the target"
                )

    def find(self, conn: psycopg.Connection[Any], deployment_id: str) -> DeploymentRow | None:
        rows = self._select(conn, sql.SQL("where id = %s"), [deployment_id])
        return rows[0] if rows else None

    def last(self, conn: psycopg.Connection[Any], environment: str) -> DeploymentRow | None:
        """The newest deployment that changed the target (aborted ones did not)."""
        rows = self._select(
            conn,
            sql.SQL("where environment = %s and state <> 'aborted' order by started desc, id desc limit 1"),
            [environment],
        )
        return rows[0] if rows else None

    def newest(self, conn: psycopg.Connection[Any]) -> DeploymentRow | None:
        """The newest deployment to this database, whatever its environment and state."""
        rows = self._select(conn, sql.SQL("order by started desc, id desc limit 1"), [])
        return rows[0] if rows else None

    def standing(self, conn: psycopg.Connection[Any], environment: str) -> DeploymentRow | None:
        """The newest deployment that was kept."""
        where = sql.SQL("where environment = %s and state = 'kept' order by started desc, id desc limit 1")
        rows = self._select(conn, where, [environment])
        return rows[0] if rows else None

    def last_kept(self, conn: psycopg.Connection[Any]) -> DeploymentRow | None:
        """The newest deployment to this database that was kept, whatever its environment was called."""
        rows = self._select(conn, sql.SQL("where state = 'kept' order by started desc, id desc limit 1"), [])
        return rows[0] if rows else None

    def of_environment(self, conn: psycopg.Connection[Any], environment: str) -> list[DeploymentRow]:
        """Every deployment to the environment, oldest first. A copy of another database brings that one's rows, too."""
        return self._select(conn, sql.SQL("where environment = %s order by started, id"), [environment])

    def objects(
        self, conn: psycopg.Connection[Any], deployment_id: str
    ) -> tuple[Mapping[str, str] | None, Mapping[str, str] | None]:
        """What ``compare.parts`` made of the schema before and after the deployment; None where its row does not say."""
        if not self._columns(conn) >= {"objects_before", "objects_after"}:
            return None, None
        row = conn.execute(
            sql.SQL("select objects_before, objects_after from {} where id = %s").format(self.table),
            [deployment_id],
        ).fetchone()
        return (row[0], row[1]) if row else (None, None)

    def later_than(self, conn: psycopg.Connection[Any], row: DeploymentRow) -> list[DeploymentRow]:
        """Deployments after ``row`` that still stand on the target, newest first."""
        return self._select(
            conn,
            sql.SQL(
                "where started > %s and id <> %s and state not in ('aborted', 'rolled_back') order by started desc"
            ),
            [row.started, row.id],
        )

    def unfinished(self, conn: psycopg.Connection[Any]) -> list[DeploymentRow]:
        if not self.exists(conn):
            return []
        return self._select(
            conn, sql.SQL("where state <> all(%s) order by started"), [[s.value for s in FINISHED]]
        )

    def _select(
        self, conn: psycopg.Connection[Any], where: sql.Composable, parameters: Sequence[Any]
    ) -> list[DeploymentRow]:
        columns = self._columns(conn)
        if not columns:
            return []
        wanted = [
            sql.Identifier(field.name)
            if field.name in columns
            else sql.SQL("null as {}").format(sql.Identifier(field.name))
            for field in fields(DeploymentRow)
        ]
        statement = sql.SQL("select {} from {} {}").format(sql.SQL(", ").join(wanted), self.table, where)
        with conn.cursor(row_factory=dict_row) as cursor:
            return [
                DeploymentRow(**{**row, "state": State(row["state"])})
                for row in cursor.execute(statement, parameters).fetchall()
            ]

    def _guard(self) -> _Guard:
        return _Guard(self.schema)


class _Guard:
    """Turns a database error while writing the state into a StateError: failing to write it aborts."""

    def __init__(self, schema: str) -> None:
        self.schema = schema

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, psycopg.Error):
            raise StateError(
                f"the deployment's state cannot be written to {self.schema}.deployments on the target: {_message(error)}"
            ) from None


def _schema_exists(conn: psycopg.Connection[Any], schema: str) -> bool:
    return conn.execute("select from pg_namespace where nspname = %s", [schema]).fetchone() is not None


def _message(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).strip()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this uid, as in some containers
        return "unknown"


def _sent(value: Any) -> Any:
    """As a parameter: what is a list or a mapping goes into a column of type jsonb."""
    return json.dumps(value) if isinstance(value, (list, Mapping)) else value


def _definition(column: str) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(COLUMNS[column]))
