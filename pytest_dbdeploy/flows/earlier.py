"""``--dbdeploy-rollback`` and ``--dbdeploy-resume``: go on with a deployment of an earlier session, from its artifacts and its row."""

from __future__ import annotations

from typing import Any

import psycopg

from .. import critical, journal
from ..adapters import Adapters
from ..compare.diff import diff, verify
from ..compare.snapshot import read_snapshot
from ..config.load import Settings
from ..db.state import FINISHED, DeploymentRow, State, StateTable, end_leftovers
from ..db.url import DatabaseUrl
from ..decision import decide
from ..errors import ConfigError, DbDeployError, LayoutError, LockError, StateError
from ..health import HealthCheck, check_health
from ..layouts import find_layout
from ..model import Decision, ExitStatus, Level, LogPhase, Mode, Outcome, Phase, Reason, Verdict
from ..plan import fingerprint, make_plan, read_history
from ..reports.artifacts import Artifacts
from ..steps import Steps
from . import way_back
from .base import Close, Go, Ledger
from .code import push_what_is_left, put_code_back
from .common import CommonFlow
from .held_lock import HeldLock
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

    # -- start ---------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        try:
            self.layout = find_layout(
                self.settings.migrations,
                self.settings.rootdir,
                self.settings.state.schema_,
                extra=self.adapters.layouts,
            )
        except LayoutError as error:
            raise ConfigError(error.message, hint=error.hint) from None
        self.open_workspace(self.environment.name)
        try:
            self.url = self.workspace.open_database(
                self.environment.database.reveal(), name=self.environment.name
            )
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
            raise ConfigError(
                f"the target of environment {self.environment.name} knows {what}",
                hint=f"the deployments of a target are in its table {self.settings.state.schema_}.deployments",
            )
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
        lock = self.workspace.connect(self.url, f"lock {self.id}", autocommit=True)
        self.workspace.stack.callback(lock.close)
        self.held = HeldLock(lock, self._look)
        self.workspace.promise_last_words(self.id)
        for name in end_leftovers(lock):
            self.workspace.say(LogPhase.ROLLBACK, Level.WARN, f"ended what {self.id} left running: {name}")
        now = self.table.find(lock, self.id)
        self._refuse_older(lock)
        if now is None or now.state is not self.row.state:
            raise LockError(
                f"deployment {self.id} was {self.row.state}, and is {now.state if now else 'gone'} now: somebody else went on with it",
                hint="look at it again; nothing was changed",
            )

    def _look(self) -> object:
        """What a pause must not change."""
        assert self.url is not None
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            row = self.table.find(conn, self.id)
            snapshot = read_snapshot(conn, exclude_schemas=(self.settings.state.schema_,))
            return row and row.state, fingerprint(snapshot, read_history(conn, self.layout))

    def _refuse_older(self, conn: psycopg.Connection[Any]) -> None:
        """A restore would undo the deployments after it too, those to another environment on the same database as well."""
        assert self.row is not None
        later = self.table.later_than(conn, self.row)
        if later and self.row.state not in FINISHED - {State.KEPT}:
            raise LockError(
                f"deployment {self.id} is not the newest: {', '.join(r.id for r in later)} came after it, and would be undone too",
                hint=f"roll back the newest first: pytest --dbdeploy-rollback={later[0].id}",
            )

    def _put_back(self) -> way_back.Restored:
        """Restores what the deployment changed; nothing to do when it never got as far as applying."""
        assert self.url is not None and self.row is not None
        if self.row.state is State.STARTED:
            self._set_state(State.ABORTED)
            self.record.rollback.verified = True
            return way_back.Restored()
        release, database = way_back.release_of(self.earlier)
        if not database:
            put_code_back(self.workspace, release)
            self._set_state(State.ROLLED_BACK)
            self.record.rollback.verified = True
            return way_back.Restored()
        before = way_back.load(self.earlier)
        if self.row.state is State.APPLYING and self._never_committed(before):
            self._set_state(State.ROLLED_BACK)
            self.record.rollback.verified = True
            return way_back.Restored()
        self.touched = True
        self._set_state(State.ROLLING_BACK)
        restored = way_back.put_back(
            self.workspace,
            self.url,
            before,
            self.layout,
            lose_writes=self.settings.rollback.if_restore_loses_writes == "discard",
            first=lambda: put_code_back(self.workspace, release),
        )
        self._set_state(State.ROLLED_BACK)
        return restored

    def _never_committed(self, before: way_back.Before) -> bool:
        """Where all ran in one transaction, the state ``applied`` was part of it: without it, nothing was committed."""
        assert self.url is not None
        units = [e for e in journal.read(self.earlier.path("journal.jsonl")) if e["event"] == "unit-started"]
        atomic = all(unit["of"] == 1 and unit["transactional"] for unit in units) and bool(units)
        return atomic and way_back.verify(self.workspace, self.url, before, self.layout).verified

    def _refuse(self, error: LockError) -> Close:
        """Status 10: the lock was not to be had, and so nothing was done."""
        text = error_text(error)
        self.steps.message(LogPhase.ROLLBACK, Level.ERROR, text)
        self.record.decision = Decision(Verdict.ABORT, (Reason("action-failed", text),))
        self._end(Outcome.ABORTED, ExitStatus.ABORTED)
        return Close(text.splitlines()[0])

    def _set_state(self, state: State, **values: Any) -> None:
        assert self.url is not None
        self.workspace.journal.append("state", deployment=self.id, state=str(state))
        with self.workspace.connect(self.url, "state", autocommit=True) as conn:
            self.table.update(conn, self.id, state, **values)

    # -- end -----------------------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> Close:
        """Status 12: a person must look. Once anything was begun the row says so."""
        text = error_text(error)
        self.workspace.log.exception(LogPhase.ROLLBACK, "the rollback did not succeed", error)
        self.steps.message(LogPhase.ROLLBACK, Level.ERROR, text)
        self.record.decision = Decision(Verdict.ABORT, (Reason("rollback-failed", text),))
        paused = self.held is not None and self.held.paused  # then somebody else may have taken it up
        if self.row is not None and self.touched and not paused:
            try:
                self._set_state(State.ROLLBACK_FAILED)
            except DbDeployError as again:
                self.record.notes.append(
                    f"the deployment's row could not be set to rollback_failed: {error_text(again)}"
                )
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
        self.record.what_stands_where = [f"target   {where}: {text}"]
        self.workspace.finish(outcome, status)

    def _how_it_was_left(self) -> str:
        if self.record.rollback.verified:
            return "as it was before the deployment, verified; the gates did not run to their end"
        return (
            "not verified: look at the reasons below" if self.touched else "as it was found; nothing was done"
        )

    def abandon(self, why: str, ledger: Ledger, *, interrupted: bool) -> None:
        if self.record.outcome is not None:
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

    def _finish_earlier(self) -> None:
        """The earlier session's folder may be removed in time: there is nothing left to resume."""
        try:
            earlier = journal.Journal(self.earlier.path("journal.jsonl"))
            earlier.finish(by=self.workspace.id, outcome=str(self.record.outcome))
        except (StateError, OSError) as error:
            self.record.notes.append(f"the journal of {self.id} could not be ended: {error_text(error)}")

    def junit_properties(self) -> dict[str, str]:
        plan = (self.row.plan_hash or "") if self.row else ""
        return {**super().junit_properties(), "dbdeploy.plan": plan}


