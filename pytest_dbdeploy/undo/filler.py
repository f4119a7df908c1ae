"""Writes as users would make them, into whatever tables there are: one insert, one update, one delete each, as far as constraints allow."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

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
    """``keys``: of rows that were inserted, updated or deleted, as JSON by the key's columns; none of a table without a key.

    ``changed``: by such a key, the columns that were written.
    """

    table: str
    key: tuple[str, ...]
    keys: tuple[str, ...]
    operations: tuple[str, ...]
    changed: Mapping[str, Collection[str]] = field(default_factory=dict)


class _Refused(Exception):
    """The old schema's constraints would not have taken it."""


class Filler:
    """``conn``: the migrated copy; ``original``: the clone as it was, which must take each write too. Both autocommit."""

    def __init__(self, conn: Connection, original: Connection) -> None:
        self.conn = conn
        self.original = original

    def fill(
        self,
        relation: Relation,
        was: Relation | None,
        also: Sequence[str] = (),
        lacking: Collection[str] = (),
        only_now: Mapping[str, sql.Composable] | None = None,
    ) -> Written:
        """Writes to one table, each statement committed where the server takes it. ``was``: the table before, where it was there.

        ``also``: columns to be updated. ``lacking``: columns that a row had to bring along before. ``only_now``: values that a
        column did not take before.
        """
        key = relation.keys[0] if relation.keys else ()
        keys: list[str] = []
        done: list[str] = []
        changed: dict[str, set[str]] = {}
        unique = {name for one in relation.keys for name in one} | self._unique(was)
        updated = [c for c in relation.columns if c.name in also]
        if usual := _usual_column(relation, key):
            updated.append(usual)
        names = tuple(column.name for column in relation.columns)
        statements = [("insert", names, _insert(relation, unique)), ("delete", (), _delete(relation))]
        statements += [("update", (column.name,), _update(relation, column)) for column in updated]
        statements += [
            ("new value", (column.name,), _update(relation, column, only_now[column.name]))
            for column in relation.columns
            if only_now and column.name in only_now
        ]
        returning = sql.SQL(" returning {}, to_jsonb(t)").format(_json(key) if key else sql.SQL("null::text"))
        for operation, columns, statement in statements:
            try:
                with self.conn.transaction():
                    rows = self.conn.execute(statement + returning).fetchall()
                    if was is not None and key in was.keys:
                        for row in rows if operation != "new value" else ():
                            self._replay(was, columns, operation, key, *row, lacking=lacking)
            except (psycopg.Error, _Refused):
                continue  # a constraint, a trigger: as a user's own statement would be refused
            if rows:
                done.append(operation)
                keys += [row[0] for row in rows]
                for row in rows:
                    changed.setdefault(row[0], set()).update(columns)
        return Written(relation.name, key, tuple(keys), tuple(done), changed)

    def _unique(self, was: Relation | None) -> set[str]:
        """Columns of unique indexes before, nullable ones too."""
        if was is None:
            return set()
        rows = self.original.execute(
            "select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)"
            " where i.indisunique and i.indrelid = %s::regclass",
            [was.name],
        )
        return {row[0] for row in rows}

    def _replay(
        self,
        was: Relation,
        columns: Sequence[str],
        operation: str,
        key: Sequence[str],
        value: str,
        row: Any,
        *,
        lacking: Collection[str],
    ) -> None:
        names = sql.SQL(", ").join(sql.Identifier(c.name) for c in was.columns if c.name in columns)
        if operation != "delete" and not any(c.name in columns for c in was.columns):
            return
        table = _table(was)
        found = sql.SQL("{} = {}").format(_json(key), sql.Literal(value))
        new = sql.SQL("select {} from jsonb_populate_record(null::{}, {})").format(
            names, table, sql.Literal(Jsonb(row))
        )
        brought = [(c, new_value(c, was)) for c in was.columns if c.name in lacking]
        extra = [(sql.Identifier(c.name), chosen) for c, chosen in brought if chosen is not None]
        statement = {
            "insert": sql.SQL("insert into {} ({}) overriding system value select {} from ({}) r").format(
                table,
                sql.SQL(", ").join([names, *(name for name, _ in extra)]),
                sql.SQL(", ").join([sql.SQL("r.*"), *(chosen for _, chosen in extra)]),
                new,
            ),
            "update": sql.SQL("update {} set ({}) = ({}) where {}").format(table, names, new, found),
            "delete": sql.SQL("delete from {} where {}").format(table, found),
        }[operation]
        try:
            with self.original.transaction(force_rollback=True):
                self.original.execute(statement)
                self.original.execute("set constraints all immediate")
        except psycopg.Error:
            raise _Refused from None


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


def _insert(relation: Relation, unique: Collection[str]) -> sql.Composable:
    """A copy of a row with new values where they must be unique; in an empty table new ones everywhere."""
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
    return sql.SQL("insert into {} as t ({}) overriding system value select {}").format(
        _table(relation), sql.SQL(", ").join(names), sql.SQL(", ").join(values)
    )


def _usual_column(relation: Relation, key: Sequence[str]) -> Column | None:
    rest = [c for c in relation.columns if c.name not in key]
    return next((c for c in rest if c.base in _TEXTS), rest[0] if rest else None)


def _update(relation: Relation, column: Column, value: sql.Composable | None = None) -> sql.Composable:
    """One row gets this value, or one that none has."""
    table, name = _table(relation), sql.Identifier(column.name)
    value = value or new_value(column, relation) or name
    return sql.SQL("update {} as t set {} = {} where ctid = (select ctid from {} limit 1 offset 1)").format(
        table, name, value, table
    )


def _delete(relation: Relation) -> sql.Composable:
    table = _table(relation)
    return sql.SQL("delete from {} as t where ctid = (select ctid from {} limit 1 offset 2)").format(
        table, table
    )
