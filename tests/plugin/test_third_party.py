"""Beside other people's plugins gates run, phases hold, the verdict is right, and their reports hold the gates."""

import json
import re
from xml.etree import ElementTree

import pytest

from tests.third_party import found_here

EVERY_GATE = {
    f"gates/{phase}/test_{phase}.py::{name}"
    for phase in ("preflight", "sandbox", "postdeploy")
    for name in ("test_one", "test_two")
}
#: Each plugin with the words that make it do the most.
PLUGINS = {
    "anyio": "",
    "flaky": "--force-flaky --max-runs=2",
    "pytest-asyncio": "-o asyncio_mode=auto",
    "pytest-check": "",
    "pytest-clarity": "",
    "pytest-cov": "--cov=gates --cov-report=xml",
    "pytest-django": "",
    "pytest-env": "",
    "pytest-html": "--html=report.html",
    "pytest-instafail": "--instafail",
    "pytest-json-report": "--json-report",
    "pytest-metadata": "--metadata key value",
    "pytest-mock": "",
    "pytest-order": "--indulgent-ordering",
    "pytest-picked": "--picked",
    "pytest-postgresql": "",
    "pytest-repeat": "--count=2",
    "pytest-retry": "--retries=1",
    "pytest-socket": "--disable-socket",
    "pytest-subtests": "",
    "pytest-sugar": "--force-sugar",
}
NEEDS = {"pytest-html": ["pytest-metadata"], "pytest-json-report": ["pytest-metadata"]}
#: Those that replace the terminal's reporter, or rerun in ways of their own, are tried one by one.
TOGETHER = sorted({*PLUGINS} - {"flaky", "pytest-retry", "pytest-instafail", "pytest-picked"})


@pytest.fixture
def using(tmp_path, monkeypatch):
    """``using("pytest-html", ...)``: the project's sessions find these plugins."""

    def use(*names):
        needed = [need for name in names for need in NEEDS.get(name, ())]
        monkeypatch.setenv("PYTHONPATH", str(found_here(tmp_path / "plugins", *names, *needed)))

    return use


def deploys_refuses_and_rolls_back(project, *args):
    """The three verdicts, each with its exit status, JUnit and order (which ``run`` checks)."""
    run = project.run(*args)
    assert run.status == 0, run.output
    assert {re.sub(r"\[\d-\d\]$", "", nodeid) for nodeid in run.outcomes} == EVERY_GATE
    assert set(run.outcomes.values()) == {"passed"}
    tests = [kind for name, (kind, *_) in run.junit.items() if not name.startswith("dbdeploy::")]
    assert tests == ["passed"] * len(run.outcomes)

    project.gate("sandbox", "assert 'left' == 'right'")
    run = project.run(*args)
    assert run.status == 10, run.output
    assert not run.deployed
    failed = [kind for name, (kind, *_) in run.junit.items() if "test_case" in name]
    assert set(failed) == {"failure"}
    skipped = [kind for name, (kind, *_) in run.junit.items() if "postdeploy" in name]
    assert set(skipped) == {"skipped"}

    project.gate("sandbox", "pass")
    project.gate("postdeploy", "assert 0")
    run = project.run(*args)
    assert run.status == 11, run.output
    assert run.rolled_back


def test_many_plugins_at_once_change_no_verdict(project, using, mode):
    using(*TOGETHER)
    words = " ".join(PLUGINS[name] for name in TOGETHER)
    deploys_refuses_and_rolls_back(project, *mode, *words.split())


@pytest.mark.slow
@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_changes_no_verdict(project, using, mode, name):
    using(name)
    deploys_refuses_and_rolls_back(project, *mode, *PLUGINS[name].split())


# -- reports


def test_html_json_and_coverage_reports_hold_the_gates(project, using, rarely):
    using("pytest-html", "pytest-json-report", "pytest-cov")
    project.gate("postdeploy", "assert 0")
    args = ["--html=report.html", "--self-contained-html", "--json-report", "--cov=gates", "--cov-report=xml"]
    run = project.run(*rarely, *args)
    assert run.status == 11, run.output
    gates = {*EVERY_GATE, "gates/postdeploy/test_zz_postdeploy.py::test_case"}

    written = json.loads((project.path / ".report.json").read_text())
    assert gates <= {test["nodeid"] for test in written["tests"]}

    html = (project.path / "report.html").read_text()
    assert all(gate in html for gate in gates)

    lines = ElementTree.parse(project.path / "coverage.xml").getroot()
    assert {node.get("filename").rpartition("/")[2] for node in lines.iter("class")} >= {
        "test_preflight.py",
        "test_zz_postdeploy.py",
    }


