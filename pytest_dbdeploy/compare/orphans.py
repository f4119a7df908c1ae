"""Rows that refer to a row that is not there: for each foreign key, valid or not, and each reference that no constraint holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from ..db.sql import query
from ..errors import TargetError
from .names import as_on_any_version, split_name
from .relations import Catalogue, Relation
from .rendering import shown
from .row_pair import Side
from .row_result import escaped, value

SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Reference:
    """``columns`` of ``table`` refer to ``target_columns`` of ``target``. ``operators``: (schema, name) of `=`, empty: what `=` means.

    ``full``: MATCH FULL, where nulls among other values refer to nothing. ``period``: the last column is a period within others.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    operators: tuple[tuple[str, str], ...] = ()
    full: bool = False
    period: bool = False


@dataclass(frozen=True, slots=True)
class Orphans:
    """In one database. ``problem``: why it could not be checked, or None. ``rows``: (column, value) of the first of them."""

    label: str
    count: int = 0
    rows: tuple[tuple[tuple[str, str | None], ...], ...] = ()
    problem: str | None = None


def read_references(
    conn: psycopg.Connection[Any], exclude_schemas: Sequence[str] = (), schemas: Sequence[str] | None = None
) -> dict[str, Reference]:
    """The foreign keys by name, ``schema.table.constraint``; those of partitions under their table's."""
    parameters = {"exclude": list(exclude_schemas), "schemas": None if schemas is None else list(schemas)}
    found = {}
    for name, table, columns, target, targets, operators, match, period in conn.execute(
        query("row_references"), parameters
    ):
        pairs = tuple((schema, operator) for schema, operator in operators)
        name, table, target = map(as_on_any_version, (name, table, target))
        found[name] = Reference(
            name, table, tuple(columns), target, tuple(targets), pairs, match == "f", period
        )
    return found


def configured(from_: str, to: str) -> Reference:
    """What ``compare.foreign_keys`` names: ``schema.table.column`` on both sides. ValueError when that is no such name."""
    (schema, table, column), (target_schema, target, target_column) = map(_three_parts, (from_, to))
    return Reference(
        reference_name(from_, to),
        _name(schema, table),
        (column,),
        _name(target_schema, target),
        (target_column,),
    )


def reference_name(from_: str, to: str) -> str:
    return f"{from_} -> {to}"


def find_orphans(side: Side, reference: Reference) -> Orphans:
    """By an anti-join on the server itself. What cannot be checked is a ``problem``, never no orphans."""
    for table, columns in (
        (reference.table, reference.columns),
        (reference.target, reference.target_columns),
    ):
        problem = _missing(side.catalogue, table, columns)
        if problem:
            return Orphans(side.label, problem=problem)
    relation = side.catalogue.relations[_known(side.catalogue, reference.table)]
    target = side.catalogue.relations[_known(side.catalogue, reference.target)]
    try:
        return side.reader.submit(lambda conn: _find(conn, side.label, reference, relation, target)).result()
    except TargetError as error:
        return Orphans(side.label, problem=str(error))


def describe_orphans(reference: Reference, found: Orphans, samples: str) -> str:
    """Lines for people. ``samples``: ``reports.samples``: none, keys or values."""
    columns = ", ".join(map(escaped, reference.columns))
    if found.problem is not None:
        return f"{reference.name}: not checked in {found.label}: {found.problem}"
    rows = "1 row refers" if found.count == 1 else f"{found.count} rows refer"
    text = f"{found.label}: {rows} by {columns} to a row of {reference.target} that is not there"
    if samples == "none":
        return text
    lines = [
        "  " + ", ".join(f"{escaped(name)}={value(content)}" for name, content in row) for row in found.rows
    ]
    return "\n".join([text + (f"; the first {len(lines)}" if found.count > len(lines) else ""), *lines])


