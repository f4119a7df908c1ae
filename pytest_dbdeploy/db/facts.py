"""What the target is and what our role may do there: read once, at planning time."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from ..model import Relation, TargetFacts
from .sql import query


def read_facts(
    conn: psycopg.Connection[Any], *, host: str, port: int, own_schemas: tuple[str, ...]
) -> TargetFacts:
    """Reads the facts through ``conn``. ``host`` and ``port`` as configured (behind a proxy the server knows others)."""
    parameters = {"state_schema": own_schemas[0], "own_schemas": list(own_schemas)}
    with conn.cursor(row_factory=dict_row) as cursor:
        facts = cursor.execute(query("target_facts"), parameters).fetchone() or {}
        relations = cursor.execute(query("target_relations"), parameters).fetchall()
        extensions = {
            row["extname"]: row["extversion"]
            for row in cursor.execute("select extname, extversion from pg_extension order by 1")
        }
    return TargetFacts(
        **facts,
        host=host,
        port=port,
        unreadable_tables=tuple(r["name"] for r in relations if not r["readable"]),
        not_owned=tuple(r["name"] for r in relations if not r["owned"]),
        extensions=extensions,
        relations=tuple(Relation(r["name"], r["kind"], r["rows"], r["bytes"]) for r in relations),
        user_tables=len(relations),
    )