class RollbackFlow(EarlierFlow):
    """Rolls a finished or unfinished deployment back, then the ``postrollback`` gates verify."""

    phases: tuple[Phase, ...] = (Phase.POSTROLLBACK,)

    def _check(self, conn: psycopg.Connection[Any], row: DeploymentRow) -> None:
        if row.state in (State.ROLLED_BACK, State.ABORTED):
            raise ConfigError(
                f"deployment {row.id} is {row.state} already: there is nothing to roll back",
                hint=self._hint_for_the_newest_that_stands(conn, row),
            )
        later = self.table.later_than(conn, row)
        if later:
            raise ConfigError(
                f"deployment {row.id} is not the newest: {', '.join(r.id for r in later)} came after it, and would be undone too",
                hint=f"roll back the newest first: pytest --dbdeploy-rollback={later[0].id}",
            )

    def _hint_for_the_newest_that_stands(
        self, conn: psycopg.Connection[Any], row: DeploymentRow
    ) -> str | None:
        standing = self.table.standing(conn, row.environment)
        return f"the newest that stands: pytest --dbdeploy-rollback={standing.id}" if standing else None

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close:
        if self.record.outcome is not None:
            return Close("the target cannot be reached")
        with critical.section(final=True):
            try:
                self._lock()
                restored = self._put_back()
            except LockError as error:
                return self._fail(error) if self.touched else self._refuse(error)
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                return self._fail(error)
        assert self.url is not None
        return Go(
            {
                "target": self.url.reveal(),
                "app": {"url": self.environment.app_url, "timeout": 10.0},
                "checks": {"restored": {"schema": restored.schema, "rows": restored.rows}},
            }
        )

    def finish(self, ledger: Ledger) -> None:
        if self.record.outcome is not None:
            return
        decision = decide(ledger.gates, ledger.problems, ended=self.phases)
        if decision.verdict is Verdict.DEPLOY:
            self._end(Outcome.ROLLED_BACK_ON_REQUEST, ExitStatus.OK)
            return
        first = decision.reasons[0]
        self._fail(StateError(f"the rollback could not be verified: {first.gate or ''} {first.message}"))
        self.record.decision = decision


