"""A plan that was only begun: what its statements outside a transaction left, and what need not be undone as it was never done."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import errors, sql

from ..actions.concurrently import detaching, drop_transient, invalid_indexes
from ..compare.names import split_name
from .model import Undo

Connection = psycopg.Connection[Any]

#: Steps for what may not have been taken away, or made; nothing but the catalogue depends on them.
_MAY_STAND = re.compile(r"CREATE (UNIQUE )?INDEX |ALTER TABLE .* (ATTACH|DETACH) PARTITION ", re.DOTALL)
_STANDS = (errors.DuplicateTable, errors.WrongObjectType, errors.UndefinedTable)


def finish(conn: Connection, undo: Undo) -> None:
    """In the undo's transaction, before anything else: half of what an interrupted statement did becomes all of it, or none."""
    half = detaching(conn)
    invalid = set(invalid_indexes(conn).values())
    for one in undo.touched:
        if one.before is None or one.kind not in ("table", "index"):
            continue
        schema, name = split_name(one.name)
        if one.kind == "table" and (schema, name) in half and not one.before.get("detach_pending"):
            conn.execute(half[schema, name].encode())
        if one.kind == "index" and (schema, name) in invalid and not one.before.get("invalid"):
            conn.execute(sql.SQL("drop index if exists {}").format(sql.Identifier(schema, name)))
    drop_transient(conn, undo.invalid)


def run_step(conn: Connection, statement: str) -> None:
    """A reverse statement. What it brings back may be there still: the comparison afterwards says whether all is as it was."""
    if not _MAY_STAND.match(statement):
        conn.execute(statement.encode())
        return
    try:
        with conn.transaction():
            conn.execute(statement.encode())
    except _STANDS:
        pass
