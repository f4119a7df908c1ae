"""SIGINT, SIGTERM and SIGHUP at every place, to the controller alone and to its whole group: status 2, and the target is whole."""

import itertools
import time
from pathlib import Path

import pytest

SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"]
TO = ["controller", "group"]
PHASES = ["preflight", "sandbox", "postdeploy"]
BOUNDARIES = ["prepare", "collected", "sandbox", "deploy", "finish", "rollback"]
MODES = [(), ("-n2",)]


def sample(*dimensions, quick):
    """Every combination; all but those in ``quick`` are slow."""
    found = []
    for values in itertools.product(*dimensions):
        marks = () if values in quick else pytest.mark.slow
        name = "-".join(" ".join(v) or "plain" if isinstance(v, tuple) else v for v in values)
        found.append(pytest.param(*values, marks=marks, id=name))
    return found


def send(to, name):
    """Python that sends the signal from a gate, in the controller or in a worker."""
    controller = "os.getppid() if 'PYTEST_XDIST_WORKER' in os.environ else os.getpid()"
    call = f"os.kill({controller}, signal.{name})" if to == "controller" else f"os.killpg(0, signal.{name})"
    return f"import os, signal, time\n{call}\n"


def nothing_runs(run):
    """No process that took part is left, 15 s later at most."""
    left = {event["pid"] for event in run.events}
    deadline = time.monotonic() + 15
    while left := {pid for pid in left if _alive(pid)}:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def interrupted(run, *, deployed, status=2):
    assert run.status == status, run.output
    assert run.deployed == run.rolled_back == deployed
    assert run.names("rollback", "rolled-back") == (["rollback", "rolled-back"] if deployed else [])
    assert run.names()[-1] == "close" or run.names("close") == ["close"]
    assert "verdict:" in run.output
    nothing_runs(run)


@pytest.mark.parametrize(
    ("mode", "phase", "name", "to"),
    sample(
        MODES,
        PHASES,
        SIGNALS,
        TO,
        quick=[
            ((), "postdeploy", "SIGINT", "group"),
            ((), "sandbox", "SIGTERM", "controller"),
            (("-n2",), "postdeploy", "SIGTERM", "group"),
            (("-n2",), "preflight", "SIGINT", "group"),
        ],
    ),
)
def test_in_a_gate(project, mode, phase, name, to):
    project.gate(phase, f"{send(to, name)}time.sleep(20)")
    run = project.run(*mode, group=True)
    interrupted(run, deployed=phase == "postdeploy")


@pytest.mark.parametrize(
    ("mode", "where", "name", "to"),
    sample(
        MODES,
        BOUNDARIES,
        SIGNALS,
        TO,
        quick=[
            ((), "rollback", "SIGINT", "group"),
            ((), "prepare", "SIGTERM", "controller"),
            (("-n2",), "deploy", "SIGINT", "group"),
            (("-n2",), "rollback", "SIGHUP", "group"),
        ],
    ),
)
def test_at_a_boundary(project, mode, where, name, to):
    kind = "signal" if to == "controller" else "signal-group"
    if where == "rollback":
        project.gate("postdeploy", "assert 0")
    run = project.run(*mode, group=True, **{where: [f"{kind}:{name}", "sleep:0.5"]})
    if where == "prepare":  # before there is a session to sum up
        assert run.status == 2, run.output
        assert not run.deployed
        return
    # a rollback that is already under way ends as the rollback that it is
    interrupted(
        run, deployed=where in ("deploy", "finish", "rollback"), status=11 if where == "rollback" else 2
    )


@pytest.mark.parametrize(
    ("mode", "name"), sample(MODES, SIGNALS, quick=[((), "SIGINT"), (("-n2",), "SIGTERM")])
)
def test_while_gates_are_collected(project, mode, name):
    project.write("gates/sandbox/test_module.py", f"{send('controller', name)}time.sleep(2)\n")
    interrupted(project.run(*mode), deployed=False)


@pytest.mark.parametrize(
    ("mode", "name"), sample(MODES, SIGNALS, quick=[((), "SIGTERM"), (("-n2",), "SIGINT")])
)
def test_three_in_quick_succession_are_one_interrupt(project, mode, name):
    project.gate("postdeploy", send("group", name) * 3 + "time.sleep(20)")
    run = project.run(*mode, group=True, rollback=[f"signal-group:{name}"] * 3)
    interrupted(run, deployed=True)


@pytest.mark.parametrize(("mode", "name"), sample(MODES, SIGNALS, quick=[(("-n2",), "SIGINT")]))
def test_while_reports_are_written_the_verdict_stands(project, mode, name):
    run = project.run(*mode, group=True, close=[f"signal-group:{name}"])
    assert run.status == 0, run.output
    assert not run.rolled_back
    nothing_runs(run)


def test_after_the_reports_the_verdict_is_the_status(project):
    project.write(
        "late.py",
        "import os, signal\n\ndef pytest_terminal_summary():\n    os.kill(os.getpid(), signal.SIGINT)\n",
    )
    run = project.run("-p", "late")
    assert run.status == 0, run.output
    assert not run.rolled_back
