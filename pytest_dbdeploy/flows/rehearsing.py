"""The sandbox part of a deployment: clone, rehearse the migrations, rehearse the way back, compare."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from ..actions.clone import Clone, clone
from ..actions.hub import Hub, open_hub
from ..actions.process import size
from ..compare.rows import count_rows, digest_rows, user_tables
from ..compare.snapshot import Snapshot, read_snapshot
from ..db import search_path
from ..db.splitter import words
from ..db.state import UNDO_SCHEMA
from ..db.tools import tools_for
from ..db.url import DatabaseUrl
from ..errors import DbDeployError, ToolError
from ..evidence.observer import Observer
from ..layouts.base import LayoutReader
from ..model import Change, Finding, Level, LogPhase, Plan, StatementError, StatementEvidence, Unit
from ..rehearsal import Rehearsal, difference, rehearse, written_so_far
from ..reports.samples import presentable
from ..sandboxes import embedded
from ..steps import Step
from .judging import judge_rehearsal
from .others_writes import write_counters
from .rehearsing_back import WayBack, rehearse_way_back
from .rehearsing_undo import UndoRehearsal, UndoRehearsed
from .workspace import Workspace, count, error_text

PHASE = LogPhase.SANDBOX_VALIDATION


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the sandbox showed. ``way_back``: what the rollback gate judges; ``emptied``: tables that the migrations leave without rows."""

    clone: Clone
    evidence: tuple[StatementEvidence, ...]
    units: tuple[Unit, ...]
    error: str | None
    before: Snapshot
    after: Snapshot
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    unused_acknowledgements: tuple[str, ...]
    rows_changed: bool
    written: Mapping[str, int]
    emptied: tuple[str, ...]
    way_back: WayBack
    undo: UndoRehearsed
    hub: DatabaseUrl | None
    hub_error: str | None

    @property
    def changes_nothing(self) -> bool:
        return self.error is None and not self.changes and not self.rows_changed


#: Of statements that may lock more than their text shows.
_LOCKS_ANY_NUMBER = frozenset({"do", "execute", "call", "loop"})
_DEFAULT_LOCK_SLOTS = 6400


def lock_slots(plan: Plan) -> int:
    """Size of the sandbox's lock table: the target's, so that what runs out of locks there does so here. But each reading of the evidence
    walks over all of it: where the plan's text shows that it locks no more than it names, a very large one is not needed."""
    assert plan.target is not None
    texts = [statement.sql for one in plan.migrations for statement in one.statements]
    if plan.command is not None or not all(_LOCKS_ANY_NUMBER.isdisjoint(words(text)) for text in texts):
        return plan.target.lock_slots
    return min(plan.target.lock_slots, _DEFAULT_LOCK_SLOTS + 16 * len(plan.target.relations) + 8 * len(texts))


