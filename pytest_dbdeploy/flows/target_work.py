"""The part that touches the target: lock, drift check, state row, backup, apply, keep. Journal before action."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from .. import critical
from ..actions.apply import (
    LOCK_NOT_AVAILABLE,
    StatementFailed,
    run_unit,
    run_unit_with_retries,
    waits_for_others,
)
from ..actions.dump import dump, verify
from ..compare.rows import count_rows, user_tables
from ..compare.snapshot import Snapshot, read_snapshot
from ..db import search_path
from ..db.sql import query
from ..db.state import State, StateTable
from ..db.tools import tools_for
from ..db.url import DatabaseUrl
from ..errors import DriftError, LockError
from ..layouts.base import LayoutReader
from ..model import Backup, Level, LogPhase, Migration, Plan, Unit
from ..plan import fingerprint, read_history
from ..steps import Step
from ..undo import store
from ..undo.keeping import Keeper
from ..undo.model import Undo
from . import way_back
from .held_lock import HeldLock
from .workspace import Workspace, count


class Stage(IntEnum):
    """How far the target has come. Up to ``ROW`` its schema and data are untouched."""

    UNTOUCHED = 0
    ROW = 1
    APPLYING = 2
    APPLIED = 3
    ENDED = 4


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the target's part needs of the sandbox's. ``undo``: None where none was proven."""

    units: tuple[Unit, ...]
    written: Mapping[str, int]
    rehearsed_seconds: float | None
    undo: Undo | None = None


