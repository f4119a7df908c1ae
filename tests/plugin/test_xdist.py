"""xdist: crashes, replaced workers, every way to distribute, workers that disagree."""

import pytest

STATUS = {"preflight": 10, "sandbox": 10, "postdeploy": 11}
CRASH = "os._exit(1)"
DISTS = ["load", "loadscope", "loadfile", "loadgroup", "worksteal"]
EVERYWHERE = ["preflight", "sandbox", "postdeploy"]
FIXTURE = "@pytest.fixture(scope='session')\ndef thing():\n    {}\n    yield\n    {}"


@pytest.mark.parametrize(
    "dist",
    [
        "load",
        *(
            pytest.param(d, marks=pytest.mark.slow)
            for d in ("loadscope", "loadfile", "loadgroup", "worksteal")
        ),
    ],
)
@pytest.mark.parametrize(
    "phase", ["postdeploy", *(pytest.param(p, marks=pytest.mark.slow) for p in ("preflight", "sandbox"))]
)
def test_a_crash_is_one_failure_and_no_hang(project, dist, phase):
    head = "@pytest.mark.xdist_group('one')" if dist == "loadgroup" else ""
    project.gate(phase, CRASH, head=head)
    run = project.run("-n2", f"--dist={dist}")
    assert run.status == STATUS[phase], run.output
    assert run.outcome("test_case") == "crashed"
    assert list(run.outcomes.values()).count("crashed") == 1
    if phase == "postdeploy":
        assert list(run.outcomes.values()).count("passed") == 6


@pytest.mark.slow
@pytest.mark.parametrize("dist", DISTS)
@pytest.mark.parametrize("phase", EVERYWHERE)
def test_a_crash_of_the_only_gate_of_a_phase_is_one_failure_and_no_hang(project, dist, phase):
    (project.path / f"gates/{phase}/test_{phase}.py").unlink()
    project.gate(phase, CRASH)
    run = project.run("-n2", f"--dist={dist}")
    assert run.status == STATUS[phase], run.output
    assert list(run.outcomes.values()).count("crashed") == 1


@pytest.mark.slow
@pytest.mark.parametrize("phase", EVERYWHERE)
@pytest.mark.parametrize("places", [(CRASH, "pass"), ("pass", CRASH)], ids=["setup", "teardown"])
def test_a_crash_in_a_session_fixture_counts_in_its_own_phase(project, phase, places):
    project.gate(phase, "pass", head=FIXTURE.format(*places), arguments="thing")
    run = project.run("-n2")
    assert run.status == STATUS[phase], run.output
    assert run.outcome("test_case") == "crashed"


@pytest.mark.slow
@pytest.mark.parametrize("phase", EVERYWHERE)
@pytest.mark.parametrize("args", [(), ("--max-worker-restart=1",), ("--max-worker-restart=2",)])
def test_several_crashes_end_with_the_verdict_of_one(project, phase, args):
    many = "@pytest.mark.parametrize('x', range(4))"
    project.gate(phase, CRASH, head=many, arguments="x")
    run = project.run("-n2", *args)
    assert run.status == STATUS[phase], run.output
    assert "crashed" in run.outcomes.values()
    assert args or list(run.outcomes.values()).count("crashed") == 4


@pytest.mark.slow
@pytest.mark.parametrize("phase", EVERYWHERE)
@pytest.mark.parametrize("number", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_a_killed_worker_is_a_crash(project, phase, number):
    project.gate(phase, f"import signal\nos.kill(os.getpid(), signal.{number})")
    run = project.run("-n2")
    assert run.status == STATUS[phase], run.output
    assert run.outcome("test_case") == "crashed"


@pytest.mark.slow
@pytest.mark.parametrize("where", ["sandbox", "deploy"])
@pytest.mark.parametrize("restarts", [None, 0, 1])
def test_workers_killed_while_they_wait_at_a_boundary(project, where, restarts):
    args = [] if restarts is None else [f"--max-worker-restart={restarts}"]
    run = project.run("-n2", *args, **{where: ["kill-workers", "sleep:0.3"]})
    assert run.status == (0 if restarts is None else STATUS["postdeploy" if where == "deploy" else "sandbox"])
    assert restarts is None or "no other took its place" in run.output


COLLECTING = "import os\nif os.environ.get('PYTEST_XDIST_WORKER') in {}:\n    {}\ndef test_more(): pass\n"


@pytest.mark.parametrize(
    ("workers", "args", "status"),
    [
        (("gw1",), (), 0),
        pytest.param(("gw1",), ("--max-worker-restart=0",), 10, marks=pytest.mark.slow),
        pytest.param(("gw0", "gw1", "gw2"), ("--max-worker-restart=1",), 10, marks=pytest.mark.slow),
    ],
)
def test_a_worker_that_dies_while_it_collects_is_replaced_or_ends_the_session(project, workers, args, status):
    project.write("gates/sandbox/test_more.py", COLLECTING.format(workers, CRASH))
    run = project.run("-n2", *args)
    assert run.status == status, run.output
    assert run.deployed == (status == 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "import os\nif os.environ.get('PYTEST_XDIST_WORKER') != 'gw1':\n    def test_more(): pass\n",
        "import os, pytest\nseverity = 'warn' if os.environ.get('PYTEST_XDIST_WORKER') == 'gw1' else 'block'\n"
        "@pytest.mark.dbdeploy(severity=severity)\ndef test_more(): pass\n",
        COLLECTING.format(("gw1",), "raise ValueError('only here')"),
    ],
    ids=["missing", "severity", "broken"],
)
def test_workers_that_know_different_gates_deploy_nothing(project, text):
    project.write("gates/sandbox/test_more.py", text)
    run = project.run("-n2")
    assert run.status == 10, run.output
    assert not run.deployed