class ResumeFlow(EarlierFlow):
    """A deployment whose process died: finished when the apply was complete, else rolled back."""

    phases: tuple[Phase, ...] = (Phase.POSTDEPLOY,)
    verification: Any = None

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close:
        if self.record.outcome is not None:
            return Close("the target cannot be reached")
        assert self.row is not None
        if self.row.state in FINISHED:
            self.record.notes.append(f"deployment {self.id} is {self.row.state}: there is nothing to resume")
            self._end(Outcome.NOTHING_TO_DEPLOY, ExitStatus.OK)
            return Close(f"the deployment is {self.row.state} already", not_applicable=True)
        with critical.section(final=True):
            try:
                self._lock()
                if self.row.state is State.APPLIED:
                    return Go(self._context())
                self._put_back()
            except LockError as error:
                return self._fail(error) if self.touched else self._refuse(error)
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                return self._fail(error)
        self._end(Outcome.ROLLED_BACK, ExitStatus.ROLLED_BACK)
        return Close("the apply was not complete: rolled back", not_applicable=True)

    def _context(self) -> dict[str, Any]:
        assert self.url is not None
        assert self.row is not None
        release, database = way_back.release_of(self.earlier)
        push_what_is_left(self.workspace, release)
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            now = read_snapshot(conn, exclude_schemas=(self.settings.state.schema_,))
            deployed = {
                m["name"] for m in self.row.migrations
            }  # what came to the disk since is not its business
            pending = [m.name for m in read_history(conn, self.layout).pending if m.name in deployed]
        if database:
            before = way_back.load(self.earlier)
            rows = dict(before.rows)
            rehearsed = way_back.load_rehearsal(self.earlier)
            verification = verify(before.snapshot, rehearsed.before, rehearsed.after, now)
        else:
            rows, rehearsed = {}, way_back.RehearsedSnapshots(now, now, ())
            verification = verify(now, now, now, now)
        health = None
        if self.environment.app_url:
            health = check_health(self.environment.app_url, self.environment.health, patient=True)
        plan = make_plan(
            self.settings,
            mode=Mode.RESUME,
            environment=self.environment.name,
            layout=self.layout,
            url=self.url,
            target_error=None,
            git=None,
            policy={},
            app_url=self.environment.app_url,
        ).plan
        return {
            "plan": plan,
            "changes": diff(rehearsed.before, rehearsed.after),
            "target": self.url.reveal(),
            "app": {"url": self.environment.app_url, "timeout": 10.0},
            "checks": {
                "verification": verification,
                "history_pending": pending,
                "rows_before": rows,
                "expected_empty": list(rehearsed.emptied),
                "health": HealthCheck(True, "not known", 0.0) if health else None,
                "health_after": health,
            },
        }

    def finish(self, ledger: Ledger) -> None:
        if self.record.outcome is not None:
            return
        decision = decide(ledger.gates, ledger.problems, ended=self.phases)
        self.record.decision = decision
        with critical.section(final=True):
            try:
                self.go_on()
                if decision.verdict is Verdict.DEPLOY:
                    self._set_state(State.KEPT)
                    self._end(Outcome.DEPLOYED, ExitStatus.OK)
                else:
                    self._put_back()
                    self._end(Outcome.ROLLED_BACK, ExitStatus.ROLLED_BACK)
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                self._fail(error)
