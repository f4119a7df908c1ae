"""``--dbdeploy-env``: the whole deployment, or (dry run) everything up to the decision."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import psycopg

from ..adapters import Adapters
from ..compare.diff import Verification, verify
from ..compare.snapshot import Snapshot, read_snapshot
from ..compare.transport import ThroughHub
from ..config.load import Settings
from ..errors import ConfigError, DbDeployError, LayoutError, TargetError
from ..health import HealthCheck, check_health
from ..model import (
    Decision,
    ExitStatus,
    Gate,
    GitState,
    LogPhase,
    Mode,
    Outcome,
    Phase,
    Plan,
    Reason,
    Severity,
    Verdict,
)
from ..plan import Planned, covered, make_plan, plan_hash, read_history
from ..releasers.git import read_state
from ..reports import terminal
from ..rules import RULES, severity_of
from ..steps import Steps
from . import approval, before
from .base import Close, Go, Ledger, Skip
from .code import CodeRelease
from .common import application
from .drift import DriftSearch
from .ending import PHASES, EndingFlow
from .look_around import look_around
from .promoting import Checked, check_promotion
from .rehearsing import Rehearsed, SandboxWork
from .target_work import Rehearsal, TargetWork
from .workspace import count, error_text


class DeployFlow(EndingFlow):
    """See ``Flow``. Each boundary either goes on, or closes with a reason; the outcome is decided exactly once."""

    phases: tuple[Phase, ...] = PHASES

    def __init__(self, settings: Settings, steps: Steps, adapters: Adapters) -> None:
        super().__init__(settings, steps, adapters)
        self.health: HealthCheck | None = None
        self.health_after: HealthCheck | None = None
        self.verification: Verification | None = None
        self.sandbox_work: SandboxWork | None = None
        self.promotion: Checked | None = None
        self._preflight_checks: dict[str, Any] | None = None

    # -- start ---------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        self.layout = self.open_layout()
        try:
            self.layout.migrations()
        except LayoutError as error:
            raise ConfigError(error.message, hint=error.hint) from None
        self.open_workspace(self.environment.name)
        self.record.protected = self.environment.protected
        self.settings = replace(self.settings, notes=(*self.settings.notes, *self.workspace.notice_deaths()))
        with self.steps.step("plan", "plan", LogPhase.PREFLIGHT) as step:
            plan = self.plan = self._plan()
            self.record.plan = plan
            step.done(
                plan.target_error.splitlines()[0] if plan.target_error else terminal.plan_line(plan),
                brief="the target could not be read" if plan.target_error else "made",
            )
        self.record.notes += plan.notes
        if self.environment.app_url:
            self.health = check_health(self.environment.app_url, self.environment.health, patient=False)
            self.record.health["before"] = self.health

    def _plan(self) -> Plan:
        target_error = None
        try:
            self.url = self.workspace.open_database(
                self.environment.database.reveal(), name=self.environment.name
            )
            self.workspace.watch_over(self.url)
        except ConfigError:
            raise
        except DbDeployError as error:
            target_error = error_text(error)
        try:
            self.planned = self._read_plan(target_error)
            return self.planned.plan
        except LayoutError as error:
            raise ConfigError(error.message, hint=error.hint) from None

    def _read_plan(self, target_error: str | None) -> Planned:
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
        state = read_state(self.settings.rootdir, self.record.notes.append)
        self.code = CodeRelease.planned(self.workspace, self.environment, self.adapters.releasers)
        branch = self.environment.branch
        if self.code is None or branch is None or state is None:
            return state
        return replace(state, target_branch=branch, target_commit=self.code.old)

    def _set_plan(self, plan: Plan) -> None:
        self.plan = self.record.plan = plan
        self.workspace.artifacts.write_json("plan.json", plan)

    def public_facts(self) -> dict[str, Any]:
        plan = self.plan
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
        plan = self.plan
        covers = covered(plan, gates, self.settings)
        plan = replace(plan, covers=covers, hash=plan_hash(covers))
        self._set_plan(plan)
        asked = self.environment.protected or self.settings.approve
        if asked and self.mode is Mode.DEPLOY and plan.target_error is None:
            self._check_approval()

    def _check_approval(self) -> None:
        plan, given = self.plan, self.settings.approve
        if approval.fits(plan, given):
            return
        why = f"was given an approval for another plan ({given[:12]})" if given else "needs an approval"
        changed = approval.what_changed(plan, given, self.settings.artifacts) if given else []
        self.record.decision = Decision(Verdict.INCOMPLETE, (Reason("approval-missing", f"the plan {why}"),))
        self._end(Outcome.ABORTED, ExitStatus.USAGE_ERROR)
        protected = "is protected and " if self.environment.protected else ""
        head = f"environment {plan.environment} {protected}{why}; nothing was touched"
        raise ConfigError("\n".join([head, *changed, "", terminal.plan_text(plan)]))

    # -- boundaries ----------------------------------------------------------------------------------------------

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close | Skip:
        try:
            match phase:
                case Phase.PREFLIGHT:
                    self._look_before()
                    return Go(self._context({}))
                case Phase.SANDBOX:
                    return self._before_sandbox(ledger)
                case _:
                    return self._before_postdeploy(ledger)
        except DbDeployError as error:
            return self._stop(error)
        except psycopg.OperationalError as error:  # between two statements that say more
            return self._stop(TargetError(f"the connection to a database broke: {str(error).strip()}"))
        except Exception as error:  # whatever it is, the target must be left whole, and no traceback shown
            self.workspace.log.exception(LogPhase.DEPLOY, "internal error", error)
            return self._stop(error, status=ExitStatus.INTERNAL_ERROR)

    def _look_before(self) -> None:
        """What differs from the last deployment, which may need the sandbox; and where this one comes from."""
        if self.url is None or self.planned.schema is None or self.plan.target is None:
            return
        work = SandboxWork(self.workspace, self.layout, self.plan, self.url)
        drift = DriftSearch(self.workspace, self.layout, self.url, work.opened).run(
            self.planned.kept, self.planned.schema, self.plan.target.extensions
        )
        self.record.notes += drift.notes
        if drift.facts:
            self._set_plan(replace(self.plan, drift=drift.facts))
            work.plan = self.plan
        source = self.settings.promotion
        if source is not None and not self.plan.empty:
            self.promotion = check_promotion(self.workspace, source, self.plan, self.planned.schema)
            if self.promotion.proof and not self.promotion.problems:
                self.record.notes.append(
                    f"promoted from {source.name}, where it was deployed and kept: {', '.join(self.promotion.proof)}"
                )
        if not self.plan.empty:
            self.sandbox_work = work

    def _before_sandbox(self, ledger: Ledger) -> Go | Close | Skip:
        refusal = self._refusal(ledger, ended=(Phase.PREFLIGHT,), to_come=(Phase.SANDBOX, Phase.POSTDEPLOY))
        if refusal:
            return refusal
        plan = self.plan
        if plan.empty:
            code_only = self.code is not None and self.code.pending
            return (
                Skip("no migration is pending: only the code is deployed") if code_only else self._nothing()
            )
        assert self.sandbox_work is not None
        self.rehearsed = found = self.sandbox_work.run()
        self.record.evidence, self.record.changes = list(found.evidence), list(found.changes)
        self.record.findings = list(found.findings)
        self.record.not_compared = list(found.after.not_compared)
        before.save_rehearsal(self.workspace.artifacts, found.before, found.after, found.emptied)
        self._record_way_back(found)
        plan = replace(plan, units=found.units or plan.units)
        self._set_plan(plan)
        if plan.command is not None and found.changes_nothing:
            if self.code is None or not self.code.pending:
                return self._nothing()
            self.rehearsed = None
            return Skip("the command changes nothing: only the code is deployed")
        return Go(self._sandbox_context(found))

    def _record_way_back(self, found: Rehearsed) -> None:
        rollback, proof = self.record.rollback, found.undo.proof
        if proof is not None:
            rollback.strategy, rollback.rehearsed, rollback.rehearsed_seconds = "undo", True, proof.seconds
        elif found.way_back.rehearsed:
            rollback.strategy, rollback.rehearsed = "restore", True
            rollback.rehearsed_seconds = found.way_back.seconds

    def _nothing(self) -> Close:
        self._decide(Decision(Verdict.DEPLOY, (Reason("nothing-to-deploy", "no migration is pending"),)))
        self._end(Outcome.NOTHING_TO_DEPLOY, ExitStatus.OK)
        return Close("nothing to deploy", not_applicable=True)

    def _before_postdeploy(self, ledger: Ledger) -> Go | Close | Skip:
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
        assert self.url is not None
        code = self.code
        if code is not None:
            code.look_again()
        self.work = work = TargetWork(
            self.workspace, self.layout, self.plan, self.url, code.as_json() if code else {}
        )
        work.open()
        self.held = work.held
        work.insert_row(database=self.rehearsed is not None)
        if self.rehearsed is not None:
            found = self.rehearsed
            undo = found.undo.proof.undo if found.undo.proof else None
            rehearsal = Rehearsal(
                found.units,
                found.written,
                found.way_back,
                found.evidence,
                found.changes,
                undo,
                self.record.rollback.rehearsed_seconds,
                (found.before, found.after),
            )
            work.back_up(rehearsal)
            if code is not None and code.first:
                work.let_code_go_first()
                code.release()
            work.apply(rehearsal)
        else:
            work.leave_database()
        if code is not None and not code.begun:
            code.release()

    def _after_context(self) -> dict[str, Any]:
        assert self.work is not None and self.url is not None
        found = self.rehearsed
        changes = found.changes if found else ()
        with self.steps.step("verify", "compare with the rehearsal", LogPhase.POST_DEPLOY) as step:
            with self.workspace.connect(self.url, "verify", read_only=True) as conn:
                now = self._target_now(conn)
                pending = [m.name for m in read_history(conn, self.layout).pending]
            before, after = (found.before, found.after) if found else (self.work.baseline, self.work.baseline)
            self.verification = verify(self.work.baseline, before, after, now)
            if self.environment.app_url and self.health:
                self.health_after = check_health(
                    self.environment.app_url, self.environment.health, patient=self.health.healthy, step=step
                )
                self.record.health["after"] = self.health_after
            step.done(
                f"{count(len(changes), 'rehearsed change')}, {len(self.verification.missing)} missing on the target"
            )
        return self._context(
            {
                **(self._sandbox_context(found) if found else {}),
                "checks": {
                    **self._checks(),
                    "verification": self.verification,
                    "history_pending": pending,
                    "rows_before": dict(self.work.before.rows) if self.work.before else {},
                    "expected_empty": list(found.emptied) if found else [],
                },
            }
        )

    def _target_now(self, conn: psycopg.Connection[Any]) -> Snapshot:
        """Through the hub where there is one; both ways read the same."""
        exclude = self.settings.state.own_schemas
        hub = self.rehearsed.hub if self.rehearsed else None
        if hub is not None and self.settings.compare.transport != "direct":
            with suppress(DbDeployError), self.workspace.connect(hub, "verify", autocommit=True) as through:
                return read_snapshot(
                    ThroughHub(through, "target", name=self.environment.name), exclude_schemas=exclude
                )
        return read_snapshot(conn, exclude_schemas=exclude)

    # -- what gates get ------------------------------------------------------------------------------------------

    def _context(self, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "plan": self.plan,
            "target": self.url.reveal() if self.url else None,
            "app": application(self.environment),
            "checks": self._checks(),
            **more,
        }

    def _sandbox_context(self, found: Rehearsed) -> dict[str, Any]:
        return self._context(
            {
                "sandbox": {"before": found.clone.before.reveal(), "after": found.clone.after.reveal()},
                "hub": found.hub.reveal() if found.hub else None,
                "hub_error": found.hub_error,
                "changes": found.changes,
                "evidence": found.evidence,
                "checks": {
                    **self._checks(),
                    "findings": found.findings,
                    "unused_acknowledgements": found.unused_acknowledgements,
                },
            }
        )

    def _checks(self) -> dict[str, Any]:
        if self._preflight_checks is None:
            self._preflight_checks = look_around(self.workspace, self.plan, self.url, self.health)
            self.record.notes += [
                f"{f.message} ({'acknowledged' if f.acknowledged else 'a warning'})"
                for f in self._preflight_checks["history"]
                if f.acknowledged or f.severity is Severity.WARN
            ]
            kept = self.planned.kept
            source = self.settings.promotion
            self._preflight_checks["promote_from"] = source.name if source and not self.plan.empty else None
            self._preflight_checks["promotion"] = self.promotion
            self._preflight_checks["kept"] = kept.row.id if kept and kept.row.fingerprint_after else None
            self._preflight_checks["hub_needed"] = self.sandbox_work is not None
            self._preflight_checks["hub_error"] = self.sandbox_work and self.sandbox_work.reach_hub()
        return {
            **self._preflight_checks,
            "rollback": self._way_back_checks(self.rehearsed) if self.rehearsed else None,
            "if_restore_loses_writes": self.settings.rollback.if_restore_loses_writes,
            "health_after": self.health_after,
            "release_error": self.code.error if self.code else None,
            "release_reverted": self.code.reverted if self.code else None,
        }

    def _way_back_checks(self, found: Rehearsed) -> dict[str, Any]:
        """What the rollback's gate judges."""
        only = "restore" not in self.settings.rollback.strategies
        return {
            **asdict(replace(found.way_back, touched=None)),  # of thousands of objects, which no gate reads
            "undo": found.undo.proof is not None,
            "noUndo": found.undo.why if only else None,
        }
