"""Deployments that die or are interrupted at each dangerous point: nothing is lost, and the next command knows how to go on."""

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from .conftest import marked, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ADD_PHONE = "alter table users add column phone text;\nupdate users set name = upper(name);\n"
THREE_UNITS = (
    "alter table users add column phone text;\nupdate users set name = upper(name);\n"
    "create index concurrently orders_total on orders (total);\nalter table orders add column note text;\n"
)
WAITING_GATE = """import pathlib, time
def test_it():
    pathlib.Path({ready!r}).touch()
    deadline = time.monotonic() + 60
    while not pathlib.Path({go!r}).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert {passes}
"""


class Point:
    """A run that stands at a dangerous point, until ``let_go``."""

    def __init__(self, project, workers):
        self.project = project
        self.ready, self.go = project.root / "ready", project.root / "go"
        project.write(
            "dbdeploy.yaml",
            "environments: {dev: {}}\ntimeouts: {lock: 60s}\nrollback: {strategies: [restore]}\n",
        )
        self.arguments = ["--dbdeploy-env=dev", "-n", workers]
        self.run = None
        self.lock = None

    def start(self, until):
        self.run = self.project.start(*self.arguments)
        self.run.until(until)

    def gate(self, phase, *, passes=True):
        self.project.write(
            f"gates/{phase}/test_it.py",
            WAITING_GATE.format(ready=str(self.ready), go=str(self.go), passes=passes),
        )

    def no_gates(self):
        for file in (self.project.root / "gates").rglob("test_it.py"):
            file.unlink()

    def hold(self, *statements):
        self.lock = self.project.holding(*statements)
        self.lock.__enter__()

    def let_go(self):
        if self.lock is not None:
            self.lock.__exit__(None, None, None)
            self.lock = None
        self.go.touch()


def at_backup(point):
    point.project.migration("0002_phone", ADD_PHONE)
    point.gate("sandbox")
    point.start(point.ready.exists)
    point.hold("lock table dbdeploy.deployment_logs in access exclusive mode")
    point.go.touch()
    point.run.until(lambda: point.project.sql("select 1 from pg_locks where not granted"))


def at_apply(point):
    point.project.migration("0002_phone", ADD_PHONE)
    point.hold("lock table users in access share mode")
    point.start(lambda: point.project.waiting("deploy"))


def between_units(point):
    point.project.migration("0002_phone", THREE_UNITS)
    point.hold("set transaction isolation level repeatable read", "select 1")
    point.start(lambda: point.project.waiting("deploy"))
    assert point.project.sql("select count(phone), max(name) from users") == [(0, "USER 99")], (
        "the first unit is committed"
    )


def after_applied(point):
    point.project.migration("0002_phone", ADD_PHONE)
    point.gate("postdeploy")
    point.start(point.ready.exists)
    assert "applied" in point.project.states().values()


def at_restore(point):
    point.project.migration("0002_phone", ADD_PHONE)
    point.gate("postdeploy", passes=False)
    point.start(point.ready.exists)
    point.hold("lock table users in access share mode")
    point.go.touch()
    point.run.until(lambda: point.project.waiting("restore"))


POINTS = [at_backup, at_apply, between_units, after_applied, at_restore]
STATES = {
    at_backup: "started",
    at_apply: "applying",
    between_units: "applying",
    after_applied: "applied",
    at_restore: "rolling_back",
}


@pytest.fixture
def point(deployed, request):
    made = Point(deployed, "0")
    yield made
    made.let_go()


def whole(project):
    """The target is as it was: every column, index and row."""
    columns = project.sql(
        "select table_name, column_name from information_schema.columns where table_schema = 'public' order by 1, ordinal_position"
    )
    assert [c for _, c in columns] == ["id", "user_id", "total", "id", "name", "legacy"]
    assert project.sql("select count(*) from pg_index where not indisvalid") == [(0,)]
    assert project.sql("select to_regclass('orders_total')::text") == [(None,)]
    assert project.sql("select count(*), count(distinct name), min(name) from users") == [
        (100, 100, "user 1")
    ]
    assert project.sql("select count(*), sum(total) from orders") == [(100, 5050)]
    assert project.sql("select name from dbdeploy.schema_migrations") == [("0001_init",)]


def migrated(project):
    assert project.sql("select name, phone from users where id = 1") == [("USER 1", None)]