class TargetWork:
    """Deploys one plan to one target. ``stage`` says what stands there, at any moment."""

    def __init__(
        self,
        workspace: Workspace,
        layout: LayoutReader,
        plan: Plan,
        url: DatabaseUrl,
        release: Mapping[str, Any],
    ) -> None:
        self.workspace = workspace
        self.settings = workspace.settings
        self.layout = layout
        self.plan = plan
        self.url = url
        self.release = release
        self.table = StateTable(self.settings.state.schema_)
        self.stage = Stage.UNTOUCHED
        self.committed_units = 0
        self._known_units = 0
        self.before: way_back.Before | None = None
        self.held: HeldLock | None = None

    def open(self) -> None:
        """Takes the deployment lock and checks, under it, that the target still is what was planned for."""
        with self.workspace.steps.step("lock", "lock the target", LogPhase.DEPLOY) as step:
            lock = self.workspace.connect(self.url, f"lock {self.workspace.id}", autocommit=True)
            self.workspace.stack.callback(lock.close)
            lock.execute("set idle_session_timeout = 0")  # it waits while we work
            self.held = HeldLock(lock, self._look)
            self._refuse_unfinished(lock)
            with self.workspace.connect(self.url, "drift", read_only=True) as conn:
                snapshot, now = self._read(conn)
            if now != self.plan.fingerprint:
                raise DriftError(
                    "the target changed between planning and deploying: its schema or migration history is not what was rehearsed",
                    hint="run the deployment again; it will be planned and rehearsed anew",
                )
            self.baseline = snapshot
            step.done("held; the target is what was planned for")

    def _refuse_unfinished(self, lock: psycopg.Connection[Any]) -> None:
        """Again, under the lock: somebody may have begun and died since the pre-flight gates."""
        unfinished = self.table.unfinished(lock)
        if unfinished:
            row = unfinished[0]
            raise LockError(
                f"deployment {row.id} of {row.user} on {row.host} is unfinished (state {row.state})",
                hint=f"finish it with pytest --dbdeploy-resume={row.id}, or undo it with pytest --dbdeploy-rollback={row.id}",
            )

    def insert_row(self) -> None:
        """The row is committed before the first change to the target."""
        with (
            self.workspace.steps.step("state", "write the deployment's row", LogPhase.DEPLOY) as step,
            self._writer() as conn,
        ):
            self.table.create(conn)
            self.workspace.promise_last_words(self.workspace.id)
            git = self.plan.git
            with critical.section():  # the row, and that it is there: both or none
                self.table.insert(
                    conn,
                    self.workspace.id,
                    self.plan.environment,
                    plan_hash=self.plan.hash,
                    fingerprint_before=self.plan.fingerprint,
                    migrations=[{"name": m.name, "checksum": m.checksum} for m in self.plan.migrations],
                    git_from=git.target_commit if git else None,
                    git_to=git.commit if git else None,
                    backup=str(self.backup_path),
                )
                self.stage = Stage.ROW
            step.done(f"{self.settings.state.schema_}.deployments")

    @property
    def backup_path(self) -> Path:
        directory = self.workspace.backup_directory
        return (
            directory / self.workspace.id / "backup.dump"
            if directory
            else self.workspace.artifacts.path("backup.dump")
        )

    def back_up(self, rehearsal: Rehearsal) -> Backup:
        """Dumps the target and counts its rows in one snapshot, and writes down all that a rollback needs."""
        assert self.plan.target is not None
        self._check_lock()
        with self.workspace.steps.step(
            "backup", "back up the target", LogPhase.BACKUP, testcase=True
        ) as step:
            with self.workspace.connect(self.url, "backup") as conn:
                conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                conn.read_only = True
                conn.execute("set local idle_in_transaction_session_timeout = 0")  # it waits for pg_dump
                exported = conn.execute("select pg_export_snapshot()").fetchone()
                rows = count_rows(conn, user_tables(conn, self.settings.state.own_schemas))
                writes = way_back.write_counters(conn)
                self.backup_path.parent.mkdir(parents=True, exist_ok=True)
                jobs = self.settings.backup.jobs if self.plan.target.database_bytes > 512 * 1024**2 else 1
                backup = dump(
                    self.url,
                    self.backup_path,
                    tools=tools_for(self.plan.target.major),
                    format="directory" if jobs > 1 else "custom",
                    jobs=jobs,
                    snapshot=exported[0] if exported else None,
                    step=step,
                )
            verify(backup)
            self.before = way_back.Before(
                fingerprint=self.plan.fingerprint or "",
                snapshot=self.baseline,
                rows=rows,
                writes=writes,
                own_rows=rehearsal.written,
                backup=backup.path,
                server_major=self.plan.target.major,
                migrations=tuple(m.name for m in self.plan.migrations),
            )
            state = self._documented(backup, rehearsal.rehearsed_seconds, rehearsal.undo)
            way_back.save(self.workspace.artifacts, self.before, state)
            step.done(
                f"{backup.bytes / 1e6:.1f} MB, {backup.path.name}",
                path=str(backup.path),
                sha256=backup.sha256,
            )
        self.workspace.record.backup = backup
        return backup

    def leave_database(self) -> None:
        """No migration is pending: only code goes along."""
        way_back.save_code_only(self.workspace.artifacts, self._documented(None, None))
        self.set_state(State.APPLYING)
        self.stage = Stage.APPLYING
        self.set_state(State.APPLIED)
        self.stage = Stage.APPLIED

    def _documented(
        self, backup: Backup | None, rehearsed_seconds: float | None, undo: Undo | None = None
    ) -> dict[str, Any]:
        """rollback-state.json, and what undoes the code."""
        git = self.plan.git
        return {
            "deploymentId": self.workspace.id,
            "timestamp": self.workspace.record.started,
            "environment": self.plan.environment,
            "databaseBackup": str(backup.path) if backup else None,
            "backupSha256": backup.sha256 if backup else None,
            "gitCommit": git.commit if git else None,
            "gitBranch": git.branch if git else None,
            "canRollback": True,
            "strategy": ("undo" if undo else "restore") if backup else None,
            "undoSteps": list(undo.steps) if undo else None,
            "rehearsedSeconds": rehearsed_seconds,
            "release": dict(self.release),
        }

    def apply(self, rehearsal: Rehearsal) -> None:
        """Runs the units on the target. StatementFailed and others leave ``stage`` and ``committed_units`` as evidence."""
        self._check_lock()
        with self.workspace.steps.step(
            "deploy", "apply the migrations", LogPhase.DEPLOY, testcase=True
        ) as step:
            if self.plan.command is not None:
                self._apply_command(self.plan.command, step)
            else:
                self._apply_units(rehearsal, step)
            self.stage = Stage.APPLIED
            step.done(
                f"{count(len(self.plan.migrations), 'migration')} applied"
                if self.plan.command is None
                else "the command succeeded"
            )

    def _apply_command(self, command: str, step: Step) -> None:
        from ..layouts.command import run_command

        self.set_state(State.APPLYING)
        self.stage, self.committed_units = Stage.APPLYING, 1  # what it commits, and when, is not ours to know
        run_command(command, self.url, self.settings.rootdir, step)
        self.set_state(State.APPLIED)

    def _apply_units(self, rehearsal: Rehearsal, step: Step) -> None:
        units = rehearsal.units
        undo = rehearsal.undo.for_target(self.baseline) if rehearsal.undo else None
        migrations = {m.name: m for m in self.plan.migrations}
        with self.workspace.connect(self.url, "deploy", autocommit=True) as conn:
            self.set_state(State.APPLYING)
            self.stage = Stage.APPLYING
            _notice_our_death(conn)
            search_path.leave_out(conn, self.settings.state.schema_)
            for number, unit in enumerate(units, 1):
                self._check_lock()
                last = number == len(units)
                self._known_units = number - 1
                self.workspace.journal.append(
                    "unit-started", unit=number, of=len(units), transactional=unit.transactional
                )
                run = partial(self._run_unit, conn, unit, migrations, undo, last=last)
                try:
                    run_unit_with_retries(
                        run,
                        retries=self.settings.timeouts.lock_retries,
                        on_retry=partial(self._retry, conn, step),
                        again=unit.transactional,
                    )
                except StatementFailed as failure:
                    if failure.error.sqlstate == LOCK_NOT_AVAILABLE:
                        failure.hint = _lock_holders(conn)
                    raise
                self.committed_units = number
                self.workspace.journal.append("unit-committed", unit=number, records=list(unit.records))
                step.progress(f"{number} of {len(units)}")

    def _run_unit(
        self,
        conn: psycopg.Connection[Any],
        unit: Unit,
        migrations: Mapping[str, Migration],
        undo: Undo | None,
        *,
        last: bool,
    ) -> None:
        timeouts = self.settings.timeouts
        lock_timeout = timeouts.lock
        if not unit.transactional:
            self.committed_units += 1  # from its first moment on it may leave something behind
            if waits_for_others(migrations, unit):
                lock_timeout *= (
                    timeouts.lock_retries + 1
                )  # it cannot be tried again, and nobody waits behind it
        keeper = Keeper(undo.keeps) if undo else None
        run_unit(
            conn,
            unit,
            migrations,
            self.layout,
            keeper,
            lock_timeout=lock_timeout,
            statement_timeout=timeouts.statement,
            before_records=partial(self.layout.ensure_history, conn),  # a plain ROLLBACK takes it back too
            before_commit=partial(self._committing, conn, undo, keeper, last=last),
        )

    def _committing(
        self, conn: psycopg.Connection[Any], undo: Undo | None, keeper: Keeper | None, *, last: bool
    ) -> None:
        """From the end of this on nobody but the server knows whether the unit was committed."""
        if undo is not None and keeper is not None:
            keeper.committing()
            store.write(conn, undo, complete=last)
        if last:
            self.table.update(conn, self.workspace.id, State.APPLIED)
        else:
            self.committed_units += 1

    def _retry(
        self, conn: psycopg.Connection[Any], step: Step, attempt: int, failure: StatementFailed
    ) -> None:
        self.committed_units = self._known_units  # the server itself said that it was not
        step.progress(f"waiting for a lock, attempt {attempt + 1}")
        self.workspace.say(
            LogPhase.DEPLOY,
            Level.WARN,
            f"attempt {attempt} gave way: {failure.error.message}",
            place=failure.place,
            holders=_lock_holders(conn),
        )

    def keep(self) -> None:
        """The deployment stands."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            _, after = self._read(conn)
        self.set_state(State.KEPT, fingerprint_after=after)
        self.stage = Stage.ENDED
        self._forget_old_plans()

    def _forget_old_plans(self) -> None:
        """What older undos need is kept as long as the backups are."""
        backup = self.settings.backup
        try:
            with self._writer() as conn, conn.transaction():
                store.forget(conn, store.outdated(conn, keep=backup.keep, max_age=backup.max_age))
        except psycopg.Error as error:
            self.workspace.record.notes.append(
                f"what older undos need could not be removed: {error.diag.message_primary or error}"
            )

    def set_state(self, state: State, **values: Any) -> None:
        self.workspace.journal.append("state", state=str(state))
        with self._writer() as conn:
            self.table.update(conn, self.workspace.id, state, **values)

    def unchanged(self) -> bool:
        """Positive evidence that nothing was left on the target: no unit was committed, and the fingerprint is the planned one."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            row = self.table.find(conn, self.workspace.id)
        applied = row is None or row.state is State.APPLIED
        return self.committed_units == 0 and not applied and self.as_planned()

    def as_planned(self) -> bool:
        """Whether schema and history are those that were planned for."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            return self._read(conn)[1] == self.plan.fingerprint

    def _read(self, conn: psycopg.Connection[Any]) -> tuple[Snapshot, str]:
        snapshot = read_snapshot(conn, exclude_schemas=self.settings.state.own_schemas)
        return snapshot, fingerprint(snapshot, read_history(conn, self.layout))

    def _writer(self) -> psycopg.Connection[Any]:
        return self.workspace.connect(self.url, "state", autocommit=True)

    def _check_lock(self) -> None:
        assert self.held is not None
        self.held.check()

    def _look(self) -> object:
        """What a pause must not change."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            row = self.table.find(conn, self.workspace.id)
            return row and row.state, self._read(conn)[1]


def _lock_holders(conn: psycopg.Connection[Any]) -> str | None:
    """For people: whom the statement may have waited for. It has given up, so the server no longer says whom it did."""
    try:
        rows = conn.execute(query("lock_holders")).fetchall()
    except psycopg.Error:
        return None
    names = [
        f"process {pid} ({name or 'unnamed'}, role {role}{f', since {since:%H:%M:%S}' if since else ''})"
        for pid, name, role, since in rows
    ]
    return f"open transactions that hold locks: {', '.join(names)}" if names else None


def _notice_our_death(conn: psycopg.Connection[Any]) -> None:
    """The server looks each second, also while a statement waits for a lock, whether we are still there."""
    with contextlib.suppress(psycopg.Error):  # not on every system that PostgreSQL runs on
        conn.execute("set client_connection_check_interval = '1s'")
