"""Writes as users would make them, into whatever tables there are: one insert, one update, one delete each, as far as constraints allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ..compare.names import split_name
from ..compare.relations import Column, Relation

Connection = psycopg.Connection[Any]

_TEXTS = {"text", "varchar", "bpchar", "name", "citext"}
_NEW: dict[str, str] = {
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8"), "coalesce(max({c}), 0) + 1"),
    **dict.fromkeys(_TEXTS, "left(md5(random()::text), {n})"),
    "uuid": "gen_random_uuid()",
    "bool": "coalesce(not bool_or({c}), true)",
    **dict.fromkeys(("date", "timestamp", "timestamptz"), "coalesce(max({c}), 'epoch') + interval '1 day'"),
    "bytea": "decode(md5(random()::text), 'hex')",
    "jsonb": "jsonb_build_object('dbdeploy', random())",
    "json": "json_build_object('dbdeploy', random())",
    "inet": "'10.0.0.1'",
}


@dataclass(frozen=True, slots=True)
class Written:
    """``keys``: of rows that were inserted, updated or deleted, as JSON by the key's columns; none of a table without a key."""

    table: str
    key: tuple[str, ...]
    keys: tuple[str, ...]
    operations: tuple[str, ...]


def fill(conn: Connection, relation: Relation, also: Sequence[str] = ()) -> Written:
    """Writes to one table, each statement committed where the server takes it. ``also``: columns to be updated. ``conn``: autocommit."""
    key = relation.keys[0] if relation.keys else ()
    keys: list[str] = []
    done: list[str] = []
    for operation, statement in (
        ("insert", _insert(relation)),
        ("update", _update(relation, _usual_column(relation, key))),
        *(("update", _update(relation, column)) for column in relation.columns if column.name in also),
        ("delete", _delete(relation)),
    ):
        try:
            with conn.transaction():
                rows = conn.execute(
                    statement + sql.SQL(" returning {}").format(_json(key) if key else sql.SQL("null::text"))
                ).fetchall()
        except psycopg.Error:
            continue  # a constraint, a trigger: as a user's own statement would be refused
        if rows:
            done.append(operation)
            keys += [row[0] for row in rows]
    return Written(relation.name, key, tuple(keys), tuple(done))


def _json(key: Sequence[str]) -> sql.Composable:
    return sql.SQL("jsonb_build_array({})::text").format(sql.SQL(", ").join(map(sql.Identifier, key)))


def _table(relation: Relation) -> sql.Composable:
    return sql.Identifier(*split_name(relation.name))


def new_value(column: Column, relation: Relation) -> sql.Composable | None:
    """A value that no row has, as far as its type is known."""
    template = _NEW.get(column.base)
    if template is None:
        return None
    length = max(1, min(32, column.modifier - 4)) if column.base in _TEXTS and column.modifier > 4 else 32
    expression = sql.SQL(template.replace("{n}", str(length))).format(c=sql.Identifier(column.name))
    return sql.SQL("(select {} from {})::{}").format(expression, _table(relation), sql.SQL(column.type))


def _insert(relation: Relation) -> sql.Composable:
    """A copy of a row with new values where they must be unique; in an empty table new ones everywhere."""
    unique = {name for key in relation.keys for name in key}
    names, values = [], []
    for column in relation.columns:
        value = new_value(column, relation)
        kept = sql.SQL("(select {} from {} limit 1)").format(sql.Identifier(column.name), _table(relation))
        if column.name in unique and value is not None:
            chosen = value
        else:
            chosen = sql.SQL("coalesce({}, {})").format(kept, value) if value is not None else kept
        names.append(sql.Identifier(column.name))
        values.append(chosen)
    return sql.SQL("insert into {} ({}) overriding system value select {}").format(
        _table(relation), sql.SQL(", ").join(names), sql.SQL(", ").join(values)
    )


def _usual_column(relation: Relation, key: Sequence[str]) -> Column:
    rest = [c for c in relation.columns if c.name not in key] or list(relation.columns)
    return next((c for c in rest if c.base in _TEXTS), rest[0])


def _update(relation: Relation, column: Column) -> sql.Composable:
    """One row gets a value that none has."""
    table, name = _table(relation), sql.Identifier(column.name)
    value = new_value(column, relation) or name
    return sql.SQL("update {} set {} = {} where ctid = (select ctid from {} limit 1 offset 1)").format(
        table, name, value, table
    )


def _delete(relation: Relation) -> sql.Composable:
    table = _table(relation)
    return sql.SQL("delete from {} where ctid = (select ctid from {} limit 1 offset 2)").format(table, table)
