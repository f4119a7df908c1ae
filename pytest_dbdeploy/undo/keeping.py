"""Rows of removed tables and columns: kept aside by the deploying transaction, and how they come back."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from ..compare.diff import parent_of
from ..compare.names import parent_name, split_name
from ..compare.relations import Catalogue
from ..compare.snapshot import Snapshot
from ..db.state import UNDO_SCHEMA
from ..model import Change, ChangeType, StatementEvidence, StatementRef, Unit
from . import store
from .altering import CannotUndo, literal
from .asides import put_aside, refuse_followers
from .model import EXCLUSIVE, Keep

Fills = dict[tuple[str, str], list[str]]


@dataclass(frozen=True, slots=True)
class Keeping:
    """``keeps``: what the deployment copies; ``fills``: by (kind, name), the statements that bring it back.

    ``first``, ``rows``: of rows that change in tables that stay, see ``row_keeping``.
    """

    keeps: tuple[Keep, ...]
    fills: Fills
    first: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


def keeping(
    deployment: str,
    changes: Sequence[Change],
    before: Snapshot,
    relations: Catalogue,
    evidence: Sequence[tuple[StatementRef, StatementEvidence]],
) -> Keeping:
    """What must be kept for ``changes`` (unfolded). CannotUndo where rows could not be told apart, or nobody knows when they go.

    ``relations``: of the clone before.
    """
    return _Keeping(deployment, changes, before, relations, evidence).run()


class _Keeping:
    def __init__(
        self,
        deployment: str,
        changes: Sequence[Change],
        before: Snapshot,
        relations: Catalogue,
        evidence: Sequence[tuple[StatementRef, StatementEvidence]],
    ) -> None:
        self.deployment = deployment
        self.number = deployment.rpartition("-")[2]
        self.changes = changes
        self.before = before
        self.relations = relations.relations
        self.evidence = evidence
        self.keeps: list[Keep] = []
        self.fills: Fills = {}
        gone = [c for c in changes if c.change is ChangeType.REMOVED]
        self.tables = [c.object for c in gone if c.kind == "table"]
        self.columns = [c.object for c in gone if c.kind == "column" and parent_of(c) not in self.tables]

    def run(self) -> Keeping:
        for table in self.tables:
            if self._properties("table", table).get("partition_of") in self.tables:
                self.fills["table", table] = []  # its rows come back with its parent's
            else:
                self._table(table)
        by_table: dict[str, list[str]] = {}
        for column in self.columns:
            properties = self._properties("column", column)
            if properties.get("inherited"):
                self.fills["column", column] = []
            elif not properties.get("generated"):
                by_table.setdefault(parent_name(column), []).append(column)
        for table, columns in by_table.items():
            self._columns(table, columns)
        for change in self.changes:
            if change.kind == "sequence" and change.change is ChangeType.REMOVED:
                self._sequence(change.object)
            elif (
                change.kind == "column" and (change.before or {}).get("identity") and _loses_identity(change)
            ):
                self._positions(parent_name(change.object), [change.object])
        return Keeping(tuple(self.keeps), self.fills)

    def _properties(self, kind: str, name: str) -> Mapping[str, Any]:
        return self.before.objects[kind][name]

    def _table(self, table: str) -> None:
        columns = [c for c in self._columns_of(table) if not self._properties("column", c).get("generated")]
        kept = self._keep(table, "all rows", columns)
        names = ", ".join(_part(column) for column in columns)
        values = ", ".join(self._back(column) for column in columns)
        self.fills["table", table] = [
            f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {kept} k"
            if columns
            else f"INSERT INTO {table} SELECT FROM {kept} k",
        ]
        self._positions(table, columns)

    def _columns(self, table: str, columns: list[str]) -> None:
        removed = {
            split_name(c.object)[-1]
            for c in self.changes
            if c.kind == "column"
            and parent_of(c) == table
            and (c.change is ChangeType.REMOVED or "type" in (c.before or {}))
        }
        keys = self.relations[table].keys if table in self.relations else ()
        key = next((key for key in keys if not removed.intersection(key)), None)
        if key is None:
            raise CannotUndo(
                f"table {table} has no key that stays, so the values of {', '.join(map(_part, columns))} could not be put back"
            )
        parts = [
            column for name in key for column in self._columns_of(table) if split_name(column)[-1] == name
        ]
        kept = self._keep(table, ", ".join(map(_part, columns)), [*parts, *columns])
        lacking = [c for c in columns if needs_value(self._properties("column", c))]
        if lacking:
            refuse_followers(table, self.before)
        same = " AND ".join(f"t.{_part(part)} = {self._back(part)}" for part in parts)
        for column in columns:
            self.fills["column", column] = []
        values = ", ".join(f"{_part(column)} = {self._back(column)}" for column in columns)
        self.fills["column", columns[-1]] = [
            f"ALTER TABLE {table} DISABLE TRIGGER USER",
            *([self._without_value(table, kept, same)] if lacking else []),
            f"UPDATE {table} t SET {values} FROM {kept} k WHERE {same}",
            *self._enabled_triggers(table),
        ]
        self._positions(table, columns)

    def _without_value(self, table: str, kept: str, same: str) -> str:
        """Rows that users inserted meanwhile have no value where there must be one: they go aside."""
        where = f"FROM {self._only(table)}{table} t WHERE NOT EXISTS (SELECT FROM {kept} k WHERE {same})"
        return put_aside(self.deployment, table, where, moved=True)

    def _sequence(self, name: str) -> None:
        owner = self._properties("sequence", name).get("owned_by")
        ref = self._when(parent_name(owner)) if owner else self._dropping("sequence", name)
        self.fills["sequence", name] = [self._position(name, ref)]

    def _position(self, sequence: str, ref: StatementRef) -> str:
        """Keeps where a sequence stands; the statement that has it go on there."""
        table = f"kept_{self.number}_{len(self.keeps) + 1}"
        kept = f"{UNDO_SCHEMA}.{table}"
        copy = f"CREATE TABLE {kept} AS SELECT last_value, is_called FROM {sequence}"
        self.keeps.append(Keep(ref.migration, ref.index, f"{sequence} (position)", table, (copy,)))
        return f"SELECT pg_catalog.setval({literal(sequence)}, k.last_value, k.is_called) FROM {kept} k"

    def _dropping(self, kind: str, name: str) -> StatementRef:
        for ref, one in self.evidence:
            if any((gone.kind, gone.object) == (kind, name) for gone in one.dropped) and one.transactional:
                return ref
        raise CannotUndo(f"it is not known which statement drops {kind} {name}")

    def _positions(self, table: str, columns: Sequence[str]) -> None:
        """An identity goes on where it was, or after what users wrote meanwhile."""
        for column in columns:
            if sequence := self._properties("column", column).get("identity_sequence"):
                value = f"(CASE WHEN s.seqincrement > 0 THEN max(t.{_part(column)}) ELSE min(t.{_part(column)}) END)"
                last = f"(SELECT last_value FROM {sequence})"
                self.fills["identity", column] = [
                    self._position(str(sequence), self._when(table)),
                    f"SELECT pg_catalog.setval({literal(str(sequence))}, {value}) FROM {table} t, pg_catalog.pg_sequence s"
                    f" WHERE s.seqrelid = {literal(str(sequence))}::regclass GROUP BY s.seqincrement"
                    f" HAVING ({value} - {last}) * sign(s.seqincrement) > 0",
                ]

    def _enabled_triggers(self, table: str) -> list[str]:
        """Those that are there before and after: the others are made again later."""
        words = {None: "ENABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}
        changed = {c.object for c in self.changes if c.kind == "trigger"}
        return [
            f"ALTER TABLE {table} {words[properties.get('enabled')]} TRIGGER {_part(name)}"
            for name, properties in self.before.objects.get("trigger", {}).items()
            if parent_name(name) == table and properties.get("enabled") in words and name not in changed
        ]

    def _columns_of(self, table: str) -> list[str]:
        found = [name for name in self.before.objects.get("column", {}) if parent_name(name) == table]
        return sorted(found, key=lambda name: self._properties("column", name)["position"])

    def _own_type(self, column: str) -> bool:
        """A type of the users may itself be dropped: its values are kept as text."""
        return "." in str(self._properties("column", column)["type"]).partition("(")[0]

    def _back(self, column: str) -> str:
        value = f"k.{_part(column)}"
        return f"{value}::{self._properties('column', column)['type']}" if self._own_type(column) else value

    def _keep(self, table: str, what: str, columns: Sequence[str]) -> str:
        """Notes what is to be copied; the copy's name."""
        ref = self._when(table)
        name = f"kept_{self.number}_{len(self.keeps) + 1}"
        kept = f"{UNDO_SCHEMA}.{name}"
        values = ", ".join(
            f"{_part(column)}{'::text AS ' + _part(column) if self._own_type(column) else ''}"
            for column in columns
        )
        source = f"{self._only(table)}{table}"
        statements = (
            f"LOCK TABLE {source} IN ACCESS EXCLUSIVE MODE",
            f"CREATE TABLE {kept} AS SELECT {values} FROM {source}",
        )
        self.keeps.append(Keep(ref.migration, ref.index, f"{table} ({what})", name, statements))
        return kept

    def _only(self, table: str) -> str:
        return "" if self._properties("table", table).get("partition_key") else "ONLY "

    def _when(self, table: str) -> StatementRef:
        """Right before the first statement that writes to the table or locks it as a drop does."""
        for ref, one in self.evidence:
            locked = any(lock.relation == table and lock.mode == EXCLUSIVE for lock in one.locks)
            if locked or table in one.rows or table in one.truncated:
                if one.transactional:
                    return ref
                break
        raise CannotUndo(f"it is not known which statement takes the rows of {table}")


