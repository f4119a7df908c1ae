"""What a statement outside a transaction leaves when it fails: invalid indexes, and partitions that are half detached."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import psycopg
from psycopg import errors, sql

from ..compare.names import split_name
from ..db.sql import query

Connection = psycopg.Connection[Any]

#: What REINDEX CONCURRENTLY calls the index that it builds, and the one that it is about to drop.
_TRANSIENT = re.compile(r"_cc(new|old)\d*\Z")
_DETACHING = """
select pn.nspname::text, p.relname::text, n.nspname::text, c.relname::text
from pg_inherits i
join pg_class p on p.oid = i.inhparent
join pg_namespace pn on pn.oid = p.relnamespace
join pg_class c on c.oid = i.inhrelid
join pg_namespace n on n.oid = c.relnamespace
where i.inhdetachpending
"""


def invalid_indexes(conn: Connection) -> dict[int, tuple[str, str]]:
    """{oid: (schema, name)} of those that nobody builds just now."""
    rows = conn.execute(query("invalid_indexes")).fetchall()
    return {oid: (schema, name) for oid, schema, name in rows}


def drop_new_invalid(conn: Connection, before: Collection[int]) -> list[str]:
    """Drops those that were not there ``before``, so that the build may be tried again; what was done. psycopg.Error goes through.

    That of a TOAST table is a superuser's alone to drop; it is in nobody's way.
    """
    done = []
    for oid, (schema, name) in invalid_indexes(conn).items():
        if oid in before:
            continue
        try:
            conn.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(schema, name)))
        except errors.InsufficientPrivilege:
            if schema != "pg_toast":
                raise
            done.append(f"the invalid index {schema}.{name} was left: a superuser may drop it")
        else:
            done.append(f"dropped the invalid index {schema}.{name} that was left")
    return done


def drop_transient(conn: Connection, before: Collection[str]) -> None:
    """In the caller's transaction: what a REINDEX CONCURRENTLY left that was not there ``before`` (names as SQL has them)."""
    known = {split_name(name) for name in before}
    for schema, name in invalid_indexes(conn).values():
        if _TRANSIENT.search(name) and schema != "pg_toast" and (schema, name) not in known:
            conn.execute(sql.SQL("drop index if exists {}").format(sql.Identifier(schema, name)))


def detaching(conn: Connection) -> dict[tuple[str, str], str]:
    """{(schema, name): FINALIZE} of partitions whose DETACH PARTITION CONCURRENTLY is half done.

    Its first half cannot be done again; the statement does the second, and may stand in a transaction.
    """
    finalize = sql.SQL("alter table {} detach partition {} finalize")
    return {
        (schema, name): finalize.format(sql.Identifier(*table), sql.Identifier(schema, name)).as_string(conn)
        for *table, schema, name in conn.execute(_DETACHING).fetchall()
    }
