"""The proof: on a copy of the clone the plan is carried out, users write, the undo runs, and then all must be as it was, and theirs there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from ..actions.apply import run_unit
from ..actions.process import first_lines, output, tool_environment
from ..actions.toc import Entry, as_list
from ..compare.diff import differences
from ..compare.names import parent_name
from ..compare.relations import Catalogue, read_catalogue
from ..compare.renames import Identities
from ..compare.snapshot import Snapshot, read_identities, read_snapshot
from ..db.splitter import scan
from ..db.sql import query
from ..db.tools import Tools
from ..errors import ToolError
from ..layouts.base import LayoutReader
from ..model import Change, ChangeType, Migration, StatementEvidence, StatementRef, Unit
from . import row_keeping, store
from .altering import CannotUndo
from .asides import asides
from .carrying import Carrying, Undone, run_statements
from .derive import derive
from .dropping import drop
from .filler import Filler, Written
from .keeping import Keeper, Keeping, keeping, with_cost
from .meanwhile import Meanwhile
from .model import Touched, Undo
from .renaming import Renames, renames
from .retyping import new_labels
from .row_proof import RowProof

Connection = psycopg.Connection[Any]

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the clone showed of the plan. ``was``: the target's own snapshot; ``entries``: of ``dump``, made of the target.

    ``identities``: of the migrated clone, a copy of the one before.
    """

    deployment: str
    units: Sequence[Unit]
    migrations: Mapping[str, Migration]
    evidence: Sequence[StatementEvidence]
    was: Snapshot
    before: Snapshot
    after: Snapshot
    identities: Identities
    dump: Path
    entries: Sequence[Entry]
    tools: Tools


