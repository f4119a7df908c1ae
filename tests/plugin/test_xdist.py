"""xdist: crashes, replaced workers, every way to distribute, workers that disagree."""

import pytest

STATUS = {"preflight": 10, "sandbox": 10, "postdeploy": 11}
CRASH = "os._exit(1)"


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
