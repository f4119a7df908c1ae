"""``--dbdeploy-resume``: goes on with a deployment whose process died."""

from __future__ import annotations

from typing import Any

from .. import critical
from ..compare.diff import diff, verify
from ..compare.snapshot import read_snapshot
from ..db.state import FINISHED, State
from ..decision import decide
from ..errors import DbDeployError, LockError, StateError
from ..health import check_health
from ..model import Decision, ExitStatus, Level, LogPhase, Mode, Outcome, Phase, Reason, Verdict
from ..plan import make_plan, read_history, read_schema
from . import before as kept
from . import undoing
from .base import Close, Go, Ledger
from .common import application
from .earlier import EarlierFlow
from .way_back import RollbackIsOff
from .workspace import error_text


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
                    if self._verifiable() and self._released():
                        return Go(self._context())
                    if not self.settings.rollback.auto:
                        self._leave_to_a_person()
                        return Close("rollback.auto is false, so nothing was put back")
                self._put_back()
            except LockError as error:
                return self._fail(error) if self.touched else self._refuse(error)
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                return self._fail(error)
        self._end(Outcome.ROLLED_BACK, ExitStatus.ROLLED_BACK)
        return Close("the deployment was not complete: rolled back", not_applicable=True)

    def _verifiable(self) -> bool:
        """Whether the artifacts are here that the gates need. Without them it is put back, if the target holds what that takes."""
        assert self.url is not None
        try:
            kept.release_of(self.earlier)
        except StateError as error:
            if not undoing.undoable(self.workspace, self.url, self.id):
                raise
            self.record.notes.append(
                f"the apply was complete, but cannot be verified here: {error_text(error).splitlines()[0]}"
            )
            return False
        return True

    def _released(self) -> bool:
        """Releases what is left of the code. False when that cannot be done: then everything is put back, as in the first session."""
        release, _ = kept.release_of(self.earlier)
        if not release:
            return True
        try:
            self._code(release).release()
        except DbDeployError as error:
            text = error_text(error)
            self.workspace.say(LogPhase.DEPLOY, Level.ERROR, text)
            self.record.decision = Decision(Verdict.ABORT, (Reason("action-failed", text),))
            return False
        return True

    def _context(self) -> dict[str, Any]:
        assert self.url is not None
        assert self.row is not None
        _, database = kept.release_of(self.earlier)
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            now = read_snapshot(conn, exclude_schemas=self.settings.state.own_schemas)
            deployed = {
                m["name"] for m in self.row.migrations
            }  # what came to the disk since is not its business
            pending = [m.name for m in read_history(conn, self.layout).pending if m.name in deployed]
        if database:
            before = kept.load(self.earlier)
            rows = dict(before.rows)
            rehearsed = kept.load_rehearsal(self.earlier)
            verification = verify(before.snapshot, rehearsed.before, rehearsed.after, now)
        else:
            rows, rehearsed = {}, kept.RehearsedSnapshots(now, now, ())
            verification = verify(now, now, now, now)
        health, before_health = None, kept.health_of(self.earlier)
        if self.environment.app_url and before_health:
            health = check_health(
                self.environment.app_url, self.environment.health, patient=before_health.healthy
            )
            self.record.health.update(before=before_health, after=health)
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
            "app": application(self.environment),
            "checks": {
                "verification": verification,
                "history_pending": pending,
                "rows_before": rows,
                "expected_empty": list(rehearsed.emptied),
                "health": before_health,
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
                    self._keep()
                    self._end(Outcome.DEPLOYED, ExitStatus.OK)
                elif self.settings.rollback.auto:
                    self._put_back()
                    self._end(Outcome.ROLLED_BACK, ExitStatus.ROLLED_BACK)
                else:
                    self._leave_to_a_person()
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                self._fail(error)

    def _leave_to_a_person(self) -> None:
        """As the first session does where ``rollback.auto`` is false."""
        error = RollbackIsOff(self.id, complete=True)
        self.not_back = True
        self.record.notes.append(error_text(error))
        self.record.next_commands += error.commands
        self._end(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED)

    def _keep(self) -> None:
        """The row says what the deployment left, as that of one that was not interrupted does."""
        assert self.url is not None
        with self.workspace.connect(self.url, "verify", read_only=True) as conn:
            after = read_schema(conn, self.layout, self.settings.state.own_schemas)
        with self.workspace.connect(self.url, "state", autocommit=True) as conn:
            self.table.create(conn)  # that of an earlier version lacks columns
        self._set_state(State.KEPT, fingerprint_after=after.fingerprint, objects_after=after.parts)