def needs_value(properties: Mapping[str, Any]) -> bool:
    """Whether each row must bring a value of this column along."""
    given = ("default", "identity", "generated")
    return bool(properties.get("not_null")) and not any(properties.get(one) for one in given)


def _loses_identity(change: Change) -> bool:
    return change.change is ChangeType.MODIFIED and not (change.after or {}).get("identity")


def _part(column: str) -> str:
    return column[len(parent_name(column)) + 1 :]


def with_cost(
    evidence: Sequence[tuple[StatementRef, StatementEvidence]],
    units: Sequence[Unit],
    kept: Mapping[StatementRef, float],
) -> tuple[StatementEvidence, ...]:
    """The evidence with the seconds that keeping rows takes: locks taken so far in the transaction are held for as long. Pure."""
    unit_of = {ref: number for number, unit in enumerate(units) for ref in unit.statements}
    place = {ref: (unit_of[ref], at) for at, (ref, _) in enumerate(evidence)}

    def longer(ref: StatementRef, one: StatementEvidence) -> StatementEvidence:
        later = [s for at, s in kept.items() if place[at][0] == place[ref][0] and place[at] >= place[ref]]
        held = None if one.held_seconds is None else one.held_seconds + sum(later)
        return replace(one, held_seconds=held, kept_aside_seconds=kept.get(ref, 0.0))

    return tuple(longer(ref, one) for ref, one in evidence)


