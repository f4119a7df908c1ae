"""Measures statements as they run: locks, rewrites, scans, rows, objects, WAL.

Inside a transaction the session itself is asked after each statement, in one query that takes no lock and no transaction id.
Only relations that the statement locked are looked at, so the cost does not grow with the schema.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from ..db.sql import query
from ..model import (
    Lock,
    Migration,
    RelationSize,
    RowCounts,
    StatementError,
    StatementEvidence,
    StatementRef,
    Unit,
    Violation,
)
from ..secret import redact_sql
from . import objects
from .polling import Poller

#: A transaction may still choose its isolation level after these; after a query of ours it could not.
_NO_SNAPSHOT = frozenset(
    {
        "SET",
        "RESET",
        "SHOW",
        "LOCK TABLE",
        "SAVEPOINT",
        "RELEASE",
        "LISTEN",
        "UNLISTEN",
        "NOTIFY",
        "DEALLOCATE",
    }
)
BLOCK_WRITES = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"})
_EXCLUSIVE = "AccessExclusiveLock"
#: Statements that may give a relation another name; what a block or a function does is not in its text.
_RENAMES = re.compile(r"\b(rename|schema)\b|^\s*(do|select|call|execute)\b", re.IGNORECASE)
_TABLES, _INDEXES = "rpmvf", "iI"


@dataclass(frozen=True, slots=True)
class _State:
    """Of one relation: file node; scans and written rows so far."""

    filenode: int | None = None
    scans: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """A relation that existed before the plan."""

    name: str
    kind: str
    size: RelationSize


class Observer:
    """``monitor``: a second session on the same server (autocommit), for what cannot be asked from inside."""

    def __init__(self, monitor: psycopg.Connection[Any], migrations: Mapping[str, Migration]) -> None:
        self.monitor = monitor
        self.migrations = migrations
        self.evidence: dict[StatementRef, StatementEvidence] = {}
        self._known: dict[int, _Known] = {}
        self._filenodes: dict[int, int | None] = {}
        self._made: dict[int, str] = {}
        self._unit: Unit | None = None
        self._locks: set[tuple[int, str]] = set()
        self._states: dict[int, _State] = {}
        self._started: dict[StatementRef, float] = {}
        self._measuring = 0.0
        self._asked = False
        self._failed_at = 0.0
        self._lsn = 0
        self._poll = ExitStack()
        self._poller: Poller | None = None
        self._before: dict[int, _State] = {}

    def start(self, conn: psycopg.Connection[Any]) -> None:
        """Once, before the first unit."""
        objects.install(conn)
        self._look()

    def _look(self) -> None:
        """What is there before anything is changed."""
        self.monitor.prepare_threshold = 0
        for oid, name, kind, filenode, rows, size in self.monitor.execute(query("evidence_relations")):
            self._known[oid] = _Known(name, kind, RelationSize(rows if rows >= 0 else None, size))
            self._filenodes[oid] = filenode

    def end(self, conn: psycopg.Connection[Any]) -> None:
        """Once, after the last unit: nothing of ours stays in the clone."""
        if not conn.closed:
            with suppress(psycopg.Error):  # its functions go with the session
                objects.remove(conn)

    # -- somebody else's work: a command, whose sessions and statements nobody sees -----------------------------

    def others_started(self) -> None:
        """Before the command starts."""
        self._look()
        self._before = self._read_states()
        self._lsn = self._read_lsn()
        self._poller = self._poll.enter_context(Poller(self.monitor, None))

    def others_ended(self, evidence: StatementEvidence) -> StatementEvidence:
        """After it: ``evidence`` with the locks that were seen, and what is written anew, scanned and changed since."""
        self._poll.close()
        return self._of_polling(self.monitor, evidence)

    # -- a unit ------------------------------------------------------------------------------------------------

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        self._unit = unit
        self._locks, self._states, self._started, self._asked = set(), {}, {}, False
        # An earlier transaction's counters are flushed now: in the middle of this one they would fall.
        row = conn.execute(query("evidence_start")).fetchone()
        self._lsn = row[0] if row else 0
        if not unit.transactional:
            self._before = self._read_states()
            self._poller = self._poll.enter_context(Poller(self.monitor, conn.info.backend_pid))

    def unit_ended(self) -> None:
        """The unit is committed: how long its locks were held is known, and names that it changed are read again."""
        now = self._clock()
        for ref, started in self._started.items():
            if self.evidence[ref].transactional:
                self.evidence[ref] = replace(self.evidence[ref], held_seconds=now - started)
        for oid, state in self._states.items():
            self._filenodes[oid] = state.filenode
        if any(_RENAMES.search(self.evidence[ref].statement) for ref in self._started):
            self._rename([oid for oid, mode in self._locks if mode == _EXCLUSIVE])

    def unit_failed(self) -> None:
        """The unit is rolled back."""
        self._poll.close()
        self._failed_at = self._clock()

    def _rename(self, oids: list[int]) -> None:
        for oid, name in self.monitor.execute(query("evidence_names"), {"oids": oids}):
            self._made.pop(oid, None)
            if oid in self._known:
                self._known[oid] = replace(self._known[oid], name=name)

    # -- a statement -------------------------------------------------------------------------------------------

    def statement_started(self, ref: StatementRef) -> None:
        self._started[ref] = self._clock()

    def _clock(self) -> float:
        """Seconds, without those that measuring took: no lock is held for them on the target."""
        return time.perf_counter() - self._measuring

    def statement_ended(self, conn: psycopg.Connection[Any], ref: StatementRef, tag: str | None) -> None:
        ended = self._clock()
        evidence = self._base(ref, ended - self._started[ref], tag)
        self.evidence[ref] = evidence
        assert self._unit is not None
        if not self._unit.transactional:
            self._poll.close()
            self.evidence[ref] = self._of_polling(conn, evidence)
        elif self._asked or tag not in _NO_SNAPSHOT:
            self._asked = True
            self.evidence[ref] = self._of_reading(conn, evidence)
        elif tag == "LOCK TABLE":
            rows = self.monitor.execute(query("evidence_locks"), {"pid": conn.info.backend_pid})
            self.evidence[ref] = self._with_locks(evidence, set(rows.fetchall()))
        self._measuring += self._clock() - ended

    def statement_failed(self, ref: StatementRef, error: StatementError, violation: Violation | None) -> None:
        seconds = self._failed_at - self._started[ref]
        self.evidence[ref] = replace(self._base(ref, seconds, None), error=error, violation=violation)

    def _base(self, ref: StatementRef, seconds: float, tag: str | None) -> StatementEvidence:
        assert self._unit is not None
        migration = self.migrations[ref.migration]
        statement = migration.statements[ref.index]
        return StatementEvidence(
            migration=migration.name,
            file=migration.file,
            line=statement.line,
            statement=redact_sql(statement.sql),
            tag=tag,
            duration_seconds=seconds,
            transactional=self._unit.transactional,
        )

    def _of_reading(self, conn: psycopg.Connection[Any], evidence: StatementEvidence) -> StatementEvidence:
        rows = conn.execute(query("evidence_reading")).fetchall()
        locks = {(row[0], row[1]) for row in rows if row[0] is not None}
        states = {row[0]: _State(*row[2:7]) for row in rows if row[0] is not None}
        created, altered, dropped = objects.parse("".join(row[8] or "" for row in rows))
        evidence = self._with_locks(evidence, locks)
        evidence = self._with_states(conn, evidence, self._earlier(states), states)
        lsn = rows[0][7]
        evidence = replace(
            evidence, wal_bytes=lsn - self._lsn, created=created, altered=altered, dropped=dropped
        )
        self._states.update(states)
        self._lsn = lsn
        return evidence

    def _earlier(self, oids: Iterable[int]) -> dict[int, _State]:
        """What was known of relations before the statement: counters of a transaction begin at nought."""
        return {oid: self._states.get(oid) or _State(self._filenodes.get(oid)) for oid in oids}

    def _of_polling(self, conn: psycopg.Connection[Any], evidence: StatementEvidence) -> StatementEvidence:
        assert self._poller is not None
        lsn = self._read_lsn()
        noted = conn.execute(
            "select pg_catalog.current_setting('dbdeploy.seen', true), pg_catalog.pg_stat_force_next_flush()"
        ).fetchone()
        created, altered, dropped = objects.parse((noted and noted[0]) or "")
        after = self._read_states()
        replaced = {
            (oid, _EXCLUSIVE)
            for oid, state in after.items()
            if self._before.get(oid, state).filenode != state.filenode
        }
        # What got a new file was locked against everything, even when the poller was too slow to see it.
        evidence = self._with_locks(evidence, self._poller.locks | replaced)
        evidence = self._with_states(conn, evidence, self._before, after)
        self._filenodes.update({oid: state.filenode for oid, state in after.items()})
        return replace(evidence, wal_bytes=lsn - self._lsn, created=created, altered=altered, dropped=dropped)

    # -- parts of the evidence ---------------------------------------------------------------------------------

    def _with_locks(self, evidence: StatementEvidence, locks: set[tuple[int, str]]) -> StatementEvidence:
        exclusive = {oid for oid, mode in self._locks if mode == _EXCLUSIVE}
        found = sorted(
            (self._known[oid].name, mode, oid) for oid, mode in locks - self._locks if oid in self._known
        )
        self._locks |= locks
        return replace(
            evidence,
            # What the transaction has renamed is still known by its old name.
            locks=tuple(
                Lock(name, mode, oid in exclusive or _names(evidence.statement, name))
                for name, mode, oid in found
            ),
            sizes=self._sizes(oid for _, _, oid in found),
        )

    def _with_states(
        self,
        conn: psycopg.Connection[Any],
        evidence: StatementEvidence,
        before: Mapping[int, _State],
        after: Mapping[int, _State],
    ) -> StatementEvidence:
        replaced, scanned, written, gone = set(), set(), {}, set()
        locked = {oid for oid, mode in self._locks if mode in BLOCK_WRITES}
        for oid, now in after.items():
            was = before.get(oid, _State())
            # The counters of a transaction are set back by TRUNCATE.
            rows = RowCounts(
                max(0, now.inserted - was.inserted),
                max(0, now.updated - was.updated),
                max(0, now.deleted - was.deleted),
            )
            if rows != RowCounts():
                written[oid] = rows
            if oid not in self._known or self._known[oid].kind == "S":
                continue
            if was.filenode is not None and now.filenode is None:
                gone.add(oid)
            elif was.filenode != now.filenode:
                replaced.add(oid)
            elif now.scans > was.scans and oid in locked:
                scanned.add(oid)
        replaced |= self._made_again(conn, {oid for oid in gone if self._known[oid].kind == "i"})
        truncated = self._truncated(conn, evidence, replaced)
        names = self._names_of(conn, written)
        return replace(
            evidence,
            rewritten=self._sorted(replaced - truncated, "rm"),
            rebuilt=() if truncated else self._sorted(replaced, _INDEXES),
            scanned=self._sorted(scanned, "rm"),
            truncated=self._sorted(truncated, "r"),
            rows={names[oid]: rows for oid, rows in written.items() if oid in names},
            sizes={**evidence.sizes, **self._sizes(replaced | scanned)},
        )

    def _made_again(self, conn: psycopg.Connection[Any], indexes: set[int]) -> set[int]:
        """Of indexes that are gone, those that are there again under their name, with a new file: a type change makes them so."""
        if not indexes:
            return set()
        old = {self._known[oid].name: oid for oid in indexes}
        rebuilt = set()
        for oid, name, filenode in conn.execute(query("evidence_indexes"), {"names": list(old)}).fetchall():
            self._known[oid] = self._known[old[name]]
            if filenode != self._filenodes.get(old[name]):
                rebuilt.add(oid)
            self._filenodes[oid] = filenode
        return rebuilt

    def _truncated(
        self, conn: psycopg.Connection[Any], evidence: StatementEvidence, replaced: set[int]
    ) -> set[int]:
        """Those of the tables with new files that were emptied on purpose."""
        tables = [oid for oid in replaced if self._known[oid].kind == "r"]
        tag = evidence.tag or ""
        if not tables or tag.startswith(("ALTER", "CREATE", "DROP", "CLUSTER", "VACUUM")):
            return set()
        if tag == "TRUNCATE TABLE":
            return set(tables)
        rows = conn.execute(
            "select oid::bigint from pg_catalog.pg_class where oid = any(%s) and pg_catalog.pg_relation_size(oid) = 0",
            [tables],
        )
        return {row[0] for row in rows}

    def _names_of(self, conn: psycopg.Connection[Any], oids: Iterable[int]) -> dict[int, str]:
        """Names of tables, those too that the plan itself has made."""
        unknown = [oid for oid in oids if oid not in self._known and oid not in self._made]
        if unknown:
            self._made.update(conn.execute(query("evidence_names"), {"oids": unknown}).fetchall())
        return self._made | {oid: self._known[oid].name for oid in oids if oid in self._known}

    def _sorted(self, oids: Iterable[int], kinds: str) -> tuple[str, ...]:
        return tuple(sorted(self._known[oid].name for oid in oids if self._known[oid].kind in kinds))

    def _sizes(self, oids: Iterable[int]) -> dict[str, RelationSize]:
        known = (self._known[oid] for oid in oids)
        return {one.name: one.size for one in known if one.kind in _TABLES}

    def _read_lsn(self) -> int:
        row = self.monitor.execute("select (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
        return int(row[0]) if row else 0

    def _read_states(self) -> dict[int, _State]:
        rows = self.monitor.execute(query("evidence_state")).fetchall()
        return {row[0]: _State(*row[1:]) for row in rows}


def _names(statement: str, relation: str) -> bool:
    """Whether the statement's text names the relation: its bare name as a word, quoted or not."""
    bare = relation.rsplit(".", 1)[-1].strip('"')
    return re.search(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", statement, re.IGNORECASE) is not None