@pytest.mark.parametrize(
    ("name", "option"), [("pytest-sugar", "--force-sugar"), ("pytest-instafail", "--instafail")]
)
def test_a_terminal_of_another_kind_shows_steps_and_verdict(project, using, rarely, name, option):
    using(name)
    project.gate("sandbox", "assert 0, 'that is wrong'")
    run = project.run(*rarely, option)
    assert "dbdeploy: fake" in run.output
    assert "clone" in run.output
    assert "that is wrong" in run.output
    assert "verdict: ABORTED" in run.output


# -- repetition


ONCE = """path = os.environ["FAKE_LOG"] + ".once"
if not os.path.exists(path):
    open(path, "w").close()
    assert 0, "the first time"
"""
REPEATERS = {"pytest-retry": "--retries=2", "flaky": "--force-flaky --max-runs=2"}


@pytest.mark.parametrize("name", ["pytest-retry", pytest.param("flaky", marks=pytest.mark.slow)])
def test_a_gate_that_passes_when_repeated_has_passed(project, using, rarely, name):
    using(name)
    project.gate("sandbox", ONCE)
    run = project.run(*rarely, *REPEATERS[name].split())
    assert run.status == 0, run.output
    assert run.outcome("test_case") == "passed"


@pytest.mark.slow
@pytest.mark.parametrize("name", REPEATERS)
def test_a_gate_that_crashes_when_repeated_has_not_passed(project, using, name):
    using(name)
    project.gate("sandbox", ONCE + "os._exit(7)")
    run = project.run("-n2", *REPEATERS[name].split())
    assert run.status == 10, run.output
    assert run.outcome("test_case") == "crashed"


def test_an_outcome_that_nobody_knows_is_no_pass(project, rarely):
    """As pytest-retry's "retried", or whatever other plugins think of; it is all that is ever said of the gate."""
    project.write(
        "strange.py",
        "import pytest\n\n@pytest.hookimpl(wrapper=True, tryfirst=True)\ndef pytest_runtest_makereport(item):\n"
        "    report = yield\n    if report.when == 'call' and 'sandbox' in item.nodeid:\n        report.outcome = 'strange'\n"
        "    return report\n",
    )
    run = project.run(*rarely, "-p", "strange")
    assert run.status == 10, run.output
    assert not run.deployed


@pytest.mark.slow
def test_repeated_gates_are_gates_of_their_own(project, using, rarely):
    using("pytest-repeat")
    run = project.run(*rarely, "--count=3", "-k", "test_one and not 3-3 or test_two")
    assert run.status == 10, run.output
    assert run.outcome("sandbox.py::test_one[3-3]") == "deselected"


# -- what leaves gates out, or sorts them


@pytest.mark.parametrize("option", ["--splits=2 --group=1", "--splits=2 --group=2"])
def test_a_part_of_the_gates_is_not_verified(project, using, rarely, option):
    using("pytest-split")
    run = project.run(*rarely, *option.split())
    assert run.status == 10, run.output
    assert not run.deployed
    assert "deselected" in run.outcomes.values()


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--picked", "--picked=first", "--picked --mode=branch"])
def test_picked_leaves_no_gate_out(project, using, rarely, option):
    using("pytest-picked")
    project.pytester.run("git", "init", "-q")
    project.gate("sandbox", "assert 0")
    run = project.run(*rarely, *option.split())
    assert run.status == 10, run.output
    assert set(run.outcomes) > EVERY_GATE


def test_gates_are_ordered_within_their_phase_only(project, using):
    using("pytest-order")
    project.gate("postdeploy", "pass", head="@pytest.mark.order('first')")
    project.gate("preflight", "pass", head="@pytest.mark.order('last')")
    project.gate("sandbox", "pass", head="@pytest.mark.order('first')")
    run = project.run()
    assert run.status == 0, run.output
    started = [event["nodeid"] for event in run.events if event["event"] == "gate-started"]
    assert [started[index].rpartition("::")[2] for index in (0, 1, 2)] == [
        "test_one",
        "test_two",
        "test_case",
    ]
    assert [nodeid.rpartition("::")[2] for nodeid in (started[3], started[6])] == ["test_case", "test_case"]


