"""What ``--dbdeploy-rollback`` and ``--dbdeploy-resume`` share: a deployment of an earlier session, known by its artifacts and its row."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from .. import journal
from ..actions.dump import remove_partial
from ..actions.restore import CommitUnknown
from ..adapters import Adapters
from ..config.load import Settings
from ..db.deployment_lock import end_leftovers
from ..db.state import FINISHED, NOTHING_STANDS, DeploymentRow, State, StateTable
from ..db.url import DatabaseUrl
from ..errors import BackupError, ConfigError, DbDeployError, LockError, RestoreError, StateError
from ..model import Decision, ExitStatus, Level, LogPhase, Outcome, Phase, Reason, Verdict
from ..plan import read_schema
from ..reports.artifacts import Artifacts
from ..steps import Steps
from ..undo import store
from . import before, undoing
from .base import Close, Ledger
from .code import CODE_FIRST, CodeRelease
from .common import CommonFlow
from .held_lock import HeldLock
from .restoring import Restored
from .way_back import WritesWouldBeLost
from .workspace import error_text


class EarlierFlow(CommonFlow):
    """What rollback and resume have in common: find the deployment, hold the lock, put back, tell the row."""

    phases: tuple[Phase, ...] = ()

    def __init__(self, settings: Settings, steps: Steps, adapters: Adapters) -> None:
        assert settings.environment is not None
        super().__init__(settings, steps, adapters)
        self.environment = settings.environment
        self.exit_status = ExitStatus.ROLLBACK_FAILED
        self.table = StateTable(settings.state.schema_)
        self.url: DatabaseUrl | None = None
        self.row: DeploymentRow | None = None
        self.touched = False
        self.not_back = False

    # -- start ---------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        self.layout = self.open_layout()
        self.open_workspace(self.environment.name)
        try:
            self.url = self.workspace.open_database(
                self.environment.database.reveal(), name=self.environment.name
            )
            self.workspace.watch_over(self.url)
            with self.workspace.connect(self.url, str(self.mode), read_only=True) as conn:
                self.row = self._find(conn)
        except ConfigError:
            raise
        except (DbDeployError, psycopg.Error) as error:
            self._fail(error)
            return
        self.id = self.row.id
        self.record.deployment_id = self.id
        self.earlier = self._artifacts()

    def _find(self, conn: psycopg.Connection[Any]) -> DeploymentRow:
        wanted = self.settings.action.deployment
        row = (
            self.table.last(conn, self.environment.name)
            if wanted == "last"
            else self.table.find(conn, wanted or "")
        )
        if row is None:
            what = f"no deployment {wanted}" if wanted != "last" else "no deployment that changed it"
            hint = f"the deployments of a target are in its table {self.settings.state.schema_}.deployments"
            died = journal.death(self.settings.artifacts / wanted) if wanted and wanted != "last" else None
            if died is not None and not died.touched:
                hint = f"its session died {died.when:%Y-%m-%d %H:%M}, before it changed anything there; deploy again:\n  pytest --dbdeploy-env={self.environment.name}"
            raise ConfigError(f"the target of environment {self.environment.name} knows {what}", hint=hint)
        self._check(conn, row)
        return row

    def _check(self, conn: psycopg.Connection[Any], row: DeploymentRow) -> None:
        """ConfigError when the action makes no sense for this row."""

    def _artifacts(self) -> Artifacts:
        assert self.row is not None
        return Artifacts(
            self.settings.artifacts, self.row.id, self.row.environment, self.row.started.timestamp()
        )

    # -- the way back --------------------------------------------------------------------------------------------

    def _lock(self) -> None:
        """Takes the deployment lock, and under it ends what the dead session left running and reads the row again."""
        assert self.url is not None and self.row is not None
        url = self.url
        self.held = HeldLock(
            lambda: self.workspace.connect(url, f"lock {self.id}", autocommit=True), self._look
        )
        lock = self.held.conn
        self.workspace.stack.callback(self.held.close)
        self.workspace.promise_last_words(self.id)
        for name in end_leftovers(lock):
            self.workspace.say(LogPhase.ROLLBACK, Level.WARN, f"ended what {self.id} left running: {name}")
        now = self.table.find(lock, self.id)
        if self.row.backup:
            remove_partial(Path(self.row.backup))
        self._refuse_older(lock)
        if now is None or now.state is not self.row.state:
            raise LockError(
                f"deployment {self.id} was {self.row.state}, and is {now.state if now else 'gone'} now: somebody else went on with it",
                hint="look at it again; nothing was changed",
            )

    def _look(self) -> tuple[State | None, str]:
        """What a pause must not change."""
        assert self.url is not None
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            row = self.table.find(conn, self.id)
            found = read_schema(conn, self.layout, self.settings.state.own_schemas)
            return row.state if row else None, found.fingerprint

    def _refuse_older(self, conn: psycopg.Connection[Any]) -> None:
        """A restore would undo the deployments after it too, those to another environment on the same database as well."""
        assert self.row is not None
        later = self.table.later_than(conn, self.row)
        if later and self.row.state not in FINISHED - {State.KEPT}:
            raise LockError(
                f"deployment {self.id} is not the newest: {', '.join(r.id for r in later)} came after it, and would be undone too",
                hint=f"roll back the newest first: pytest --dbdeploy-rollback={later[0].id}",
            )

    def _put_back(self) -> Restored:
        """Restores what the deployment changed; nothing to do when it never got as far as applying. The code in reverse order."""
        assert self.url is not None and self.row is not None
        if self.row.state is State.STARTED:
            return self._nothing_stands(State.ABORTED)
        if self.row.position == 0:
            self._put_code_back(self._code_that_went_first())
            return self._nothing_stands(State.ROLLED_BACK)
        release, database = self._release()
        code_last = release.get("order") == CODE_FIRST
        self.touched = True
        self._reopen_earlier()
        if not database:
            self._put_code_back(release)
            self._set_state(State.ROLLED_BACK)
            self.record.rollback.verified = True
            return Restored()
        load = partial(before.load, self.earlier)
        self._set_state(State.ROLLING_BACK)
        restored = undoing.put_back(
            self.workspace,
            self.url,
            self.id,
            self.layout,
            load,
            lose_writes=self.settings.action.lose_writes
            or self.settings.rollback.if_restore_loses_writes == "discard",
            first=lambda: None if code_last else self._put_code_back(release),
            code_left=code_last,
        )
        if code_last:
            self._put_code_back(release)
        self._set_state(State.ROLLED_BACK)
        return restored

    def _code(self, release: Mapping[str, Any]) -> CodeRelease:
        return CodeRelease.recorded(self.workspace, self.environment, release, self.adapters.releasers)

    def _put_code_back(self, release: Mapping[str, Any]) -> None:
        if release:
            self.touched = True
            self._code(release).put_back(whole=True)

    def _code_that_went_first(self) -> Mapping[str, Any]:
        """Of a deployment that left nothing in the database, or whose database is back already."""
        assert self.row is not None
        try:
            release, database = self._recorded()
        except StateError:
            # Nobody knows of any code; there is none unless it goes first.
            if self.environment.branch is not None and self.settings.release.order == CODE_FIRST:
                raise
            return {}
        return release if release.get("order") == CODE_FIRST or not database else {}

    def _nothing_stands(self, state: State) -> Restored:
        """Nothing of it was ever committed, its row says so: without any artifact, and whatever others did meanwhile."""
        assert self.row is not None
        if self._look()[1] != self.row.fingerprint_before:
            self.record.notes.append(
                "nothing of the deployment was committed; somebody else changed the target's schema or migration history since"
            )
        self._set_state(state)
        self.record.rollback.verified = True
        return Restored()

    def _recorded(self) -> tuple[Mapping[str, Any], bool]:
        """As ``before.release_of``; without artifacts by the deployment's row. StateError where that does not say it either."""
        assert self.row is not None
        try:
            return before.release_of(self.earlier)
        except StateError:
            if self.row.release is None:
                raise
            return self.row.release["code"], self.row.release["database"]

    def _release(self) -> tuple[Mapping[str, Any], bool]:
        """As ``_recorded``; of what the target does not hold, the artifacts are needed. StateError without them."""
        assert self.url is not None and self.row is not None
        try:
            return before.release_of(self.earlier)
        except StateError as error:
            known = self.row.release
            if known is not None and not known["database"]:
                return known["code"], False
            if not undoing.undoable(self.workspace, self.url, self.id):
                raise
            why = error_text(error).splitlines()[0]
            left = "" if known is not None else "; code was not put back"
            self.record.notes.append(f"undone by what the target holds{left}: {why}")
            return (known["code"] if known is not None else {}), True

    def _refuse(self, error: LockError) -> Close:
        """Status 10: the lock was not to be had, and so nothing was done."""
        text = error_text(error)
        self.steps.message(LogPhase.ROLLBACK, Level.ERROR, text)
        self.record.decision = Decision(Verdict.ABORT, (Reason("action-failed", text),))
        self._end(Outcome.ABORTED, ExitStatus.ABORTED)
        return Close(text.splitlines()[0])

    def _set_state(self, state: State, **values: Any) -> None:
        assert self.url is not None
        self.workspace.journal_state(state, deployment=self.id)
        with self.workspace.connect(self.url, "state", autocommit=True) as conn, conn.transaction():
            self.table.update(conn, self.id, state, **values)
            if state in NOTHING_STANDS:
                store.forget(conn, [self.id])

    # -- end -----------------------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> Close:
        """Status 12: a person must look. Once anything was begun the row says so."""
        text = error_text(error)
        # Only a restore's commit leaves it open whether anything was changed.
        self.not_back = isinstance(error, (RestoreError, BackupError)) and not isinstance(
            error, CommitUnknown
        )
        self.workspace.log.exception(LogPhase.ROLLBACK, "the rollback did not succeed", error)
        self.steps.message(LogPhase.ROLLBACK, Level.ERROR, text)
        self.record.decision = Decision(Verdict.ABORT, (Reason("rollback-failed", text),))
        paused = self.held is not None and self.held.paused  # then somebody else may have taken it up
        if self.row is not None and self.touched and not paused:
            try:
                self._set_state(State.ROLLBACK_FAILED)
            except (DbDeployError, psycopg.Error) as again:
                self.record.notes.append(
                    f"the deployment's row could not be set to rollback_failed: {error_text(again)}"
                )
        if isinstance(error, WritesWouldBeLost):
            self.record.next_commands.append(error.command)
        self._end(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED)
        return Close(text.splitlines()[0])

    def _end(self, outcome: Outcome, status: ExitStatus) -> None:
        self.exit_status = status
        where = f"{self.environment.name} ({self.url.label})" if self.url else self.environment.name
        text = {
            Outcome.ROLLED_BACK_ON_REQUEST: "as it was before the deployment, verified",
            Outcome.ROLLED_BACK: "as it was before the deployment, verified",
            Outcome.DEPLOYED: "migrated, verified and kept",
            Outcome.NOTHING_TO_DEPLOY: "as that deployment left it; nothing was done",
        }.get(outcome) or self._how_it_was_left()
        self.record.what_stands_where = [f"target   {where}: {text}", *self.record.code_lines]
        self.workspace.finish(outcome, status)

    def _how_it_was_left(self) -> str:
        if self.record.rollback.verified:
            return "as it was before the deployment, verified; the gates did not run to their end"
        if self.not_back:
            return "as the deployment left it: NOTHING was put back"
        return (
            "not verified: look at the reasons above" if self.touched else "as it was found; nothing was done"
        )

    def abandon(self, why: str, ledger: Ledger, *, interrupted: bool) -> None:
        if self._workspace is None or self.record.outcome is not None:
            return
        if interrupted and (self.record.rollback.verified or not self.touched):
            self._end(Outcome.INTERRUPTED, ExitStatus.INTERRUPTED)
            return
        self._fail(DbDeployError(f"the session ended before the rollback was verified: {why}"))

    def close(self, ledger: Ledger) -> None:
        if self._workspace is None:
            return
        if self.record.outcome is None and not self.touched:
            self._end(Outcome.ABORTED, ExitStatus.USAGE_ERROR)  # refused before anything was begun
        if self.record.outcome is None:
            self._fail(DbDeployError("the session ended before the rollback was verified"))
        if self.record.outcome in (Outcome.ROLLED_BACK_ON_REQUEST, Outcome.ROLLED_BACK, Outcome.DEPLOYED):
            self._finish_earlier()
        self.workspace.close(ledger.gates, log_to=self.url if self.touched else None, finished=True)

    def _reopen_earlier(self) -> None:
        """Its folder, and the backup in it, is not removed in time before it was put back or finished."""
        path = self.earlier.path("journal.jsonl")
        with suppress(StateError):
            if path.exists():
                earlier = journal.Journal(path)
                earlier.append("rollback-started", by=self.workspace.id)
                earlier.close()

    def _finish_earlier(self) -> None:
        """The earlier session's folder may be removed in time: there is nothing left to resume."""
        path = self.earlier.path("journal.jsonl")
        if not path.exists():  # on another machine
            return
        try:
            earlier = journal.Journal(path)
            earlier.finish(by=self.workspace.id, outcome=str(self.record.outcome))
        except (StateError, OSError) as error:
            self.record.notes.append(f"the journal of {self.id} could not be ended: {error_text(error)}")

    def junit_properties(self) -> dict[str, str]:
        plan = (self.row.plan_hash or "") if self.row else ""
        return {**super().junit_properties(), "dbdeploy.plan": plan}
