"""From the gates' outcomes to a decision. Pure.

Positive evidence: a deployment needs every blocking gate to have *passed* (or to have said that it does not apply).
Absence of failure is not enough: a gate that was skipped, deselected, crashed or never ran is "not verified".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .model import Decision, GateOutcome, GateRecord, Phase, Reason, Severity, Verdict

VERIFIED = frozenset({GateOutcome.PASSED, GateOutcome.NOT_APPLICABLE})
FAILED = frozenset({GateOutcome.FAILED, GateOutcome.ERROR, GateOutcome.CRASHED})

_WHY = {
    GateOutcome.FAILED: "failed",
    GateOutcome.ERROR: "ended with an error",
    GateOutcome.CRASHED: "crashed its process",
    GateOutcome.XFAILED: "was expected to fail, and did: not verified",
    GateOutcome.SKIPPED: "was skipped: not verified",
    GateOutcome.NOT_RUN: "did not run: not verified",
    GateOutcome.DESELECTED: "was deselected: not verified",
    GateOutcome.WARNED: "warned",
}


def decide(
    gates: Sequence[GateRecord],
    problems: Sequence[str],
    *,
    ended: Collection[Phase],
    to_come: Collection[Phase] = (),
) -> Decision:
    """The decision after the phases ``ended``.

    Gates of phases ``to_come`` need not have run, but must be there and selected: it would be too late to notice after the deploy.
    Verdict ``abort`` when something failed, ``incomplete`` when something is only not verified, else ``deploy``.
    """
    reasons = [Reason("session-not-trustworthy", problem) for problem in problems]
    failed = False
    for phase in (*ended, *to_come):
        blocking = [g for g in gates if g.phase is phase and g.severity is Severity.BLOCK]
        if not blocking:
            reasons.append(Reason("phase-without-gate", f"no blocking gate of phase {phase} was collected"))
        for gate in blocking:
            bad = gate.outcome not in VERIFIED if phase in ended else gate.outcome is GateOutcome.DESELECTED
            if bad:
                failed = failed or gate.outcome in FAILED
                reasons.append(_reason(gate))
    if not reasons:
        return Decision(Verdict.DEPLOY)
    return Decision(Verdict.ABORT if failed else Verdict.INCOMPLETE, tuple(reasons))


def _reason(gate: GateRecord) -> Reason:
    code = f"gate-{gate.outcome.value.replace('_', '-')}"
    message = _WHY.get(gate.outcome, str(gate.outcome))
    if gate.message:
        message = f"{message}: {gate.message}"
    return Reason(code, message, gate.nodeid)
