"""``--dbdeploy-env``: the whole deployment, or (dry run) everything up to the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .. import critical
from ..compare.diff import Verification, verify
from ..compare.snapshot import read_snapshot
from ..config.load import Settings
from ..db.state import State
from ..db.url import DatabaseUrl
from ..decision import decide
from ..errors import ConfigError, DbDeployError, LayoutError
from ..health import HealthCheck, check_health
from ..layouts import find_layout
from ..model import (
    Decision,
    ExitStatus,
    Gate,
    GitState,
    Level,
    LogPhase,
    Mode,
    Outcome,
    Phase,
    Reason,
    Verdict,
)
from ..plan import Planned, make_plan, plan_hash, read_history
from ..releasers import git
from ..reports import terminal
from ..rules import RULES, severity_of
from ..steps import Steps
from . import way_back
from .base import Close, Go, Ledger
from .common import CommonFlow
from .look_around import look_around
from .rehearsing import Rehearsed, SandboxWork
from .target_work import Rehearsal, Stage, TargetWork
from .workspace import error_text

_PHASES = (Phase.PREFLIGHT, Phase.SANDBOX, Phase.POSTDEPLOY)


class DeployFlow(CommonFlow):
    """See ``Flow``. Each boundary either goes on, or closes with a reason; the outcome is decided exactly once."""

    phases: tuple[Phase, ...] = _PHASES

    def __init__(self, settings: Settings, steps: Steps) -> None:
        assert settings.environment is not None
        super().__init__(settings, steps)
        self.environment = settings.environment
        self.url: DatabaseUrl | None = None
        self.work: TargetWork | None = None
        self.rehearsed: Rehearsed | None = None
        self.health: HealthCheck | None = None
        self.health_after: HealthCheck | None = None
        self.verification: Verification | None = None
        self._preflight_checks: dict[str, Any] | None = None

    # -- start ---------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        try:
            self.layout = find_layout(
                self.settings.migrations, self.settings.rootdir, self.settings.state.schema_
            )
            self.layout.migrations()
        except LayoutError as error:
            raise ConfigError(error.message, hint=error.hint) from None
        self.open_workspace(self.environment.name)
        self.record.protected = self.environment.protected
        with self.steps.step("plan", "plan", LogPhase.PREFLIGHT) as step:
            self.planned = self._plan()
            plan = self.planned.plan
            self.record.plan = plan
            step.done(plan.target_error.splitlines()[0] if plan.target_error else terminal.plan_line(plan))
        self.record.notes += plan.notes
        if self.environment.app_url:
            self.health = check_health(self.environment.app_url, self.environment.health, patient=False)

    def _plan(self) -> Planned:
        target_error = None
        try:
            self.url = self.workspace.open_database(
                self.environment.database.reveal(), name=self.environment.name
            )
        except ConfigError:
            raise
        except DbDeployError as error:
            target_error = error_text(error)
        return make_plan(
            self.settings,
            mode=self.mode,
            environment=self.environment.name,
            layout=self.layout,
            url=self.url,
            target_error=target_error,
            git=self._git_state(),
            policy={name: severity_of(name, self.settings.policy) for name in RULES},
            app_url=self.environment.app_url,
        )

    def _git_state(self) -> GitState | None:
        state = git.read_state(self.settings.rootdir, self.record.notes.append)
        return replace(state, target_branch=self.environment.branch) if state else None

    def public_facts(self) -> dict[str, Any]:
        plan = self.planned.plan
        relations = plan.target.relations if plan.target else ()
        own = self.layout.history_relations
        tables = [r.name for r in relations if r.kind in ("table", "partitioned table") and r.name not in own]
        return {
            "tables": tables,
            "rules": list(RULES),
            "policy": {rule: str(s) for rule, s in plan.policy.items()},
        }

    def collected(self, ledger: Ledger) -> None:
        gates = [Gate(g.nodeid, g.phase, g.severity) for g in ledger.gates]
        plan = self.planned.plan
        plan = replace(plan, hash=plan_hash(plan, gates, self.settings.rollback.strategies))
        self.planned = replace(self.planned, plan=plan)
        self.record.plan = plan
        self.workspace.artifacts.write_json("plan.json", plan)
        if self.environment.protected and self.mode is Mode.DEPLOY and plan.target_error is None:
            self._check_approval()

    def _check_approval(self) -> None:
        plan, given = self.planned.plan, self.settings.approve
        if given and len(given) >= 8 and plan.hash.startswith(given.lower()):
            return
        why = "needs an approval" if not given else f"was given an approval for another plan ({given[:12]})"
        raise ConfigError(
            f"environment {plan.environment} is protected and {why}; nothing was touched\n\n{terminal.plan_text(plan)}"
        )

    # -- boundaries ----------------------------------------------------------------------------------------------

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close:
        try:
            match phase:
                case Phase.PREFLIGHT:
                    return Go(self._context({}))
                case Phase.SANDBOX:
                    return self._before_sandbox(ledger)
                case _:
                    return self._before_postdeploy(ledger)
        except DbDeployError as error:
            return self._stop(error)
        except Exception as error:  # whatever it is, the target must be left whole, and no traceback shown
            self.workspace.log.exception(LogPhase.DEPLOY, "internal error", error)
            return self._stop(error, status=ExitStatus.INTERNAL_ERROR)

    def _before_sandbox(self, ledger: Ledger) -> Go | Close:
        refusal = self._refusal(ledger, ended=(Phase.PREFLIGHT,), to_come=(Phase.SANDBOX, Phase.POSTDEPLOY))
        if refusal:
            return refusal
        plan = self.planned.plan
        if plan.empty:
            return self._nothing()
        assert self.url is not None
        self.rehearsed = found = SandboxWork(self.workspace, self.layout, plan, self.url).run()
        self.record.evidence, self.record.changes = list(found.evidence), list(found.changes)
        self.record.not_compared = list(found.after.not_compared)
        way_back.save_rehearsal(self.workspace.artifacts, found.before, found.after, found.emptied)
        self.record.rollback.strategy = "restore" if found.way_back["rehearsed"] else None
        self.record.rollback.rehearsed = found.way_back["rehearsed"]
        self.record.rollback.rehearsed_seconds = found.way_back["seconds"]
        plan = replace(plan, units=found.units or plan.units)
        self.planned = replace(self.planned, plan=plan)
        self.record.plan = plan
        self.workspace.artifacts.write_json("plan.json", plan)
        if plan.command is not None and found.changes_nothing:
            return self._nothing()
        return Go(self._sandbox_context(found))

    def _nothing(self) -> Close:
        self._decide(Decision(Verdict.DEPLOY, (Reason("nothing-to-deploy", "no migration is pending"),)))
        self._end(Outcome.NOTHING_TO_DEPLOY, ExitStatus.OK)
        return Close("nothing to deploy", not_applicable=True)

    def _before_postdeploy(self, ledger: Ledger) -> Go | Close:
        refusal = self._refusal(ledger, ended=(Phase.PREFLIGHT, Phase.SANDBOX), to_come=(Phase.POSTDEPLOY,))
        if refusal:
            return refusal
        self._decide(Decision(Verdict.DEPLOY))
        if self.mode is Mode.DRY_RUN:
            self._end(Outcome.DRY_RUN, ExitStatus.OK)
            return Close("dry run", not_applicable=True)
        self._deploy()
        return Go(self._after_context())

    def _deploy(self) -> None:
        assert self.url is not None and self.rehearsed is not None
        plan, found = self.planned.plan, self.rehearsed
        rehearsal = Rehearsal(found.units, found.evidence, found.way_back["seconds"])
        self.work = work = TargetWork(self.workspace, self.layout, plan, self.url)
        work.open()
        work.insert_row()
        work.back_up(rehearsal)
        work.apply(rehearsal)

    def _after_context(self) -> dict[str, Any]:
        assert self.work is not None and self.rehearsed is not None and self.url is not None
        with self.steps.step("verify", "compare with the rehearsal", LogPhase.POST_DEPLOY) as step:
            with self.workspace.connect(self.url, "verify", read_only=True) as conn:
                now = read_snapshot(conn, exclude_schemas=(self.settings.state.schema_,))
                pending = [m.name for m in read_history(conn, self.layout).pending]
            self.verification = verify(self.work.baseline, self.rehearsed.before, self.rehearsed.after, now)
            if self.environment.app_url and self.health:
                self.health_after = check_health(
                    self.environment.app_url, self.environment.health, patient=self.health.healthy, step=step
                )
            step.done(
                f"{len(self.rehearsed.changes)} changes rehearsed, {len(self.verification.missing)} missing on the target"
            )
        return self._context(
            {
                **self._sandbox_context(self.rehearsed),
                "checks": {
                    **self._checks(),
                    "verification": self.verification,
                    "history_pending": pending,
                    "rows_before": dict(self.work.before.rows) if self.work.before else {},
                    "expected_empty": list(self.rehearsed.emptied),
                },
            }
        )

    # -- end -----------------------------------------------------------------------------------------------------

    def finish(self, ledger: Ledger) -> None:
        if self.record.outcome is not None:
            if self.record.outcome is Outcome.NOTHING_TO_DEPLOY:
                self._recheck_nothing(ledger)
            return
        decision = decide(ledger.gates, ledger.problems, ended=_PHASES)
        if decision.verdict is Verdict.DEPLOY:
            self._keep()
        else:
            self.record.decision = decision
            self._roll_back(_first(decision))

    def _recheck_nothing(self, ledger: Ledger) -> None:
        decision = decide(ledger.gates, ledger.problems, ended=_PHASES)
        if decision.verdict is not Verdict.DEPLOY:
            self.record.decision = decision
            self._end(Outcome.ABORTED, ExitStatus.ABORTED)

    def _keep(self) -> None:
        assert self.work is not None
        with critical.section(final=True):
            try:
                with self.steps.step("keep", "keep", LogPhase.POST_DEPLOY) as step:
                    self.work.keep()
                    step.done("every gate passed")
            except DbDeployError as error:
                self.record.notes.append(
                    f"the deployment stands and was verified, but its row says it is unfinished: {error_text(error)}"
                )
                self.record.next_commands.append(f"pytest --dbdeploy-resume={self.workspace.id}")
            self._end(Outcome.DEPLOYED, ExitStatus.OK)

    def abandon(self, why: str, ledger: Ledger, *, interrupted: bool) -> None:
        if self.record.outcome is not None:
            return
        self.record.decision = self.record.decision or decide(
            ledger.gates, (*ledger.problems, why), ended=_PHASES
        )
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
        if work is None or work.stage <= Stage.ROW:
            if work is not None and work.stage is Stage.ROW:
                self._set_state_or_note(State.ABORTED)
            self._end(Outcome.INTERRUPTED if interrupted else Outcome.ABORTED, status or ExitStatus.ABORTED)
            return
        self._roll_back(why, status)

    def _roll_back(self, why: str, status: ExitStatus | None = None) -> None:
        """Puts the target back: a plain ROLLBACK has done it already, or the restore does it."""
        assert self.work is not None
        work, rollback = self.work, self.record.rollback
        outcome = Outcome.INTERRUPTED if status is ExitStatus.INTERRUPTED else Outcome.ROLLED_BACK
        self.steps.message(LogPhase.ROLLBACK, Level.WARN, f"rolling back: {why.splitlines()[0]}")
        with critical.section(final=True):
            try:
                if work.stage is Stage.APPLYING and work.unchanged():
                    rollback.strategy, rollback.performed, rollback.verified = "rollback", True, True
                else:
                    self._restore(work)
                work.stage = Stage.ENDED
                self._set_state_or_note(State.ROLLED_BACK)
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                self._rollback_failed(error)
                return
            self._end(outcome, status or ExitStatus.ROLLED_BACK)

    def _restore(self, work: TargetWork) -> None:
        if work.before is None or self.url is None:
            raise DbDeployError("there is no backup to restore from")
        if not self.settings.rollback.auto:
            raise DbDeployError(
                "rollback.auto is false, so nothing was put back",
                hint=f"to roll back: pytest --dbdeploy-rollback={self.workspace.id}",
            )
        work.set_state(State.ROLLING_BACK)
        way_back.put_back(
            self.workspace,
            self.url,
            work.before,
            self.layout,
            lose_writes=self.settings.rollback.if_restore_loses_writes == "discard",
        )

    def _rollback_failed(self, error: Exception) -> None:
        self.workspace.log.exception(LogPhase.ROLLBACK, "the rollback did not succeed", error)
        self.record.notes.append(f"the rollback did not succeed: {error_text(error)}")
        self.record.next_commands.append(f"pytest --dbdeploy-rollback={self.workspace.id}")
        self._set_state_or_note(State.ROLLBACK_FAILED)
        self._end(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED)

    def _set_state_or_note(self, state: State) -> None:
        assert self.work is not None
        try:
            self.work.set_state(state)
        except DbDeployError as error:
            self.record.notes.append(
                f"the deployment's row on the target could not be set to {state}: {error_text(error)}"
            )

    def close(self, ledger: Ledger) -> None:
        if self._workspace is None:
            return
        if self.record.outcome is None:
            self._end(Outcome.ABORTED, ExitStatus.ABORTED)
        finished = self.record.outcome is not Outcome.ROLLBACK_FAILED
        wrote = self.work is not None and self.work.stage > Stage.UNTOUCHED
        self.workspace.close(ledger.gates, log_to=self.url if wrote else None, finished=finished)

    # -- small parts ---------------------------------------------------------------------------------------------

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
                step.failed(_first(decision), reasons=len(decision.reasons))

    def _end(self, outcome: Outcome, status: ExitStatus) -> None:
        self.exit_status = status
        self.record.what_stands_where = self._what_stands_where(outcome)
        self.workspace.finish(outcome, status)

    def _what_stands_where(self, outcome: Outcome) -> list[str]:
        where = f"{self.environment.name} ({self.url.label})" if self.url else self.environment.name
        texts = {
            Outcome.DEPLOYED: "migrated, verified and kept",
            Outcome.ROLLBACK_FAILED: "NOT as it was: look at the reasons below before anything else",
        }
        rolled_back = self.record.rollback.performed and self.record.rollback.verified
        lines = [
            f"target   {where}: {texts.get(outcome) or ('as it was, verified' if rolled_back else 'untouched')}"
        ]
        if self.record.backup:
            lines.append(f"backup   {self.record.backup.path}")
        return lines

    def _context(self, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "plan": self.planned.plan,
            "target": self.url.reveal() if self.url else None,
            "app": {"url": self.environment.app_url, "timeout": 10.0},
            "checks": self._checks(),
            **more,
        }

    def _sandbox_context(self, found: Rehearsed) -> dict[str, Any]:
        return self._context(
            {
                "sandbox": {"before": found.clone.before.reveal(), "after": found.clone.after.reveal()},
                "hub": found.hub.reveal() if found.hub else None,
                "changes": found.changes,
                "evidence": found.evidence,
            }
        )

    def _checks(self) -> dict[str, Any]:
        if self._preflight_checks is None:
            self._preflight_checks = look_around(self.workspace, self.planned.plan, self.url, self.health)
        rollback = self.rehearsed.way_back if self.rehearsed else None
        return {**self._preflight_checks, "rollback": rollback, "health_after": self.health_after}


def _first(decision: Decision) -> str:
    """The first reason on one line."""
    reason = decision.reasons[0]
    more = f" (and {len(decision.reasons) - 1} more)" if len(decision.reasons) > 1 else ""
    text = reason.message.splitlines()[0]
    return f"{reason.gate}: {text}{more}" if reason.gate else f"{text}{more}"
