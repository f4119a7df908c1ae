"""Gates that end the process they run in: never a success, and with a target that was touched never silence."""

import pytest

REFUSED = {"preflight": 10, "sandbox": 10, "postdeploy": 11}
PHASES = list(REFUSED)
#: Blocks in C code that does not come back for signals.
STUCK = """import ctypes, threading
threading.Timer(0.2, os._exit, [{status}]).start()
libc = ctypes.CDLL(None)
libc.pthread_mutex_lock.argtypes = [ctypes.c_void_p]
mutex = ctypes.create_string_buffer(256)
libc.pthread_mutex_lock(mutex)
libc.pthread_mutex_lock(mutex)
"""
IN_A_THREAD = "import threading, time\nthreading.Timer(0.2, os._exit, [{status}]).start()\ntime.sleep(30)"


def quick(value, *others):
    return [value, *(pytest.param(other, marks=pytest.mark.slow) for other in others)]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("status", quick(0, 9))
def test_os_exit_in_a_gate_fails_that_gate_and_the_session_goes_on_to_its_verdict(project, phase, status):
    project.gate(phase, f"os._exit({status})")
    run = project.run()
    assert run.status == REFUSED[phase], run.output
    assert run.outcome("test_case") == "failed"
    assert f"os._exit({status}) was called" in run.event("close")["gates"][_case(phase)][1]
    assert run.rolled_back == (phase == "postdeploy")
    assert run.outcome(f"test_{phase}.py::test_two") == "passed"
    assert "finish" in run.names()


@pytest.mark.parametrize("phase", quick("postdeploy", "preflight", "sandbox"))
def test_os_exit_in_another_thread_fails_the_gate_that_runs(project, phase):
    project.gate(phase, IN_A_THREAD.format(status=0))
    run = project.run()
    assert run.status == REFUSED[phase], run.output
    assert run.outcome("test_case") == "failed"
    assert "os._exit(0) was called in thread" in run.event("close")["gates"][_case(phase)][1]
    assert run.rolled_back == (phase == "postdeploy")


@pytest.mark.parametrize("phase", quick("postdeploy", "sandbox"))
def test_where_the_gate_is_stuck_the_session_ends_in_the_thread_that_exits(project, phase):
    project.gate(phase, STUCK.format(status=0))
    run = project.run()
    assert run.status == REFUSED[phase], run.output
    assert run.outcome("test_case") == "crashed"
    assert run.rolled_back == (phase == "postdeploy")
    assert run.names("abandon", "close") == ["abandon", "close"]
    assert f"verdict: {'ROLLED_BACK' if phase == 'postdeploy' else 'ABORTED'}" in run.output
    (case,) = [case for name, case in run.junit.items() if name.endswith("::test_case")]
    assert case[0] != "passed"


@pytest.mark.parametrize("method", ["thread", "signal"])
@pytest.mark.parametrize("phase", quick("postdeploy", "sandbox"))
def test_a_gate_that_takes_too_long_fails_by_either_method_of_pytest_timeout(project, method, phase):
    project.gate(phase, "import time\ntime.sleep(30)")
    run = project.run("--timeout=1", f"--timeout-method={method}", deploy=["sleep:1.5"])
    assert run.status == REFUSED[phase], run.output
    assert run.outcome("test_case") == "failed"
    assert run.rolled_back == run.deployed == (phase == "postdeploy")


@pytest.mark.parametrize("where", quick("deploy", "rollback"))
def test_a_thread_that_a_gate_left_behind_interrupts_the_boundary_but_not_the_rollback(project, where):
    project.gate(
        "sandbox",
        "import pathlib, threading, time\n"
        "def wait():\n"
        f"    while '\"{where}\"' not in pathlib.Path(os.environ['FAKE_LOG']).read_text():\n"
        "        time.sleep(0.01)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=wait, daemon=True).start()",
    )
    if where == "rollback":
        project.gate("postdeploy", "assert 0")
    run = project.run(**{where: ["sleep:2"]})
    assert run.status == (2 if where == "deploy" else 11), run.output
    assert run.names("rollback", "rolled-back", "close") == ["rollback", "rolled-back", "close"]


def test_a_forked_child_of_a_gate_may_exit_as_it_likes(project):
    project.gate(
        "sandbox", "pid = os.fork()\nif not pid:\n    os._exit(7)\nassert os.waitpid(pid, 0)[1] >> 8 == 7"
    )
    assert project.run().status == 0


@pytest.mark.parametrize("call", quick("os._exit(0)", "sys.exit(0)"))
def test_a_gate_file_that_exits_when_imported_is_no_success(project, call):
    project.write("gates/sandbox/test_module.py", f"import os, sys\n{call}\n")
    run = project.run()
    assert run.status in (3, 10), run.output
    assert not run.deployed


@pytest.mark.parametrize("phase", quick("postdeploy", "sandbox"))
@pytest.mark.parametrize("code", quick("0", "5"))
def test_sys_exit_in_a_gate_is_a_failure(project, rarely, phase, code):
    project.gate(phase, f"import sys\nsys.exit({code})")
    run = project.run(*rarely)
    assert run.status == REFUSED[phase], run.output
    assert run.outcome("test_case") == "failed"


@pytest.mark.parametrize("phase", quick("postdeploy", "preflight", "sandbox"))
def test_a_gate_that_runs_out_of_memory_is_a_failure(project, phase):
    project.gate(
        phase,
        "import resource\n"
        "before = resource.getrlimit(resource.RLIMIT_AS)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, before[1]))\n"
        "try:\n"
        "    bytearray(1 << 31)\n"
        "finally:\n"
        "    resource.setrlimit(resource.RLIMIT_AS, before)",
    )
    run = project.run()
    assert run.status == REFUSED[phase], run.output
    assert "MemoryError" in run.event("close")["gates"][_case(phase)][1]
    assert run.rolled_back == (phase == "postdeploy")


KILLERS = {
    "segfault": "import ctypes\nctypes.string_at(0)",
    "abort": "os.abort()",
    "kill": "os.kill(os.getpid(), 9)",
}


@pytest.mark.parametrize("phase", quick("sandbox", "preflight", "postdeploy"))
@pytest.mark.parametrize("killer", quick("segfault", "abort", "kill"))
def test_what_cannot_be_caught_ends_the_process_without_a_later_boundary(project, phase, killer):
    project.gate(phase, KILLERS[killer])
    run = project.run()
    assert run.status in (-11, -6, -9), run.output
    assert run.deployed == (phase == "postdeploy")
    assert "finish" not in run.names()


@pytest.mark.parametrize("phase", quick("postdeploy", "preflight", "sandbox"))
@pytest.mark.parametrize("killer", quick("segfault", "abort", "kill"))
def test_with_workers_it_is_one_crashed_gate(project, phase, killer):
    project.gate(phase, KILLERS[killer])
    run = project.run("-n2")
    assert run.status == REFUSED[phase], run.output
    assert run.outcome("test_case") == "crashed"
    assert run.rolled_back == (phase == "postdeploy")


def test_a_deployment_longer_than_every_timeout_whose_workers_die_meanwhile_is_verified_by_others(project):
    run = project.run("-n2", "--timeout=1", deploy=["kill-workers", "sleep:2"])
    assert run.status == 0, run.output
    assert run.names("deploy", "rollback") == ["deploy"]
    assert set(run.outcomes.values()) == {"passed"}


def _case(phase):
    return f"gates/{phase}/test_zz_{phase}.py::test_case"
