"""Measures statements as they run: locks, rewrites, scans, rows, objects, WAL.

Inside a transaction the session itself is asked after each statement, in one query that takes no lock and no transaction id.
Only relations that the statement locked are looked at, so the cost does not grow with the schema. The query is prepared, as to plan
it costs as much as to run it, and goes to the server along with the statement, as a journey there and back costs more than both. Plain
statements go several in one message (``together.py``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import psycopg

from ..db.splitter import words
from ..db.sql import query
from ..model import (
    Migration,
    StatementError,
    StatementEvidence,
    StatementRef,
    Unit,
    Violation,
)
from ..secret import redact_sql
from . import objects, together
from .gathering import BLOCK_WRITES, EXCLUSIVE, Fields, Gathering
from .known import Known
from .own import OwnWork
from .polling import Polled, polled
from .reading import Reading, State, position, reading_of
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
#: Words of statements that may give a relation another name.
_RENAMES = frozenset({"rename", "schema", "execute"})
#: Words of statements that would meet our prepared one, or read the message in which it comes along (db/sql/evidence_meets_us.sql).
_MEETS_US = frozenset(
    {"deallocate", "discard", "pg_prepared_statements", "current_query", "pg_stat_activity"}
)
#: Words of statements that make routines.
_ROUTINES = frozenset({"function", "procedure"})
#: A transaction can choose no isolation level after these anyhow.
_TAKES_SNAPSHOT = re.compile(
    r"(alter|create|drop|comment|grant|revoke|insert|update|delete|merge|truncate|select|with|do|refresh|analyze)\b",
    re.IGNORECASE,
)


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
        self._say_rename = {ref for ref, said in self.words.items() if not _RENAMES.isdisjoint(said)}
        self.evidence: dict[StatementRef, StatementEvidence] = {}
        self.known = Known()
        self._unit: Unit | None = None
        self._gathered = Gathering(self.known)
        self._started: dict[StatementRef, float] = {}
        self._measuring = 0.0
        self._asked = False
        self._failed_at = 0.0
        self._own = OwnWork(self.known, migrations, self.words)
        self._reading: str = reading_of("evidence_reading_whole")
        self._start: str = query("evidence_start")
        self._at_start: tuple[Any, ...] | None = None
        self._renamed: list[tuple[int, str, int | None]] = []
        self._together = False
        self._routines_alter = True
        self._small = True
        self._one_by_one: set[tuple[StatementRef, ...]] = set()
        self._finished: list[tuple[StatementRef, float, str | None, Fields]] = []
        self._comes_along = False
        self._poll = ExitStack()
        self._polled: Polled | None = None
        self._before: dict[int, State] = {}

    def start(self, conn: psycopg.Connection[Any]) -> None:
        """Once, before the first unit."""
        self._gathered.noting = objects.install(conn)
        self._look()
        self._prepare(conn)

    def _prepare(self, conn: psycopg.Connection[Any]) -> None:
        meet_us, alter = conn.execute(query("evidence_meets_us")).fetchone() or (True, True)
        self._routines_alter = alter or not all(_ROUTINES.isdisjoint(one) for one in self.words.values())
        if not meet_us and all(_MEETS_US.isdisjoint(one) for one in self.words.values()):
            prepared = self._reading.replace("{last}", "$1")
            conn.execute(f"prepare dbdeploy_reading (oid) as {prepared}".encode())
            self._reading = "execute dbdeploy_reading ({last})"
            own = reading_of("evidence_reading_own").replace("{table}", "$1")
            conn.execute(f"prepare dbdeploy_reading_own (text) as {own}".encode())
            conn.execute(f"prepare dbdeploy_start as {self._start}".encode())
            self._start = "execute dbdeploy_start"
            self._together = True

    def _query(self) -> bytes:
        """A reading: relations younger than those that were there before are of interest when they are written to."""
        return self._reading.replace("{last}", str(self.known.youngest())).encode()

    def _query_after(self, ref: StatementRef) -> bytes:
        written = self._own.written(ref) if self._together else None
        if written is None:
            return self._query()
        table = f"'{written}'" if written else "null"
        return f"execute dbdeploy_reading_own ({table})".encode()

    def _look(self) -> None:
        """What is there before anything is changed."""
        self.monitor.prepare_threshold = 0
        self.known.look(self.monitor)
        self._small = self.known.total_bytes() <= SMALL

    def end(self, conn: psycopg.Connection[Any]) -> None:
        """Once, after the last unit: nothing of ours stays in the clone."""
        if not conn.closed:
            for name in ("dbdeploy_reading", "dbdeploy_reading_own", "dbdeploy_start"):
                with suppress(psycopg.Error):
                    conn.execute(f"deallocate {name}".encode())
            with suppress(psycopg.Error):
                objects.remove(conn)

    # -- somebody else's work: a command, whose sessions and statements nobody sees -----------------------------

    def others_started(self) -> None:
        """Before the command starts."""
        self._look()
        self._before = self._read_states()
        self._gathered.begin(self._read_lsn())
        self._polled = self._poll.enter_context(polled(self.monitor, None))

    def others_ended(self, evidence: StatementEvidence) -> StatementEvidence:
        """After it: ``evidence`` with the locks that were seen, and what is written anew, scanned and changed since."""
        self._poll.close()
        return replace(evidence, **self._of_polling(self.monitor, evidence.statement, evidence.tag))

    # -- a unit ------------------------------------------------------------------------------------------------

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        self._unit = unit
        self._own.unit_started(unit)
        self._started, self._asked = {}, False
        if self._at_start is None:
            self._at_start = conn.execute(self._start.encode()).fetchone()
        self._gathered.begin(position(self._at_start[0]) if self._at_start else 0)
        self._at_start = None
        if not unit.transactional:
            self._before = self._read_states()
            self._polled = self._poll.enter_context(polled(self.monitor, conn.info.backend_pid))

    @contextmanager
    def transaction(self, conn: psycopg.Connection[Any], unit: Unit) -> Iterator[Sequence[StatementRef]]:
        """The unit's transaction, for ``run_unit``: gives the statements that are still to be run. Where the next one starts, and what is
        called otherwise now, is asked with the commit. NotTogether: to be run again."""
        statements = unit.statements if unit.transactional else ()
        try:
            left = self._run_in_messages(conn, statements) if self._may_go_together(unit) else statements
            if left is unit.statements:
                conn.execute(b"begin")
            yield left
            renamed = self._perhaps_renamed()
            names = b";" + self.known.names_query(renamed) if renamed else b""
            cursor = conn.execute(b"commit;" + self._start.encode() + names)
            cursor.nextset()
            self._at_start = cursor.fetchone()
            if cursor.nextset():
                self._renamed = cursor.fetchall()
        finally:
            if not conn.closed:
                conn.rollback()  # does nothing where it is committed

    def one_by_one(self, unit: Unit) -> None:
        """After NotTogether: from now on the unit's statements are messages of their own."""
        self._one_by_one.add(unit.statements)
        self._finished.clear()
        self._at_start = None

    def _may_go_together(self, unit: Unit) -> bool:
        if not self._together or not self._small or not unit.transactional:
            return False
        return unit.statements not in self._one_by_one and not together.numbers_may_differ(
            unit.statements, self.migrations, self.words, routines=self._routines_alter
        )

    def _run_in_messages(
        self, conn: psycopg.Connection[Any], statements: tuple[StatementRef, ...]
    ) -> tuple[StatementRef, ...]:
        """Runs the first of the statements, in as few messages as may be. The others; all of them where no transaction was begun."""
        left, begin = statements, b"begin;\n"
        while along := together.that_go_along(left, self.migrations, self.words):
            self._run_together(conn, along, begin)
            left, begin = left[len(along) :], b""
        return left

    def _run_together(
        self, conn: psycopg.Connection[Any], refs: Sequence[StatementRef], begin: bytes
    ) -> None:
        texts = [self.migrations[ref.migration].statements[ref.index].sql for ref in refs]
        began, at, took = self._clock(), 0.0, 0.0
        readings = [*map(self._query_after, refs[:-1]), self._query()]
        results = together.send(conn, begin, texts, readings)
        self._asked = True
        try:
            for ref, text, (tag, reading) in zip(refs, texts, results, strict=True):
                self._gathered.together = ref is not refs[-1]
                seconds = reading.began - at
                self._started[ref] = began + took
                renames, whole = ref in self._say_rename, ref is refs[-1] or self._own.written(ref) is None
                found = self._gathered.of_reading(conn, text, tag, reading, renames=renames, whole=whole)
                self._finished.append((ref, seconds, tag, found))
                at, took = reading.ended, took + seconds
        except NotTogether:
            raise NotTogether(written_in_vain(results[-1][1], self.known, self.monitor)) from None
        finally:
            self._gathered.together = False
        self._measuring += self._clock() - began - took

    def unit_ended(self) -> None:
        """The unit is committed: how long its locks were held is known, and names that it changed are read again."""
        now = self._clock()
        for ref, _, _, found in self._finished:
            if self._unit and self._unit.transactional:
                found["held_seconds"] = now - self._started[ref]
        self._gathered.committed()
        if self._unit and not self._unit.transactional and (renamed := self._perhaps_renamed()):
            self._renamed = self.known.ask(self.monitor, renamed)
        if self._may_have_renamed():
            self.known.name_again(self._renamed)
        self._renamed = []
        self._keep()

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

    def _perhaps_renamed(self) -> list[int]:
        """Relations of before the plan that the unit may have given another name."""
        return self._gathered.perhaps_renamed() if self._may_have_renamed() else []

    def _may_have_renamed(self) -> bool:
        return any(
            ref in self._say_rename or self._gathered.may_rename(tag, found.get("altered"))
            for ref, _, tag, found in self._finished
        )

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
        return b"\n;\n" + self._query_after(ref) if self._comes_along else b""

    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None:
        ended = self._clock()
        tag = cursor.statusmessage
        text = self.migrations[ref.migration].statements[ref.index].sql
        found: Fields = {}
        assert self._unit is not None
        if not self._unit.transactional:
            self._poll.close()
            self.known.made.clear()
            found = self._of_polling(conn, text, tag)
        elif self._comes_along:
            self._asked = True
            while cursor.nextset():
                pass
            reading = Reading(*cursor.fetchone() or ())
            ended = self._started[ref] + reading.began
            renames, whole = ref in self._say_rename, self._own.written(ref) is None
            found = self._gathered.of_reading(conn, text, tag, reading, renames=renames, whole=whole)
        elif self._asked or tag not in _NO_SNAPSHOT:
            self._asked = True
            reading = Reading(*conn.execute(self._query()).fetchone() or ())
            found = self._gathered.of_reading(conn, text, tag, reading, renames=ref in self._say_rename)
        elif tag == "LOCK TABLE":
            locks = self.monitor.execute(query("evidence_locks"), {"pid": conn.info.backend_pid})
            found = self._gathered.of_locks(text, set(locks.fetchall()))
        self._finished.append((ref, ended - self._started[ref], tag, found))
        self._measuring += self._clock() - ended

    def statement_failed(self, ref: StatementRef, error: StatementError, violation: Violation | None) -> None:
        seconds = self._failed_at - self._started[ref]
        self.evidence[ref] = self._evidence(ref, seconds, None, {"error": error, "violation": violation})

    def commit_failed(self, ref: StatementRef, error: StatementError, violation: Violation | None) -> None:
        """Of a statement that ran, and left what the commit refuses."""
        self.evidence[ref] = replace(self.evidence[ref], error=error, violation=violation)

    def _evidence(
        self, ref: StatementRef, seconds: float, tag: str | None, found: Fields
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

    def _of_polling(self, conn: psycopg.Connection[Any], text: str, tag: str | None) -> Fields:
        assert self._polled is not None
        lsn = self._read_lsn()
        noted = conn.execute(
            "select pg_catalog.current_setting('dbdeploy.seen', true), pg_catalog.pg_stat_force_next_flush()"
        ).fetchone()
        after = self._read_states()
        replaced = {
            (oid, EXCLUSIVE)
            for oid, state in after.items()
            if self._before.get(oid, state).filenode != state.filenode
        }
        # What got a new file was locked against everything, even when the poller was too slow to see it.
        locks = self._polled.locks | replaced
        found = self._gathered.of_locks(text, locks)
        strong = {(oid, mode) for oid, mode in locks if mode in BLOCK_WRITES and oid in self.known}
        found["lock_seconds"] = self._polled.seconds(strong, {oid: self.known[oid].name for oid, _ in strong})
        self._gathered.add_states(found, conn, tag, self._before, after)
        found["created"], found["altered"], found["dropped"] = objects.parse((noted and noted[0]) or "")[:3]
        found["wal_bytes"] = lsn - self._gathered.lsn
        self.known.filenodes.update({oid: state.filenode for oid, state in after.items()})
        return found

    def _read_lsn(self) -> int:
        row = self.monitor.execute("select (pg_current_wal_insert_lsn() - '0/0')::bigint").fetchone()
        return int(row[0]) if row else 0

    def _read_states(self) -> dict[int, State]:
        rows = self.monitor.execute(query("evidence_state")).fetchall()
        return {row[0]: State(*row[1:]) for row in rows}
