"""Sessions that end early: the flow is told once, and its status is the exit status in both modes."""

import pytest

EVERYWHERE = ["preflight", "sandbox", "postdeploy"]
STATUS = {"preflight": 10, "sandbox": 10, "postdeploy": 11}


def quick(value, *others):
    return [value, *(pytest.param(other, marks=pytest.mark.slow) for other in others)]


@pytest.mark.parametrize("phase", quick("postdeploy", "preflight", "sandbox"))
def test_exitfirst_gives_the_same_status_in_both_modes(project, mode, phase):
    project.gate(phase, "assert 0")
    run = project.run(*mode, "-x")
    assert run.status == STATUS[phase], run.output
    assert "abandon" in run.names()
    assert "stopping after 1 failures" in run.event("abandon")["why"]


@pytest.mark.slow
def test_maxfail_that_is_not_reached_changes_nothing(project, rarely):
    project.gate("sandbox", "assert 0")
    run = project.run(*rarely, "--maxfail=2")
    assert run.status == 10
    assert "finish" in run.names()


def test_exitfirst_is_not_stopped_by_a_warning(project, rarely):
    project.gate("sandbox", "assert 0", head="@pytest.mark.dbdeploy(severity='warn')")
    assert project.run(*rarely, "-x").status == 0


@pytest.mark.parametrize("phase", quick("sandbox", "preflight", "postdeploy"))
def test_ctrl_c_in_a_gate_ends_with_2(project, mode, phase):
    project.gate(phase, "raise KeyboardInterrupt")
    run = project.run(*mode)
    assert run.status == 2, run.output
    assert run.event("abandon")["interrupted"]
    assert run.rolled_back == (phase == "postdeploy")


@pytest.mark.parametrize("phase", quick("sandbox", "postdeploy"))
@pytest.mark.parametrize("code", quick("", "returncode=7"))
def test_pytest_exit_in_a_gate_is_no_interrupt(project, rarely, phase, code):
    project.gate(phase, f"pytest.exit('enough', {code})")
    run = project.run(*rarely)
    assert run.status == STATUS[phase], run.output
    assert not run.event("abandon")["interrupted"]
    assert "verdict:" in run.output


@pytest.mark.parametrize("where", quick("deploy", "prepare", "sandbox", "finish"))
@pytest.mark.parametrize("name", quick("SIGTERM", "SIGINT", "SIGHUP"))
def test_a_signal_to_the_controller_ends_with_2(project, mode, where, name):
    run = project.run(*mode, **{where: [f"signal:{name}", "sleep:20"]})
    assert run.status == 2, run.output
    assert "close" in run.names()
    assert run.rolled_back == (where in ("deploy", "finish"))


def test_a_second_signal_does_not_stop_the_rollback(project, rarely):
    run = project.run(
        *rarely, deploy=["signal:SIGTERM", "sleep:20"], rollback=["signal:SIGTERM", "signal:SIGINT"]
    )
    assert run.status == 2, run.output
    assert run.names("rollback", "rolled-back", "close") == ["rollback", "rolled-back", "close"]


def test_a_terminal_that_is_gone_does_not_stop_the_rollback(project, rarely):
    run = project.run(*rarely, "-s", deploy=["lose-terminal"], rollback=["say:" + "rolling back " * 2000])
    assert run.status != 0
    assert run.names("rollback", "rolled-back", "close") == ["rollback", "rolled-back", "close"]


@pytest.mark.slow
def test_a_signal_while_closing_changes_no_verdict(project, rarely):
    run = project.run(*rarely, close=["signal:SIGTERM"])
    assert run.status == 0, run.output


@pytest.mark.parametrize("hook", quick("pytest_runtest_logreport", "pytest_runtest_logfinish"))
@pytest.mark.parametrize("phase", quick("postdeploy", "preflight"))
def test_another_plugins_error_leaves_the_target_whole(project, mode, hook, phase):
    arguments = "report" if hook.endswith("report") else "nodeid, location"
    nodeid = "report.nodeid" if hook.endswith("report") else "nodeid"
    project.write(
        "broken.py",
        f"import os\ndef {hook}({arguments}):\n    if 'PYTEST_XDIST_WORKER' not in os.environ:\n"
        f"        assert '{phase}' not in {nodeid}, 'broken plugin'\n",
    )
    run = project.run(*mode, "-p", "broken")
    assert run.status == 3, run.output
    assert "broken plugin" in run.event("abandon")["why"]
    assert run.rolled_back == run.deployed == (phase == "postdeploy")
    assert "verdict:" in run.output


def test_an_error_in_another_plugins_sessionfinish_changes_no_verdict(project, rarely):
    project.write("broken.py", "def pytest_sessionfinish():\n    raise ValueError('late')\n")
    run = project.run(*rarely, "-p", "broken")
    assert run.names("finish", "abandon", "rollback") == ["finish"]


@pytest.mark.slow
def test_randomly_keeps_the_phases(project, rarely):
    assert project.run(*rarely, randomly=True).status == 0


@pytest.mark.slow
def test_reruns_clear_a_failure(project, rarely):
    once = "path = os.environ['FAKE_LOG'] + '.once'\nif not os.path.exists(path):\n    open(path, 'w').close()\n    assert 0"
    project.gate("sandbox", once)
    run = project.run(*rarely, "--reruns=1")
    assert run.status == 0, run.output
    project.gate("sandbox", "assert 0")
    assert project.run(*rarely, "--reruns=1").status == 10


@pytest.mark.slow
def test_a_timed_out_gate_refuses_but_a_boundary_may_take_longer(project, rarely):
    project.gate("sandbox", "import time\ntime.sleep(30)")
    assert project.run(*rarely, "--timeout=1").status == 10
    project.gate("sandbox", "pass")
    assert project.run(*rarely, "--timeout=1", deploy=["sleep:2"]).status == 0


@pytest.mark.slow
def test_the_sessions_time_limit_undoes_what_was_not_verified(project, rarely):
    run = project.run(*rarely, "--session-timeout=1", deploy=["sleep:2"])
    assert run.status in (10, 11)
    assert run.rolled_back == run.deployed
