"""Gates and conftest files that do unusual things: the verdict stays what it was, and nothing is deployed twice or by mistake."""

import os

import pytest

from tests.plugin.modes import run_both

STATUS = {"preflight": 10, "sandbox": 10, "postdeploy": 11}


def extend(project, text):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(f"\n\n{text}\n")


def quick(value, *others):
    rows = [other if isinstance(other, tuple) else (other,) for other in others]
    return [value, *(pytest.param(*row, marks=pytest.mark.slow) for row in rows)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(
    ("body", "head"),
    quick(
        ("os.fork()", ""),
        ("pid = os.fork()\nif pid == 0:\n    raise SystemExit(3)\nos.waitpid(pid, 0)", ""),
        ("pid = os.fork()\nif pid == 0:\n    raise KeyboardInterrupt\nos.waitpid(pid, 0)", ""),
        ("pass", "@pytest.fixture(autouse=True)\ndef copy():\n    os.fork()"),
        ("pass", "@pytest.fixture(autouse=True)\ndef copy():\n    yield\n    os.fork()"),
    ),
)
def test_a_forked_copy_of_the_session_neither_reports_nor_deploys(project, mode, body, head):
    project.gate("sandbox", body, head=head)
    run = project.run(*mode)
    assert run.status == 0, run.output
    assert run.names().count("deploy") == 1
    assert run.outcome("test_case") == "passed"


@pytest.mark.parametrize(
    "hook",
    [
        "@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_logreport(report):\n    report.outcome = 'passed'",
        "@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport():\n    report = yield\n"
        "    report.outcome = 'passed' if report.failed else report.outcome\n    return report",
    ],
    ids=["logreport", "makereport"],
)
def test_a_hook_cannot_make_a_failing_gate_pass(project, mode, hook):
    project.gate("sandbox", "assert 0")
    extend(project, hook)
    run = project.run(*mode)
    assert run.status == 10, run.output
    assert run.outcome("test_case") == "failed"


@pytest.mark.parametrize("status", quick("tryfirst=True, wrapper=True", "trylast=True, wrapper=True"))
def test_a_hook_cannot_change_the_exit_status(project, rarely, status):
    project.gate("sandbox", "assert 0")
    extend(
        project,
        f"@pytest.hookimpl({status})\ndef pytest_sessionfinish(session):\n    yield\n    session.exitstatus = 0",
    )
    assert project.run(*rarely).status == 10


def test_a_limit_of_warnings_is_about_the_applications_tests(project, rarely):
    project.gate("sandbox", "import warnings\nwarnings.warn('x')")
    project.write("pytest.ini", "[pytest]\nmax_warnings = 0\n")
    assert project.run(*rarely).status == 0


@pytest.mark.parametrize(("body", "status"), [("pass", 0), ("assert 0", 10)])
def test_an_item_that_a_plugin_adds_is_a_gate(project, mode, body, status):
    extend(
        project,
        f"class Added(pytest.Item):\n    def runtest(self):\n        {body}\n\n"
        "def pytest_collection_modifyitems(session, items):\n    items.append(Added.from_parent(session, name='added'))",
    )
    run = project.run(*mode)
    assert run.status == status, run.output
    assert len(run.outcomes) == 7


ITEMS = {
    "items.clear()": 10,
    "del items[-1]": 10,
    "items.reverse()": 0,
    "items.extend(list(items))": 0,
    "[item.add_marker(pytest.mark.skip(reason='x')) for item in items]": 10,
}


@pytest.mark.parametrize("change", quick(*ITEMS))
def test_a_conftest_that_changes_the_gates_deploys_no_less_than_all(project, rarely, change):
    extend(project, f"def pytest_collection_modifyitems(items):\n    {change}")
    run = project.run(*rarely)
    assert run.status == ITEMS[change], run.output
    assert run.deployed == (run.status == 0)


@pytest.mark.parametrize(
    "change", quick("session.items.reverse()", "session.items.pop()", "session.items.clear()")
)
def test_what_a_conftest_changes_after_the_phases_were_sorted_does_not_count(project, mode, change):
    extend(project, f"def pytest_collection_finish(session):\n    {change}")
    run = project.run(*mode)
    assert run.status == 0, run.output
    assert list(run.outcomes.values()) == ["passed"] * 6


@pytest.mark.parametrize("change", quick("session.items.reverse()", "session.items.pop()"))
def test_workers_that_report_other_gates_than_were_sorted_stop_the_session(project, change):
    # loaded late, and so called before xdist reports what there is
    project.write("gates/conftest.py", f"def pytest_collection_finish(session):\n    {change}\n")
    run = project.run("-n2")
    assert run.status == 10, run.output
    assert not run.names("gate-started")
    assert "another plugin changed the gates" in run.output


def test_a_collection_that_a_plugin_takes_over_ends_the_session(project, mode):
    extend(project, "@pytest.hookimpl(tryfirst=True)\ndef pytest_collection():\n    return True")
    run = project.run(*mode)
    assert run.status in (3, 10), run.output
    assert not run.deployed


@pytest.mark.parametrize("phase", quick("postdeploy", "preflight"))
def test_a_gate_that_a_hook_says_to_have_run_has_not(project, rarely, phase):
    extend(
        project,
        f"@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_protocol(item):\n    return True if '{phase}' in item.nodeid else None",
    )
    run = project.run(*rarely)
    assert run.status == STATUS[phase], run.output
    assert run.outcome(f"test_{phase}.py::test_one") == "not_run"


def test_a_gate_cannot_start_a_deployment_of_its_own(project, rarely):
    project.gate("sandbox", "assert pytest.main(['--dbdeploy-env=dev', '-p', 'no:xdist']) == 4")
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert run.names().count("deploy") == run.names().count("prepare") == 1


@pytest.mark.slow
def test_a_gate_may_run_pytest(project, rarely):
    project.gate(
        "sandbox",
        "(tmp_path / 'test_x.py').write_text('def test_x(): assert 0')\n"
        "assert pytest.main([str(tmp_path), '--rootdir', str(tmp_path), '-p', 'no:cacheprovider', '-p', 'no:xdist']) == 1",
        arguments="tmp_path",
    )
    run = project.run(*rarely)
    assert run.status == 0, run.output


def test_no_password_leaves_a_subtest(project, rarely):
    pytest.importorskip("_pytest.subtests", reason="subtests are part of pytest from 9 on")
    body = "with subtests.test('first'):\n    print(dbdeploy_target.url)\n    assert 0, 'printed'"
    project.gate("sandbox", body, arguments="subtests, dbdeploy_target")
    run = project.run(*rarely)
    assert run.status == 10
    assert "postgresql://u:" in run.output
    assert "verysecret" not in run.output
    assert "verysecret" not in (project.path / "junit.xml").read_text()


HARMLESS = {
    "environ": "os.environ.clear()",
    "cwd": "os.chdir('/')",
    "cwd-gone": "os.chdir(tmp_path)\nos.rmdir(tmp_path)",
    "argv": "import sys\nsys.argv[:] = []",
    "stdin": "os.close(0)",
    "stdout": "os.close(1)",
    "stderr": "os.close(2)",
    "print": "print('x' * 10_000_000)",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()",
    "fork": "pid = os.fork()\nif pid == 0:\n    os._exit(3)\nos.waitpid(pid, 0)",
}


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["preflight", "sandbox", "postdeploy"])
@pytest.mark.parametrize("what", HARMLESS)
def test_what_a_gate_does_to_its_process_changes_no_verdict(project, phase, what):
    project.gate(phase, HARMLESS[what], arguments="tmp_path" if "tmp_path" in HARMLESS[what] else "")
    assert run_both(project).status == 0


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["preflight", "sandbox", "postdeploy"])
def test_closing_everything_is_never_a_success(project, rarely, phase):
    project.gate(phase, "os.closerange(0, 256)")
    # no stdout for the last line; and a worker that nobody hears from any more may still end its gate
    run = project.run(*rarely, check=False)
    assert run.status != 0
    assert run.rolled_back == run.deployed