SESSIONS = """
select application_name, query from pg_stat_activity
where datname = current_database() and application_name like 'pytest-dbdeploy%%' and pid <> pg_backend_pid()
"""


def nothing_left(run, servers, project):
    """No process of the run, no folder of its sandbox, no session on the target."""
    until(lambda: not run.left(servers))
    until(lambda: not project.sql(SESSIONS, []))


KILLED = [
    *((at, "resume") for at in POINTS),
    (after_applied, "rollback"),
    *(pytest.param(at, "rollback", marks=pytest.mark.slow) for at in POINTS if at is not after_applied),
]


@pytest.mark.parametrize(("stands_at", "command"), KILLED)
def test_a_deployment_killed_at_any_point_is_named_by_the_next_and_is_resumed_or_rolled_back(
    point, stands_at, command
):
    project = point.project
    stands_at(point)
    killed, servers = point.run, point.run.servers()
    assert servers, "the sandbox's server runs"
    killed.kill()
    assert project.states()[killed.id] == STATES[stands_at]
    refused = project.deploy()
    assert refused.ended == (10, "aborted")
    message = refused.gate("test_no_deployment_is_unfinished")["message"]
    for text in (
        killed.id,
        f"pytest --dbdeploy-resume={killed.id}",
        f"pytest --dbdeploy-rollback={killed.id}",
    ):
        assert text in message
        assert text in refused.output.rpartition("\n  next\n")[2]
    point.let_go()
    point.no_gates()
    after = project.run(f"--dbdeploy-{command}={killed.id}")
    if command == "rollback":
        assert after.ended == (0, "rolled_back_on_request")
        whole(project)
    elif stands_at is after_applied:
        assert after.ended == (0, "deployed")
        assert after.gate("test_history_is_complete")["outcome"] == "passed"
        migrated(project)
    else:
        assert after.ended == (11, "rolled_back")
        whole(project)
    nothing_left(killed, servers, project)
    if command == "resume":
        again = project.run(f"--dbdeploy-resume={killed.id}")
        assert again.ended == (0, "nothing_to_deploy"), "resuming what is finished does nothing"
        assert list(project.states().values()).count("kept") == (2 if stands_at is after_applied else 1)
    else:
        assert project.deploy().ended == (0, "deployed"), "the way is free"
        migrated(project)


