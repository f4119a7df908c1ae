"""The rows of all tables: each other database against the first, several tables at once, every database in one snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Literal, TypeVar

from ..errors import TargetError
from .row_pair import Pair, Side
from .row_result import TableResult, Verdict

T = TypeVar("T")
Tell = Callable[[str], None]
CONNECTIONS = 3  # to each database
_PROGRESS_SECONDS = 0.5


def compare_tables(
    sides: Sequence[Side],
    tables: Sequence[str],
    *,
    mode: Literal["count", "checksum"],
    equality: Literal["value", "text"],
    tell: Tell,
) -> dict[str, tuple[TableResult, ...]]:
    """By table: the result for each side but the first. What cannot be read is ``NOT_COMPARED``, with the reason."""

    def work(table: str) -> tuple[TableResult, ...]:
        return tuple(_compare(table, sides[0], other, mode, equality) for other in sides[1:])

    return at_once(tables, work, tell, "tables")


def at_once(names: Sequence[str], work: Callable[[str], T], tell: Tell, noun: str) -> dict[str, T]:
    """``work`` on each name, a few at a time; ``tell`` hears what is going on. What it raises ends everything."""
    executor = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="compare")
    began: dict[str, float] = {}

    def timed(name: str) -> T:
        began[name] = time.monotonic()
        try:
            return work(name)
        finally:
            del began[name]

    futures: dict[Future[T], str] = {executor.submit(timed, name): name for name in names}
    found: dict[str, T] = {}
    pending = set(futures)
    try:
        while pending:
            done, pending = wait(pending, timeout=_PROGRESS_SECONDS, return_when=FIRST_COMPLETED)
            found |= {futures[future]: future.result() for future in done}
            tell(_progress(len(found), len(names), noun, dict(began)))
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


def _compare(table: str, first: Side, other: Side, mode: str, equality: str) -> TableResult:
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
    try:
        pair = Pair(table, first, other, equality)
        return pair.counted() if mode == "count" else pair.compared()
    except TargetError as error:
        return TableResult(table, labels, Verdict.NOT_COMPARED, f"not compared: {error}")
