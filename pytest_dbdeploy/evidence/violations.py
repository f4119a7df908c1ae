"""Which rows are at fault when a statement fails: asked of the clone, in the state in which the statement met it.

The constraint is not in the catalogue, as the statement failed. So its table is emptied in a transaction that is rolled back:
there the statement succeeds, and the server says what it made, however the statement was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from ..compare.names import quoted
from ..db.connect import send
from ..db.sql import query
from ..model import Migration, StatementError, StatementRef, Unit, Violation
from . import casting

NOT_NULL, FOREIGN_KEY, UNIQUE, CHECK, EXCLUSION = "23502", "23503", "23505", "23514", "23P01"
_CONSTRAINTS = frozenset({NOT_NULL, FOREIGN_KEY, UNIQUE, CHECK, EXCLUSION})
#: The class of errors that values themselves make.
DATA_EXCEPTION = "22"
_MOST_KEYS = 20
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """What the server's error names. ``table``: schema and name."""

    table: tuple[str, str]
    constraint: str | None
    column: str | None


def place_of(error: BaseException | None) -> Place | None:
    """The table and constraint that an error of the server names, if it names a table."""
    if not isinstance(error, psycopg.Error):
        return None
    diag = error.diag
    if not diag.schema_name or not diag.table_name:
        return None
    return Place((diag.schema_name, diag.table_name), diag.constraint_name, diag.column_name)


def violations(
    conn: psycopg.Connection[Any],
    unit: Unit,
    ref: StatementRef | None,
    migrations: Mapping[str, Migration],
    error: StatementError,
    place: Place | None,
) -> tuple[StatementRef | None, StatementError, Violation | None]:
    """The statement at fault, and ``error`` with the number of violating rows, and which they are. As it was, where that cannot be told.

    ``conn``: autocommit, the failed unit rolled back; nothing of what is done here stays.
    ``ref``: None when the commit failed: at fault is the statement after which the deferred constraint held no more, or the last.
    """
    by = ref or next(reversed(unit.statements), None)
    # A domain refuses values as a type does, and its error names no table.
    of_domain = place is None and error.sqlstate in (CHECK, NOT_NULL)
    converts = ref is not None and (of_domain or (error.sqlstate or "").startswith(DATA_EXCEPTION))
    if not converts and (place is None or error.sqlstate not in _CONSTRAINTS):
        return by, error, None
    relation = ".".join(quoted(part) for part in place.table) if place else None
    failing = migrations[ref.migration].statements[ref.index].sql if ref else None
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(f"set local statement_timeout = '{_SECONDS}s'".encode())
            held = True
            for one in _before(unit, ref):
                send(conn, migrations[one.migration].statements[one.index])
                if ref is None and place is not None:
                    holds = _holds(conn, place)
                    if held and not holds:
                        by = one
                    held = holds
            found = _at_fault(conn, place, error.sqlstate or "", failing)
            if found is None:
                return by, error, Violation(relation) if relation else None
            table, condition = found
            relation = ".".join(quoted(part) for part in table)
            count, keys = _rows(conn, table, sql.Identifier(*table), condition)
            if not count and ref is not None and not unit.transactional:
                # It was its own commit that failed: what a deferred constraint refuses there can be looked at before.
                send(conn, migrations[ref.migration].statements[ref.index])
                count, keys = _rows(conn, table, sql.Identifier(*table), condition)
    except psycopg.Error:
        return by, error, Violation(relation) if relation else None
    if not count:  # what the statement itself would have written: it is gone again
        return by, error, Violation(relation)
    return by, replace(error, violating_rows=count), Violation(relation, keys)


def _before(unit: Unit, ref: StatementRef | None) -> tuple[StatementRef, ...]:
    """The statements that its transaction had seen."""
    if not unit.transactional:
        return ()
    return unit.statements if ref is None else unit.statements[: unit.statements.index(ref)]


def _holds(conn: psycopg.Connection[Any], place: Place) -> bool:
    """Whether the commit would find nothing wrong with a deferred constraint now. Leaves it deferred."""
    name = sql.Identifier(place.table[0], place.constraint or "")
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(sql.SQL("set constraints {} immediate").format(name))
    except psycopg.Error as error:
        return error.sqlstate not in _CONSTRAINTS
    return True


