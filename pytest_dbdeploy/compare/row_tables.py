"""The rows of all tables: each other database against the first, several tables at once, every database in one snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Literal, TypeVar

from ..errors import TargetError
from .row_pair import Known, Pair, Side, plainly_equal
from .row_result import TableResult, Verdict

T = TypeVar("T")
Tell = Callable[[str], None]
CONNECTIONS = 3  # to each database
_PROGRESS_SECONDS = 0.5
_SMALL = 1024**2  # bytes
_TOGETHER = 50  # tables in one statement


def compare_tables(
    sides: Sequence[Side],
    tables: Sequence[str],
    *,
    mode: Literal["count", "checksum"],
    equality: Literal["value", "text"],
    tell: Tell,
) -> dict[str, tuple[TableResult, ...]]:
    """By table: the result for each side but the first, if one of the two has it. What cannot be read is ``NOT_COMPARED``, with the reason."""

    def work(group: Sequence[str]) -> dict[str, tuple[TableResult, ...]]:
        known: Known = []
        found = [_compare_all(group, sides[0], other, mode, equality, known) for other in sides[1:]]
        return {name: _told(name, sides, [results[name] for results in found]) for name in group}

    return at_once(_groups(tables, sides), work, tell, "tables")


def _told(name: str, sides: Sequence[Side], results: Sequence[TableResult]) -> tuple[TableResult, ...]:
    """Without the pairs of which neither has a table that another database has."""
    first, *others = [name in side.catalogue.relations for side in sides]
    kept = tuple(result for result, there in zip(results, others, strict=True) if first or there)
    return kept or tuple(results)


def _groups(tables: Sequence[str], sides: Sequence[Side]) -> list[list[str]]:
    """Big tables one by one, the biggest first; then small ones, a few dozen at a time: round trips are what they cost."""
    sizes = {
        name: max((r.size for side in sides if (r := side.catalogue.relations.get(name))), default=0)
        for name in tables
    }
    big = [[name] for name in sorted(tables, key=lambda name: -sizes[name]) if sizes[name] > _SMALL]
    small = [name for name in tables if sizes[name] <= _SMALL]
    return big + [small[i : i + _TOGETHER] for i in range(0, len(small), _TOGETHER)]


def at_once(
    groups: Sequence[Sequence[str]], work: Callable[[Sequence[str]], dict[str, T]], tell: Tell, noun: str
) -> dict[str, T]:
    """``work`` on each group of names, a few at a time; ``tell`` hears what is going on. What it raises ends everything."""
    executor = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="compare")
    began: dict[str, float] = {}

    def timed(group: Sequence[str]) -> dict[str, T]:
        began[group[0]] = time.monotonic()
        try:
            return work(group)
        finally:
            del began[group[0]]

    pending = {executor.submit(timed, group) for group in groups}
    total = sum(map(len, groups))
    found: dict[str, T] = {}
    try:
        while pending:
            done, pending = wait(pending, timeout=_PROGRESS_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                found |= future.result()
            tell(_progress(len(found), total, noun, dict(began)))
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
    return found


def _progress(done: int, total: int, noun: str, running: dict[str, float]) -> str:
    text = f"{done} of {total} {noun}"
    if not running:
        return text
    name = min(running, key=running.__getitem__)
    seconds = time.monotonic() - running[name]
    return f"{text}; {name} {seconds:.0f} s" if seconds >= 1 else text


def _compare_all(
    group: Sequence[str], first: Side, other: Side, mode: str, equality: str, known: Known
) -> dict[str, TableResult]:
    found = {name: _without_rows(name, first, other) for name in group}
    pairs = [Pair(name, first, other, equality, known) for name in group if found[name] is None]
    equal = plainly_equal(pairs, counted=mode == "count") if len(pairs) > 1 else {}
    for pair in pairs:
        name = pair.result.table
        found[name] = equal.get(name) or _compare(pair, mode)
    return {name: result for name, result in found.items() if result is not None}


def _compare(pair: Pair, mode: str) -> TableResult:
    try:
        return pair.counted() if mode == "count" else pair.compared()
    except TargetError as error:
        return replace(pair.result, verdict=Verdict.NOT_COMPARED, reason=f"not compared: {error}")


def _without_rows(table: str, first: Side, other: Side) -> TableResult | None:
    """What can be said without reading a row; None when they must be read."""
    labels = first.label, other.label
    relations = [side.catalogue.relations.get(table) for side in (first, other)]
    there = [relation for relation in relations if relation is not None]
    if len(there) < 2:
        where = [label for label, r in zip(labels, relations, strict=True) if r is not None]
        if not where:
            return TableResult(table, labels, Verdict.NOT_COMPARED, "not compared: it is gone from both")
        return TableResult(table, labels, Verdict.DIFFERENT, f"is only in {where[0]}")
    for label, relation in zip(labels, there, strict=True):
        if relation.kind == "f":
            reason = f"not compared: it is a foreign table in {label}, its rows are elsewhere"
            return TableResult(table, labels, Verdict.SKIPPED, reason)
        if not relation.populated:
            reason = f"not compared: the materialized view is not populated in {label}"
            return TableResult(table, labels, Verdict.SKIPPED, reason)
    return None
