"""The plan carried out on the sandbox: what each statement did there is the evidence, and the server is the judge.

While it runs, the units are corrected: a statement that the server refuses in a transaction block is split off.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
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
from .evidence.sequences import States, put_back, sequence_states
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

    def shown(self, mask: Callable[[str], str], *, keys: bool) -> Rehearsal:
        """The same with the values that may be shown: the server's words as ``mask`` leaves them, and the keys of rows at fault, or none."""
        evidence = tuple(
            replace(
                e,
                error=e.error
                and replace(
                    e.error, message=mask(e.error.message), detail=e.error.detail and mask(e.error.detail)
                ),
                violation=e.violation and (e.violation if keys else replace(e.violation, keys=())),
            )
            for e in self.evidence
        )
        return replace(self, evidence=evidence, error=self.error and mask(self.error))


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
        run = _Run(conn, units, migrations, recorder, observer)
        error = run.all(step)
    finally:
        observer.end(conn)
    order = {name: i for i, name in enumerate(migrations)}
    refs = sorted(observer.evidence, key=lambda ref: (order[ref.migration], ref.index))
    evidence = tuple(observer.evidence[r] for r in refs)
    return Rehearsal(evidence, (*run.done, *run.left), time.perf_counter() - started, error, run.written)


class _Run:
    """``done``, ``left``: units that ran, and those that did not yet. ``written``: rows, by table."""

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        units: list[Unit],
        migrations: Mapping[str, Migration],
        recorder: Recorder,
        observer: Observer,
    ) -> None:
        self.conn = conn
        self.migrations = migrations
        self.recorder = recorder
        self.observer = observer
        self.done: list[Unit] = []
        self.left = list(units)
        self.written: Counter[str] = Counter()
        self._counted = written_so_far(conn, observer.monitor)
        self._outside: set[Unit] = set()
        self._sequences: States = {}  # before the unit, where it may be refused

    def all(self, step: Step | None) -> str | None:
        """Runs the units; why not all of them, or None."""
        total = sum(len(unit.statements) for unit in self.left)
        while self.left:
            done = len(self.done)
            error = self._next()
            if error is not None:
                return error
            if step and len(self.done) > done:
                step.progress(f"{sum(len(u.statements) for u in self.done)} of {total} statements")
        self._count_rows()
        return None

    def _next(self) -> str | None:
        """Runs the next unit, or puts others in its place that are to be run instead; why neither helps, or None."""
        unit = self.left[0]
        # What asks for no transaction is tried in one: it is the same for the server, and can be looked at from inside.
        alone = not unit.transactional and unit not in self._outside
        attempt = replace(unit, transactional=True) if alone else unit
        words = self.observer.words
        self._sequences = {}
        if alone or not all(_REFUSABLE.isdisjoint(words[ref]) for ref in unit.statements):
            self._count_rows()
            self._sequences = sequence_states(self.observer.monitor)
        try:
            run_unit(
                self.conn,
                attempt,
                self.migrations,
                self.recorder,
                self.observer,
                transaction=self.observer.transaction,
            )
        except NotTogether as attempted:
            self.observer.one_by_one(attempt)
            self.written.subtract(attempted.written)
            return None
        except StatementFailed as failure:
            self.observer.unit_failed()
            parts = [unit] if alone else _split(attempt, failure)  # alone: as it was asked for
            if parts is None:
                self._explain(attempt, failure)
                return str(failure)
            put_back(self.observer.monitor, self._sequences)
            self._outside.update(part for part in parts if not part.transactional)
            self.left[:1] = parts
            # The server counts what was rolled back, too.
            self._counted = written_so_far(self.conn, self.observer.monitor)
            return None
        self.observer.unit_ended()
        self.done.append(self.left.pop(0))
        return None

    def _explain(self, unit: Unit, failure: StatementFailed) -> None:
        """Which rows are at fault, as evidence of the statement that failed, or that left what the commit refuses."""
        ref, error, violation = violations(
            self.conn, unit, failure.ref, self.migrations, failure.error, place_of(failure.__context__)
        )
        if failure.ref is not None:
            self.observer.statement_failed(failure.ref, error, violation)
        elif ref is not None:
            error = replace(error, message=f"{failure.place}: {error.message}")
            self.observer.commit_failed(ref, error, violation)

    def _count_rows(self) -> None:
        after = written_so_far(self.conn, self.observer.monitor)
        self.written.update(difference(self._counted, after))
        self._counted = after


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
