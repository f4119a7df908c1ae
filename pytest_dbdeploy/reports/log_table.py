"""The log on the target, ``<state schema>.deployment_logs``: one batch at the end, and never a reason to fail."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .. import jsonfile
from .log import LogEntry

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

_TABLE = """
create table if not exists {} (
    id bigint generated always as identity primary key,
    deployment_id text not null,
    "timestamp" timestamptz not null,
    phase text not null,
    level text not null,
    message text not null,
    metadata jsonb not null default '{{}}',
    duration integer,
    stack_trace text
)
"""
_INSERT = """
insert into {} (deployment_id, "timestamp", phase, level, message, metadata, duration, stack_trace)
values (%s, %s, %s, %s, %s, %s::jsonb, %s, %s)
"""
_LONGEST_INTEGER = 2**31 - 1


def write(
    conn: psycopg.Connection[tuple[object, ...]], schema: str, deployment_id: str, entries: Iterable[LogEntry]
) -> str | None:
    """Writes ``entries`` in one transaction, which is committed unless ``conn`` was in one already.

    Returns None, or a note that says why nothing was written: no privilege, a lock, a lost connection. Never raises.
    """
    try:
        rows = [_row(deployment_id, entry) for entry in entries]
        if rows:
            _insert(conn, schema, rows)
    except Exception as error:  # noqa: BLE001 - whatever it is, the deployment is over and its verdict stands
        diag = getattr(error, "diag", None)
        why = (diag and diag.message_primary) or str(error).strip() or type(error).__name__
        return jsonfile.redact_text(
            f"the log was not written to {schema}.deployment_logs on the target: {why}"
        )
    return None


def _insert(
    conn: psycopg.Connection[tuple[object, ...]], schema: str, rows: list[tuple[object, ...]]
) -> None:
    from psycopg import sql

    table = sql.Identifier(schema, "deployment_logs")
    with conn.transaction(), conn.cursor() as cursor:
        # A backup or a migration tool may lock the table for long; the log does not wait for it.
        cursor.execute("set local lock_timeout = '2s'")
        cursor.execute("set local statement_timeout = '15s'")
        _create(cursor, schema, table)
        cursor.executemany(sql.SQL(_INSERT).format(table), rows)


def _create(cursor: psycopg.Cursor[tuple[object, ...]], schema: str, table: sql.Identifier) -> None:
    """What is there already needs no privilege to create, hence the look first."""
    from psycopg import sql

    if not cursor.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone():
        cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    there = cursor.execute(
        "select to_regclass(format('%%I.deployment_logs', %s::text)) is not null", [schema]
    ).fetchone()
    if there and there[0]:
        return
    cursor.execute(sql.SQL(_TABLE).format(table))
    for column in ("deployment_id", "timestamp"):
        index = sql.Identifier(f"deployment_logs_{column}_idx")
        statement = sql.SQL("create index if not exists {} on {} ({})")
        cursor.execute(statement.format(index, table, sql.Identifier(column)))


def _row(deployment_id: str, entry: LogEntry) -> tuple[object, ...]:
    duration = None if entry.duration is None else min(round(entry.duration * 1000), _LONGEST_INTEGER)
    return (
        deployment_id,
        entry.timestamp,
        entry.phase.value,
        entry.level.value,
        _text(entry.message),
        json.dumps(_without_nul(jsonfile.safe(entry.metadata))),
        duration,
        None if entry.stack_trace is None else _text(entry.stack_trace),
    )


def _text(text: str) -> str:
    return str(_without_nul(jsonfile.redact_text(text)))


def _without_nul(value: jsonfile.Json) -> jsonfile.Json:
    """PostgreSQL's text holds neither NUL nor broken surrogates."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value
