"""The plan carried out on the sandbox: what each statement did there is the evidence, and the server is the judge.

While it runs, the units are corrected: a statement that the server refuses in a transaction block is split off.
"""

from __future__ import annotations

import re
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
from .model import Lock, Migration, RowCounts, StatementError, StatementEvidence, StatementRef, Unit
from .secret import redact_sql
from .steps import Step
from .units import split_before, split_off


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


@dataclass(frozen=True, slots=True)
class _Counters:
    """Of one relation, inside the migrating session: file node, and rows written by its transaction so far."""

    filenode: int | None
    inserted: int
    updated: int
    deleted: int


class Observer:
    """Measures statements: ``monitor`` is a second session on the same server, which sees what the first one has locked."""

    def __init__(self, monitor: psycopg.Connection[Any], migrations: Mapping[str, Migration]) -> None:
        self.monitor = monitor
        self.migrations = migrations
        self.evidence: dict[StatementRef, StatementEvidence] = {}
        self.names: dict[int, str] = {}
        self.kinds: dict[int, str] = {}
        self._pid = 0
        self._transactional = True
        self._locks: set[tuple[int, str]] = set()
        self._counters: dict[int, _Counters] = {}
        self._lsn = 0
        self._clock = 0.0

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        self._pid = conn.info.backend_pid
        self._transactional = unit.transactional
        self._locks = set()
        rows = self.monitor.execute(query("evidence_relations")).fetchall()
        self.names = {oid: name for oid, name, _ in rows}
        self.kinds = {oid: kind for oid, _, kind in rows}
        # pending counters of an earlier transaction would be flushed, and so fall, in the middle of this one
        conn.execute("select pg_stat_force_next_flush()")
        self._counters = self._read_counters(conn)
        self._lsn = self._read_lsn()

    def statement_started(self, ref: StatementRef) -> None:
        self._clock = time.perf_counter()

    def statement_ended(self, conn: psycopg.Connection[Any], ref: StatementRef, tag: str | None) -> None:
        evidence = self._base(ref, time.perf_counter() - self._clock, tag)
        if not self._transactional:
            self.evidence[ref] = evidence
            return
        locks = self._read_locks()
        lsn = self._read_lsn()
        evidence = replace(
            evidence, locks=self._new_locks(locks, evidence.statement), wal_bytes=lsn - self._lsn
        )
        self._locks, self._lsn = locks, lsn
        if tag != "SET":  # a query before SET TRANSACTION ISOLATION LEVEL would break it
            counters = self._read_counters(conn)
            evidence = self._with_counters(evidence, counters)
            self._counters = counters
        self.evidence[ref] = evidence

    def statement_failed(self, ref: StatementRef, error: StatementError) -> None:
        self.evidence[ref] = replace(self._base(ref, time.perf_counter() - self._clock, None), error=error)

    def _base(self, ref: StatementRef, seconds: float, tag: str | None) -> StatementEvidence:
        migration = self.migrations[ref.migration]
        statement = migration.statements[ref.index]
        return StatementEvidence(
            migration=migration.name,
            file=migration.file,
            line=statement.line,
            statement=redact_sql(statement.sql),
            tag=tag,
            duration_seconds=seconds,
            transactional=self._transactional,
        )

    def _read_locks(self) -> set[tuple[int, str]]:
        rows = self.monitor.execute(
            "select relation, mode from pg_locks where pid = %s and locktype = 'relation' and granted",
            [self._pid],
        ).fetchall()
        return {(oid, mode) for oid, mode in rows if oid in self.names and self.kinds[oid] not in "iIS"}

    def _new_locks(self, locks: set[tuple[int, str]], statement: str) -> tuple[Lock, ...]:
        found = {(self.names[oid], mode) for oid, mode in locks - self._locks}
        return tuple(Lock(name, mode, _names(statement, name)) for name, mode in sorted(found))

    def _read_lsn(self) -> int:
        row = self.monitor.execute("select (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
        return int(row[0]) if row else 0

    def _read_counters(self, conn: psycopg.Connection[Any]) -> dict[int, _Counters]:
        return {row[0]: _Counters(*row[1:]) for row in conn.execute(query("evidence_counters")).fetchall()}

    def _with_counters(self, evidence: StatementEvidence, now: dict[int, _Counters]) -> StatementEvidence:
        rewritten: list[str] = []
        rebuilt: list[str] = []
        rows: dict[str, RowCounts] = {}
        for oid, name in self.names.items():
            old, new = self._counters.get(oid), now.get(oid)
            if old is None or new is None:
                continue
            if old.filenode != new.filenode and self.kinds[oid] != "S":
                (rebuilt if self.kinds[oid] in "iI" else rewritten).append(name)
            # the counters of an aborted transaction may still be in the old reading: never below zero
            written = RowCounts(
                max(0, new.inserted - old.inserted),
                max(0, new.updated - old.updated),
                max(0, new.deleted - old.deleted),
            )
            if written != RowCounts():
                rows[name] = written
        return replace(
            evidence, rewritten=tuple(sorted(rewritten)), rebuilt=tuple(sorted(rebuilt)), rows=rows
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
    queue, done = list(units), []
    total = sum(len(unit.statements) for unit in units)
    error: str | None = None
    written: Counter[str] = Counter()
    while queue:
        unit = queue.pop(0)
        before = written_so_far(conn, monitor)
        try:
            run_unit(conn, unit, migrations, recorder, observer)
        except StatementFailed as failure:
            parts = _split(unit, failure)
            if parts is None:
                if failure.ref is not None:
                    observer.statement_failed(failure.ref, failure.error)
                error = str(failure)
                break
            queue = parts + queue
            continue
        written.update(difference(before, written_so_far(conn, monitor)))
        done.append(unit)
        if step:
            step.progress(f"{sum(len(u.statements) for u in done)} of {total} statements")
    order = {name: i for i, name in enumerate(migrations)}
    refs = sorted(observer.evidence, key=lambda ref: (order[ref.migration], ref.index))
    evidence = tuple(observer.evidence[r] for r in refs)
    return Rehearsal(evidence, (*done, *queue), time.perf_counter() - started, error, written)


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


def _names(statement: str, relation: str) -> bool:
    """Whether the statement's text names the relation: its bare name as a word, quoted or not."""
    bare = relation.rsplit(".", 1)[-1].strip('"')
    return re.search(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", statement, re.IGNORECASE) is not None