@pytest.mark.slow
def test_randomly_shuffles_within_phases(project):
    for number in range(8):
        project.write(f"gates/sandbox/test_more{number}.py", "def test_it():\n    pass\n")
    orders = []
    for seed in (1, 2):
        run = project.run(
            "-p", "randomly", "-p", "no:cacheprovider", f"--randomly-seed={seed}", randomly=True
        )
        assert run.status == 0, run.output
        started = [event["nodeid"] for event in run.events if event["event"] == "gate-started"]
        assert [nodeid.split("/")[1] for nodeid in started] == ["preflight"] * 2 + ["sandbox"] * 10 + [
            "postdeploy"
        ] * 2
        orders.append(started)
    assert orders[0] != orders[1]


# -- gates written with the help of others


ASYNC = """import asyncio, os, pytest

@pytest.fixture(scope="session")
async def shared():
    with open(os.environ["FAKE_LOG"] + ".shared", "a") as file:
        file.write("x")
    yield 1

@pytest.mark.{mark}
async def test_waits(shared):
    await asyncio.sleep(0)
    assert shared == {expected}
"""


@pytest.mark.parametrize("name", ["pytest-asyncio", "anyio"])
def test_asynchronous_gates_count(project, using, rarely, name):
    using(name)
    mark = "anyio" if name == "anyio" else "asyncio(loop_scope='session')"
    words = () if name == "anyio" else ("-o", "asyncio_mode=auto")
    backend = "\n@pytest.fixture(scope='session')\ndef anyio_backend():\n    return 'asyncio'\n"
    for phase in ("preflight", "sandbox", "postdeploy"):
        project.write(f"gates/{phase}/test_async_{phase}.py", ASYNC.format(mark=mark, expected=1) + backend)
    run = project.run(*rarely, *words)
    assert run.status == 0, run.output
    log = project.path / f"{next(project.path.glob('log*.jsonl')).name}.shared"
    assert log.read_text() == "xxx"  # session fixtures end with their phase

    project.write("gates/sandbox/test_async_sandbox.py", ASYNC.format(mark=mark, expected=2) + backend)
    assert project.run(*rarely, *words).status == 10


def test_an_asynchronous_gate_that_nobody_runs_is_not_verified(project, rarely):
    project.write("gates/sandbox/test_async.py", "async def test_it():\n    assert 0\n")
    run = project.run(*rarely, "-p", "no:anyio")
    assert run.status == 10, run.output
    assert not run.deployed


@pytest.mark.parametrize("plugin", ["pytest", pytest.param("pytest-subtests", marks=pytest.mark.slow)])
def test_a_subtest_that_fails_fails_its_gate(project, using, rarely, plugin):
    if plugin == "pytest":
        pytest.importorskip("_pytest.subtests", reason="pytest has subtests of its own from 9 on")
    else:
        using(plugin)
    body = "for number in range(3):\n    with subtests.test(number=number):\n        assert number != {}"
    project.gate("sandbox", body.format(1), arguments="subtests")
    run = project.run(*rarely)
    assert run.status == 10, run.output
    assert run.outcome("test_case") == "failed"
    project.gate("sandbox", body.format(7), arguments="subtests")
    assert project.run(*rarely).status == 0


@pytest.mark.slow
def test_a_soft_check_that_fails_fails_its_gate(project, using, rarely):
    using("pytest-check")
    project.gate("sandbox", "check.equal(1, 2)\ncheck.equal(1, 1)", head="from pytest_check import check")
    run = project.run(*rarely)
    assert run.status == 10, run.output
    assert run.outcome("test_case") == "failed"
    project.gate(
        "sandbox",
        "check.equal(1, 2)",
        head="from pytest_check import check\n@pytest.mark.dbdeploy(severity='warn')",
    )
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert run.outcome("test_case") == "warned"


def test_a_property_that_does_not_hold_refuses(project, rarely):
    head = "from hypothesis import given, strategies as st\n@given(number=st.integers())"
    project.gate("sandbox", "assert number + 0 == number", head=head, arguments="number")
    assert project.run(*rarely).status == 0
    project.gate("sandbox", "assert number < 1000", head=head, arguments="number")
    run = project.run(*rarely)
    assert run.status == 10, run.output
    assert run.outcome("test_case") == "failed"