@pytest.mark.parametrize(
    ("stands_at", "number"),
    [
        (at_backup, signal.SIGINT),
        (at_apply, signal.SIGTERM),
        (between_units, signal.SIGINT),
        (after_applied, signal.SIGTERM),
        (at_restore, signal.SIGINT),
        pytest.param(at_backup, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(at_apply, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(between_units, signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(after_applied, signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(at_restore, signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_deployment_leaves_the_target_whole_before_it_ends(point, stands_at, number):
    project = point.project
    stands_at(point)
    servers = point.run.servers()
    os.kill(point.run.process.pid, number)
    if stands_at is at_restore:
        point.let_go()
    if stands_at is between_units:
        until(lambda: not project.waiting("deploy"))
    result = point.run.result()
    # a rollback that is already under way ends as the rollback that it is
    assert result.ended == ((11, "rolled_back") if stands_at is at_restore else (2, "interrupted"))
    point.let_go()
    assert project.states()[result.id] == ("aborted" if stands_at is at_backup else "rolled_back")
    whole(project)
    nothing_left(point.run, servers, project)
    assert project.deploy("--dbdeploy-dry-run").status == 0, "the way is free"


@pytest.mark.parametrize("command", ["deploy", pytest.param("rollback", marks=pytest.mark.slow)])
def test_an_interrupt_while_the_target_is_looked_at_first_says_so_in_the_report(deployed, command):
    deployed.migration("0002_phone", ADD_PHONE)
    (known,) = deployed.states()
    with deployed.holding("lock table dbdeploy.deployments in access exclusive mode"):
        run = deployed.start("--dbdeploy-env=dev" if command == "deploy" else f"--dbdeploy-rollback={known}")
        run.until(lambda: deployed.waiting("plan" if command == "deploy" else "rollback"))
        os.kill(run.process.pid, signal.SIGINT)
        result = run.result()
    assert result.ended == (2, "interrupted")
    assert "INTERRUPTED" in result.output
    whole(deployed)


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
@pytest.mark.parametrize("to", ["controller", pytest.param("group", marks=pytest.mark.slow)])
def test_a_signal_while_the_clone_is_dumped_leaves_nothing_running(point, number, to):
    project = point.project
    project.migration("0002_phone", ADD_PHONE)
    point.gate("preflight")
    point.start(point.ready.exists)
    point.hold("lock table users in access exclusive mode")
    point.go.touch()
    point.run.until(lambda: project.sql("select 1 from pg_locks where not granted"))
    assert any(_name(pid) == "pg_dump" for pid in marked(point.run.mark))
    servers = point.run.servers()
    (os.kill if to == "controller" else os.killpg)(point.run.process.pid, number)
    result = point.run.result()
    assert result.ended == (2, "interrupted")
    assert result.id not in project.states()
    until(lambda: not project.sql("select 1 from pg_locks where not granted"))
    point.let_go()
    nothing_left(point.run, servers, project)
    whole(project)


def test_an_interrupt_while_a_gate_is_reported_leaves_it_in_all_reports(deployed):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write(
        "interrupting.py",
        "import os, signal, pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_logreport(report):\n"
        "    if report.when == 'call' and 'is_as_rehearsed[table]' in report.nodeid:\n        os.kill(os.getpid(), signal.SIGINT)\n",
    )
    result = deployed.deploy("-p", "interrupting")
    assert result.ended == (2, "interrupted")
    assert result.gate("is_as_rehearsed[table]")["outcome"] == "passed"
    whole(deployed)


def test_two_signals_while_the_target_is_put_back_do_not_stop_it(point):
    project = point.project
    at_restore(point)
    servers = point.run.servers()
    for number in (signal.SIGTERM, signal.SIGINT):
        os.killpg(point.run.process.pid, number)
    point.let_go()
    result = point.run.result()
    assert result.ended == (11, "rolled_back")
    assert project.states()[result.id] == "rolled_back"
    whole(project)
    nothing_left(point.run, servers, project)


def _name(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()


def test_a_deployment_with_workers_that_is_killed_leaves_none_of_them(deployed):
    point = Point(deployed, "2")
    after_applied(point)
    servers = point.run.servers()
    point.run.kill()
    nothing_left(point.run, servers, deployed)
    point.no_gates()
    assert deployed.run("-n", "2", f"--dbdeploy-resume={point.run.id}").ended == (0, "deployed")
    migrated(deployed)


def test_ctrl_c_in_a_terminal_reaches_workers_too_and_rolls_back(deployed):
    point = Point(deployed, "2")
    after_applied(point)
    os.killpg(point.run.process.pid, signal.SIGINT)
    result = point.run.result()
    assert result.ended == (2, "interrupted")
    whole(deployed)


def test_gates_of_the_team_judge_a_resumed_deployment_too(deployed):
    point = Point(deployed, "0")
    after_applied(point)
    point.run.kill()
    point.no_gates()
    gate = "def test_it(dbdeploy_changes, dbdeploy_target):\n    assert [c.object for c in dbdeploy_changes] == ['public.users.phone']\n    assert {}\n"
    deployed.write(
        "gates/postdeploy/test_team.py",
        gate.format("dbdeploy_target.scalar('select count(*) from users') == 0"),
    )
    result = deployed.run(f"--dbdeploy-resume={point.run.id}")
    assert result.ended == (11, "rolled_back"), "the gate failed"
    assert result.gate("test_team.py")["outcome"] == "failed"
    assert "select count" in result.gate("test_team.py")["message"]
    whole(deployed)
    assert deployed.states()[point.run.id] == "rolled_back"


def test_a_rollback_on_request_that_is_interrupted_ends_first_and_is_2(deployed):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("dbdeploy.yaml", "environments: {dev: {}}\nrollback: {strategies: [restore]}\n")
    done = deployed.deploy()
    with deployed.holding("lock table users in access share mode") as holder:
        run = deployed.start(f"--dbdeploy-rollback={done.id}")
        run.until(lambda: deployed.waiting("restore"))
        os.kill(run.process.pid, signal.SIGINT)
        holder.rollback()
        result = run.result()
    assert result.ended == (2, "interrupted")
    assert "as it was before the deployment, verified" in result.report["whatStandsWhere"][0]
    assert deployed.states()[done.id] == "rolled_back"
    whole(deployed)