class Keeper:
    """A watcher of ``run_unit`` that copies what an undo needs right before the statement that would take it.

    ``seconds``: how long it took, by the name of the copy: the table is locked all the while.
    """

    def __init__(self, keeps: Sequence[Keep]) -> None:
        self.keeps = keeps
        self.seconds: dict[str, float] = {}
        self._conn: psycopg.Connection[Any] | None = None
        self._done: set[str] = set()

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        self._conn = conn
        self._done = set(self.seconds)

    def statement_started(self, ref: StatementRef) -> bytes:
        for keep in self.keeps:
            if (keep.migration, keep.index) == (ref.migration, ref.index):
                self._run(keep.table, keep.statements)
        return b""

    def committing(self) -> None:
        """Before the commit of the unit."""
        for keep in self.keeps:
            if keep.table in self.seconds and keep.table not in self._done:
                self._run(keep.table, keep.after)

    def _run(self, table: str, statements: Sequence[str]) -> None:
        """Row security would leave rows out silently: off, it is an error. The migrations find it as it was."""
        conn = self._conn
        assert conn is not None
        store.ensure(conn)
        started = time.perf_counter()
        (setting,) = conn.execute("select current_setting('row_security')").fetchone() or ("on",)
        conn.execute("set local row_security = off")
        for statement in statements:
            conn.execute(statement.encode())
        conn.execute("select set_config('row_security', %s, true)", [setting])
        self.seconds[table] = self.seconds.get(table, 0.0) + time.perf_counter() - started

    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None:
        """Nothing to do."""
