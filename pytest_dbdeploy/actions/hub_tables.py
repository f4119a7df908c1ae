"""The tables of a database as foreign tables of the hub, in schemas ``<database>__<schema>``.

``IMPORT FOREIGN SCHEMA`` fails on a column whose type the hub does not have, and the hub cannot have the types of several
databases. So the foreign tables are made from the remote catalogue: columns of PostgreSQL's own types as they are, all others as
``remote_text``, a domain: postgres_fdw sends no condition or order over a type that is not built in, so such a column is read as
text and compared here, never by another type's rules there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby

import psycopg
from psycopg import sql

from ..db.connect import Connection
from ..db.sql import query
from ..secret import redactor

TEXT = sql.Identifier("public", "remote_text")
_LONGEST_NAME = 63
_FOREIGN_TABLE = sql.SQL("create foreign table {} ({}) server {} options (schema_name {}, table_name {})")


def import_tables(conn: Connection, database: str) -> list[str]:
    """Makes the foreign tables of one foreign server. What cannot be shown is named in the answer, and costs no other table.

    psycopg.Error when the database cannot be reached.
    """
    remote = sql.SQL("select * from dblink({}, {}) as remote (schema text, relation text, columns text)")
    relations = conn.execute(
        remote.format(sql.Literal(database), sql.Literal(query("hub_relations")))
    ).fetchall()
    notes: list[str] = []
    for schema, found in groupby(relations, key=lambda row: str(row[0])):
        local = f"{database}__{schema}"
        if len(local.encode()) > _LONGEST_NAME:
            notes.append(f"schema {schema} of {database} is not in the hub: {local} is too long for a name")
            continue
        statements = [
            (f"{schema}.{name}", _foreign_table(database, local, schema, name, columns))
            for _, name, columns in found
        ]
        conn.execute(sql.SQL("create schema {}").format(sql.Identifier(local)))
        notes += _create(conn, database, statements)
    return notes


def _create(conn: Connection, database: str, tables: Sequence[tuple[str, sql.Composed]]) -> Iterable[str]:
    """All in one round trip; one by one where that fails, so that the one at fault is known."""
    try:
        conn.execute(sql.SQL(";").join(statement for _, statement in tables))
    except psycopg.Error:
        for name, statement in tables:
            try:
                conn.execute(statement)
            except psycopg.Error as error:
                text = redactor.redact(str(error).strip().splitlines()[0])
                yield f"{name} of {database} is not in the hub: {text}"


def _foreign_table(database: str, local: str, schema: str, name: str, columns: str) -> sql.Composed:
    described = [
        # the type is the remote server's own text for one of PostgreSQL's types
        sql.SQL("{} {}").format(sql.Identifier(column), TEXT if kind is None else sql.SQL(kind))
        for column, kind in json.loads(columns)
    ]
    return _FOREIGN_TABLE.format(
        sql.Identifier(local, name),
        sql.SQL(", ").join(described),
        sql.Identifier(database),
        sql.Literal(schema),
        sql.Literal(name),
    )
