"""Digests of a table's rows: of all, of buckets of them, of each row of a bucket. Computed by the server.

A sum does not depend on the order of rows and, unlike xor, does not lose rows that are there twice.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from .names import split_name
from .relations import Column
from .rendering import Field, order, row_hash, shown

Connection = psycopg.Connection[Any]
MANY = 1 << 18  # buckets at most
# What stands in front of it is computed once a row, and a group by it is taken for 200 groups: without this the planner expects a
# group for each key, and sorts all rows. A plain 0 would do that too, but keep parallel workers away.
_FENCE = sql.SQL("offset bigint '0'")

_BUCKET = struct.Struct("!qqq")
_ENTRY = struct.Struct("!qq")


class Buckets(NamedTuple):
    """``rows``: of the whole table. ``sums``: for each bucket its number, its rows and their digest, 24 bytes, by number."""

    rows: int
    sums: bytes

    def __len__(self) -> int:
        return len(self.sums) // _BUCKET.size


class Row(NamedTuple):
    """A row that differs, as one side has it: ``code`` stands for its key. ``texts``: None for null, in the columns' order."""

    code: int
    key: tuple[str | None, ...]
    texts: tuple[str | None, ...]
    hashes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One side of a pair. ``only``: without the rows of inheriting tables. ``columns`` and ``fields``: the common ones, same order.

    ``key``: the columns by which a row is found again, none: only its contents do. ``by_range``: the key is an integer, and
    buckets are ranges of it, each of 2 ** ``shift`` keys; else there are ``buckets`` (a power of two) of the key's hash.
    """

    name: str
    only: bool
    columns: tuple[Column, ...]
    strict: tuple[tuple[Field, ...], ...]
    exact: tuple[tuple[Field, ...], ...]
    key: tuple[Column, ...]
    by_range: bool = False
    shift: int = 0
    buckets: int = 1

    @property
    def source(self) -> sql.Composable:
        keyword = sql.SQL("only " if self.only else "")
        return sql.SQL("{}{} t").format(keyword, sql.Identifier(*split_name(self.name)))

    def hash(self, *, exact: bool) -> sql.Composable:
        fields = self.exact if exact else self.strict
        return row_hash([field for of_column in fields for field in of_column])

    @property
    def code(self) -> sql.Composable:
        """What stands for a row's key: an integer itself, else a hash."""
        if self.by_range:
            return sql.SQL("t.{}::bigint").format(sql.Identifier(self.key[0].name))
        if not self.key:
            return self.hash(exact=True)
        places = [self.columns.index(column) for column in self.key]
        return row_hash([field for place in places for field in self.exact[place]])

    @property
    def bucket(self) -> sql.Composable:
        if self.by_range:
            return sql.SQL("({} >> {})").format(self.code, sql.Literal(self.shift))
        if self.buckets == 1:
            return sql.SQL("bigint '0'")
        return sql.SQL("({} & {})").format(self.code, sql.Literal(self.buckets - 1))


def count(conn: Connection, table: Table) -> int:
    """Rows of the table, exactly."""
    return int(_one(conn, sql.SQL("select count(*) from {}").format(table.source))[0])


def wholes(conn: Connection, tables: Sequence[Table], *, counted: bool) -> list[tuple[int, str]]:
    """(rows, digest) of several tables, in one statement; ``counted``: without digests."""
    one = sql.SQL("select {} as n, count(*), {} from {}")
    digest = sql.SQL("coalesce(sum({}), 0)::text")
    parts = [
        one.format(
            sql.Literal(number),
            sql.SQL("''") if counted else digest.format(table.hash(exact=False)),
            table.source,
        )
        for number, table in enumerate(tables)
    ]
    found = conn.execute(sql.SQL(" union all ").join(parts) + sql.SQL(" order by n")).fetchall()
    return [(rows, digest) for _, rows, digest in found]


def key_range(conn: Connection, table: Table) -> tuple[int, int] | None:
    """The least and the greatest integer key; None of an empty table."""
    key = sql.Identifier(table.key[0].name)
    statement = sql.SQL("select min(t.{key})::bigint, max(t.{key})::bigint from {source}")
    least, greatest = _one(conn, statement.format(key=key, source=table.source))
    return None if least is None else (least, greatest)


def buckets(conn: Connection, table: Table, *, exact: bool) -> Buckets:
    """Digests of the table's buckets."""
    statement = sql.SQL(
        "select coalesce(sum(n), 0)::bigint, "
        "string_agg(int8send(b) || int8send(n) || int8send(hash_numeric_extended(h, 0)), ''::bytea) from "
        "(select b, count(*) as n, sum(h) as h from (select {bucket} as b, {hash} as h from {source} {fence}) found "
        "group by b order by b) buckets"
    ).format(bucket=table.bucket, hash=table.hash(exact=exact), source=table.source, fence=_FENCE)
    rows, sums = _one(conn, statement)
    return Buckets(rows, sums or b"")


