"""The plan carried out on the sandbox: what each statement did there is the evidence, and the server is the judge.

While it runs, the units are corrected: a statement that the server refuses in a transaction block is split off.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from .actions.apply import (
    NEEDS_COMMIT_BEFORE,
    NOT_IN_TRANSACTION,
    Recorder,
    StatementFailed,
    run_unit,
)
from .db.sql import query
from .evidence.observer import Observer
from .evidence.together import NotTogether
from .evidence.violations import place_of, violations
from .model import Migration, StatementEvidence, Unit
from .steps import Step
from .units import split_before, split_off

#: Words of statements that the server may refuse in a transaction: a hint, for when rows have to be counted.
_REFUSABLE = frozenset(
    {
        *(
            "concurrently",
            "vacuum",
            "cluster",
            "reindex",
            "database",
            "tablespace",
            "system",
            "subscription",
            "prepared",
        ),
        *("discard", "transaction", "commit", "rollback", "call", "value"),
    }
)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """``units``: as they will run on the target. ``error``: why the migrations do not apply, or None.

    ``written``: rows that the migrations wrote, by table as it is called afterwards; attempts that were split are not counted.
    """

    evidence: tuple[StatementEvidence, ...]
    units: tuple[Unit, ...]
    seconds: float
    error: str | None = None
    written: Mapping[str, int] = field(default_factory=dict)

    def without_keys(self) -> Rehearsal:
        """The same without values of users' rows."""
        return replace(
            self,
            evidence=tuple(
                replace(e, violation=replace(e.violation, keys=())) if e.violation else e
                for e in self.evidence
            ),
        )


def rehearse(
    conn: psycopg.Connection[Any],
    monitor: psycopg.Connection[Any],
    units: list[Unit],
    migrations: Mapping[str, Migration],
    recorder: Recorder,
    step: Step | None = None,
) -> Rehearsal:
    """Runs ``units`` on the clone through ``conn`` (autocommit), observed through ``monitor`` (autocommit)."""
    started = time.perf_counter()
    observer = Observer(monitor, migrations)
    observer.start(conn)
    try:
        done, left, error, written = _run_all(conn, units, migrations, recorder, observer, step)
    finally:
        observer.end(conn)
    order = {name: i for i, name in enumerate(migrations)}
    refs = sorted(observer.evidence, key=lambda ref: (order[ref.migration], ref.index))
    evidence = tuple(observer.evidence[r] for r in refs)
    return Rehearsal(evidence, (*done, *left), time.perf_counter() - started, error, written)


def _run_all(
    conn: psycopg.Connection[Any],
    units: list[Unit],
    migrations: Mapping[str, Migration],
    recorder: Recorder,
    observer: Observer,
    step: Step | None,
) -> tuple[list[Unit], list[Unit], str | None, Counter[str]]:
    """(units that ran, those that did not, why, rows written)."""
    queue: list[Unit] = list(units)
    done: list[Unit] = []
    total = sum(len(unit.statements) for unit in units)
    written: Counter[str] = Counter()
    outside: set[Unit] = set()
    before = written_so_far(conn, observer.monitor)

    def count_rows() -> None:
        nonlocal before
        after = written_so_far(conn, observer.monitor)
        written.update(difference(before, after))
        before = after

    while queue:
        unit = queue.pop(0)
        # What asks for no transaction is tried in one: it is the same for the server, and can be looked at from inside.
        alone = not unit.transactional and unit not in outside
        attempt = replace(unit, transactional=True) if alone else unit
        if alone or not all(_REFUSABLE.isdisjoint(observer.words[ref]) for ref in unit.statements):
            count_rows()
        try:
            run_unit(conn, attempt, migrations, recorder, observer, transaction=observer.transaction)
        except NotTogether as attempted:
            observer.one_by_one(attempt)
            written.subtract(attempted.written)
            queue.insert(0, unit)
            continue
        except StatementFailed as failure:
            observer.unit_failed()
            parts = _split(attempt, failure)
            if alone:  # as it was asked for
                parts = [unit]
                outside.add(unit)
            if parts is None:
                ref, error, violation = violations(
                    conn, attempt, failure.ref, migrations, failure.error, place_of(failure.__context__)
                )
                if failure.ref is not None:
                    observer.statement_failed(failure.ref, error, violation)
                elif ref is not None:
                    error = replace(error, message=f"{failure.place}: {error.message}")
                    observer.commit_failed(ref, error, violation)
                return done, [unit, *queue], str(failure), written
            outside.update(part for part in parts if not part.transactional)
            queue = parts + queue
            # The server counts what was rolled back, too.
            before = written_so_far(conn, observer.monitor)
            continue
        observer.unit_ended()
        done.append(unit)
        if step:
            step.progress(f"{sum(len(u.statements) for u in done)} of {total} statements")
    count_rows()
    return done, [], None, written


def written_so_far(conn: psycopg.Connection[Any], monitor: psycopg.Connection[Any]) -> dict[str, int]:
    """The server's counters of written rows by table, with all that ``conn`` has written. Both autocommit."""
    conn.execute("select pg_stat_force_next_flush()")
    return dict(monitor.execute(query("write_counters")).fetchall())


def difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """By how much each counter grew."""
    return {name: rows - before.get(name, 0) for name, rows in after.items() if rows > before.get(name, 0)}


def _split(unit: Unit, failure: StatementFailed) -> list[Unit] | None:
    """The unit in parts that the server may accept, or None when the failure is real."""
    if failure.ref is None or not unit.transactional:
        return None
    if failure.error.sqlstate in NOT_IN_TRANSACTION:
        return split_off(unit, failure.ref)
    if failure.error.sqlstate == NEEDS_COMMIT_BEFORE and failure.ref != unit.statements[0]:
        return split_before(unit, failure.ref)
    return None
