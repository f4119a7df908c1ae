"""Phases and boundaries: in order, each once, and nothing is deployed without evidence."""

import pytest

FULL = ["prepare", "collected", "before:preflight", "before:sandbox", "before:postdeploy", "finish", "close"]
STATUS = {"preflight": 10, "sandbox": 10, "postdeploy": 11}
BODIES = {
    "failed": "assert 0",
    "skipped": "pytest.skip('why')",
    "xfailed": "pytest.xfail('why')",
}
FIXTURE = "@pytest.fixture(scope={scope!r})\ndef thing():\n    {setup}\n    yield\n    {teardown}\n"
EVERYWHERE = ["preflight", "sandbox", "postdeploy"]


def exhaustive(values, *quick):
    """All values; those that are not among the quick ones are slow."""
    return [pytest.param(value, marks=() if value in quick else pytest.mark.slow) for value in values]


def test_all_gates_pass_and_every_boundary_is_passed_once_in_order(project, mode):
    run = project.run(*mode)
    assert run.status == 0, run.output
    assert run.calls == FULL
    assert set(run.outcomes.values()) == {"passed"}
    assert len(run.outcomes) == 6
    assert "verdict: OK" in run.output
    assert "dbdeploy: fake" in run.output


@pytest.mark.slow
@pytest.mark.parametrize(
    "args", [("-n0",), ("-n1",), ("-n3",), ("-n4",), ("-p", "no:xdist"), ("-n2", "--maxschedchunk=1")]
)
def test_all_gates_pass_with_any_number_of_workers(project, args):
    run = project.run(*args)
    assert run.status == 0, run.output
    assert run.calls == FULL


@pytest.mark.parametrize("phase", exhaustive(EVERYWHERE, "sandbox", "postdeploy"))
@pytest.mark.parametrize("outcome", exhaustive(BODIES, "failed"))
def test_a_gate_that_did_not_pass_stops_or_undoes_the_deployment(project, mode, phase, outcome):
    project.gate(phase, BODIES[outcome])
    run = project.run(*mode)
    assert run.status == STATUS[phase], run.output
    assert run.deployed == run.rolled_back == (phase == "postdeploy")
    assert run.outcome("test_case") == outcome
    if phase != "postdeploy":
        assert run.outcome("test_postdeploy.py::test_one") == "skipped"


@pytest.mark.slow
@pytest.mark.parametrize("phase", EVERYWHERE)
@pytest.mark.parametrize("scope", ["function", "session"])
@pytest.mark.parametrize("place", ["setup", "teardown"])
def test_an_error_around_a_gate_counts_in_its_own_phase(project, rarely, phase, scope, place):
    code = {"setup": "pass", "teardown": "pass", place: "assert 0"}
    project.gate(phase, "pass", arguments="thing", head=FIXTURE.format(scope=scope, **code))
    run = project.run(*rarely)
    assert run.status == STATUS[phase], run.output
    assert run.outcome("test_case") == "error"


def test_a_session_fixture_is_torn_down_before_the_boundary(project, mode):
    head = "from conftest import log\n" + FIXTURE.format(
        scope="session", setup="pass", teardown="log('torn-down')"
    )
    project.gate("sandbox", "pass", arguments="thing", head=head)
    run = project.run(*mode, check=False)
    names = run.names("torn-down", "deploy")
    assert names == ["torn-down", "deploy"], run.output


@pytest.mark.parametrize(
    ("body", "severity", "outcome"),
    [
        ("assert 0", "warn", "warned"),
        ("pytest_dbdeploy.not_applicable('no such thing')", "block", "not_applicable"),
        pytest.param("pytest.xfail('why')", "warn", "xfailed", marks=pytest.mark.slow),
        pytest.param("pytest.skip('why')", "warn", "skipped", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("phase", exhaustive(EVERYWHERE, "sandbox"))
def test_a_warning_and_what_does_not_apply_do_not_stop_the_deployment(
    project, rarely, phase, body, severity, outcome
):
    project.gate(phase, body, head=f"@pytest.mark.dbdeploy(severity={severity!r})")
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert run.outcome("test_case") == outcome


@pytest.mark.slow
def test_an_unexpected_pass_counts_unless_it_is_strict(project, rarely):
    project.gate("sandbox", "pass", head="@pytest.mark.xfail")
    assert project.run(*rarely).status == 0
    project.gate("sandbox", "pass", head="@pytest.mark.xfail(strict=True)")
    assert project.run(*rarely).status == 10


def test_a_phase_without_a_blocking_gate_refuses_before_the_deployment(project, rarely):
    (project.path / "gates/postdeploy/test_postdeploy.py").unlink()
    run = project.run(*rarely)
    assert run.status == 10, run.output
    assert not run.deployed


@pytest.mark.slow
@pytest.mark.parametrize("phases", [["preflight"], ["sandbox"], EVERYWHERE])
def test_phases_without_any_gate_are_passed_through(project, rarely, phases):
    for phase in phases:
        (project.path / f"gates/{phase}/test_{phase}.py").unlink()
    run = project.run(*rarely)
    assert run.status == 10, run.output
    assert not run.deployed


def test_what_is_closed_as_not_applicable_is_no_failure(project, rarely):
    run = project.run(*rarely, close={"sandbox": "nothing to deploy"})
    assert run.outcome("test_sandbox.py::test_one") == "not_applicable"
    assert run.outcome("test_postdeploy.py::test_one") == "not_applicable"
    assert run.junit["gates.sandbox.test_sandbox::test_one"][:2] == (
        "skipped",
        ["not applicable: nothing to deploy"],
    )
    assert run.status == 0, run.output


def test_an_empty_parametrization_is_a_skip_and_not_evidence(project):
    project.gate("sandbox", "pass", arguments="table", head="@pytest.mark.parametrize('table', [])")
    assert project.run().status == 10


def test_a_deployment_that_raises_is_rolled_back_once(project, rarely):
    run = project.run(*rarely, deploy=["raise:broken"])
    assert run.status == 3, run.output
    assert run.names("rollback", "abandon") == ["abandon", "rollback"]
    assert "broken" in run.event("abandon")["why"]


def test_a_rollback_that_failed_beats_every_other_status(project, rarely):
    run = project.run(*rarely, deploy=["raise:broken"], rolled_back=12)
    assert run.status == 12, run.output


def test_an_expected_error_while_preparing_is_a_usage_error(project, rarely):
    run = project.run(*rarely, prepare=["config-error:no such deployment"])
    assert run.status == 4
    assert "no such deployment" in run.output
    assert "do it right" in run.output
    assert "Traceback" not in run.output
    assert run.calls == ["prepare", "close"]


def test_a_wrong_approval_is_a_usage_error_and_nothing_runs(project, mode):
    run = project.run(*mode, collected=["config-error:not approved"])
    assert run.status == 4, run.output
    assert "not approved" in run.output
    assert "Traceback" not in run.output
    assert run.calls == ["prepare", "collected", "abandon", "close"]
    assert not run.names("gate-started")


def test_wrong_settings_are_a_usage_error(project, rarely):
    run = project.run(*rarely, settings="dbdeploy.yaml:3: unknown key")
    assert run.status == 4
    assert "dbdeploy.yaml:3: unknown key" in run.output
    assert "Traceback" not in run.output
    assert run.events == []
