"""What an index build outside a transaction leaves when it fails: an invalid index, which goes before it is tried again."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from ..db.sql import query


def invalid_indexes(conn: psycopg.Connection[Any]) -> dict[int, tuple[str, str]]:
    """{oid: (schema, name)} of those that nobody builds just now."""
    rows = conn.execute(query("invalid_indexes")).fetchall()
    return {oid: (schema, name) for oid, schema, name in rows}


def drop_new_invalid(conn: psycopg.Connection[Any], before: dict[int, tuple[str, str]]) -> list[str]:
    """Drops those that were not there ``before``, so that the build may be tried again; their names. psycopg.Error goes through."""
    dropped = []
    for oid, (schema, name) in invalid_indexes(conn).items():
        if oid not in before:
            conn.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(schema, name)))
            dropped.append(f"{schema}.{name}")
    return dropped