def _find(
    conn: psycopg.Connection[Any], label: str, reference: Reference, relation: Relation, target: Relation
) -> Orphans:
    if not reference.operators:
        # Nobody said what `=` is: that of the types, wherever an extension has put it.
        schemas = conn.execute(query("equality_schemas")).fetchall()
        path = sql.SQL(", ").join([sql.Identifier("pg_catalog"), *(sql.Identifier(s) for (s,) in schemas)])
        conn.execute(sql.SQL("set local search_path = {}").format(path))
    source = sql.SQL("from {} where {}").format(_relation(relation), _dangling(reference, target))
    row = conn.execute(sql.SQL("select count(*) {}").format(source)).fetchone()
    count = row[0] if row else 0
    if not count:
        return Orphans(label)
    key = relation.keys[0] if relation.keys else ()
    names = tuple(dict.fromkeys((*key, *reference.columns)))
    texts = sql.SQL(", ").join(map(shown, names))
    order = sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in key)
    statement = sql.SQL("select {} {}{} limit {}").format(
        texts, source, sql.SQL(" order by {}").format(order) if key else sql.SQL(""), sql.Literal(SAMPLES)
    )
    rows = conn.execute(statement).fetchall()
    return Orphans(
        label,
        count,
        tuple(
            tuple(
                (name, None if text is None else text.decode("utf-8", "replace"))
                for name, text in zip(names, texts_, strict=True)
            )
            for texts_ in rows
        ),
    )


def _dangling(reference: Reference, target: Relation) -> sql.Composable:
    nulls = [sql.SQL("t.{} is not null").format(sql.Identifier(name)) for name in reference.columns]
    operators = reference.operators or (("", "="),) * len(reference.columns)
    joined = [
        sql.SQL("r.{} {} t.{}").format(sql.Identifier(theirs), _operator(operator), sql.Identifier(ours))
        for ours, theirs, operator in zip(reference.columns, reference.target_columns, operators, strict=True)
    ]
    if reference.period:
        joined.pop()
        ours, theirs = sql.Identifier(reference.columns[-1]), sql.Identifier(reference.target_columns[-1])
        found = sql.SQL("coalesce(t.{} <@ (select range_agg(r.{}) from {} where {}), false)").format(
            ours, theirs, _relation(target, "r"), sql.SQL(" and ").join(joined)
        )
    else:
        found = sql.SQL("exists (select from {} where {})").format(
            _relation(target, "r"), sql.SQL(" and ").join(joined)
        )
    return sql.SQL("({}) and not {}").format(
        sql.SQL(" or " if reference.full else " and ").join(nulls), found
    )


def _operator(operator: tuple[str, str]) -> sql.Composable:
    schema, name = operator
    if not schema:
        return sql.SQL("=")
    # An operator's name is no identifier; it consists of operator characters only, as PostgreSQL has checked.
    return sql.SQL("operator({}.{})").format(sql.Identifier(schema), sql.SQL(name))


def _relation(relation: Relation, alias: str = "t") -> sql.Composable:
    # A foreign key does not look at inheriting tables.
    only = sql.SQL("only " if relation.kind == "r" else "")
    name = sql.Identifier(*split_name(relation.name))
    return sql.SQL("{}{} {}").format(only, name, sql.Identifier(alias))


def _missing(catalogue: Catalogue, table: str, columns: Sequence[str]) -> str | None:
    known = _known(catalogue, table)
    if known not in catalogue.relations:
        return f"there is no table {table}"
    there = {column.name for column in catalogue.relations[known].columns}
    return next((f"{table} has no column {name}" for name in columns if name not in there), None)


def _known(catalogue: Catalogue, table: str) -> str:
    """The table's name as the catalogue has it: a configured one need not be quoted alike."""
    if table in catalogue.relations:
        return table
    parts = split_name(table)
    return next((name for name in catalogue.relations if split_name(name) == parts), table)


def _three_parts(name: str) -> tuple[str, str, str]:
    parts = split_name(name)
    if len(parts) != 3:
        raise ValueError(f"{name!r} is not schema.table.column")
    return parts[0], parts[1], parts[2]


def _name(*parts: str) -> str:
    return ".".join(
        part if re.fullmatch("[a-z_][a-z0-9_]*", part) else '"' + part.replace('"', '""') + '"'
        for part in parts
    )