@pytest.mark.slow
@pytest.mark.parametrize(("where", "status"), [("sandbox", 10), ("deploy", 11)])
def test_a_worker_that_joins_late_and_knows_other_gates_stops_the_session(project, where, status):
    text = (
        "import os\nif os.environ.get('PYTEST_XDIST_WORKER') in ('gw0', 'gw1'):\n    def test_more(): pass\n"
    )
    project.write("gates/sandbox/test_more.py", text)
    run = project.run("-n2", **{where: ["kill-workers", "sleep:0.3"]})
    assert run.status == status, run.output


@pytest.mark.slow
def test_an_interrupt_ends_a_session_whose_worker_hangs_while_it_collects(project):
    """The first worker to be ready sends the signal: the other one never is."""
    project.write(
        "gates/sandbox/test_more.py", COLLECTING.format(("gw1",), "import time\n    time.sleep(600)")
    )
    project.write(
        "interrupt.py",
        "import os, pytest, signal\n@pytest.hookimpl(optionalhook=True)\ndef pytest_xdist_node_collection_finished():\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n",
    )
    run = project.run("-n2", "-p", "interrupt")
    assert run.status == 2, run.output
    assert not run.deployed


@pytest.mark.slow
@pytest.mark.parametrize("dist", ["loadscope", "loadfile", "loadgroup", "worksteal"])
def test_every_way_to_distribute_deploys(project, dist):
    project.gate("sandbox", "pass", head="@pytest.mark.xdist_group('one')")
    run = project.run("-n2", f"--dist={dist}")
    assert run.status == 0, run.output


@pytest.mark.parametrize(
    "phase", ["postdeploy", *(pytest.param(p, marks=pytest.mark.slow) for p in ("preflight", "sandbox"))]
)
def test_no_worker_is_replaced_when_that_is_forbidden(project, phase):
    project.gate(phase, CRASH)
    run = project.run("-n2", "--max-worker-restart=0")
    assert run.status == STATUS[phase], run.output


def test_workers_that_die_during_the_deployment_are_replaced(project):
    run = project.run("-n2", deploy=["kill-workers", "sleep:0.3"])
    assert run.status == 0, run.output
    assert run.names("rollback") == []


@pytest.mark.slow
def test_without_replacement_dead_workers_undo_the_deployment(project):
    run = project.run("-n2", "--max-worker-restart=0", deploy=["kill-workers", "sleep:0.3"])
    assert run.status == 11, run.output


@pytest.mark.slow
def test_a_crash_that_is_rerun_counts_as_its_rerun(project):
    project.gate(
        "sandbox",
        "path = os.environ['FAKE_LOG'] + '.once'\nif not os.path.exists(path):\n    open(path, 'w').close()\n    os._exit(1)",
    )
    run = project.run("-n2", "--reruns=1")
    assert run.status == 0, run.output


def test_workers_that_collect_different_gates_stop_the_session(project):
    project.gate(
        "sandbox",
        "pass",
        arguments="x",
        head="@pytest.mark.parametrize('x', [os.environ['PYTEST_XDIST_WORKER']])",
    )
    run = project.run("-n2")
    assert run.status == 10, run.output
    assert run.calls[-2:] == ["abandon", "close"]
    assert not run.names("gate-started")
    assert any("different gates" in problem for problem in run.event("abandon")["problems"])


def test_a_scheduler_of_another_plugin_stops_the_session(project):
    project.write(
        "other.py",
        "import pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_xdist_make_scheduler(config, log):\n"
        "    from xdist.scheduler import LoadScheduling\n    return LoadScheduling(config, log)\n"
        "def pytest_configure(config):\n    pass\n",
    )
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(
            "\n\ndef pytest_sessionstart(session):\n    if not hasattr(session.config, 'workerinput'):\n"
            "        import other\n        session.config.pluginmanager.register(other)\n"
        )
    run = project.run("-n2")
    assert run.status == 10, run.output
    assert not run.deployed
    assert "another plugin schedules" in run.output


def test_dist_each_is_a_usage_error(project):
    run = project.run("--dist=each", "--tx=2*popen")
    assert run.status == 4
    assert "--dist=each" in run.output
    assert run.events == []


def test_no_secret_is_in_the_workers_input(project):
    project.write(
        "look.py",
        "import pytest\n@pytest.hookimpl(trylast=True, optionalhook=True)\ndef pytest_configure_node(node):\n"
        "    print('INPUT', node.workerinput)\n",
    )
    run = project.run("-n2", "-p", "look", "-s")
    assert "INPUT" in run.output
    assert "verysecret" not in run.output


def test_a_real_url_reaches_the_gates_of_every_worker(project, rarely):
    project.gate(
        "sandbox",
        "assert 'verysecret' in dbdeploy_target.url\nassert 'verysecret' not in repr(dbdeploy_target)",
        arguments="dbdeploy_target",
    )
    run = project.run(*rarely)
    assert run.status == 0, run.output
