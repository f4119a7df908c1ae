"""The sandbox part of the undo: it is derived and proven on a copy of the clone, before anything is deployed."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from ..actions.clone import Clone
from ..actions.process import size
from ..actions.toc import parse, reader_for
from ..compare.snapshot import Snapshot, read_identities, read_snapshot
from ..db import search_path
from ..db.url import DatabaseUrl
from ..errors import DbDeployError, ToolError
from ..layouts.base import HasDown, LayoutReader
from ..model import Level, LogPhase, Plan
from ..rehearsal import Rehearsal
from ..sandboxes.base import Sandbox
from ..undo import store
from ..undo.altering import CannotUndo
from ..undo.proof import Proof, Prover, Rehearsed, relations_of
from ..undo.row_proof import RowsChange, changed_tables
from ..units import initial_units
from .workspace import Workspace, count, error_text

PHASE = LogPhase.SANDBOX_VALIDATION
_COPY = "dbdeploy_undo_proof"
_NO_UNDO = (CannotUndo, DbDeployError, psycopg.Error)


@dataclass(frozen=True, slots=True)
class UndoRehearsed:
    """``proof``: None where there is no undo, and then ``why``."""

    proof: Proof | None
    why: str | None = None


class UndoRehearsal:
    """Derives and proves the undo of one plan in the sandbox."""

    def __init__(
        self, workspace: Workspace, layout: LayoutReader, plan: Plan, target: DatabaseUrl, sandbox: Sandbox
    ) -> None:
        self.workspace = workspace
        self.settings = workspace.settings
        self.layout = layout
        self.plan = plan
        self.target = target
        self.sandbox = sandbox

    def run(self, copied: Clone, rehearsal: Rehearsal, before: Snapshot, after: Snapshot) -> UndoRehearsed:
        """Never fails: what cannot be undone has another way back."""
        if why := self._not_asked(rehearsal):
            return UndoRehearsed(None, why)
        with self.workspace.steps.step("undo-rehearsal", "rehearse undo", PHASE) as step:
            try:
                proof = self._best(copied, rehearsal, before, after)
            except Exception as error:  # noqa: BLE001 - what cannot be derived has another way back, whatever the reason
                why = _why(error)
                step.skipped(f"there is no undo: {why.splitlines()[0]}")
                return UndoRehearsed(None, why)
            step.done(
                f"{count(len(proof.undo.steps), 'reverse statement')} ({proof.undo.source}) proven, users' writes stayed"
            )
        self._say_cost(proof)
        return UndoRehearsed(proof)

    def _not_asked(self, rehearsal: Rehearsal) -> str | None:
        """Why nothing is tried."""
        facts = self.plan.target
        if "undo" not in self.settings.rollback.strategies:
            return "rollback.strategies does not name it"
        if self.plan.command is not None:
            return "what a command does cannot be taken back statement by statement"
        if rehearsal.error:
            return "the migrations do not apply"
        if self.settings.sandbox.data == "schema":
            return "the clone has no data (sandbox.data: schema)"
        if facts is not None and not facts.can_create_schema:
            return f"role {facts.user} may not create schema dbdeploy_undo on the target"
        with self.workspace.connect(self.target, "undo", read_only=True) as conn:
            if not store.is_ours(conn):
                return "schema dbdeploy_undo on the target belongs to another role"
        return None

    def _best(self, copied: Clone, rehearsal: Rehearsal, before: Snapshot, after: Snapshot) -> Proof:
        """By the tool's own scripts where there are some and they hold, else by derived statements."""
        try:
            if down := self._down():
                return self._prove(copied, rehearsal, before, after, down)
        except _NO_UNDO as error:
            text = f"the down scripts are not used: {_why(error)}"
            self.workspace.record.notes.append(text)
            self.workspace.say(PHASE, Level.WARN, text)
        changed = self._changed_rows(copied, rehearsal)
        try:
            return self._prove(copied, rehearsal, before, after, changed_rows=changed)
        except RowsChange as found:  # now it is known whose rows must be kept aside
            if set(found.tables) <= set(changed):
                raise
            return self._prove(
                copied, rehearsal, before, after, changed_rows=tuple(sorted({*changed, *found.tables}))
            )

    def _changed_rows(self, copied: Clone, rehearsal: Rehearsal) -> tuple[str, ...]:
        """Tables whose rows must be kept aside."""
        names = {name for one in rehearsal.evidence for name in (*one.rows, *one.truncated)}
        if not names:
            return ()
        connect, own = self.workspace.connect, self.settings.state.own_schemas
        with (
            connect(copied.before, "undo", autocommit=True) as before,
            connect(copied.after, "undo", autocommit=True) as after,
        ):
            was, now = relations_of(before, own), relations_of(after, own)
            return changed_tables(before, after, was, now, names - set(self.layout.history_relations))

    def _down(self) -> tuple[str, ...]:
        """The statements of all down scripts, the newest migration's first; none unless each migration has one."""
        if not isinstance(self.layout, HasDown):
            return ()
        found = [self.layout.down(migration) for migration in reversed(self.plan.migrations)]
        scripts = [script for script in found if script is not None]
        if not scripts or len(scripts) < len(found):
            return ()
        units = initial_units([scripts])
        if len(units) > 1 or not units[0].transactional:
            raise CannotUndo("a down script asks for more than one transaction")
        named = {script.name: script for script in scripts}
        return tuple(named[ref.migration].statements[ref.index].sql for ref in units[0].statements)

    def _prove(
        self,
        copied: Clone,
        rehearsal: Rehearsal,
        before: Snapshot,
        after: Snapshot,
        down: tuple[str, ...] = (),
        changed_rows: tuple[str, ...] = (),
    ) -> Proof:
        assert self.plan.target is not None
        own_schemas = self.settings.state.own_schemas
        connect = self.workspace.connect
        with connect(self.target, "undo", read_only=True) as conn:
            was = read_snapshot(conn, exclude_schemas=own_schemas)
        with connect(copied.after, "undo", read_only=True) as conn:
            identities = read_identities(conn)
        tools, listed = reader_for(copied.dump, self.plan.target.major, ToolError)
        url = self.sandbox.create_database(_COPY, template=copied.before.dbname)
        try:
            with (
                connect(copied.before, "undo", autocommit=True) as original,
                connect(url, "undo", autocommit=True) as copy,
            ):
                schemas = [str(row[0]) for row in original.execute("select nspname from pg_namespace")]
                roles = [str(row[0]) for row in original.execute("select rolname from pg_roles")]
                search_path.leave_out(copy, self.settings.state.schema_)
                found = Rehearsed(
                    deployment=self.workspace.id,
                    units=rehearsal.units,
                    migrations={m.name: m for m in self.plan.migrations},
                    evidence=rehearsal.evidence,
                    was=was,
                    before=before,
                    after=after,
                    identities=identities,
                    dump=copied.dump,
                    entries=parse(listed, schemas=schemas, roles=roles),
                    tools=tools,
                )
                keep_aside_max = self.settings.rollback.keep_aside_max
                return Prover(
                    found, self.layout, original, copy, own_schemas, keep_aside_max, down, changed_rows
                ).run()
        finally:
            self.sandbox.drop_database(_COPY)

    def _say_cost(self, proof: Proof) -> None:
        if proof.kept:
            each = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in proof.kept.items())
            text = f"for an undo the deployment keeps {size(proof.kept_bytes)} aside, its tables locked meanwhile: {each}"
            self.workspace.record.notes.append(text)
            self.workspace.say(PHASE, Level.INFO, text)


def _why(error: Exception) -> str:
    if isinstance(error, CannotUndo):
        return str(error)
    return error_text(error) if isinstance(error, _NO_UNDO) else f"it could not be derived: {error!r}"
