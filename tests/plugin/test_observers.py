"""Observers see the phases, the decision and the end, in the controller only; they change no verdict."""

OBSERVER = """
from conftest import log

def pytest_dbdeploy_phase_started(config, phase):
    log("observer", what=f"started {phase}")

def pytest_dbdeploy_phase_finished(config, phase, gates):
    log("observer", what=f"finished {phase} {len(gates)}")

def pytest_dbdeploy_decision(config, decision):
    log("observer", what=f"decision {decision.verdict}")

def pytest_dbdeploy_finished(config, outcome, exit_status):
    log("observer", what=f"end {exit_status.name}")
"""
SEEN = [
    "started preflight", "finished preflight 2", "started sandbox", "finished sandbox 2", "decision deploy",
    "started postdeploy", "finished postdeploy 2", "end OK",
]  # fmt: skip


def test_observers_hear_everything_once_and_in_order(project, mode):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(OBSERVER.replace("from conftest import log\n", ""))
    run = project.run(*mode)
    assert run.status == 0, run.output
    assert [event["what"] for event in run.events if event["event"] == "observer"] == SEEN
    assert len({event["pid"] for event in run.events if event["event"] == "observer"}) == 1


def test_an_observers_exception_is_a_warning(project, rarely):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write("\n\ndef pytest_dbdeploy_phase_finished(config):\n    raise ValueError('veto')\n")
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert "ValueError: veto; the verdict is not affected" in run.output
    assert project.run(*rarely, "-W", "error").status == 0
