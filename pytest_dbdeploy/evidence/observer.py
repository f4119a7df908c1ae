"""Measures statements as they run: locks, rewrites, scans, rows, objects, WAL.

Inside a transaction the session itself is asked after each statement, in one query that takes no lock and no transaction id.
Only relations that the statement locked are looked at, so the cost does not grow with the schema. The query is prepared, as to plan
it costs as much as to run it, and goes to the server along with the statement, as a journey there and back costs more than both. Plain
statements go several in one message (``together.py``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from ..db.splitter import words
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
from . import objects, together
from .polling import Polled, polled
from .reading import Reading, State, entry, names
from .together import SMALL, NotTogether, written_in_vain

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
#: Words and tags of statements that may give a relation another name; what a block or a function does is not in its text.
_RENAMES = frozenset({"rename", "schema", "execute"})
_MAY_RENAME = ("DO", "SELECT", "CALL")
#: Words of statements that would meet our prepared one, or read the message in which it comes along (db/sql/evidence_meets_us.sql).
_MEETS_US = frozenset(
    {"deallocate", "discard", "pg_prepared_statements", "current_query", "pg_stat_activity"}
)
#: A transaction can choose no isolation level after these anyhow.
_TAKES_SNAPSHOT = re.compile(
    r"(alter|create|drop|comment|grant|revoke|insert|update|delete|merge|truncate|select|with|do|refresh|analyze)\b",
    re.IGNORECASE,
)
_TABLES, _INDEXES = "rpmvf", "iI"
#: Fields of StatementEvidence.
_Fields = dict[str, Any]


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
        self.words = {
            StatementRef(one.name, i): words(statement.sql)
            for one in migrations.values()
            for i, statement in enumerate(one.statements)
        }
        self.evidence: dict[StatementRef, StatementEvidence] = {}
        self._known: dict[int, _Known] = {}
        self._filenodes: dict[int, int | None] = {}
        self._made: dict[int, str] = {}
        self._unit: Unit | None = None
        self._locks: set[tuple[int, str]] = set()
        self._states: dict[int, State] = {}
        self._entries: set[str] = set()
        self._started: dict[StatementRef, float] = {}
        self._measuring = 0.0
        self._asked = False
        self._failed_at = 0.0
        self._lsn = 0
        self._reading: str = query("evidence_reading")
        self._query = b""
        self._start: str = query("evidence_start")
        self._at_start: tuple[Any, ...] | None = None
        self._together = False
        self._small = True
        self._one_by_one: set[tuple[StatementRef, ...]] = set()
        self._in_one_message = False
        self._last = 0
        self._finished: list[tuple[StatementRef, float, str | None, _Fields]] = []
        self._comes_along = False
        self._poll = ExitStack()
        self._polled: Polled | None = None
        self._before: dict[int, State] = {}

    def start(self, conn: psycopg.Connection[Any]) -> None:
        """Once, before the first unit."""
        objects.install(conn)
        self._look()
        self._prepare(conn)

    def _prepare(self, conn: psycopg.Connection[Any]) -> None:
        routines = conn.execute(query("evidence_meets_us")).fetchone()
        if routines == (False,) and all(_MEETS_US.isdisjoint(one) for one in self.words.values()):
            prepared = self._reading.replace("{last}", "$1")
            conn.execute(f"prepare dbdeploy_reading (oid) as {prepared}".encode())
            self._reading = "execute dbdeploy_reading ({last})"
            conn.execute(f"prepare dbdeploy_start as {self._start}".encode())
            self._start = "execute dbdeploy_start"
            self._together = True
        self._set_last(max(self._known, default=0))

    def _set_last(self, oid: int) -> None:
        """The youngest relation that is of interest even when it is not written to."""
        self._last = oid
        self._query = self._reading.replace("{last}", str(oid)).encode()

    def _look(self) -> None:
        """What is there before anything is changed."""
        self.monitor.prepare_threshold = 0
        for oid, name, kind, filenode, rows, size in self.monitor.execute(query("evidence_relations")):
            self._known[oid] = _Known(name, kind, RelationSize(rows if rows >= 0 else None, size))
            self._filenodes[oid] = filenode
        self._small = sum(one.size.bytes for one in self._known.values()) <= SMALL

    def end(self, conn: psycopg.Connection[Any]) -> None:
        """Once, after the last unit: nothing of ours stays in the clone."""
        if not conn.closed:
            for name in ("dbdeploy_reading", "dbdeploy_start"):
                with suppress(psycopg.Error):
                    conn.execute(f"deallocate {name}".encode())
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
        self._entries = set()
        if self._at_start is None:
            self._at_start = conn.execute(self._start.encode()).fetchone()
        self._lsn = self._at_start[0] if self._at_start else 0
        self._at_start = None
        if not unit.transactional:
            self._before = self._read_states()
            self._polled = self._poll.enter_context(polled(self.monitor, conn.info.backend_pid))

    @contextmanager
    def transaction(self, conn: psycopg.Connection[Any], unit: Unit) -> Iterator[Sequence[StatementRef]]:
        """The unit's transaction, for ``run_unit``: gives the statements that are still to be run. Where the next one starts is asked with
        the commit. NotTogether: to be run again."""
        statements = unit.statements if unit.transactional else ()
        along: tuple[StatementRef, ...] = ()
        if self._together and self._small and statements and statements not in self._one_by_one:
            along = together.that_go_along(statements, self.migrations, self.words)
        try:
            if along:
                self._run_together(conn, along)
            else:
                conn.execute(b"begin")
            yield statements[len(along) :]
            cursor = conn.execute(b"commit;" + self._start.encode())
            cursor.nextset()
            self._at_start = cursor.fetchone()
        finally:
            if not conn.closed:
                conn.rollback()  # does nothing where it is committed

    def one_by_one(self, unit: Unit) -> None:
        """After NotTogether: from now on the unit's statements are messages of their own."""
        self._one_by_one.add(unit.statements)
        self._finished.clear()
        self._at_start = None

    def _run_together(self, conn: psycopg.Connection[Any], refs: Sequence[StatementRef]) -> None:
        texts = [self.migrations[ref.migration].statements[ref.index].sql for ref in refs]
        began, at, took = self._clock(), 0.0, 0.0
        results = together.send(conn, texts, self._query)
        self._asked = self._in_one_message = True
        try:
            for ref, text, (tag, reading) in zip(refs, texts, results, strict=True):
                seconds = reading.began - at
                self._started[ref] = began + took
                self._finished.append((ref, seconds, tag, self._of_reading(conn, text, tag, reading)))
                at, took = reading.ended, took + seconds
        except NotTogether:
            names_now = {oid: one.name for oid, one in self._known.items()}
            raise NotTogether(written_in_vain(results[-1][1], names_now, self._filenodes)) from None
        finally:
            self._in_one_message = False
        self._measuring += self._clock() - began - took

    def _ask_now(self) -> None:
        """Before something is asked that the next statement may change."""
        if self._in_one_message:
            raise NotTogether

    def unit_ended(self) -> None:
        """The unit is committed: how long its locks were held is known, and names that it changed are read again."""
        now = self._clock()
        for ref, _, _, found in self._finished:
            if self._unit and self._unit.transactional:
                found["held_seconds"] = now - self._started[ref]
        self._keep()
        for oid, state in self._states.items():
            self._filenodes[oid] = state.filenode
        if any(self._may_rename(ref, self.evidence[ref].tag) for ref in self._started):
            self._rename([oid for oid, mode in self._locks if mode == _EXCLUSIVE])

    def unit_failed(self) -> None:
        """The unit is rolled back."""
        self._poll.close()
        self._keep()
        self._at_start = None
        self._failed_at = self._clock()

    def _keep(self) -> None:
        for finished in self._finished:
            self.evidence[finished[0]] = self._evidence(*finished)
        self._finished.clear()

    def _may_rename(self, ref: StatementRef, tag: str | None) -> bool:
        return not _RENAMES.isdisjoint(self.words[ref]) or (tag or "").startswith(_MAY_RENAME)

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
        return b"\n;\n" + self._query if self._comes_along else b""

    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None:
        ended = self._clock()
        tag = cursor.statusmessage
        text = self.migrations[ref.migration].statements[ref.index].sql
        found: _Fields = {}
        assert self._unit is not None
        if self._may_rename(ref, tag):
            self._made.clear()
        if not self._unit.transactional:
            self._poll.close()
            found = self._of_polling(conn, text, tag)
        elif self._comes_along:
            self._asked = True
            while cursor.nextset():
                pass
            reading = Reading(*cursor.fetchone() or ())
            ended = self._started[ref] + reading.began
            found = self._of_reading(conn, text, tag, reading)
        elif self._asked or tag not in _NO_SNAPSHOT:
            self._asked = True
            reading = Reading(*conn.execute(self._query).fetchone() or ())
            found = self._of_reading(conn, text, tag, reading)
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
        self, conn: psycopg.Connection[Any], text: str, tag: str | None, reading: Reading
    ) -> _Fields:
        found: _Fields = {"wal_bytes": reading.lsn - self._lsn}
        self._lsn = reading.lsn
        if reading.noted:
            seen = objects.parse(reading.noted)
            self._made.update(seen.tables)
            found["created"], found["altered"], found["dropped"] = seen[:3]
        entries = set(reading.locked.split(",")) if reading.locked else set()
        # Most of what the transaction has locked is as the statement before left it.
        fresh = [entry(one) for one in entries - self._entries]
        self._entries = entries
        if fresh:
            changed = {oid: now for oid, _, now in fresh if self._states.get(oid) != now}
            earlier = {oid: self._states.get(oid) or State(self._filenodes.get(oid)) for oid in changed}
            found |= self._of_locks(text, {(oid, mode) for oid, mode, _ in fresh})
            if changed:
                self._states.update(changed)
                self._add_states(found, conn, tag, earlier, changed)
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
        locks = self._polled.locks | replaced
        found = self._of_locks(text, locks)
        strong = {(oid, mode) for oid, mode in locks if mode in BLOCK_WRITES and oid in self._known}
        names_of = {oid: self._known[oid].name for oid, _ in strong}
        found["lock_seconds"] = self._polled.seconds(strong, names_of)
        self._add_states(found, conn, tag, self._before, after)
        found["created"], found["altered"], found["dropped"], _ = objects.parse((noted and noted[0]) or "")
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
                Lock(name, mode, oid in exclusive or names(text, name)) for name, mode, oid in found
            ),
            "sizes": self._sizes(oid for _, _, oid in found),
        }

    def _add_states(
        self,
        found: _Fields,
        conn: psycopg.Connection[Any],
        tag: str | None,
        before: Mapping[int, State],
        after: Mapping[int, State],
    ) -> None:
        """What is written anew, scanned and changed. ``after``: those relations at least that are not as before."""
        replaced, scanned, written, gone = set(), set(), {}, set()
        locked = {oid for oid, mode in self._locks if mode in BLOCK_WRITES}
        for oid, now in after.items():
            was = before.get(oid, State())
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
        self._ask_now()
        old = {self._known[oid].name: oid for oid in indexes}
        rebuilt = set()
        for oid, name, filenode in conn.execute(query("evidence_indexes"), {"names": list(old)}).fetchall():
            self._known[oid] = self._known[old[name]]
            self._set_last(max(self._last, oid))
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
        self._ask_now()
        rows = conn.execute(
            "select oid::bigint from pg_catalog.pg_class where oid = any(%s) and pg_catalog.pg_relation_size(oid) = 0",
            [tables],
        )
        return {row[0] for row in rows}

    def _names_of(self, conn: psycopg.Connection[Any], oids: Iterable[int]) -> dict[int, str]:
        """Names of tables, those too that the plan itself has made."""
        unknown = [oid for oid in oids if oid not in self._known and oid not in self._made]
        if unknown:
            self._ask_now()
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

    def _read_states(self) -> dict[int, State]:
        rows = self.monitor.execute(query("evidence_state")).fetchall()
        return {row[0]: State(*row[1:]) for row in rows}
