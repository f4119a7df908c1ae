"""How a deployment ends: kept, rolled back, or untouched. The outcome is decided exactly once."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from .. import critical
from ..actions.restore import CommitUnknown
from ..adapters import Adapters
from ..config.load import Settings
from ..db.state import FINISHED, State
from ..db.url import DatabaseUrl
from ..decision import decide
from ..errors import BackupError, DbDeployError, RestoreError, StateError, TargetError
from ..layouts.base import LayoutReader
from ..model import Decision, ExitStatus, Level, LogPhase, Outcome, Phase, Plan, Reason, Verdict
from ..steps import Steps
from . import undoing
from .base import Close, Ledger
from .code import CodeRelease
from .common import CommonFlow
from .rehearsing import Rehearsed
from .target_work import Stage, TargetWork
from .way_back import RollbackIsOff, WritesWouldBeLost
from .workspace import error_text

PHASES = (Phase.PREFLIGHT, Phase.SANDBOX, Phase.POSTDEPLOY)


class EndingFlow(CommonFlow):
    """The second half of ``DeployFlow``. ``work`` is None until the target is about to be touched."""

    plan: Plan
    layout: LayoutReader

    def __init__(self, settings: Settings, steps: Steps, adapters: Adapters) -> None:
        assert settings.environment is not None
        super().__init__(settings, steps, adapters)
        self.environment = settings.environment
        self.url: DatabaseUrl | None = None
        self.work: TargetWork | None = None
        self.code: CodeRelease | None = None
        self.rehearsed: Rehearsed | None = None
        self._not_back: Exception | None = None

    def finish(self, ledger: Ledger) -> None:
        if self.record.outcome is not None:
            if self.record.outcome is Outcome.NOTHING_TO_DEPLOY:
                self._recheck_nothing(ledger)
            return
        decision = decide(ledger.gates, ledger.problems, ended=PHASES)
        if decision.verdict is Verdict.DEPLOY:
            self._keep()
        else:
            self.record.decision = decision
            self._roll_back(_first(decision))

    def _recheck_nothing(self, ledger: Ledger) -> None:
        decision = decide(ledger.gates, ledger.problems, ended=PHASES)
        if decision.verdict is not Verdict.DEPLOY:
            self.record.decision = decision
            self._end(Outcome.ABORTED, ExitStatus.ABORTED)

    def _keep(self) -> None:
        assert self.work is not None
        with critical.section(final=True):
            try:
                self._keep_and_say(self.work)
            except (DbDeployError, psycopg.Error) as error:
                self.record.notes.append(
                    f"the deployment stands and was verified, but its row says it is unfinished: {error_text(error)}"
                )
                self.record.next_commands.append(f"pytest --dbdeploy-resume={self.workspace.id}")
            self._end(Outcome.DEPLOYED, ExitStatus.OK)

    def _keep_and_say(self, work: TargetWork) -> None:
        try:
            with self.steps.step("keep", "keep", LogPhase.POST_DEPLOY) as step:
                work.keep()
                step.done("every gate passed")
        except StateError as error:  # a full disk here is no reason to leave it unfinished there
            self.record.notes.append(error_text(error))
            work.keep()

    def abandon(self, why: str, ledger: Ledger, *, interrupted: bool) -> None:
        if self._workspace is None or self.record.outcome is not None:
            return
        decision = self.record.decision
        if decision is None or decision.verdict is Verdict.DEPLOY:  # it was to deploy, and is no longer
            self.record.decision = decide(ledger.gates, (*ledger.problems, why), ended=PHASES)
        self._leave_whole(why, ExitStatus.INTERRUPTED if interrupted else None)

    def _stop(self, error: Exception, status: ExitStatus | None = None) -> Close:
        why = error_text(error)
        self.steps.message(LogPhase.DEPLOY, Level.ERROR, why)
        self.record.decision = Decision(Verdict.ABORT, (Reason("action-failed", why),))
        self._leave_whole(why, status)
        return Close(why.splitlines()[0])

    def _leave_whole(self, why: str, status: ExitStatus | None) -> None:
        """Ends early: the target is untouched, or is put back. ``status`` is the exit status if that succeeds; None: by what was done."""
        interrupted = status is ExitStatus.INTERRUPTED
        work = self.work
        code_there = self.code is not None and bool(self.code.begun)
        if work is None or (work.stage <= Stage.CODE and not code_there):
            if work is not None and work.stage > Stage.UNTOUCHED:
                self._set_state_or_note(State.ABORTED)
            self._end(Outcome.INTERRUPTED if interrupted else Outcome.ABORTED, status or ExitStatus.ABORTED)
            return
        self._roll_back(why, status)

    def _roll_back(self, why: str, status: ExitStatus | None = None) -> None:
        """Puts the target back: a plain ROLLBACK has done it already, or the restore does it. The code in reverse order."""
        assert self.work is not None
        work = self.work
        outcome = Outcome.INTERRUPTED if status is ExitStatus.INTERRUPTED else Outcome.ROLLED_BACK
        self.steps.message(LogPhase.ROLLBACK, Level.WARN, f"rolling back: {why.splitlines()[0]}")
        with critical.section(final=True):
            try:
                self.go_on()
                work.regain()
                if self.rehearsed is None or work.stage is Stage.CODE:
                    self._put_only_code_back(work)
                elif work.stage is Stage.APPLYING and work.unchanged():
                    self._nothing_was_applied()
                else:
                    self._restore(work)
                work.stage = Stage.ENDED
                self._set_state_or_note(State.ROLLED_BACK)
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                self._rollback_failed(error)
                return
            self._end(outcome, status or ExitStatus.ROLLED_BACK)

    def _put_only_code_back(self, work: TargetWork) -> None:
        """The database was not touched."""
        self._refuse_without_auto()
        self._put_code_back()
        rollback = self.record.rollback
        rollback.performed, rollback.verified = True, work.as_planned()
        if rollback.verified:
            return
        if work.stage is not Stage.CODE:
            raise DbDeployError("the code was put back, but meanwhile somebody changed the target's schema")
        rollback.verified = True  # its row says that nothing of ours was begun there
        self.record.notes.append("somebody else changed the target's schema or migration history meanwhile")

    def _nothing_was_applied(self) -> None:
        """A plain ROLLBACK has put the database back already."""
        if self.code is not None and self.code.begun:
            self._refuse_without_auto()
        rollback = self.record.rollback
        rollback.strategy, rollback.performed, rollback.verified = "rollback", True, True
        self._put_code_back()

    def _refuse_without_auto(self) -> None:
        if not self.settings.rollback.auto:
            complete = self.work is not None and self.work.stage is Stage.APPLIED
            raise RollbackIsOff(self.workspace.id, complete=complete)

    def _restore(self, work: TargetWork) -> None:
        if work.before is None or self.url is None:
            raise DbDeployError("there is no backup to restore from")
        self._refuse_without_auto()
        work.set_state(State.ROLLING_BACK)
        before = work.before
        code_last = self.code is not None and self.code.first
        undoing.put_back(
            self.workspace,
            self.url,
            self.workspace.id,
            self.layout,
            lambda: before,
            lose_writes=self.settings.rollback.if_restore_loses_writes == "discard",
            first=(lambda: None) if code_last else self._put_code_back,
            code_left=code_last,
        )
        self._put_code_back()

    def _rollback_failed(self, error: Exception) -> None:
        self._not_back = error
        if isinstance(error, RollbackIsOff):  # its row stays as it is, so that it can also be finished
            self.record.notes.append(error_text(error))
            self.record.next_commands += error.commands
            self._end(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED)
            return
        self.workspace.log.exception(LogPhase.ROLLBACK, "the rollback did not succeed", error)
        self.record.notes.append(f"the rollback did not succeed: {error_text(error)}")
        again = f"pytest --dbdeploy-rollback={self.workspace.id}"
        self.record.next_commands.append(error.command if isinstance(error, WritesWouldBeLost) else again)
        if self.held is None or not self.held.paused:  # else somebody else may have taken it up
            self._set_state_or_note(State.ROLLBACK_FAILED)
        self._end(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED)

    def _set_state_or_note(self, state: State) -> None:
        assert self.work is not None
        try:
            self.work.set_state(state)
        except (DbDeployError, psycopg.Error) as error:
            self.record.notes.append(
                f"the deployment's row on the target could not be set to {state}: {error_text(error)}"
            )
            if state in FINISHED:  # else the command is named already
                self.record.next_commands.append(f"pytest --dbdeploy-resume={self.workspace.id}")

    def close(self, ledger: Ledger) -> None:
        if self._workspace is None:
            return
        if self.record.outcome is None:  # refused before anything was begun
            self._end(Outcome.ABORTED, ExitStatus.USAGE_ERROR)
        finished = self.record.outcome is not Outcome.ROLLBACK_FAILED
        wrote = self.work is not None and self.work.stage > Stage.UNTOUCHED
        self.workspace.close(ledger.gates, log_to=self.url if wrote else None, finished=finished)

    def _refusal(self, ledger: Ledger, *, ended: Sequence[Phase], to_come: Sequence[Phase]) -> Close | None:
        decision = decide(ledger.gates, ledger.problems, ended=ended, to_come=to_come)
        if decision.verdict is Verdict.DEPLOY:
            return None
        self._decide(decision)
        self._end(Outcome.ABORTED, ExitStatus.ABORTED)
        return Close(f"not deployed: {_first(decision)}")

    def _decide(self, decision: Decision) -> None:
        self.record.decision = decision
        with self.steps.step("decision", "decision", LogPhase.DEPLOY, testcase=True) as step:
            if decision.verdict is Verdict.DEPLOY:
                step.done(decision.reasons[0].message if decision.reasons else "every blocking gate passed")
            else:
                step.failed(_first(decision), brief=_brief(decision), reasons=len(decision.reasons))

    def _end(self, outcome: Outcome, status: ExitStatus) -> None:
        self.exit_status = status
        self.record.what_stands_where = self._what_stands_where(outcome)
        self.workspace.finish(outcome, status)

    def _what_stands_where(self, outcome: Outcome) -> list[str]:
        where = f"{self.environment.name} ({self.url.label})" if self.url else self.environment.name
        texts = {
            Outcome.DEPLOYED: f"{'migrated' if self.rehearsed else 'nothing to migrate'}, verified and kept",
            Outcome.ROLLBACK_FAILED: self._how_it_was_left(),
        }
        rolled_back = self.record.rollback.performed and self.record.rollback.verified
        untouched = self.work is None or self.work.stage <= Stage.CODE
        text = "as it was, verified" if rolled_back else "untouched"
        if outcome in texts and not (outcome is Outcome.ROLLBACK_FAILED and (rolled_back or untouched)):
            text = texts[outcome]
        lines = [f"target   {where}: {text}", *self.record.code_lines]
        if self.record.backup:
            lines.append(f"backup   {self.record.backup.path}")
        return lines

    def _how_it_was_left(self) -> str:
        """By a rollback that failed."""
        error, work = self._not_back, self.work
        if isinstance(error, TargetError):
            return "NOT known, as it does not answer; when it does again, the command below puts it back"
        # Only a restore's commit leaves it open whether anything was changed.
        whole = isinstance(error, (RestoreError, BackupError)) and not isinstance(error, CommitUnknown)
        if whole and work is not None and work.stage is Stage.APPLIED:
            return "migrated; NOTHING was put back, for the reasons below"
        return "NOT as it was: look at the reasons below before anything else"

    def _put_code_back(self) -> None:
        """Before the database, unless it came before it: what was done last is undone first."""
        if self.code is not None:
            self.code.put_back()


def _brief(decision: Decision) -> str:
    """For the terminal, which shows the failures and the reasons below."""
    first = decision.reasons[0]
    more = f" and {len(decision.reasons) - 1} more" if len(decision.reasons) > 1 else ""
    return f"not to be deployed: {first.gate or first.message.splitlines()[0]}{more}"


def _first(decision: Decision) -> str:
    """The first reason on one line."""
    reason = decision.reasons[0]
    more = f" (and {len(decision.reasons) - 1} more)" if len(decision.reasons) > 1 else ""
    text = reason.message.splitlines()[0]
    return f"{reason.gate}: {text}{more}" if reason.gate else f"{text}{more}"