@pytest.mark.slow
def test_names_of_gates_may_be_anything(project):
    names = ["ä☃", "line\nbreak\0", "x" * 5000, "::", "a@b", "[x]", ""]
    project.gate("sandbox", "pass", arguments="x", head=f"@pytest.mark.parametrize('x', {names!r})")
    project.write(
        "gates/sandbox/test_same.py",
        "import pytest\n@pytest.mark.parametrize('x', [1, 2], ids=['a', 'a'])\ndef test_same(x): pass\n",
    )
    run = run_both(project)
    assert run.status == 0
    assert len(run.outcomes) == 6 + 7 + 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("class TestX(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls): raise ValueError\n    def test_x(self): pass", 10),
        ("class TestX(unittest.TestCase):\n    @classmethod\n    def tearDownClass(cls): raise ValueError\n    def test_x(self): pass", 10),
        ("class TestX(unittest.TestCase):\n    @unittest.skip('why')\n    def test_x(self): pass", 10),
        ("class TestX(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_x(self): assert 0", 10),
        ("class TestX(unittest.TestCase):\n    def test_x(self):\n        with self.subTest(i=1): assert 0", 10),
        ("class TestX(unittest.IsolatedAsyncioTestCase):\n    async def test_x(self): assert 0", 10),
        ("class TestX(unittest.IsolatedAsyncioTestCase):\n    async def test_x(self): pass", 0),
        ("import pytest_dbdeploy\npytest_dbdeploy.not_applicable('nothing here')", 0),
        ("import pytest\npytest.importorskip('no_such_module')", 10),
    ],
)  # fmt: skip
def test_other_forms_of_gates(project, text, status):
    project.write("gates/sandbox/test_form.py", f"import unittest\n{text}\n")
    assert run_both(project).status == status


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["collect_ignore = ['gates']", "def pytest_ignore_collect():\n    return True"]
)
def test_a_conftest_hides_no_gate(project, text):
    extend(project, text)
    run = run_both(project)
    assert run.status == 0
    assert len(run.outcomes) == 6