@dataclass(frozen=True, slots=True)
class Proof:
    """``seconds``: the undo; ``kept``: seconds by what was kept aside, with the table locked; ``kept_bytes``: their size.

    ``writes``: what was written in between, by table. ``evidence``: of the plan, with what it takes to keep rows aside.
    """

    undo: Undo
    seconds: float
    evidence: tuple[StatementEvidence, ...]
    kept: Mapping[str, float] = field(default_factory=dict)
    kept_bytes: int = 0
    writes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Prover:
    """Works on ``copy``, made of the clone as it was before. ``original``: that clone. Both connections autocommit.

    ``down``: statements of the tool's own scripts for the way back, used instead of derived ones. ``changed_rows``: tables whose
    rows the migrations change, as an earlier proof found out.
    """

    def __init__(
        self,
        found: Rehearsed,
        layout: LayoutReader,
        original: Connection,
        copy: Connection,
        own_schemas: Sequence[str],
        keep_aside_max: int,
        down: Sequence[str] = (),
        changed_rows: Sequence[str] = (),
    ) -> None:
        self.found = found
        self.layout = layout
        self.original = original
        self.copy = copy
        self.own_schemas = list(own_schemas)
        self.keep_aside_max = keep_aside_max
        self.down = tuple(down)
        self.changed_rows = tuple(changed_rows)
        self.changes = differences(found.before, found.after, ignore_position=True)
        self.renames = Renames(frozenset(), frozenset(), ())

    def run(self) -> Proof:
        """CannotUndo says why there is no undo; RestoreError and psycopg.Error why it did not hold."""
        start = self._snapshot()
        relations = relations_of(self.copy, self.own_schemas)
        was = read_identities(self.original)
        self.renames = renames(was, self.found.identities)
        found = self.found
        self.meanwhile = Meanwhile(found.before, found.after, self.changes, self._real(), found.evidence)
        kept = Keeping((), {})
        if not self.down:
            kept = self._keeping(relations)
        undo = Undo(self.found.deployment, tuple(self._names()), keeps=kept.keeps)
        keeper = self._deploy(undo)
        kept_bytes = store.kept_bytes(self.copy, [name for keep in kept.keeps for name in keep.tables])
        if kept_bytes > self.keep_aside_max:
            raise CannotUndo(
                f"{_as_set(kept_bytes)} would have to be kept aside, more than rollback.keep_aside_max ({_as_set(self.keep_aside_max)})"
            )
        written = self.meanwhile.write(
            Filler(self.copy, self.original),
            relations.relations,
            relations_of(self.copy, self.own_schemas).relations,
        )
        undo = self._derived(undo, kept, start)
        stored = store.load(self.copy, undo.deployment)
        assert stored is not None
        rows = RowProof(
            self.original,
            self.copy,
            [relations.relations[name] for name in self.meanwhile.touched(relations.relations)],
            written,
            self.found.after,
            self.meanwhile.giving_way(),
        )
        done = Carrying(
            undo,
            stored.xids,
            self.own_schemas,
            lambda conn: self.layout.forget(conn, undo.migrations),
            patience=10.0,
        ).run(self.copy)
        rows.check()
        self._check_asides(written, done)
        self._check_positions()
        return Proof(
            undo,
            done.seconds,
            self._with_cost(kept, keeper),
            {keep.what: keeper.seconds.get(keep.table, 0.0) for keep in kept.keeps},
            kept_bytes,
            {one.table: one.operations for one in written},
        )

    # -- the plan --------------------------------------------------------------------------------------------------

    def _real(self) -> list[Change]:
        """The changes without what merely has another name."""
        gone, come = self.renames.old, self.renames.new
        return [
            c
            for c in self.changes
            if not (c.change is ChangeType.REMOVED and (c.kind, c.object) in gone)
            and not (c.change is ChangeType.ADDED and (c.kind, c.object) in come)
        ]

    def _names(self) -> list[str]:
        return [name for unit in self.found.units for name in unit.records]

    def _evidence(self) -> list[tuple[StatementRef, StatementEvidence]]:
        order = {name: place for place, name in enumerate(self.found.migrations)}
        refs = [ref for unit in self.found.units for ref in unit.statements]
        refs.sort(key=lambda ref: (order[ref.migration], ref.index))
        return list(zip(refs, self.found.evidence, strict=True))

    def _with_cost(self, kept: Keeping, keeper: Keeper) -> tuple[StatementEvidence, ...]:
        seconds: dict[StatementRef, float] = {}
        for keep in kept.keeps:
            ref = StatementRef(keep.migration, keep.index)
            seconds[ref] = seconds.get(ref, 0.0) + keeper.seconds.get(keep.table, 0.0)
        return with_cost(self._evidence(), self.found.units, seconds)

    def _deploy(self, undo: Undo) -> Keeper:
        """As the target's deployment does it."""
        keeper = Keeper(undo.keeps)
        conn = self.copy
        for number, unit in enumerate(self.found.units, 1):
            last = number == len(self.found.units)
            run_unit(
                conn,
                unit,
                self.found.migrations,
                self.layout,
                keeper,
                before_records=lambda: self.layout.ensure_history(conn),
                before_commit=partial(self._committing, keeper, undo, last=last),
            )
        return keeper

    def _committing(self, keeper: Keeper, undo: Undo, *, last: bool) -> None:
        keeper.committing()
        store.write(self.copy, undo, complete=last)

    def _keeping(self, relations: Catalogue) -> Keeping:
        found = self.found
        kept = keeping(found.deployment, self._real(), found.before, relations, self._evidence())
        plan = row_keeping.Plan(found.before, found.after, relations, self._evidence(), found.units)
        number = found.deployment.rpartition("-")[2]
        rows = [
            row_keeping.kept_rows(table, f"kept_{number}_{place}", plan)
            for place, table in enumerate(self.changed_rows, len(kept.keeps) + 1)
        ]
        return Keeping(
            (*kept.keeps, *(one.keep for one in rows)),
            kept.fills,
            tuple(text for one in rows for text in one.first),
            tuple(text for one in rows for text in one.fills),
        )

    # -- the reverse statements ------------------------------------------------------------------------------------

    def _derived(self, undo: Undo, kept: Keeping, start: Snapshot) -> Undo:
        """Rounds of statements, each tried out, until the server says that all is as it was."""
        found = self.found
        tables = found.after.objects.get("table", {})
        changed = {
            str((c.after or c.before or {}).get("table") or parent_name(c.object)) for c in self.changes
        }
        changed |= {c.object for c in self.changes}
        undo = replace(
            undo,
            locks=tuple(sorted(name for name in changed | self.meanwhile.converted() if name in tables)),
            aside=asides(undo.deployment, self._real(), found.after),
        )
        stored = store.load(self.copy, undo.deployment)
        xids = stored.xids if stored else ()
        if self.down:
            undo = replace(undo, source="down script")
        steps = list(self.down or (*kept.first, *self.renames.statements))
        rows = kept.rows
        touched = {(c.kind, c.object) for c in self.changes}
        with self.copy.transaction(force_rollback=True):
            if not self.down:
                self.copy.execute("set local search_path = ''; set local check_function_bodies = off")
            run_statements(self.copy, replace(undo, steps=tuple(steps)), xids)
            for _ in range(_ROUNDS):
                left = differences(start, self._snapshot(), ignore_position=True)
                if not left and not rows:
                    break
                if self.down:
                    raise CannotUndo(f"after the down scripts these differ: {_named(left)}")
                touched |= {(c.kind, c.object) for c in left}
                statements = self._in_the_way(left)
                if not statements:
                    made = derive(left, found.was, found.entries, kept.fills, rows)
                    statements, rows = made.statements(self._text), ()
                for statement in statements:
                    self.copy.execute(statement.encode())
                steps += statements
            else:
                raise CannotUndo(f"after {_ROUNDS} rounds of reverse statements these differ: {_named(left)}")
        objects = start.objects
        return replace(
            undo,
            steps=tuple(steps),
            touched=tuple(
                Touched(kind, name, objects.get(kind, {}).get(name)) for kind, name in sorted(touched)
            ),
        )

    def _in_the_way(self, left: Sequence[Change]) -> list[str]:
        """No column's type changes under a view, a trigger, a policy: they are dropped, and found missing in the next round."""
        columns = [c.object for c in left if c.kind == "column" and "type" in (c.before or {}) and c.after]
        types = [c.object for c in left if new_labels(c)]
        if not columns and not types:
            return []
        named = {"columns": columns, "types": types}
        return [drop(kind, name, {}) for kind, name in self.copy.execute(query("undo_dependents"), named)]

    def _text(self, entries: Sequence[Entry]) -> list[str]:
        """The dump's statements for these entries."""
        if not entries:
            return []
        list_file = self.found.dump.with_name("undo.list")
        list_file.write_text(as_list(entries), "utf-8")
        argv: list[str | Path] = [
            self.found.tools.path("pg_restore"),
            "-f",
            "-",
            "-L",
            list_file,
            self.found.dump,
        ]
        status, text, problem = output(argv, tool_environment(self.found.tools, None, "undo"))
        list_file.unlink()
        if status != 0:
            raise ToolError(f"pg_restore could not read {self.found.dump.name}: {first_lines(problem)}")
        statements = [statement.sql for statement in scan(text).statements]
        return [one for one in statements if not _is_setting(one)]

    # -- is all as it was? -----------------------------------------------------------------------------------------

    def _check_asides(self, written: Sequence[Written], done: Undone) -> None:
        tables = {c.object for c in self.changes if c.kind == "table" and c.change is ChangeType.ADDED}
        there = self.found.after.objects.get("table", {})
        for one in written:
            root = one.table  # rows of partitions are put aside as their table's
            while there.get(root, {}).get("partition_of") in tables:
                root = there[root]["partition_of"]
            if one.table in tables and "insert" in one.operations and not done.aside.get(root):
                raise CannotUndo(f"rows written meanwhile to {one.table} would be lost")

    def _check_positions(self) -> None:
        """A sequence that comes back goes on where it was."""
        for change in self.changes:
            if change.kind == "sequence" and change.change is ChangeType.REMOVED:
                statement = f"select last_value, is_called from {change.object}".encode()
                if self.original.execute(statement).fetchone() != self.copy.execute(statement).fetchone():
                    raise CannotUndo(f"sequence {change.object} would not go on where it was")

    def _snapshot(self) -> Snapshot:
        return read_snapshot(self.copy, exclude_schemas=self.own_schemas)


def relations_of(conn: Connection, own_schemas: Sequence[str]) -> Catalogue:
    """The tables with their columns and keys, named in full."""
    with conn.transaction():
        conn.execute("set local search_path = ''")
        return read_catalogue(conn, own_schemas)


def _is_setting(statement: str) -> bool:
    """What pg_restore begins with; where tables are stored is not of that kind."""
    text = statement.lstrip().lower()
    return (text.startswith("set ") and not text.startswith("set default_table")) or text.startswith(
        "select pg_catalog.set_config("
    )


def _as_set(number: int) -> str:
    """Bytes as the setting has them: its kB is 1024 bytes."""
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2)):
        if number >= factor:
            return f"{number / factor:.1f}{unit}"
    return f"{-(-number // 1024)}kB"


def _named(changes: Sequence[Change]) -> str:
    more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
    return ", ".join(f"{c.kind} {c.object} ({c.change})" for c in changes[:5]) + more
