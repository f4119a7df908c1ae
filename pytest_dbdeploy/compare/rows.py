"""Counts and digests of rows, computed by the server. A table that cannot be read in full is an error, never fewer rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as pg_errors
from psycopg import pq, sql
from psycopg.rows import tuple_row

from ..db.sql import query
from ..errors import TargetError
from .names import split_name

# What decides how a value is printed: the same text, and so the same digest, on every server. Row security would leave out
# rows silently; off, it is an error for whoever it applies to.
PINNED = """
set local row_security = off;
set local timezone = 'UTC';
set local datestyle = 'ISO, MDY';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local lc_monetary = 'C';
set local xmloption = 'content';
set local xmlbinary = 'base64';
set local quote_all_identifiers = off;
set local search_path = pg_catalog, pg_temp
"""

_COUNT = sql.SQL("select count(*) from {table}")
# A sum does not depend on the order, and unlike xor it does not lose rows that are there twice.
_DIGEST = sql.SQL(
    "select count(*), coalesce(sum(hashtextextended((t.*)::text collate \"C\", 0)), 0)::text || '/' "
    '|| coalesce(sum(hashtextextended((t.*)::text collate "C", 1)), 0)::text from {table} t'
)
_EMPTY = sql.SQL("select not exists (select from {table})")
_BATCH = 50  # statements sent at once: one round trip, and no more results in memory than that


def user_tables(conn: psycopg.Connection[Any], exclude_schemas: Sequence[str] = ()) -> list[str]:
    """Names of the tables that hold users' rows, partitioned ones instead of their partitions, in order of their names.

    ``exclude_schemas``: plain names, such as the state schema. TargetError when the catalogue cannot be read.
    """
    try:
        rows = _cursor(conn).execute(query("user_tables"), {"exclude": list(exclude_schemas)}).fetchall()
    except psycopg.Error as error:
        raise _unreadable("the list of tables", error) from error
    return [row[0] for row in rows]


def family(conn: psycopg.Connection[Any], relation: str) -> set[str]:
    """``relation`` with its partitions and inheriting tables at every depth: whose rows are its rows."""
    try:
        rows = _cursor(conn).execute(query("table_family"), {"relation": relation}).fetchall()
    except psycopg.Error as error:
        raise _unreadable(relation, error) from error
    return {row[0] for row in rows}


def empty_tables(conn: psycopg.Connection[Any], relations: Sequence[str]) -> list[str]:
    """Those of ``relations`` that have no row; cheap, whatever their size. TargetError when one cannot be read."""
    return [relation for relation, row in _each(conn, relations, _EMPTY) if row[0]]


def count_rows(conn: psycopg.Connection[Any], relations: Sequence[str]) -> dict[str, int]:
    """Exact number of rows of each relation (``schema.name``), in one snapshot. TargetError when one cannot be read."""
    return {relation: row[0] for relation, row in _each(conn, relations, _COUNT)}


def digest_rows(conn: psycopg.Connection[Any], relations: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Number of rows and digest of each relation (``schema.name``), in one snapshot.

    Equal contents give equal digests in any order of rows, on any server version, whatever its settings. Rows are compared
    as text: 1.0 and 1.00 differ, and so do the same columns in another order. TargetError when one cannot be read.
    """
    return {relation: (row[0], row[1]) for relation, row in _each(conn, relations, _DIGEST)}


def _each(
    conn: psycopg.Connection[Any], relations: Sequence[str], statement: sql.SQL
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    with _one_snapshot(conn):
        for start in range(0, len(relations), _BATCH):
            batch = relations[start : start + _BATCH]
            try:
                with conn.pipeline():
                    cursors = [
                        _cursor(conn).execute(statement.format(table=_identifier(name))) for name in batch
                    ]
                rows = [cursor.fetchone() for cursor in cursors]
            except psycopg.Error as error:
                raise _unreadable("a table" if len(batch) > 1 else batch[0], error) from error
            for name, row in zip(batch, rows, strict=True):
                assert row is not None
                yield name, tuple(row)


def _cursor(conn: psycopg.Connection[Any]) -> psycopg.Cursor[tuple[Any, ...]]:
    return conn.cursor(row_factory=tuple_row)  # whatever rows the caller's connection makes


def _identifier(relation: str) -> sql.Identifier:
    return sql.Identifier(*split_name(relation))


@contextmanager
def _one_snapshot(conn: psycopg.Connection[Any]) -> Iterator[None]:
    own = conn.info.transaction_status == pq.TransactionStatus.IDLE
    # Rolled back in any case: a caller's transaction gets its own settings back with the savepoint.
    with conn.transaction(force_rollback=True):
        if own:
            conn.execute("set transaction isolation level repeatable read, read only")
        pin(conn)
        yield


def pin(conn: psycopg.Connection[Any]) -> None:
    """The settings of ``PINNED``, for the transaction, in one round trip."""
    with conn.pipeline():
        for setting in PINNED.split(";"):
            conn.execute(setting)


def _unreadable(what: str, error: psycopg.Error) -> TargetError:
    hint = None
    if isinstance(error, pg_errors.InsufficientPrivilege):
        hint = (
            "Use a role that may read every table in full: the owner, or one with pg_read_all_data and, "
            "where row level security applies, BYPASSRLS."
        )
    return TargetError(
        f"the rows of {what} could not be read: {error.diag.message_primary or error}", hint=hint
    )
