"""Schema ``dbdeploy_undo`` on the target: plans, rows kept aside (a table each), users' rows put aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ..db.state import UNDO_SCHEMA
from .model import Undo

Connection = psycopg.Connection[Any]

_SCHEMA = sql.Identifier(UNDO_SCHEMA)
_PLANS = sql.Identifier(UNDO_SCHEMA, "plans")
_ROWS = sql.Identifier(UNDO_SCHEMA, "rows")


@dataclass(frozen=True, slots=True)
class Stored:
    """``xids``: the deployment's transactions, the oldest first. ``complete``: all of its units were committed."""

    undo: Undo
    xids: tuple[str, ...]
    complete: bool


def ensure(conn: Connection) -> None:
    """Creates schema and tables where they are missing, in the caller's transaction: its ROLLBACK takes them back."""
    if _exists(conn):
        return
    conn.execute(sql.SQL("create schema {}").format(_SCHEMA))
    conn.execute(
        sql.SQL(
            "create table {} (deployment_id text primary key, plan jsonb not null, xids text[] not null, complete boolean not null,"
            " created timestamptz not null default clock_timestamp())"
        ).format(_PLANS)
    )
    conn.execute(
        sql.SQL(
            "create table {} (deployment_id text not null, relation text not null, row_data jsonb not null,"
            " put_aside timestamptz not null default clock_timestamp())"
        ).format(_ROWS)
    )


def write(conn: Connection, undo: Undo, *, complete: bool) -> None:
    """In the transaction of each of the deployment's units."""
    ensure(conn)
    conn.execute(
        sql.SQL(
            "insert into {} as p (deployment_id, plan, xids, complete) values (%s, %s, array[pg_current_xact_id()::xid::text], %s)"
            " on conflict (deployment_id) do update set xids = p.xids || excluded.xids, complete = excluded.complete"
        ).format(_PLANS),
        [undo.deployment, json.dumps(undo.as_json()), complete],
    )


def note_restore(conn: Connection) -> None:
    """In the transaction of a restore: the plans of earlier deployments learn whose mark its rows bear."""
    if _exists(conn):
        conn.execute(
            sql.SQL(
                "update {} set plan = jsonb_set(plan, '{{restored}}',"
                " coalesce(plan -> 'restored', '[]') || to_jsonb(pg_current_xact_id()::xid::text))"
            ).format(_PLANS)
        )


def load(conn: Connection, deployment: str) -> Stored | None:
    """The plan of a deployment, None where there is none."""
    if not _exists(conn):
        return None
    row = conn.execute(
        sql.SQL("select plan, xids, complete from {} where deployment_id = %s").format(_PLANS), [deployment]
    ).fetchone()
    return Stored(Undo.from_json(row[0]), tuple(row[1]), row[2]) if row else None


def forget(conn: Connection, deployments: Sequence[str]) -> None:
    """Drops what was kept for these deployments, and the schema with it when nothing else is in it. Rows put aside stay."""
    for deployment in deployments:
        stored = load(conn, deployment)
        if stored is None:
            continue
        for name in (name for keep in stored.undo.keeps for name in keep.tables):
            conn.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(UNDO_SCHEMA, name)))
        conn.execute(sql.SQL("delete from {} where deployment_id = %s").format(_PLANS), [deployment])
    if _exists(conn) and _empty(conn):
        conn.execute(sql.SQL("drop table {}, {}").format(_PLANS, _ROWS))
        conn.execute(sql.SQL("drop schema {}").format(_SCHEMA))


def outdated(conn: Connection, *, keep: int, max_age: float) -> list[str]:
    """Deployments whose plan need not be kept: older than the newest ``keep``, or than ``max_age`` seconds."""
    if not _exists(conn):
        return []
    rows = conn.execute(
        sql.SQL(
            "select deployment_id from (select deployment_id, created, row_number() over (order by created desc) as place from {}) p"
            " where place > %s or created < now() - make_interval(secs => %s)"
        ).format(_PLANS),
        [keep, max_age],
    )
    return [row[0] for row in rows]


def put_aside(conn: Connection, deployment: str) -> dict[str, int]:
    """Rows of users that the undo of a deployment put aside, by relation."""
    if not _exists(conn):
        return {}
    statement = sql.SQL(
        "select relation, count(*) from {} where deployment_id = %s group by relation order by 1"
    )
    return dict(conn.execute(statement.format(_ROWS), [deployment]).fetchall())


def kept_bytes(conn: Connection, tables: Sequence[str]) -> int:
    """What the kept tables take on disk."""
    row = conn.execute(
        "select coalesce(sum(pg_total_relation_size(to_regclass(format('%%I.%%I', %s::text, t)))), 0)::bigint from unnest(%s::text[]) t",
        [UNDO_SCHEMA, list(tables)],
    ).fetchone()
    return int(row[0]) if row else 0


def _empty(conn: Connection) -> bool:
    row = conn.execute(
        sql.SQL("select not exists (select from {}) and not exists (select from {})").format(_PLANS, _ROWS)
    ).fetchone()
    return bool(row and row[0])


def is_ours(conn: Connection) -> bool:
    """Whether the schema is not there yet, or belongs to this role: what another role's deployments keep is none of ours."""
    row = conn.execute(
        "select not exists (select from pg_namespace where nspname = %s and not pg_has_role(nspowner, 'USAGE'))",
        [UNDO_SCHEMA],
    ).fetchone()
    return bool(row and row[0])


def _exists(conn: Connection) -> bool:
    row = conn.execute(
        "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relname = 'plans' and pg_has_role(n.nspowner, 'USAGE'))",
        [UNDO_SCHEMA],
    ).fetchone()
    return bool(row and row[0])
