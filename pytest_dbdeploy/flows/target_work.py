"""The part that touches the target: lock, drift check, state row, backup, apply, keep. Journal before action."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from .. import critical
from ..actions.dump import dump, verify
from ..actions.process import size
from ..compare.rows import count_rows, user_tables
from ..compare.snapshot import Snapshot
from ..db import search_path
from ..db.deployment_lock import notice_our_death
from ..db.state import NOTHING_STANDS, UNDO_SCHEMA, State, StateTable
from ..db.tools import tools_for
from ..db.url import DatabaseUrl
from ..errors import DriftError, LockError
from ..layouts.base import LayoutReader
from ..model import Backup, Change, Level, LogPhase, Plan, StatementEvidence, Unit
from ..plan import Schema, read_schema
from ..steps import Step
from ..undo import store
from ..undo.model import Undo
from . import before as kept
from .applying import Applying, statements_of
from .catalogue_check import CatalogueCheck
from .held_lock import HeldLock
from .others_writes import NotingWrites, write_counters
from .rehearsing_back import WayBack
from .target_watch import TargetWatch
from .workspace import Workspace, count

#: How often ``timeouts.connect`` a target that went away is waited for before it is rolled back: a crashed server starts again.
_PATIENCE = 3


class Stage(IntEnum):
    """How far the target has come. Up to ``CODE`` (the code goes first) its schema and data are untouched."""

    UNTOUCHED = 0
    ROW = 1
    CODE = 2
    APPLYING = 3
    APPLIED = 4
    ENDED = 5


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the target's part needs of the sandbox's. ``undo``: None where none was proven. ``snapshots``: before and after."""

    units: tuple[Unit, ...]
    written: Mapping[str, int]
    back: WayBack
    evidence: tuple[StatementEvidence, ...] = ()
    changes: tuple[Change, ...] = ()
    undo: Undo | None = None
    seconds: float | None = None
    snapshots: tuple[Snapshot, Snapshot] | None = None


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
        self.before: kept.Before | None = None
        self.held: HeldLock | None = None
        self.reading_seconds = 0.0

    def open(self) -> None:
        """Takes the deployment lock and checks, under it, that the target still is what was planned for."""
        with self.workspace.steps.step("lock", "lock the target", LogPhase.DEPLOY) as step:
            self.held = HeldLock(
                lambda: self.workspace.connect(self.url, f"lock {self.workspace.id}", autocommit=True),
                self._look,
            )
            self.workspace.stack.callback(self.held.close)
            self._refuse_unfinished(self.held.conn)
            with self.workspace.connect(self.url, "drift", read_only=True) as conn:
                started = time.perf_counter()
                found = self._read(conn)
                self.reading_seconds = time.perf_counter() - started
            if found.fingerprint != self.plan.fingerprint:
                raise _drifted()
            self.baseline, self.parts = found.snapshot, found.parts
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

    def insert_row(self, *, database: bool) -> None:
        """The row is committed before the first change to the target. ``database``: whether that is to be migrated, or only code released."""
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
                    objects_before=self.parts,
                    migrations=[
                        {"name": m.name, "checksum": m.checksum, "content": m.identity}
                        for m in self.plan.migrations
                    ],
                    git_from=git.target_commit if git else None,
                    git_to=git.commit if git else None,
                    backup=str(self.backup_path),
                    release={"code": dict(self.release), "database": database},
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
                notice_our_death(conn)
                conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                conn.read_only = True
                conn.execute("set local idle_in_transaction_session_timeout = 0")  # it waits for pg_dump
                exported = conn.execute("select pg_export_snapshot(), pg_current_snapshot()::text").fetchone()
                assert exported is not None
                rows = count_rows(conn, user_tables(conn, self.settings.state.own_schemas))
                writes = write_counters(conn)
                self.backup_path.parent.mkdir(parents=True, exist_ok=True)
                jobs = self.settings.backup.jobs if self.plan.target.database_bytes > 512 * 1024**2 else 1
                backup = dump(
                    self.url,
                    self.backup_path,
                    tools=tools_for(self.plan.target.major),
                    format="directory" if jobs > 1 else "custom",
                    jobs=jobs,
                    snapshot=exported[0],
                    exclude_schemas=(UNDO_SCHEMA,),  # it stays in place, whatever is restored
                    step=step,
                )
            verify(backup)
            self.before = kept.Before(
                fingerprint=self.plan.fingerprint or "",
                snapshot=self.baseline,
                rows=rows,
                writes=writes,
                own_rows=rehearsal.written,
                backup=backup.path,
                backup_sha256=backup.sha256,
                server_major=self.plan.target.major,
                migrations=tuple(m.name for m in self.plan.migrations),
                journal=self.workspace.journal.path,
                backup_snapshot=exported[1] if self.plan.command is None else None,
                touched=rehearsal.back.touched,
                net=rehearsal.back.net,
                unknown=rehearsal.back.unknown,
            )
            state = self._documented(backup, rehearsal.seconds, rehearsal.undo)
            kept.save(self.workspace.artifacts, self.before, state)
            step.done(
                f"{size(backup.bytes)}, {backup.path.name}",
                path=str(backup.path),
                sha256=backup.sha256,
            )
        self.workspace.journal.append("backup", sha256=backup.sha256, bytes=backup.bytes, rows=rows)
        self.workspace.record.backup = backup
        return backup

    def let_code_go_first(self) -> None:
        """From now on the deployment is unfinished, though nothing of the database is touched: its position is 0."""
        self._check_lock()
        if not self.as_planned():
            raise _drifted()
        self.set_state(State.APPLYING)
        self.stage = Stage.CODE

    def leave_database(self) -> None:
        """No migration is pending: only code goes along."""
        kept.save_code_only(self.workspace.artifacts, self._documented(None, None))
        self.set_state(State.APPLYING)
        self.stage = Stage.APPLYING
        self.set_state(State.APPLIED, position=1)  # the code, which is pushed from now on
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
            "health": self.workspace.record.health.get("before"),
        }

    def apply(self, rehearsal: Rehearsal) -> None:
        """Runs the units on the target. What it left when it fails, the row says: its state and its position."""
        self._check_lock()
        if not self.as_planned():  # the backup may have taken hours
            raise _drifted()
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

        self.set_state(State.APPLYING, position=1)  # what it commits, and when, is not ours to know
        self.stage = Stage.APPLYING
        run_command(command, self.url, self.settings.rootdir, step)
        self.set_state(State.APPLIED)

    def _apply_units(self, rehearsal: Rehearsal, step: Step) -> None:
        with (
            self.workspace.connect_to_hold(self.url, "deploy") as conn,
            TargetWatch(
                conn,
                partial(self.workspace.connect_to_hold, self.url, "watch"),
                patience=self.settings.timeouts.lock,
            ) as watch,
        ):
            self.set_state(State.APPLYING)
            self.stage = Stage.APPLYING
            search_path.leave_out(conn, self.settings.state.schema_)
            assert self.before is not None
            evidence = tuple(zip(statements_of(self.plan, rehearsal.units), rehearsal.evidence, strict=True))
            undo = rehearsal.undo.for_target(self.baseline) if rehearsal.undo else None
            applying = Applying(
                self.workspace,
                self.layout,
                self.plan,
                self.table,
                self.url,
                conn,
                watch,
                NotingWrites(self.workspace.journal, self.before, evidence),
                undo,
                self._check_lock,
                self._catalogue_check(rehearsal),
            )
            applying.prepare(rehearsal.units)
            for number, unit in enumerate(rehearsal.units, 1):
                applying.unit(unit, number, len(rehearsal.units), step)
                step.progress(f"{number} of {len(rehearsal.units)}")
            applying.analyze(rehearsal.changes)
        applying.set_beside(rehearsal.units, rehearsal.evidence)

    def _catalogue_check(self, rehearsal: Rehearsal) -> CatalogueCheck | None:
        """Where all is one transaction, and reading the catalogue does not hold its locks for too long; else the gates do it later."""
        if rehearsal.snapshots is None or [u.transactional for u in rehearsal.units] != [True]:
            return None
        if self.reading_seconds > self.settings.thresholds.lock_seconds:
            return None
        return CatalogueCheck(self.baseline, *rehearsal.snapshots, self.settings.state.own_schemas)

    def keep(self) -> None:
        """The deployment stands."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            after = self._read(conn)
        self.set_state(State.KEPT, fingerprint_after=after.fingerprint, objects_after=after.parts)
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
        self.workspace.journal_state(state)
        with self._writer() as conn, conn.transaction():
            self.table.update(conn, self.workspace.id, state, **values)
            if state in NOTHING_STANDS:
                store.forget(conn, [self.workspace.id])

    def unchanged(self) -> bool:
        """Positive evidence that nothing was left on the target: its row knows of no unit, and the fingerprint is the planned one."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            row = self.table.find(conn, self.workspace.id)
        return row is not None and row.position == 0 and self.as_planned()

    def regain(self) -> None:
        """Before anything is put back, and after whatever happened: the target answers, and is still ours.

        TargetError when it does not answer; LockError when somebody else went on with this deployment meanwhile.
        """
        assert self.held is not None
        for name in self.held.regain(self.settings.timeouts.connect * _PATIENCE):
            self.workspace.say(LogPhase.ROLLBACK, Level.WARN, f"ended what was left running: {name}")
        row = self.table.find(self.held.conn, self.workspace.id)
        if row is None or row.state not in (State.STARTED, State.APPLYING, State.APPLIED):
            self.held.paused = True
            raise LockError(
                f"somebody else went on with deployment {self.workspace.id} while the target did not answer: "
                f"it is {row.state if row else 'gone'} now",
                hint="look at it again; it is left as it is",
            )

    def as_planned(self) -> bool:
        """Whether schema and history are those that were planned for."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            return self._read(conn).fingerprint == self.plan.fingerprint

    def _read(self, conn: psycopg.Connection[Any]) -> Schema:
        return read_schema(conn, self.layout, self.settings.state.own_schemas)

    def _writer(self) -> psycopg.Connection[Any]:
        return self.workspace.connect(self.url, "state", autocommit=True)

    def _check_lock(self) -> None:
        assert self.held is not None
        self.held.check()

    def _look(self) -> object:
        """What a pause must not change."""
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            row = self.table.find(conn, self.workspace.id)
            return row and row.state, self._read(conn).fingerprint


def _drifted() -> DriftError:
    return DriftError(
        "the target changed between planning and deploying: its schema or migration history is not what was rehearsed",
        hint="run the deployment again; it will be planned and rehearsed anew",
    )