@pytest.mark.slow
def test_a_gate_may_use_the_applications_django(project, using, rarely):
    using("pytest-django")
    project.write("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = site_settings\n")
    project.write(
        "site_settings.py",
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
        "INSTALLED_APPS = ['django.contrib.contenttypes']\nUSE_TZ = True\n",
    )
    project.gate(
        "sandbox",
        "from django.contrib.contenttypes.models import ContentType\nassert ContentType.objects.count() >= 0",
        head="@pytest.mark.django_db",
    )
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert run.outcome("test_case") == "passed"


@pytest.mark.slow
def test_what_a_gate_patches_does_not_reach_a_boundary(project, using, rarely):
    """A mock that lives as long as the session ends with its phase."""
    using("pytest-mock")
    project.gate(
        "sandbox",
        "session_mocker.patch('time.time', side_effect=RuntimeError('patched'))",
        arguments="session_mocker",
    )
    run = project.run(*rarely)
    assert run.status == 0, run.output


@pytest.mark.slow
def test_variables_of_pytest_env_reach_gates(project, using, rarely):
    using("pytest-env")
    project.write("pytest.ini", "[pytest]\nenv =\n    FROM_THE_INI=yes\n")
    project.gate("sandbox", "assert os.environ['FROM_THE_INI'] == 'yes'")
    assert project.run(*rarely).status == 0


# -- sockets


CONNECTS = """import contextlib, os, socket

def pytest_dbdeploy_phase_started(config, phase):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        open(os.environ["FAKE_LOG"] + ".reached", "a").write(f"{phase} ")
"""
CONNECT = "import socket\nwith socket.create_server(('127.0.0.1', 0)) as server:\n    socket.create_connection(server.getsockname()).close()"


def test_without_sockets_gates_fail_and_boundaries_work(project, using, mode):
    using("pytest-socket")
    project.write("connects.py", CONNECTS)
    run = project.run(*mode, "--disable-socket", "-p", "connects")
    assert run.status == 0, run.output
    (reached,) = project.path.glob("*.reached")
    assert reached.read_text() == "preflight sandbox postdeploy "
    assert "raised" not in run.output

    project.gate("sandbox", CONNECT)
    run = project.run(*mode, "--disable-socket")
    assert run.status == 10, run.output
    assert "A test tried to use socket.socket" in run.output


@pytest.mark.slow
def test_gates_may_reach_allowed_hosts(project, using, rarely):
    using("pytest-socket")
    project.gate("sandbox", CONNECT)
    assert project.run(*rarely, "--allow-hosts=127.0.0.1").status == 0
    run = project.run(*rarely, "--allow-hosts=192.0.2.1")
    assert run.status == 10, run.output
    assert 'with host "127.0.0.1" (allowed: "192.0.2.1")' in run.output


# -- processes


@pytest.mark.slow
def test_what_a_forked_child_cannot_report_is_not_verified(project, using, mode):
    """pytest-forked 1.7 cannot send the reports of pytest 9.2 home: then every test fails with it, gates too."""
    using("pytest-forked")
    project.write("test_alone.py", "def test_it():\n    pass\n")
    works = project.run("--forked", "test_alone.py", action=False, check=False).status == 0
    run = project.run(*mode, "--forked")
    assert run.status == (0 if works else 10), run.output
    project.gate("postdeploy", "os._exit(5)")
    assert project.run(*mode, "--forked").status == (11 if works else 10)


@pytest.mark.slow
def test_a_timeout_that_ends_the_worker_refuses(project):
    project.gate("sandbox", "import time\ntime.sleep(60)")
    run = project.run("-n2", "--timeout=1", "--timeout-method=thread")
    assert run.status == 10, run.output
    assert run.outcome("test_case") == "crashed"


@pytest.mark.slow
def test_a_timeout_that_ends_the_only_process_deploys_nothing(project):
    project.gate("sandbox", "import time\ntime.sleep(60)")
    run = project.run("--timeout=1", "--timeout-method=thread")
    assert run.status != 0
    assert not run.deployed


# -- what xdist itself brings


@pytest.mark.slow
@pytest.mark.parametrize(
    "option", ["-n auto --maxprocesses=2", "-d --tx 2*popen", "-n1", "-n0", "-n2 --testrunuid=u"]
)
def test_xdists_own_words(project, option):
    project.gate(
        "sandbox",
        "assert worker_id and testrun_uid",
        arguments="worker_id, testrun_uid",
        head="@pytest.mark.xdist_group('g')",
    )
    deploys = project.run(*option.split())
    assert deploys.status == 0, deploys.output
