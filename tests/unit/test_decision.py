"""Positive evidence decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_dbdeploy.decision import decide
from pytest_dbdeploy.model import GateOutcome, GateRecord, Phase, Severity, Verdict

ALL = (Phase.PREFLIGHT, Phase.SANDBOX, Phase.POSTDEPLOY)
BAD = [o for o in GateOutcome if o not in (GateOutcome.PASSED, GateOutcome.NOT_APPLICABLE)]


def gates(**outcomes):
    """One blocking gate a phase, passed unless said otherwise."""
    return [GateRecord(f"{p}::g", p, Severity.BLOCK, outcomes.get(p.value, GateOutcome.PASSED)) for p in ALL]


def test_all_passed_deploys():
    assert decide(gates(), (), ended=ALL).verdict is Verdict.DEPLOY


@pytest.mark.parametrize("outcome", BAD)
@pytest.mark.parametrize("phase", ALL)
def test_any_other_outcome_of_a_blocking_gate_does_not(phase, outcome):
    decision = decide(gates(**{phase.value: outcome}), (), ended=ALL)
    assert decision.verdict in (Verdict.ABORT, Verdict.INCOMPLETE)
    assert decision.reasons[0].gate == f"{phase}::g"


@pytest.mark.parametrize("outcome", [GateOutcome.FAILED, GateOutcome.ERROR, GateOutcome.CRASHED])
def test_a_failure_is_an_abort_and_what_did_not_run_is_incomplete(outcome):
    assert decide(gates(sandbox=outcome), (), ended=ALL).verdict is Verdict.ABORT
    assert decide(gates(sandbox=GateOutcome.SKIPPED), (), ended=ALL).verdict is Verdict.INCOMPLETE


def test_gates_to_come_need_not_have_run_but_must_be_selected():
    waiting = gates(sandbox=GateOutcome.NOT_RUN, postdeploy=GateOutcome.NOT_RUN)
    to_come = (Phase.SANDBOX, Phase.POSTDEPLOY)
    assert decide(waiting, (), ended=(Phase.PREFLIGHT,), to_come=to_come).verdict is Verdict.DEPLOY
    deselected = gates(sandbox=GateOutcome.NOT_RUN, postdeploy=GateOutcome.DESELECTED)
    assert decide(deselected, (), ended=(Phase.PREFLIGHT,), to_come=to_come).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("phase", ALL)
def test_a_phase_without_a_blocking_gate_is_not_verified(phase):
    rest = [g for g in gates() if g.phase is not phase]
    warning = GateRecord("w", phase, Severity.WARN, GateOutcome.PASSED)
    decision = decide([*rest, warning], (), ended=ALL)
    assert decision.verdict is Verdict.INCOMPLETE
    assert decision.reasons[0].code == "phase-without-gate"


def test_a_problem_of_the_session_refuses_although_all_passed():
    decision = decide(gates(), ("errors during collection",), ended=ALL)
    assert decision.verdict is Verdict.INCOMPLETE
    assert decision.reasons[0].message == "errors during collection"


records = st.lists(
    st.builds(
        GateRecord,
        st.text(min_size=1, max_size=3),
        st.sampled_from(ALL),
        st.sampled_from([Severity.BLOCK, Severity.WARN]),
        st.sampled_from(GateOutcome),
    ),
    max_size=12,
)


@given(records, st.lists(st.text(max_size=3), max_size=1))
def test_a_deployment_always_has_positive_evidence_for_every_phase(found, problems):
    if decide(found, problems, ended=ALL).verdict is Verdict.DEPLOY:
        assert not problems
        for phase in ALL:
            blocking = [g.outcome for g in found if g.phase is phase and g.severity is Severity.BLOCK]
            assert blocking
            assert set(blocking) <= {GateOutcome.PASSED, GateOutcome.NOT_APPLICABLE}
