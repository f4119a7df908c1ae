"""The restore on the target: under its lock the writes of others are weighed, and what it replaces is dumped first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from .. import journal
from ..actions.concurrently import drop_transient
from ..actions.restore import CommitUnknown
from ..actions.restore_touched import NotPossible, Touched
from ..db.state import DeploymentRow, State, StateTable
from ..db.url import DatabaseUrl
from ..errors import RestoreError
from ..layouts.base import LayoutReader
from ..model import Backup, Level, LogPhase, RowsWritten
from ..plan import fingerprint, read_history
from ..steps import Step
from ..undo import store
from .before import Before
from .others_writes import RESTORED, rows_written_since
from .restoring import Restored, Wanted, dump_replaced, restore_and_verify
from .workspace import Workspace, count, error_text


class WritesWouldBeLost(RestoreError):
    """Stopped before harm: rows that others wrote since the backup would be lost by a restore. ``command``: goes on all the same."""

    def __init__(self, text: str, deployment: str) -> None:
        self.command = f"pytest --dbdeploy-rollback={deployment} --dbdeploy-lose-writes"
        super().__init__(
            f"{text}; a restore would lose them, so nothing was done",
            hint=f"to restore all the same (they stay in failed.dump): {self.command}",
        )


class RollbackIsOff(RestoreError):
    """``rollback.auto`` is false: a person decides. ``commands``: what they may type. ``complete``: it may be kept as well."""

    def __init__(self, deployment: str, *, complete: bool) -> None:
        self.commands = [f"to roll back:\n  pytest --dbdeploy-rollback={deployment}"]
        if complete:
            self.commands.append(
                f"to verify it again, and keep it where its gates pass:\n  pytest --dbdeploy-resume={deployment}"
            )
        super().__init__("rollback.auto is false, so nothing was put back")


def say_back(conn: psycopg.Connection[Any], table: StateTable, deployment: str, *, code_left: bool) -> None:
    """In the transaction that puts the database back: nothing of it stands. ``code_left``: the code is still to be put back."""
    if code_left:
        table.update(conn, deployment, State.ROLLING_BACK, position=0)
    else:
        table.update(conn, deployment, State.ROLLED_BACK)


def is_back(row: DeploymentRow | None) -> bool:
    """Whether that transaction was committed."""
    return row is not None and (row.state is State.ROLLED_BACK or row.position == 0)


def put_back(
    workspace: Workspace,
    url: DatabaseUrl,
    before: Before,
    layout: LayoutReader,
    *,
    lose_writes: bool,
    first: Callable[[], None] = lambda: None,
    code_left: bool = False,
) -> Restored:
    """Restores the target in place and verifies it. RestoreError when it fails, WritesWouldBeLost when it stops before harm.

    What the deployment touched is put back and the rest stays as it is; where that does not hold, the whole database is.
    Under the restore's lock the writes of others are weighed, the state that is replaced is dumped to ``failed.dump``, and
    ``first`` runs (the code is put back; ``code_left``: that comes afterwards). The history and the deployment's row are part of its transaction.
    Call it in a critical section: half a rollback is none.
    """
    record = workspace.record.rollback
    record.strategy = "restore"
    with workspace.steps.step(
        "rollback", "roll back", LogPhase.ROLLBACK, testcase=True, backup=str(before.backup)
    ) as step:
        restoring = _Restoring(workspace, url, before, layout, lose_writes, first, step, code_left)
        restored = restoring.run()
        record.performed = record.verified = True
        workspace.record.notes += restored.notes
        what = "the whole database was " if restored.whole and before.touched is not None else ""
        step.done(f"{what}restored from {before.backup.name} and verified", seconds=restored.seconds)
    return restored


@dataclass(slots=True)
class _Restoring:
    """One rollback by restore."""

    workspace: Workspace
    url: DatabaseUrl
    before: Before
    layout: LayoutReader
    lose_writes: bool
    first: Callable[[], None]
    step: Step
    code_left: bool = False
    begun: bool = False

    def run(self) -> Restored:
        if self.before.touched is not None and self._as_rehearsed():
            try:
                return self._restore(self.before.touched)
            except (NotPossible, RestoreError) as error:
                if isinstance(error, (WritesWouldBeLost, CommitUnknown)):
                    raise
                text = f"only the whole database can be restored: {error_text(error) if isinstance(error, RestoreError) else error}"
                self.workspace.record.notes.append(text)
                self.workspace.say(LogPhase.ROLLBACK, Level.WARN, text)
        return self._restore(None)

    def _as_rehearsed(self) -> bool:
        """Nobody knows what a command did that did not succeed: only statements of ours are known one by one."""
        events = journal.read(self.before.journal)
        applied = any(e["event"] == "state" and e["state"] == State.APPLIED for e in events)
        return self.before.backup_snapshot is not None or applied

    def _restore(self, touched: Touched | None) -> Restored:
        before = self.before
        backup: Backup | Path = before.backup
        if before.backup_sha256 is not None:
            backup = Backup(before.backup, "", before.backup_sha256, 0, 0.0, "")
        own = self.workspace.settings.state.own_schemas
        try:
            return restore_and_verify(
                self.url,
                backup,
                Wanted(before.snapshot, self._rows(touched), touched, own),
                server_major=before.server_major,
                step=self.step,
                locked=partial(self._under_lock, whole=touched is None),
                finish=self._finish,
            )
        except CommitUnknown:
            if not self._took_place():
                raise
            return Restored(whole=touched is None, notes=("the server confirmed the commit only later",))

    def _rows(self, touched: Touched | None) -> Mapping[str, int]:
        """The tool's own history is taken care of by itself."""
        history = self.layout.history_relations
        return {name: rows for name, rows in self.before.rows.items() if name not in history}

    def _under_lock(self, conn: psycopg.Connection[Any], tables: Sequence[str], *, whole: bool) -> None:
        """Nobody writes to ``tables`` any more. The code goes back first: new code does not run on the old schema."""
        record, workspace = self.workspace.record, self.workspace
        others = [name for name in tables if name not in self.layout.history_relations]
        record.rollback.rows_written = written = rows_written_since(conn, self.before, others)
        said = _weigh_writes(workspace, written, lose_writes=self.lose_writes) if written.count else None
        failed = workspace.artifacts.path("failed.dump")
        if tables:
            dump_replaced(
                self.url,
                failed,
                None if whole else tables,
                server_major=self.before.server_major,
                step=self.step,
            )
        if self.begun:
            return
        self.begun = True
        if said:
            record.notes.append(f"{said}; they are in failed.dump")
        if tables:
            record.notes.append(f"the state that was replaced is in {failed}")
        self.first()

    def _finish(self, conn: psycopg.Connection[Any]) -> None:
        """What an interrupted REINDEX left, history and state, in the restore's own transaction."""
        drop_transient(conn, self.before.snapshot.objects.get("index", {}))
        self.layout.forget(conn, self.before.migrations)
        history = read_history(conn, self.layout)
        if fingerprint(self.before.snapshot, history) != self.before.fingerprint:
            raise RestoreError(
                "after the rollback the migration history would not be as it was, so nothing was changed"
            )
        store.note_restore(conn)
        row = conn.execute("select pg_current_xact_id()::text").fetchone()
        self.workspace.journal.append(RESTORED, xid=row[0] if row else None)
        table = StateTable(self.workspace.settings.state.schema_)
        say_back(conn, table, self.workspace.record.deployment_id, code_left=self.code_left)

    def _took_place(self) -> bool:
        """After a commit whose answer was lost: the deployment's row was part of it."""
        with self.workspace.connect(self.url, "rollback", read_only=True) as conn:
            table = StateTable(self.workspace.settings.state.schema_)
            return is_back(table.find(conn, self.workspace.record.deployment_id))


def _weigh_writes(workspace: Workspace, written: RowsWritten, *, lose_writes: bool) -> str:
    """What is said of them. WritesWouldBeLost where they may not be."""
    about = "" if written.exact else "about "
    tables = ", ".join(f"{name} ({about}{number})" for name, number in written.tables.items())
    text = f"{about}{count(written.count, 'row')} written by others since the backup: {tables}"
    if lose_writes:
        workspace.say(LogPhase.ROLLBACK, Level.WARN, text, tables=dict(written.tables))
        return text
    raise WritesWouldBeLost(text, workspace.record.deployment_id)
