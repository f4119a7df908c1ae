"""What a comparison of rows found, and how it is told. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 60


class Verdict(StrEnum):
    """``NOT_COMPARED``: it should have been, and could not; never taken for equal. ``SKIPPED``: there is nothing to compare."""

    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DifferingRow:
    """``key``: (column, value), empty when the table has none. ``only_in``: a label, or None of a row that was changed.

    ``columns``: (name, value in the first, value in the other) of what differs; of a row without a key all of it.
    Values are texts, None is null.
    """

    key: tuple[tuple[str, str | None], ...]
    only_in: str | None
    columns: tuple[tuple[str, str | None, str | None], ...]


@dataclass(frozen=True, slots=True)
class TableResult:
    """Of one table in two databases. ``rows``: exact numbers; None where they were not counted.

    ``changed``, ``only_in_first``, ``only_in_other``: rows; at least so many unless ``complete``. ``samples``: the first of them.
    """

    table: str
    labels: tuple[str, str]
    verdict: Verdict
    reason: str = ""
    rows: tuple[int, int] | None = None
    only_columns: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    changed: int = 0
    only_in_first: int = 0
    only_in_other: int = 0
    complete: bool = True
    samples: tuple[DifferingRow, ...] = ()


def describe(result: TableResult, samples: str) -> str:
    """Lines for people. ``samples``: ``reports.samples``: none, keys or values."""
    first, other = result.labels
    lines = []
    if result.reason:
        lines.append(f"{result.table}: {result.reason}")
    if result.rows is not None and result.rows[0] != result.rows[1]:
        lines.append(f"{result.table}: {_rows(result.rows[0])} in {first}, {result.rows[1]} in {other}")
    elif result.rows is not None and not result.reason:
        both = f"{_rows(result.rows[0])} in {first} and in {other}"
        lines.append(f"{result.table}: {both}, but not the same ones (their checksums differ)")
    lines += [
        f"  only {label} has the columns {', '.join(names)}; the others were compared"
        for label, names in zip(result.labels, result.only_columns, strict=True)
        if names
    ]
    return "\n".join([*lines, *_differing(result, samples)])


def _differing(result: TableResult, samples: str) -> Iterable[str]:
    first, other = result.labels
    parts = [
        f"{_rows(number)} {what}"
        for number, what in (
            (result.only_in_first, f"only in {first}"),
            (result.only_in_other, f"only in {other}"),
            (result.changed, "changed"),
        )
        if number
    ]
    if not parts:
        return
    yield f"  {'' if result.complete else 'at least '}{', '.join(parts)}{_columns(result)}"
    if samples == "none" or not result.samples:
        return
    shown = [line for row in result.samples if (line := _row(row, result.labels, samples))]
    total = result.changed + result.only_in_first + result.only_in_other
    if shown and (total > len(shown) or not result.complete):
        yield f"  the first {len(shown)}:"
    yield from shown


def _columns(result: TableResult) -> str:
    names = dict.fromkeys(name for row in result.samples if row.only_in is None for name, *_ in row.columns)
    return f"; columns: {', '.join(map(escaped, names))}" if names else ""


def _row(row: DifferingRow, labels: tuple[str, str], samples: str) -> str:
    key = ", ".join(f"{escaped(name)}={value(text)}" for name, text in row.key)
    if samples == "keys":
        if not key:
            return ""
        what = (
            f"only in {row.only_in}" if row.only_in else ", ".join(escaped(name) for name, *_ in row.columns)
        )
        return f"    {key}: {what}"
    if row.only_in is not None:
        side = 1 if row.only_in == labels[0] else 2
        values = ", ".join(f"{escaped(column[0])}={value(column[side])}" for column in row.columns)
        return f"    {key or 'a row'}: only in {row.only_in}: {values}"
    values = "; ".join(
        f"{escaped(name)} is {value(a)} in {labels[0]}, {value(b)} in {labels[1]}"
        for name, a, b in row.columns
    )
    return f"    {key}: {values}"


def value(text: str | None) -> str:
    """A value on one line, shortened: a text in quotes, or null."""
    if text is None:
        return "null"
    return f"'{escaped(text[:LONGEST])}{'…' if len(text) > LONGEST else ''}'"


def escaped(text: str) -> str:
    """Without characters that a terminal would act on."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _rows(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"