def differing(a: Buckets, b: Buckets) -> Iterator[tuple[int, int]]:
    """The buckets that are not the same on both sides, by number, with their rows on the side that has more of them."""
    if a.sums == b.sums:
        return
    ours, theirs = _BUCKET.iter_unpack(a.sums), _BUCKET.iter_unpack(b.sums)
    one, two = next(ours, None), next(theirs, None)
    while one is not None or two is not None:
        if two is None or (one is not None and one[0] < two[0]):
            assert one is not None
            yield one[0], one[1]
            one = next(ours, None)
        elif one is None or two[0] < one[0]:
            yield two[0], two[1]
            two = next(theirs, None)
        else:
            if one != two:
                yield one[0], max(one[1], two[1])
            one, two = next(ours, None), next(theirs, None)


def rows_of_buckets(
    conn: Connection, table: Table, wanted: Sequence[int], *, few: bool
) -> Iterator[tuple[int, bytes]]:
    """For each bucket of ``wanted`` that is not empty: its rows' (code, strict hash), 16 bytes each; see ``entries``.

    Without a key: (hash, how many rows have it). ``few``: the buckets are a small part of the table.
    """
    hash_ = table.hash(exact=False)
    array = sql.Literal(list(wanted))  # no parameter: with one, % would be special in names
    if table.by_range and few:
        conn.execute("set local enable_seqscan = off")
        rows = sql.SQL(
            "(select b, t.code, t.hash from unnest({array}::bigint[]) b cross join lateral (select {code} as code, {hash} as hash "
            "from {source} where t.{key} between b << {shift} and (b << {shift}) | ((1::bigint << {shift}) - 1) {fence}) t)"
        ).format(
            array=array,
            shift=sql.Literal(table.shift),
            code=table.code,
            hash=hash_,
            source=table.source,
            key=sql.Identifier(table.key[0].name),
            fence=_FENCE,
        )
    else:
        rows = sql.SQL(
            "(select {bucket} as b, {code} as code, {hash} as hash from {source} where {bucket} = any({array}::bigint[]) {fence})"
        ).format(
            bucket=table.bucket, array=array, code=table.code, hash=hash_, source=table.source, fence=_FENCE
        )
    if not table.key:  # a row that is there a million times is one entry
        rows = sql.SQL("(select b, code, count(*) as hash from {} found group by 1, 2)").format(rows)
    statement = sql.SQL(
        "select b, string_agg(int8send(code) || int8send(hash), ''::bytea) from {} found group by 1"
    )
    with conn.cursor(binary=True) as cursor:
        yield from cursor.execute(statement.format(rows))


def exact_hashes(conn: Connection, table: Table, codes: Sequence[int]) -> bytes:
    """(code, exact hash) of the rows with these codes; see ``entries``."""
    statement = sql.SQL("select string_agg(int8send({}) || int8send({}), ''::bytea) from {} where {}").format(
        table.code, table.hash(exact=True), table.source, _with_code(table, codes)
    )
    return _one(conn, statement)[0] or b""


def entries(rows: bytes) -> list[tuple[int, int]]:
    return list(_ENTRY.iter_unpack(rows))


def sample(conn: Connection, table: Table, codes: Sequence[int], most: int) -> list[Row]:
    """The first ``most`` of the rows with these codes, by key; without one, any of them."""
    texts = sql.SQL(", ").join(shown(column.name) for column in table.columns)
    hashes = sql.SQL(", ").join(row_hash(fields) for fields in table.exact)
    keys = sql.SQL(", ").join(shown(column.name) for column in table.key)
    orders = [order(column) for column in table.key]
    statement = sql.SQL(
        "select {code}, array[{keys}]::bytea[], array[{texts}]::bytea[], array[{hashes}]::bigint[] from {source} "
        "where {found}{order} limit {most}"
    ).format(
        code=table.code,
        keys=keys,
        texts=texts,
        hashes=hashes,
        source=table.source,
        found=_with_code(table, codes),
        most=sql.Literal(most),
        order=sql.SQL(" order by {}").format(sql.SQL(", ").join(orders)) if orders else sql.SQL(""),
    )
    with conn.cursor(binary=True) as cursor:
        cursor.execute(statement)
        return [
            Row(code, _decoded(key), _decoded(texts), tuple(hashes)) for code, key, texts, hashes in cursor
        ]


def _with_code(table: Table, codes: Sequence[int]) -> sql.Composable:
    # A cast would keep the key's index from being used.
    code = sql.SQL("t.{}").format(sql.Identifier(table.key[0].name)) if table.by_range else table.code
    return sql.SQL("{} = any({}::bigint[])").format(code, sql.Literal(list(codes)))


def _decoded(values: Sequence[bytes | None]) -> tuple[str | None, ...]:
    return tuple(None if value is None else value.decode("utf-8", "replace") for value in values)


def _one(conn: Connection, statement: sql.Composed) -> tuple[Any, ...]:
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(statement).fetchone()
    assert row is not None
    return tuple(row)
