"""What a statement outside a transaction leaves when it is interrupted: its retry goes on from there, and the way back takes it along."""

import subprocess

import pytest

from pytest_dbdeploy.actions.process import tool_environment
from pytest_dbdeploy.db.tools import tools_for

from .conftest import until

#: What each of them waits for, once it has begun to leave something.
WAITS_FOR = {
    "alter table events detach partition events_old concurrently": "select from events",
    "drop index concurrently events_old_text": "select from events_old",
    "reindex table concurrently orders": "update orders set total = 1 where id = 1",
    "create index concurrently orders_total on orders (total)": "update orders set total = 1 where id = 1",
}
DETACH, DROP, REINDEX, CREATE = WAITS_FOR
LEFT = (
    "select relname::text from pg_index join pg_class on oid = indexrelid where not indisvalid and relnamespace = 'public'::regnamespace"
    " union all select inhrelid::regclass::text from pg_inherits where inhdetachpending"
)


def each_of(*often):
    """Each statement; all but some are slow."""
    return pytest.mark.parametrize(
        "statement",
        [
            pytest.param(
                one,
                id=one.partition(" concurrently")[0].replace(" ", "-"),
                marks=[] if one in often else pytest.mark.slow,
            )
            for one in WAITS_FOR
        ],
    )


@pytest.fixture
def partitioned(each_project):
    """A deployed project with a partitioned table of two partitions, 150 rows."""
    project = each_project
    first = project.root / "migrations" / "0001_init.sql"
    project.migration(
        "0001_init",
        first.read_text()
        + "create table events (id int primary key, text text not null) partition by range (id);\n"
        "create table events_old partition of events for values from (0) to (100);\n"
        "create table events_new partition of events for values from (100) to (1000);\n"
        "insert into events select i, 'event ' || i from generate_series(0, 149) i;\n"
        "create index events_old_text on events_old (text);\n",
    )
    assert project.deploy().status == 0
    return project


def schema(project):
    """``pg_dump -s`` of all that is not ours."""
    tools = tools_for(18)
    command = [tools.path("pg_dump"), "-s", "--exclude-schema=dbdeploy*"]
    environ = tool_environment(tools, project.url, "test")
    text = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    return [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def begin(project, statement, retries=3):
    """The run, and the transaction that its statement waits for."""
    project.write(
        "dbdeploy.yaml",
        f"environments: {{dev: {{}}}}\ntimeouts: {{lock: 300ms, lock_retries: {retries}}}\n",
    )
    project.migration(
        "0002_change", f"alter table users add phone text;\n{statement};\nalter table users add fax text;\n"
    )
    return project.holding(WAITS_FOR[statement])


def die(project, run):
    """Kills the run while its statement waits, and its session, which would go on to the end by itself."""
    ours = "application_name like 'pytest-dbdeploy deploy%' and datname = current_database()"
    run.until(lambda: project.waiting("deploy") and project.sql(LEFT))
    run.kill()
    project.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where {ours}")
    until(lambda: not project.sql(f"select from pg_stat_activity where {ours}"))


def said(run):
    log = run.folder / "deployment.log"
    return log.read_text() if log.exists() else ""


@each_of(DETACH, REINDEX)
def test_a_statement_that_gave_way_is_finished_by_a_later_attempt(partitioned, statement):
    with begin(partitioned, statement) as holder:
        run = partitioned.start("--dbdeploy-env=dev")
        run.until(lambda: "gave way" in said(run))
        holder.rollback()
        result = run.result()
    assert result.ended == (0, "deployed")
    assert partitioned.sql(LEFT) == []
    assert partitioned.sql("select count(*) from only events_old") == [(100,)]


@each_of(DETACH)
def test_what_a_killed_statement_left_is_taken_back_on_any_machine(partitioned, statement):
    before = schema(partitioned)
    with begin(partitioned, statement, retries=100):
        run = partitioned.start("--dbdeploy-env=dev")
        die(partitioned, run)
    assert partitioned.sql(LEFT) != []
    partitioned.sql("insert into events values (500, 'written meanwhile')")
    run.folder.rename(partitioned.root / "elsewhere")
    result = partitioned.run(f"--dbdeploy-rollback={run.id}")
    assert result.ended == (0, "rolled_back_on_request")
    assert result.report["rollback"]["strategy"] == "undo"
    assert schema(partitioned) == before
    assert partitioned.sql(LEFT) == []
    assert partitioned.sql("select count(*), count(*) filter (where id < 100) from events") == [(151, 100)]


@each_of(REINDEX)
def test_what_a_killed_statement_left_is_restored_where_there_is_no_undo(partitioned, statement):
    before = schema(partitioned)
    with begin(partitioned, statement, retries=100):
        settings = partitioned.root / "dbdeploy.yaml"
        settings.write_text(settings.read_text() + "rollback: {strategies: [restore]}\n")
        run = partitioned.start("--dbdeploy-env=dev")
        die(partitioned, run)
    assert partitioned.sql(LEFT) != []
    result = partitioned.run(f"--dbdeploy-resume={run.id}")
    assert result.ended == (11, "rolled_back")
    assert result.report["rollback"]["strategy"] == "restore"
    assert schema(partitioned) == before
    assert partitioned.sql(LEFT) == []
    assert partitioned.sql("select count(*), count(*) filter (where id < 100) from events") == [(150, 100)]
