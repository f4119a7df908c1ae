"""Rows that others wrote since the backup, and which a restore would lose: told by their transactions, and noted before they are written over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from .. import journal
from ..actions.restore_writes import Writes
from ..actions.restore_writes import rows_written_since as exact_rows_written_since
from ..compare.names import split_name
from ..compare.rows import count_rows
from ..db.sql import query
from ..errors import StateError
from ..model import RowsWritten, StatementEvidence, StatementRef, Unit
from ..reports.artifacts import JOURNAL
from .before import Before

#: The journal's event: what others wrote to a table between the backup and the statement of ours that is about to write over it.
WRITES = "writes-before"
#: The journal's event: the transaction in which a restore is about to be committed.
RESTORED = "restore-committing"


@dataclass(frozen=True, slots=True)
class _Noted:
    """``rows``: of the table then, which own units before had made ``grown`` rows larger. ``written``: by others up to then."""

    snapshot: str
    rows: int
    written: int
    grown: int


class NotingWrites:
    """A watcher of ``run_unit``: counts, under a lock, right before a unit first writes to a table. Afterwards nobody could tell.

    ``evidence``: of the rehearsal, by statement.
    """

    def __init__(
        self,
        log: journal.Journal,
        before: Before,
        evidence: Sequence[tuple[StatementRef, StatementEvidence]],
    ) -> None:
        self._journal = log
        self._before = before
        self._evidence = dict(evidence)
        self._conn: psycopg.Connection[Any] | None = None
        self._unit: Unit | None = None
        self._first: dict[StatementRef, list[str]] = {}
        #: Tables that were locked for it.
        self.locked: set[str] = set()
        self._grown: Counter[str] = Counter()
        self._own: list[str] = []
        self._noted: dict[str, _Noted] = {}
        self._now: dict[str, _Noted] = {}

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        if unit is not self._unit:  # else it is tried again
            self._take_over()
        self._conn, self._unit, self._now, self._first = conn, unit, {}, {}
        seen: set[str] = set()
        for ref in unit.statements if self._before.backup_snapshot is not None else ():
            tables = _written_over(self._evidence.get(ref)) & set(self._before.rows) - seen
            self._first[ref] = sorted(tables)
            seen |= tables

    def _take_over(self) -> None:
        """The unit before was committed."""
        self._noted |= self._now
        for ref in self._unit.statements if self._unit else ():
            one = self._evidence.get(ref)
            for table, rows in one.rows.items() if one else ():
                self._grown[table] += rows.inserted - rows.deleted

    def statement_started(self, ref: StatementRef) -> bytes:
        for table in self._first.get(ref, ()):
            self._note(table)
        return b""

    def _note(self, table: str) -> None:
        conn, before = self._conn, self._before
        assert conn is not None and before.backup_snapshot is not None
        if conn.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
            name = sql.Identifier(*split_name(table))
            conn.execute(sql.SQL("lock table {} in share row exclusive mode").format(name))
            self.locked.add(table)
        known = self._noted.get(table, _Noted(before.backup_snapshot, before.rows[table], 0, 0))
        growth = {table: self._grown[table] - known.grown}
        writes = Writes(known.snapshot, {table: known.rows}, self._own, growth)
        others = exact_rows_written_since(conn, [table], writes).count
        row = conn.execute("select pg_current_snapshot()::text, pg_current_xact_id()::text").fetchone()
        assert row is not None
        rows = count_rows(conn, [table])[table]
        self._now[table] = noted = _Noted(row[0], rows, known.written + others, self._grown[table])
        self._own.append(row[1])
        self._journal.append(
            WRITES, table=table, snapshot=noted.snapshot, rows=rows, written=noted.written, grown=noted.grown
        )

    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None:
        """Nothing to do."""


def _written_over(one: StatementEvidence | None) -> set[str]:
    return {*one.rows, *one.truncated, *one.rewritten} if one is not None else set()


def write_counters(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows written by anybody since the statistics began, by table: the server's own counters, about a second late."""
    return dict(conn.execute(query("write_counters")).fetchall())


def _about(conn: psycopg.Connection[Any], before: Before, tables: Collection[str]) -> RowsWritten:
    """Rows that others wrote since the backup: an estimate by statistics, the migrations' own writes taken off."""
    found: dict[str, int] = {}
    for name, written in write_counters(conn).items():
        if name not in tables or written is None:
            continue
        known = before.writes.get(name, 0)
        if (
            written < known
        ):  # the statistics began anew since (a crash, a failover): all that we know is what came after
            known = 0
        others = written - known - before.own_rows.get(name, 0)
        if others > 0:
            found[name] = others
    return RowsWritten(sum(found.values()), exact=False, tables=found)


def rows_written_since(conn: psycopg.Connection[Any], before: Before, tables: Collection[str]) -> RowsWritten:
    """Rows of ``tables`` that others wrote since the backup. Call it when nobody can write to them any more."""
    if before.backup_snapshot is None:  # the migrations are a command's: its transactions are not known
        return _about(conn, before, tables)
    events = journal.read(before.journal)
    own = {e["xid"] for e in events if e["event"] == "unit-committing"}
    writes = Writes(
        before.backup_snapshot,
        before.rows,
        own,
        before.net,
        before.unknown,
        _other_rollbacks(before.journal),
        (before.backup, before.server_major),
    )
    noted = {e["table"]: e for e in events if e["event"] == WRITES}
    found = exact_rows_written_since(conn, sorted(set(tables) - set(noted)), writes)
    total, exact = Counter(found.tables), found.exact
    for table in sorted(set(tables) & set(noted)):
        one = noted[table]
        growth = {table: before.net.get(table, 0) - one["grown"]}
        since = replace(writes, snapshot=one["snapshot"], rows={table: one["rows"]}, net=growth)
        found = exact_rows_written_since(conn, [table], since)
        total += Counter({table: found.count + one["written"]})
        exact = exact and found.exact
    return RowsWritten(total.total(), exact, dict(total))


def _other_rollbacks(own: Path) -> set[str]:
    """The transactions of the rollbacks that this folder of artifacts knows."""
    found: set[str] = set()
    for path in own.parent.parent.glob(f"*/{JOURNAL}"):
        with suppress(StateError):
            found |= {e["xid"] for e in journal.read(path) if e["event"] == RESTORED}
    return found