def _at_fault(
    conn: psycopg.Connection[Any], place: Place | None, sqlstate: str, failing: str | None
) -> tuple[tuple[str, str], sql.Composable] | None:
    """(schema and table, what is true of a violating row ``t``)."""
    if place is None or sqlstate.startswith(DATA_EXCEPTION):
        return casting.condition(conn, failing) if failing else None
    condition = _condition(conn, place, sql.Identifier(*place.table), sqlstate, failing)
    return None if condition is None else (place.table, condition)


def _condition(
    conn: psycopg.Connection[Any],
    place: Place,
    table: sql.Identifier,
    sqlstate: str,
    failing: str | None,
) -> sql.Composable | None:
    """What is true of a violating row ``t`` of the table."""
    if sqlstate == NOT_NULL and place.column:
        return sql.SQL("t.{} is null").format(sql.Identifier(place.column))
    found = _definition(conn, place)
    if found is None and failing is not None:
        with conn.transaction(force_rollback=True):
            conn.execute(sql.SQL("truncate {} cascade").format(table))
            conn.execute(failing.encode())
            found = _definition(conn, place)
    if found is None:
        return None
    kind, columns, other, other_columns, expression, operators, predicate = found
    where = sql.SQL("({})").format(sql.SQL(predicate or "true"))
    if kind in ("c", "partition"):
        return sql.SQL("not ({})").format(sql.SQL(expression))
    if kind == "f":
        mine, theirs = columns, other_columns
        there = sql.SQL(" and ").join(
            sql.SQL("o.{} = t.{}").format(sql.Identifier(b), sql.Identifier(a))
            for a, b in zip(mine, theirs, strict=True)
        )
        given = sql.SQL(" and ").join(sql.SQL("t.{} is not null").format(sql.Identifier(a)) for a in mine)
        return sql.SQL("{} and not exists (select from {} o where {})").format(
            given, sql.Identifier(*other), there
        )
    if kind == "x":
        names = [sql.Identifier(f"key{i}") for i in range(len(columns))]
        values = sql.SQL(", ").join(
            sql.SQL("{} as {}").format(sql.SQL(expression), name)
            for expression, name in zip(columns, names, strict=True)
        )
        conflict = sql.SQL(" and ").join(
            sql.SQL("a.{0} {1} b.{0}").format(name, sql.SQL(op))
            for name, op in zip(names, operators, strict=True)
        )
        side = sql.SQL("(select ctid as place, {} from {} where {})").format(values, table, where)
        return sql.SQL(
            "t.ctid in (select a.place from {side} a join {side} b on a.place <> b.place and {conflict})"
        ).format(side=side, conflict=conflict)
    keys = sql.SQL(", ").join(sql.SQL(expression) for expression in columns)
    filled = sql.SQL("") if operators else sql.SQL(" and num_nulls({}) = 0").format(keys)
    numbered = sql.SQL(
        "t.ctid in (select d.place from (select ctid as place, count(*) over (partition by {keys}) as times from {table} "
        "where {where}{filled}) d where d.times > 1)"
    )
    return numbered.format(keys=keys, table=table, where=where, filled=filled)


def _definition(conn: psycopg.Connection[Any], place: Place) -> tuple[Any, ...] | None:
    """Kind, columns or expressions, other table and its columns, check expression, operators, predicate."""
    return conn.execute(
        query("evidence_constraint"),
        {"schema": place.table[0], "table": place.table[1], "name": place.constraint},
    ).fetchone()


def _rows(
    conn: psycopg.Connection[Any], name: tuple[str, str], table: sql.Identifier, condition: sql.Composable
) -> tuple[int, tuple[str, ...]]:
    """How many rows of the table the condition holds for, and the keys of the first of them."""
    columns = [row[0] for row in conn.execute(query("evidence_key"), {"schema": name[0], "table": name[1]})]
    key: sql.Composable = sql.SQL("'row ' || t.ctid")
    if columns:
        parts = [
            sql.SQL("{} || '=' || coalesce(t.{}::text, 'null')").format(sql.Literal(c), sql.Identifier(c))
            for c in columns
        ]
        key = sql.SQL("concat_ws(', ', {})").format(sql.SQL(", ").join(parts))
    order = sql.SQL(", ").join(sql.Identifier("t", c) for c in columns or ["ctid"])
    counted = conn.execute(sql.SQL("select count(*) from {} t where {}").format(table, condition)).fetchone()
    keys = conn.execute(
        sql.SQL("select {} from {} t where {} order by {} limit {}").format(
            key, table, condition, order, sql.Literal(_MOST_KEYS)
        )
    ).fetchall()
    return (counted[0] if counted else 0), tuple(row[0] for row in keys)
