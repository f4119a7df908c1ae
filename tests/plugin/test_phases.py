"""Phases and boundaries: in order, each once, and nothing is deployed without evidence."""

import pytest

FULL = ["prepare", "collected", "before:preflight", "before:sandbox", "before:postdeploy", "finish", "close"]


def test_all_gates_pass_and_every_boundary_is_passed_once_in_order(project, mode):
    run = project.run(*mode)
    assert run.status == 0, run.output
    assert run.calls == FULL
    assert set(run.outcomes.values()) == {"passed"}
    assert len(run.outcomes) == 6
    assert "verdict: OK" in run.output
    assert "dbdeploy: fake" in run.output


@pytest.mark.parametrize(("phase", "status"), [("preflight", 10), ("sandbox", 10), ("postdeploy", 11)])
@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("assert 0", "failed"),
        ("pytest.skip('why')", "skipped"),
        ("pytest.xfail('why')", "xfailed"),
        ("pytest.importorskip('nonexistent_module')", "skipped"),
    ],
)
def test_a_gate_that_did_not_pass_stops_or_undoes_the_deployment(project, mode, phase, status, body, outcome):
    project.gate(phase, body)
    run = project.run(*mode)
    assert run.status == status, run.output
    assert run.deployed == (phase == "postdeploy")
    assert run.rolled_back == (phase == "postdeploy")
    assert run.outcome("test_case") == outcome