class SandboxWork:
    """Opens the sandbox for the life of the session and does all the work in it."""

    def __init__(self, workspace: Workspace, layout: LayoutReader, plan: Plan, target: DatabaseUrl) -> None:
        self.workspace = workspace
        self.settings = workspace.settings
        self.layout = layout
        self.plan = plan
        self.target = target
        self.own_schemas = self.settings.state.own_schemas
        self.sandbox: embedded.EmbeddedSandbox | None = None
        self.hub_error: str | None = None
        self._keep = False

    def reach_hub(self) -> str | None:
        """Whether the target can be reached from where the hub will be: None, or why not. Starts the sandbox's server."""
        try:
            self._open_hub({"target": self.target}, tables=False).close()
        except DbDeployError as error:
            return error_text(error)
        return None

    def run(self) -> Rehearsed:
        """CloneError, ServerError, ToolError: the sandbox could not be made. A migration that fails is evidence, not an error."""
        try:
            return self._run()
        finally:
            why = self.sandbox.breakdown() if self.sandbox is not None else None
            if why:
                self.workspace.record.notes.append(f"the sandbox's server broke down: {why}")

    def _run(self) -> Rehearsed:
        counters, begun = self._written_so_far(), time.monotonic()
        copied = self._clone()
        rehearsal = self._rehearse(copied)
        before, after = self._snapshot(copied.before), self._snapshot(copied.after)
        counts = {
            name: self._counts(url) for name, url in (("before", copied.before), ("after", copied.after))
        }
        undo = UndoRehearsal(self.workspace, self.layout, self.plan, self.target, self.opened()).run(
            copied, rehearsal, before, after
        )
        if undo.proof is not None:
            rehearsal = replace(rehearsal, evidence=undo.proof.evidence)
        judged = judge_rehearsal(
            self.workspace,
            self.plan,
            (self.target, copied.before, copied.after),
            (before, after),
            rehearsal.evidence,
            (counts["before"], counts["after"]),
        )
        changes = judged.changes
        back = self._way_back(copied, rehearsal, before, counts["before"], after)
        written = difference(counters, self._written_so_far())
        back = replace(
            back,
            written={name: rows for name, rows in written.items() if name in back.tables},
            watched=time.monotonic() - begun,
        )
        emptied = [name for name, rows in counts["before"].items() if rows and counts["after"].get(name) == 0]
        return Rehearsed(
            clone=copied,
            evidence=rehearsal.evidence,
            units=rehearsal.units,
            error=rehearsal.error,
            before=before,
            after=after,
            changes=changes,
            findings=judged.findings,
            unused_acknowledgements=judged.unused,
            rows_changed=self._rows_changed(copied),
            written=rehearsal.written,
            emptied=tuple(emptied),
            way_back=back,
            undo=undo,
            hub=self._hub_of(copied),
            hub_error=self.hub_error,
        )

    def _written_so_far(self) -> dict[str, int]:
        """Rows that anybody has written to the target, by table."""
        with self.workspace.connect(self.target, "look", read_only=True) as conn:
            return write_counters(conn)

    def _clone(self) -> Clone:
        assert self.plan.target is not None
        workspace = self.workspace
        with workspace.steps.step("clone", "clone", PHASE, testcase=True) as step:
            sandbox = self.opened()
            if self.settings.keep_sandbox:
                self._keep = True
                url, folder = sandbox.admin_url, sandbox.server.folder
                workspace.record.notes.append(
                    f"the sandbox goes on running at {url.host}:{url.port} (user {url.user}, password in {folder}/password, "
                    "databases before and after) until: dbdeploy clean"
                )
            made = clone(
                self.target,
                sandbox,
                tools=tools_for(self.plan.target.major),
                max_size=self.settings.sandbox.max_size,
                data=self.settings.sandbox.data,
                exclude_schemas=(UNDO_SCHEMA,),
                workdir=workspace.clone_folder(),
                step=step,
            )
            for note in made.notes:
                workspace.record.notes.append(f"clone: {note}")
                workspace.say(PHASE, Level.WARN, note)
            step.done(f"{size(made.bytes)} from {self.target.label}", seconds=made.seconds)
            return made

    def opened(self) -> embedded.EmbeddedSandbox:
        """The sandbox, started when it is first asked for."""
        if self.sandbox is None:
            assert self.plan.target is not None
            facts = self.plan.target
            self.sandbox = embedded.open(facts.major, facts.extensions, lock_slots=lock_slots(self.plan))
            self.workspace.stack.callback(self._close_sandbox, self.sandbox)
        return self.sandbox

    def _close_sandbox(self, sandbox: embedded.EmbeddedSandbox) -> None:
        sandbox.close(keep=self._keep)

    def _rehearse(self, copied: Clone) -> Rehearsal:
        with self.workspace.steps.step("rehearsal", "rehearse migrations", PHASE) as step:
            if self.plan.command is not None:
                rehearsal = self._rehearse_command(copied, self.plan.command, step)
            else:
                with (
                    self.workspace.connect(copied.after, "rehearsal", autocommit=True) as conn,
                    self.workspace.connect(copied.after, "observer", autocommit=True) as monitor,
                ):
                    search_path.leave_out(conn, self.settings.state.schema_)
                    self.layout.ensure_history(conn)
                    migrations = {m.name: m for m in self.plan.migrations}
                    rehearsal = rehearse(conn, monitor, list(self.plan.units), migrations, self.layout, step)
                    # Here, before anybody quotes it: gates, JUnit, log and journal do.
                    samples = self.settings.reports.samples
                    rehearsal = rehearsal.shown(
                        lambda text: presentable(text, samples), keys=samples != "none"
                    )
            if rehearsal.error:
                step.failed(rehearsal.error.splitlines()[0])
            else:
                step.done(
                    f"{count(len(rehearsal.evidence), 'statement')} {'applies' if len(rehearsal.evidence) == 1 else 'apply'}"
                )
            return rehearsal

    def _rehearse_command(self, copied: Clone, command: str, step: Step) -> Rehearsal:
        from ..layouts.command import run_command

        error: StatementError | None = None
        seconds = 0.0
        file, line = self.settings.command_at
        with self.workspace.connect(copied.after, "observer", autocommit=True) as monitor:
            before = written_so_far(monitor, monitor)
            observer = Observer(monitor, {})
            observer.others_started()
            try:
                seconds = run_command(command, copied.after, self.settings.rootdir, step).seconds
            except ToolError as failure:
                error = StatementError(None, error_text(failure))
            evidence = observer.others_ended(
                StatementEvidence(
                    "command", file, line, command, None, seconds, transactional=False, error=error
                )
            )
            written = difference(before, written_so_far(monitor, monitor))
        return Rehearsal((evidence,), (), seconds, error.message if error else None, written)

    def _snapshot(self, url: DatabaseUrl) -> Snapshot:
        with self.workspace.connect(url, "compare", read_only=True) as conn:
            return read_snapshot(conn, exclude_schemas=self.own_schemas)

    def _counts(self, url: DatabaseUrl) -> dict[str, int]:
        with self.workspace.connect(url, "compare", read_only=True) as conn:
            return count_rows(conn, user_tables(conn, self.own_schemas))

    def _rows_changed(self, copied: Clone) -> bool:
        """Only asked of a command: statements are pending by themselves."""
        if self.plan.command is None or self.settings.sandbox.data == "schema":
            return True
        digests = []
        for url in (copied.before, copied.after):
            with self.workspace.connect(url, "compare", read_only=True) as conn:
                digests.append(digest_rows(conn, user_tables(conn, self.own_schemas)))
        return digests[0] != digests[1]

    def _way_back(
        self, copied: Clone, rehearsal: Rehearsal, before: Snapshot, rows: Mapping[str, int], after: Snapshot
    ) -> WayBack:
        if rehearsal.error:
            return WayBack(skipped="the migrations do not apply, so there is nothing to roll back")
        if self.settings.sandbox.data == "schema":
            return WayBack(skipped="the clone has no data (sandbox.data: schema)")
        names = [migration.name for migration in self.plan.migrations]
        return rehearse_way_back(
            self.workspace,
            self.opened(),
            copied,
            (before, after),
            rows,
            rehearsal,
            self._tools_tables(),
            partial(self.layout.forget, names=names),
        )

    def _tools_tables(self) -> tuple[str, ...]:
        """A command keeps its history itself: a restore brings it back with all else."""
        return () if self.plan.command is not None else self.layout.history_relations

    def _hub_of(self, copied: Clone) -> DatabaseUrl | None:
        databases = {"target": self.target, "before": copied.before, "after": copied.after}
        try:
            hub = self._open_hub(databases, tables=True)
        except DbDeployError as error:
            self.hub_error = error_text(error)
            self.workspace.say(PHASE, Level.WARN, f"no hub: {self.hub_error}")
            return None
        self.workspace.stack.callback(hub.close)
        self.workspace.record.notes += [f"hub: {note}" for note in hub.notes]
        return hub.url

    def _open_hub(self, databases: Mapping[str, DatabaseUrl], *, tables: bool) -> Hub:
        timeout = self.settings.timeouts.connect
        return open_hub(self.opened(), databases, tables=tables, connect_timeout=timeout)
