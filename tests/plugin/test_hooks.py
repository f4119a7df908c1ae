"""Another plugin's error in any hook, in the controller and in a worker, before and after the deployment: the target is safe.

Safe: untouched, or rolled back, or kept because the verdict had been made. Status 0 only when it is deployed and kept. The output
names the plugin, says what it said, and what state the target is in.
"""

import pytest

CALLED_ONCE = {
    "pytest_configure": "config",
    "pytest_sessionstart": "session",
    "pytest_report_header": "config",
    "pytest_collection": "session",
    "pytest_collectstart": "collector",
    "pytest_make_collect_report": "collector",
    "pytest_pycollect_makeitem": "name",
    "pytest_generate_tests": "metafunc",
    "pytest_itemcollected": "item",
    "pytest_collectreport": "report",
    "pytest_collection_modifyitems": "items",
    "pytest_collection_finish": "session",
    "pytest_report_collectionfinish": "config",
    "pytest_runtestloop": "session",
}
CALLED_OFTEN = {
    "pytest_runtest_protocol": "item",
    "pytest_runtest_logstart": "nodeid",
    "pytest_runtest_setup": "item",
    "pytest_fixture_setup": "request",
    "pytest_runtest_call": "item",
    "pytest_pyfunc_call": "pyfuncitem",
    "pytest_runtest_teardown": "item",
    "pytest_fixture_post_finalizer": "request",
    "pytest_runtest_makereport": "item",
    "pytest_exception_interact": "node",
    "pytest_runtest_logreport": "report",
    "pytest_report_to_serializable": "report",
    "pytest_report_from_serializable": "data",
    "pytest_report_teststatus": "report",
    "pytest_runtest_logfinish": "nodeid",
    "pytest_warning_recorded": "nodeid",
    "pytest_plugin_registered": "plugin",
}
CALLED_AT_THE_END = {
    "pytest_keyboard_interrupt": "excinfo",
    "pytest_internalerror": "excrepr",
    "pytest_sessionfinish": "session",
    "pytest_terminal_summary": "terminalreporter",
    "pytest_unconfigure": "config",
}
OF_XDIST = {
    "pytest_xdist_setupnodes": "specs",
    "pytest_xdist_newgateway": "gateway",
    "pytest_configure_node": "node",
    "pytest_testnodeready": "node",
    "pytest_xdist_make_scheduler": "config",
    "pytest_xdist_node_collection_finished": "node",
    "pytest_handlecrashitem": "crashitem",
    "pytest_testnodedown": "node",
}
HOOKS = {**CALLED_ONCE, **CALLED_OFTEN, **CALLED_AT_THE_END, **OF_XDIST}
HISTORIC = {
    "pytest_configure",
    "pytest_plugin_registered",
    "pytest_warning_recorded",
}  # these cannot be wrapped

BROKEN = """
import os
import pytest

def broken():
    here = "worker" if "PYTEST_XDIST_WORKER" in os.environ else "controller"
    log = os.environ["FAKE_LOG"]
    deployed = os.path.exists(log) and '"event": "deploy"' in open(log).read()
    if here == {where!r} and deployed == {deployed}:
        raise ValueError("broken plugin")

"""
FIRST = "@pytest.hookimpl(optionalhook=True, tryfirst=True)\ndef {hook}({argument}):\n    broken()\n"
LAST = "@pytest.hookimpl(optionalhook=True, wrapper=True, tryfirst=True)\ndef {hook}({argument}):\n    result = yield\n    broken()\n    return result\n"

# What makes a hook be called that is not called in a session in which all is well.
GATES = {
    "pytest_exception_interact": "assert 0",
    "pytest_warning_recorded": "import warnings\nwarnings.warn('x')",
    "pytest_keyboard_interrupt": "raise KeyboardInterrupt",
    "pytest_handlecrashitem": "os._exit(1)",
}


def check(project, hook, where, deployed, how, args):
    broken = BROKEN.format(where=where, deployed=deployed) + how.format(hook=hook, argument=HOOKS[hook])
    if (
        hook == "pytest_plugin_registered"
    ):  # while the command line is read it ends pytest before anybody is asked
        broken = broken.replace("    if here", "    if os.path.exists(log) and here")
    if hook == "pytest_internalerror":
        broken += "\n\ndef pytest_runtest_logfinish():\n    broken()\n"
    project.write("broken.py", broken)
    body = GATES.get(hook, "pass")
    if "-n2" in args or "_exit" not in body:
        project.gate("postdeploy" if deployed else "preflight", body)
    run = project.run("-p", "broken", *args)
    kept = run.deployed and not run.rolled_back
    assert not kept or "finish" in run.names(), run.output
    assert run.status not in (1, 5), run.output
    if run.status == 0:
        assert kept, run.output
        return
    assert "broken plugin" in run.output or hook in GATES, run.output
    assert "broken.py" in run.output or hook in GATES, run.output
    assert "verdict:" in run.output or "nothing was deployed" in run.output, run.output


def rows(*quick):
    return list(_rows(quick))


def _rows(quick):
    for hook in HOOKS:
        for how, name in ((FIRST, "first"), (LAST, "last")):
            if not (how is LAST and hook in HISTORIC):
                marks = () if (hook, name) in quick else pytest.mark.slow
                yield pytest.param(hook, how, marks=marks, id=f"{hook}-{name}")


@pytest.mark.parametrize(
    ("hook", "how"), rows(("pytest_sessionfinish", "first"), ("pytest_unconfigure", "last"))
)
@pytest.mark.parametrize(
    "deployed", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["deployed", "before"]
)
def test_an_error_in_the_controller_leaves_the_target_safe(project, hook, how, deployed):
    check(project, hook, "controller", deployed, how, ())


@pytest.mark.slow
@pytest.mark.parametrize(("hook", "how"), rows())
@pytest.mark.parametrize("deployed", [True, False], ids=["deployed", "before"])
def test_an_error_in_the_controller_of_workers_leaves_the_target_safe(project, hook, how, deployed):
    check(project, hook, "controller", deployed, how, ("-n2",))


@pytest.mark.parametrize(
    ("hook", "how"),
    [row for row in rows(("pytest_runtest_logreport", "first")) if row.values[0] not in OF_XDIST],
)
@pytest.mark.parametrize(
    "deployed", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["deployed", "before"]
)
def test_an_error_in_a_worker_leaves_the_target_safe(project, hook, how, deployed):
    check(project, hook, "worker", deployed, how, ("-n2",))


def test_an_error_after_the_verdict_says_that_the_deployment_stands(project, mode):
    project.write("broken.py", "def pytest_unconfigure():\n    raise ValueError('late')\n")
    run = project.run(*mode, "-p", "broken")
    assert run.status == 3, run.output
    assert run.deployed and not run.rolled_back
    assert "internal error: " in run.output
    assert "broken.py:2 in pytest_unconfigure: ValueError: late" in run.output
    assert run.output.rstrip().endswith("verdict: OK")
    assert "Traceback" not in run.output


@pytest.mark.parametrize(
    ("fake", "status"),
    [({}, 0), ({"prepare": ["signal:SIGINT"]}, 2)],
    ids=["deployed", "interrupted at the plan"],
)
def test_an_interrupt_while_pytest_ends_changes_no_verdict(project, mode, fake, status):
    project.write("slow_end.py", "def pytest_unconfigure():\n    raise KeyboardInterrupt\n")
    run = project.run(*mode, "-p", "slow_end", **fake)
    assert run.status == status, run.output
    assert run.deployed == (status == 0)
    assert "internal error" not in run.output
    assert run.output.count("verdict: ") <= 1
