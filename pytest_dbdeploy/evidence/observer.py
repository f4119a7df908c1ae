"""Measures statements as they run: locks, rewrites, scans, rows, objects, WAL.

Inside a transaction the session itself is asked after each statement, in one query that takes no lock and no transaction id.
Only relations that the statement locked are looked at, so the cost does not grow with the schema. The query is prepared, as to plan
it costs as much as to run it, and goes to the server along with the statement, as a journey there and back costs more than both.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
from .polling import polled

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
#: Words of statements that would meet our prepared one, or read the message in which it comes along (db/sql/evidence_meets_us.sql).
_MEETS_US = re.compile(
    r"\b(deallocate|discard|pg_prepared_statements|current_query|pg_stat_activity)\b", re.IGNORECASE
)
#: A transaction can choose no isolation level after these anyhow.
_TAKES_SNAPSHOT = re.compile(
    r"(alter|create|drop|comment|grant|revoke|insert|update|delete|merge|truncate|select|with|do|refresh|analyze)\b",
    re.IGNORECASE,
)
_TABLES, _INDEXES = "rpmvf", "iI"
#: Fields of StatementEvidence.
_Fields = dict[str, Any]


class _State(NamedTuple):
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
        self._reading: str = query("evidence_reading")
        self._together = False
        self._last = 0
        self._finished: list[tuple[StatementRef, float, str | None, _Fields]] = []
        self._comes_along = False
        self._poll = ExitStack()
        self._polled: set[tuple[int, str]] | None = None
        self._before: dict[int, _State] = {}

    def start(self, conn: psycopg.Connection[Any]) -> None:
        """Once, before the first unit."""
        objects.install(conn)
        self._look()
        self._prepare(conn)

    def _prepare(self, conn: psycopg.Connection[Any]) -> None:
        self._last = max(self._known, default=0)
        texts = (statement.sql for one in self.migrations.values() for statement in one.statements)
        routines = conn.execute(query("evidence_meets_us")).fetchone()
        if routines == (False,) and not any(_MEETS_US.search(text) for text in texts):
            prepared = self._reading.replace("{last}", "$1")
            conn.execute(f"prepare dbdeploy_reading (oid) as {prepared}".encode())
            self._reading = "execute dbdeploy_reading ({last})"
            self._together = True

    def _query(self) -> bytes:
        return self._reading.replace("{last}", str(self._last)).encode()

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
                conn.execute("deallocate dbdeploy_reading")
            with suppress(psycopg.Error):
                objects.remove(conn)

    # -- somebody else's work: a command, whose sessions and statements nobody sees -----------------------------

    def others_started(self) -> None:
        """Before the command starts."""
        self._look()
        self._before = self._read_states()
        self._lsn = self._read_lsn()
        self._polled = self._poll.enter_context(polled(self.monitor, None))

    def others_ended(self, evidence: StatementEvidence) -> StatementEvidence:
        """After it: ``evidence`` with the locks that were seen, and what is written anew, scanned and changed since."""
        self._poll.close()
        return replace(evidence, **self._of_polling(self.monitor, evidence.statement, evidence.tag))

    # -- a unit ------------------------------------------------------------------------------------------------

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        self._unit = unit
        self._locks, self._states, self._started, self._asked = set(), {}, {}, False
        # An earlier transaction's counters are flushed now: in the middle of this one they would fall.
        row = conn.execute(query("evidence_start")).fetchone()
        self._lsn = row[0] if row else 0
        if not unit.transactional:
            self._before = self._read_states()
            self._polled = self._poll.enter_context(polled(self.monitor, conn.info.backend_pid))

    def unit_ended(self) -> None:
        """The unit is committed: how long its locks were held is known, and names that it changed are read again."""
        now = self._clock()
        for ref, _, _, found in self._finished:
            if self._unit and self._unit.transactional:
                found["held_seconds"] = now - self._started[ref]
        self._keep()
        for oid, state in self._states.items():
            self._filenodes[oid] = state.filenode
        if any(_RENAMES.search(self.evidence[ref].statement) for ref in self._started):
            self._rename([oid for oid, mode in self._locks if mode == _EXCLUSIVE])

    def unit_failed(self) -> None:
        """The unit is rolled back."""
        self._poll.close()
        self._keep()
        self._failed_at = self._clock()

    def _keep(self) -> None:
        for finished in self._finished:
            self.evidence[finished[0]] = self._evidence(*finished)
        self._finished.clear()

    def _rename(self, oids: list[int]) -> None:
        self._made.clear()
        for oid, name in self.monitor.execute(query("evidence_names"), {"oids": oids}):
            if oid in self._known:
                self._known[oid] = replace(self._known[oid], name=name)

    # -- a statement -------------------------------------------------------------------------------------------

    def _clock(self) -> float:
        """Seconds, without those that measuring took: no lock is held for them on the target."""
        return time.perf_counter() - self._measuring

    def statement_started(self, ref: StatementRef) -> bytes:
        """What is to be sent along in the same message."""
        statement = self.migrations[ref.migration].statements[ref.index]
        assert self._unit is not None
        self._comes_along = bool(
            self._together
            and self._unit.transactional
            and statement.data is None
            and (self._asked or _TAKES_SNAPSHOT.match(statement.sql))
        )
        self._started[ref] = self._clock()
        return b"\n;\n" + self._query() if self._comes_along else b""

    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None:
        ended = self._clock()
        tag = cursor.statusmessage
        text = self.migrations[ref.migration].statements[ref.index].sql
        found: _Fields = {}
        assert self._unit is not None
        if not self._unit.transactional:
            self._poll.close()
            found = self._of_polling(conn, text, tag)
        elif self._comes_along:
            self._asked = True
            while cursor.nextset():
                pass
            rows = cursor.fetchall()
            ended = self._started[ref] + rows[0][10]
            found = self._of_reading(conn, text, tag, rows)
        elif self._asked or tag not in _NO_SNAPSHOT:
            self._asked = True
            found = self._of_reading(conn, text, tag, conn.execute(self._query()).fetchall())
        elif tag == "LOCK TABLE":
            locks = self.monitor.execute(query("evidence_locks"), {"pid": conn.info.backend_pid})
            found = self._of_locks(text, set(locks.fetchall()))
        self._finished.append((ref, ended - self._started[ref], tag, found))
        self._measuring += self._clock() - ended

    def statement_failed(self, ref: StatementRef, error: StatementError, violation: Violation | None) -> None:
        seconds = self._failed_at - self._started[ref]
        self.evidence[ref] = self._evidence(ref, seconds, None, {"error": error, "violation": violation})

    def commit_failed(self, ref: StatementRef, error: StatementError, violation: Violation | None) -> None:
        """Of a statement that ran, and left what the commit refuses."""
        self.evidence[ref] = replace(self.evidence[ref], error=error, violation=violation)

    def _evidence(
        self, ref: StatementRef, seconds: float, tag: str | None, found: _Fields
    ) -> StatementEvidence:
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
            **found,
        )

    def _of_reading(
        self, conn: psycopg.Connection[Any], text: str, tag: str | None, rows: list[tuple[Any, ...]]
    ) -> _Fields:
        lsn, noted = rows[0][8:10]
        if rows[0][0] is None:  # no lock
            rows = []
        self._made.update((row[0], row[7]) for row in rows if row[7] is not None)
        # Most of what the transaction has locked is as the statement before left it.
        states = {row[0]: _State._make(row[2:7]) for row in rows}
        changed = {oid: now for oid, now in states.items() if self._states.get(oid) != now}
        earlier = {oid: self._states.get(oid) or _State(self._filenodes.get(oid)) for oid in changed}
        found = self._of_locks(text, {(row[0], row[1]) for row in rows})
        self._add_states(found, conn, tag, earlier, changed)
        found["created"], found["altered"], found["dropped"] = objects.parse(noted or "")
        found["wal_bytes"] = lsn - self._lsn
        self._states.update(changed)
        self._lsn = lsn
        return found

    def _of_polling(self, conn: psycopg.Connection[Any], text: str, tag: str | None) -> _Fields:
        assert self._polled is not None
        lsn = self._read_lsn()
        noted = conn.execute(
            "select pg_catalog.current_setting('dbdeploy.seen', true), pg_catalog.pg_stat_force_next_flush()"
        ).fetchone()
        after = self._read_states()
        replaced = {
            (oid, _EXCLUSIVE)
            for oid, state in after.items()
            if self._before.get(oid, state).filenode != state.filenode
        }
        # What got a new file was locked against everything, even when the poller was too slow to see it.
        found = self._of_locks(text, self._polled | replaced)
        self._add_states(found, conn, tag, self._before, after)
        found["created"], found["altered"], found["dropped"] = objects.parse((noted and noted[0]) or "")
        found["wal_bytes"] = lsn - self._lsn
        self._filenodes.update({oid: state.filenode for oid, state in after.items()})
        return found

    # -- parts of the evidence ---------------------------------------------------------------------------------

    def _of_locks(self, text: str, locks: set[tuple[int, str]]) -> _Fields:
        fresh = [lock for lock in locks - self._locks if lock[0] in self._known]
        # What the transaction has renamed is still known by its old name.
        exclusive = {oid for oid, mode in self._locks if mode == _EXCLUSIVE} if fresh else set()
        found = sorted((self._known[oid].name, mode, oid) for oid, mode in fresh)
        self._locks |= locks
        return {
            "locks": tuple(
                Lock(name, mode, oid in exclusive or _names(text, name)) for name, mode, oid in found
            ),
            "sizes": self._sizes(oid for _, _, oid in found),
        }

    def _add_states(
        self,
        found: _Fields,
        conn: psycopg.Connection[Any],
        tag: str | None,
        before: Mapping[int, _State],
        after: Mapping[int, _State],
    ) -> None:
        """What is written anew, scanned and changed. ``after``: those relations at least that are not as before."""
        replaced, scanned, written, gone = set(), set(), {}, set()
        locked = {oid for oid, mode in self._locks if mode in BLOCK_WRITES}
        for oid, now in after.items():
            was = before.get(oid, _State())
            if now[2:] != was[2:]:
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
        truncated = self._truncated(conn, tag or "", replaced)
        names = self._names_of(conn, written)
        found["rewritten"] = self._sorted(replaced - truncated, "rm")
        found["rebuilt"] = () if truncated else self._sorted(replaced, _INDEXES)
        found["scanned"] = self._sorted(scanned, "rm")
        found["truncated"] = self._sorted(truncated, "r")
        found["rows"] = {names[oid]: rows for oid, rows in written.items() if oid in names}
        found["sizes"].update(self._sizes(replaced | scanned))

    def _made_again(self, conn: psycopg.Connection[Any], indexes: set[int]) -> set[int]:
        """Of indexes that are gone, those that are there again under their name, with a new file: a type change makes them so."""
        if not indexes:
            return set()
        old = {self._known[oid].name: oid for oid in indexes}
        rebuilt = set()
        for oid, name, filenode in conn.execute(query("evidence_indexes"), {"names": list(old)}).fetchall():
            self._known[oid] = self._known[old[name]]
            self._last = max(self._last, oid)
            if filenode != self._filenodes.get(old[name]):
                rebuilt.add(oid)
            self._filenodes[oid] = filenode
        return rebuilt

    def _truncated(self, conn: psycopg.Connection[Any], tag: str, replaced: set[int]) -> set[int]:
        """Those of the tables with new files that were emptied on purpose."""
        tables = [oid for oid in replaced if self._known[oid].kind == "r"]
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
        names = ((oid, self._known[oid].name if oid in self._known else self._made.get(oid)) for oid in oids)
        return {oid: name for oid, name in names if name is not None}

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
