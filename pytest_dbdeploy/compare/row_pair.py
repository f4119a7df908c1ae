"""One table in two databases: digests of all rows; where they differ, which rows, and in which columns.

The cost is bounded: the servers read all rows once and make digests of buckets of them, then of the rows of those buckets that
differ, at most ``_MOST_ROWS``; values are fetched of ``SAMPLES`` rows. Where an integer is the key buckets are ranges of it, which
cost little as neighbours are read together, and are found again by its index. Buckets of hashes are dear when they are many: there
are few at first, and all rows are read once more when too many of them differ.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from . import digest
from .digest import Buckets, Connection, Row, Table
from .reader import Reader
from .relations import Catalogue, Column, Relation
from .rendering import Rules, fields, is_integer, is_number
from .row_result import DifferingRow, TableResult, Verdict

T = TypeVar("T")
SAMPLES = 20
_ROWS_A_BUCKET = 32
_FIRST_BUCKETS = 1024  # of hashes; what is counted for each of them stays in a processor's cache
_BYTES_A_RANGE = 2048
_FEWEST_RANGES = 4096
_MOST_ROWS = 1_000_000  # in buckets that differ
_MOST_CODES = 100_000
_UNEVEN = 50_000  # rows in one range of keys
_narrowing = threading.Lock()  # one table at a time: it takes memory here


@dataclass(frozen=True, slots=True)
class Side:
    """A database that is being read."""

    reader: Reader
    catalogue: Catalogue

    @property
    def label(self) -> str:
        return self.reader.label


#: What the first database has been asked of a table, with the answers: for the next pair that asks the same.
Known = list[tuple[str, Table, Future[Any]]]


class Pair:
    """A table that both databases have."""

    def __init__(self, name: str, first: Side, other: Side, equality: str, known: Known) -> None:
        self.known = known
        self.sides = first, other
        relations = first.catalogue.relations[name], other.catalogue.relations[name]
        rules = Rules.between(first.catalogue, other.catalogue, equality)
        self.tables = _tables(relations, rules)
        self.ranges = _ranges(max(relation.size for relation in relations))
        self.one_way = all(table.strict == table.exact for table in self.tables)  # to write equal values
        self.only_columns = _only_columns(*relations), _only_columns(*reversed(relations))
        self.result = TableResult(
            name, (first.label, other.label), Verdict.EQUAL, only_columns=self.only_columns
        )

    def counted(self) -> TableResult:
        """Are there as many rows in both?"""
        rows = self._both(digest.count, "count")
        verdict = Verdict.EQUAL if rows[0] == rows[1] else Verdict.DIFFERENT
        return replace(self.result, rows=rows, verdict=verdict, only_columns=((), ()))

    def compared(self) -> TableResult:
        """Are the rows the same?"""
        if self.tables[0].by_range:
            self._set_ranges()
        elif self.tables[0].key:
            self._set(buckets=_FIRST_BUCKETS)
        found = self._buckets(exact=False, question="buckets")
        rows = found[0].rows, found[1].rows
        if found[0] == found[1]:
            return self._equal(rows)
        with _narrowing:
            narrowed = self._narrowed(found)
        if narrowed is not None:
            return narrowed
        if self.one_way:
            return replace(self.result, rows=rows, verdict=Verdict.DIFFERENT)
        return self._equal(rows)  # what differed was only the way in which equal values are written

    def _equal(self, rows: tuple[int, int]) -> TableResult:
        if any(self.only_columns):
            return replace(
                self.result, rows=rows, verdict=Verdict.DIFFERENT, reason="the columns are not the same"
            )
        return replace(self.result, rows=rows)

    def _narrowed(self, found: tuple[Buckets, Buckets]) -> TableResult | None:
        """The rows that differ; None when no row does."""
        rows = found[0].rows, found[1].rows
        differing = list(digest.differing(*found))
        if self._too_big(differing, finer := _buckets_of_hashes(max(rows))):
            self._set(by_range=False, buckets=finer)
            found = self._buckets(exact=False)
            differing = list(digest.differing(*found))
        wanted = _within(differing)
        if len(wanted) < len(differing) and not self.one_way:  # so many may be equal all the same
            found = self._buckets(exact=True)
            differing = list(digest.differing(*found))
            wanted = _within(differing)
        few = len(wanted) * 4 < len(found[0])
        blobs = self._both(lambda conn, table: dict(digest.rows_of_buckets(conn, table, wanted, few=few)))
        only_first, only_other, changed = Counter[int](), Counter[int](), list[int]()
        for bucket in wanted:
            a, b = (digest.entries(blob.get(bucket, b"")) for blob in blobs)
            one, two, both = _differences(a, b, keyed=bool(self.tables[0].key))
            only_first.update(one)
            only_other.update(two)
            changed += both
        if not self.one_way:
            chunks = range(0, len(changed), _MOST_CODES)
            changed = [code for at in chunks for code in self._unequal(changed[at : at + _MOST_CODES])]
        if not (changed or only_first or only_other):
            return None
        return replace(
            self.result,
            rows=rows,
            verdict=Verdict.DIFFERENT,
            changed=len(changed),
            only_in_first=only_first.total(),
            only_in_other=only_other.total(),
            complete=len(wanted) == len(differing),
            samples=self._samples([*changed, *only_first, *only_other]),
        )

    def _unequal(self, codes: list[int]) -> list[int]:
        """Those of ``codes`` whose rows are different values, and not only written in another way."""
        first, other = self._both(
            lambda conn, table: dict(digest.entries(digest.exact_hashes(conn, table, codes)))
        )
        return [code for code in codes if first.get(code) != other.get(code)]

    def _samples(self, codes: list[int]) -> tuple[DifferingRow, ...]:
        if self.tables[0].by_range:
            codes = sorted(codes)[:SAMPLES]
        found = self._both(lambda conn, table: digest.sample(conn, table, codes[:_MOST_CODES], SAMPLES))
        sides = [{row.code: row for row in rows} for rows in found]
        rank = _Rank(self.tables[0].key)
        order = sorted({*sides[0], *sides[1]}, key=lambda code: rank(sides[0].get(code) or sides[1][code]))
        return tuple(self._sample(sides[0].get(code), sides[1].get(code)) for code in order[:SAMPLES])

    def _sample(self, first: Row | None, other: Row | None) -> DifferingRow:
        there = first or other
        assert there is not None
        names = [column.name for column in self.tables[0].columns]
        a, b = ((None,) * len(names) if row is None else row.texts for row in (first, other))
        if first is None or other is None:
            places: Sequence[int] = range(len(names))
        else:
            places = [i for i in range(len(names)) if first.hashes[i] != other.hashes[i]]
        only_in = self.sides[1].label if first is None else self.sides[0].label if other is None else None
        return DifferingRow(
            tuple((column.name, text) for column, text in zip(self.tables[0].key, there.key, strict=True)),
            only_in,
            tuple((names[i], a[i], b[i]) for i in places),
        )

    def _too_big(self, differing: list[tuple[int, int]], finer: int) -> bool:
        """Are there too many rows in buckets, that are fewer in each of ``finer`` buckets of hashes?"""
        uneven = any(size > _UNEVEN for _, size in differing)
        if self.tables[0].by_range:  # a few keys far from the others leave all of these in one bucket
            return uneven
        return finer > self.tables[0].buckets and (uneven or len(_within(differing)) < len(differing))

    def _buckets(self, *, exact: bool, question: str = "") -> tuple[Buckets, Buckets]:
        return self._both(lambda conn, table: digest.buckets(conn, table, exact=exact), question)

    def _set_ranges(self) -> None:
        """Buckets are ranges of the keys of both sides."""
        ends = [end for found in self._both(digest.key_range, "ends") if found for end in found]
        span = max(ends) - min(ends) if ends else 0
        self._set(shift=max(0, span.bit_length() - self.ranges.bit_length() + 1))

    def _set(self, **changes: object) -> None:
        a, b = self.tables
        self.tables = replace(a, **changes), replace(b, **changes)  # type: ignore[arg-type]  # fields of Table

    def _both(self, work: Callable[[Connection, Table], T], question: str = "") -> tuple[T, T]:
        """On both servers at once. TargetError when one of them cannot."""
        futures = self._ask(0, work, question), self._ask(1, work)
        errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        return futures[0].result(), futures[1].result()

    def _ask(self, place: int, work: Callable[[Connection, Table], T], question: str = "") -> Future[T]:
        table = self.tables[place]
        for asked, of_table, answer in self.known:
            if question and (asked, of_table) == (question, table):
                return answer
        future = self.sides[place].reader.submit(lambda conn: work(conn, table))
        if question:
            self.known.append((question, table, future))
        return future


def plainly_equal(pairs: Sequence[Pair], *, counted: bool) -> dict[str, TableResult]:
    """The pairs of the same two databases that need no closer look, by table: one statement a database for all of them.

    When one cannot be read, none is in the result.
    """
    futures = [
        side.reader.submit(
            lambda conn, place=place: digest.wholes(  # type: ignore[misc]  # bound now
                conn, [pair.tables[place] for pair in pairs], counted=counted
            )
        )
        for place, side in enumerate(pairs[0].sides)
    ]
    if any(future.exception() is not None for future in futures):
        return {}
    return {
        pair.result.table: replace(pair.result, rows=(first[0], other[0]))
        for pair, first, other in zip(pairs, *(future.result() for future in futures), strict=True)
        if first == other and (counted or not any(pair.only_columns))
    }


class _Rank:
    """Sorts rows by their keys, as ``rendering.order`` does."""

    def __init__(self, key: tuple[Column, ...]) -> None:
        self.numbers = [is_number(column) for column in key]

    def __call__(self, row: Row) -> tuple[object, ...]:
        return tuple(
            _number(text) if number and text is not None else (text is None, text or "")
            for number, text in zip(self.numbers, row.key, strict=True)
        )


def _number(text: str) -> tuple[bool, Decimal]:
    number = Decimal(text)
    return (True, Decimal(0)) if number.is_nan() else (False, number)


def _tables(relations: tuple[Relation, Relation], rules: Rules) -> tuple[Table, Table]:
    there = {column.name: column for column in relations[1].columns}
    pairs = [(column, there[column.name]) for column in relations[0].columns if column.name in there]
    key = _key(relations, {name.name for name, _ in pairs})
    only = relations[0].kind == relations[1].kind == "r"

    def table(relation: Relation, pairs: list[tuple[Column, Column]]) -> Table:
        columns = {column.name: column for column, _ in pairs}
        rendered = [fields(column, other, rules) for column, other in pairs]
        return Table(
            relation.name,
            only,
            tuple(columns.values()),
            tuple(f.strict for f in rendered),
            tuple(f.exact for f in rendered),
            tuple(columns[name] for name in key),
            by_range=by_range,
        )

    by_range = len(key) == 1 and all(is_integer(c) for pair in pairs for c in pair if c.name == key[0])
    return table(relations[0], pairs), table(relations[1], [(b, a) for a, b in pairs])


def _key(relations: tuple[Relation, Relation], common: set[str]) -> tuple[str, ...]:
    """Columns that tell rows apart on both sides, an empty tuple when there are none."""
    others = [set(key) for key in relations[1].keys]
    return next((key for key in relations[0].keys if set(key) <= common and set(key) in others), ())


def _only_columns(mine: Relation, other: Relation) -> tuple[str, ...]:
    names = {column.name for column in other.columns}
    return tuple(column.name for column in mine.columns if column.name not in names)


def _ranges(size: int) -> int:
    """Into how many ranges the keys of a table of ``size`` bytes are divided; 0: nobody has looked yet, it may be any."""
    wanted = 1 << (size // _BYTES_A_RANGE).bit_length()
    return min(digest.MANY, max(_FEWEST_RANGES, wanted)) if size else digest.MANY


def _buckets_of_hashes(rows: int) -> int:
    return min(digest.MANY, 1 << (rows // _ROWS_A_BUCKET).bit_length())


def _within(differing: list[tuple[int, int]]) -> list[int]:
    """As many of the first buckets as are not too many rows; at least one."""
    total = 0
    for number, (_, rows) in enumerate(differing):
        total += rows
        if total > _MOST_ROWS and number:
            return [bucket for bucket, _ in differing[:number]]
    return [bucket for bucket, _ in differing]


def _differences(
    a: list[tuple[int, int]], b: list[tuple[int, int]], *, keyed: bool
) -> tuple[Counter[int], Counter[int], list[int]]:
    """(codes only in ``a``, codes only in ``b``, codes whose rows differ)."""
    if not keyed:
        one, two = Counter(dict(a)), Counter(dict(b))
        return one - two, two - one, []
    first, other = dict(a), dict(b)
    common = first.keys() & other.keys()
    return (
        Counter(first.keys() - common),
        Counter(other.keys() - common),
        [code for code in common if first[code] != other[code]],
    )
