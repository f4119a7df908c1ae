"""Gates that kill the process they run in, with a real target: the terminal says it, the next session says it, and both ways on work."""

import os
import re
import subprocess
import sys

import pytest

from .conftest import marked, until
from .test_killed import ADD_PHONE, migrated, whole

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SEGFAULT = "import ctypes\ndef test_it():\n    ctypes.string_at(0)\n"
GATE = "gates/{}/test_it.py"


def crash(project, phase="postdeploy"):
    """Deploys; the gate ends the process. What the terminal was told, and the deployment's ID."""
    project.migration("0002_phone", ADD_PHONE)
    project.write(GATE.format(phase), SEGFAULT)
    run = project.start("--dbdeploy-env=dev", "-p", "no:faulthandler")
    output, _ = run.process.communicate(timeout=120)  # as CI does: until nobody holds the output any more
    assert run.process.returncode == -11, output
    until(lambda: not marked(run.mark), seconds=15)
    return output, run.id


@pytest.mark.parametrize("command", ["rollback", pytest.param("resume", marks=pytest.mark.slow)])
def test_a_segfault_after_the_deployment_is_told_by_the_terminal_and_the_next_session_and_repaired(
    deployed, command
):
    output, killed = crash(deployed)
    last = output.splitlines()[-5:]
    assert f"the session was killed while gate {GATE.format('postdeploy')}::test_it was running" in last[1]
    assert last[2].startswith(f"deployment {killed} is unfinished")
    assert last[3:] == [
        f"  finish it: pytest --dbdeploy-resume={killed}",
        f"  or undo it: pytest --dbdeploy-rollback={killed}",
    ]

    refused = deployed.deploy()
    assert refused.ended == (10, "aborted")
    message = refused.gate("test_no_deployment_is_unfinished")["message"]
    assert re.search(r"its session died 20\d\d-.* during gate gates/postdeploy/test_it.py::test_it", message)
    assert f"pytest --dbdeploy-{command}={killed}" in message
    assert re.search(rf"^  last  +{killed} applied 20\d\d-", refused.output, re.MULTILINE)

    (deployed.root / GATE.format("postdeploy")).unlink()
    after = deployed.run(f"--dbdeploy-{command}={killed}")
    if command == "rollback":
        assert after.ended == (0, "rolled_back_on_request")
        whole(deployed)
    else:
        assert after.ended == (0, "deployed")
        migrated(deployed)
    assert "was killed" not in after.output


def test_a_crash_before_the_target_was_touched_is_told_once_by_the_next_session(deployed):
    output, killed = crash(deployed, "sandbox")
    assert "unfinished" not in output
    assert killed not in deployed.states()
    (deployed.root / GATE.format("sandbox")).unlink()
    after = deployed.deploy("--dbdeploy-dry-run")
    assert after.status == 0
    assert re.search(rf"^  note  +{killed} died 20[^,]*, target untouched$", after.output, re.MULTILINE)
    assert "it died during gate gates/sandbox/test_it.py::test_it" in after.output
    assert all(len(line) <= 80 for line in after.output.splitlines() if killed in line)
    assert killed not in deployed.deploy("--dbdeploy-dry-run").output
    whole(deployed)


def test_one_that_died_before_the_target_was_touched_is_nothing_to_resume_and_says_so(deployed):
    _, killed = crash(deployed, "preflight")
    result = deployed.run(f"--dbdeploy-resume={killed}")
    assert result.status == 4
    assert "before it changed anything there; deploy again:\n  pytest --dbdeploy-env=dev" in result.output


def test_last_words_hold_no_secret_and_outlive_neither_the_session_nor_its_output(deployed):
    deployed.migration("0002_phone", ADD_PHONE)
    ready = deployed.root / "ready"
    deployed.write(
        GATE.format("postdeploy"),
        f"import os, pathlib, time\ndef test_it():\n    if not os.fork():\n        time.sleep(3)\n        os._exit(0)\n"
        f"    pathlib.Path({str(ready)!r}).touch()\n    time.sleep(60)\n",
    )
    run = deployed.start("--dbdeploy-env=dev", "-s")
    run.until(ready.exists)
    (speaker,) = [pid for pid in marked(run.mark) if b"last_words" in _arguments(pid)]
    assert deployed.url.password.reveal().encode() not in _arguments(speaker)
    os.killpg(os.getpgid(run.process.pid), 15)
    os.killpg(os.getpgid(run.process.pid), 9)
    until(lambda: speaker not in marked(run.mark), seconds=2.5)
    output, _ = run.process.communicate(timeout=60)
    assert f"--dbdeploy-rollback={run.id}" in output


def _arguments(pid):
    return subprocess.check_output(["cat", f"/proc/{pid}/cmdline"])
