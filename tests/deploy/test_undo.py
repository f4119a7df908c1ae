"""The undo: reverse statements that were proven on the clone; what users wrote meanwhile stays."""

import re
import shutil

import pytest

WAITING_GATE = """
import pathlib, time


def test_it():
    pathlib.Path({ready!r}).touch()
    while not pathlib.Path({go!r}).exists():
        time.sleep(0.05)
    assert False
"""
WRITING_GATE = """
import psycopg


def test_it(dbdeploy_target):
    with psycopg.connect({url!r}, autocommit=True) as conn:
        for statement in {statements!r}:
            conn.execute(statement)
    assert False, "the users do not like it"
"""


def writing(project, *statements):
    """A gate after the deployment in which users write, and which then fails."""
    text = WRITING_GATE.format(url=project.url.reveal(), statements=statements)
    project.write("gates/postdeploy/test_users.py", text)


ADDITIVE = (
    "alter table users add phone text not null default '';\n"
    "create index orders_total on orders (total);\n"
    "create table notes (id int generated always as identity primary key, user_id int references users, body text);\n"
    "create view big as select * from orders where total > 50;\n"
    "create function twice(int) returns int language sql as 'select 2 * $1';\n"
)


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_an_additive_change_is_undone_and_what_users_wrote_meanwhile_stays(each_project, workers):
    each_project.deploy()
    each_project.migration("0002_more", ADDITIVE)
    writing(
        each_project,
        "insert into users (id, name, phone) values (1000, 'new', '123')",
        "update users set name = 'changed' where id = 7",
        "delete from orders where id = 9",
        "insert into orders values (2000, 1000, 5)",
        "insert into notes (user_id, body) values (7, 'a note')",
    )
    before = each_project.sql("select oid from pg_class where relname = 'orders'")
    result = each_project.deploy("-n", workers)
    assert result.ended == (11, "rolled_back"), result.output
    rollback = result.report["rollback"]
    assert (rollback["strategy"], rollback["rehearsed"], rollback["verified"]) == ("undo", True, True)
    assert rollback["putAside"] == {"public.notes": 1, "public.users": 1}
    assert each_project.sql("select name from users where id in (7, 1000) order by id") == [
        ("changed",),
        ("new",),
    ]
    assert each_project.sql("select count(*) from orders where id in (9, 2000)") == [(1,)]
    assert each_project.sql("select oid from pg_class where relname = 'orders'") == before, "not made anew"
    assert each_project.sql(
        "select to_regclass('notes'), to_regclass('big'), to_regclass('orders_total'), to_regproc('twice')"
    ) == [(None, None, None, None)]
    assert each_project.sql(
        "select row_data->>'body' from dbdeploy_undo.rows where relation = 'public.notes'"
    ) == [("a note",)]
    assert each_project.sql("select count(*) from dbdeploy.schema_migrations") == [(1,)]
    assert each_project.states()[result.id] == "rolled_back"
    assert each_project.deploy("--dbdeploy-dry-run").status == 0, "the target can be deployed to again"


def test_a_column_and_a_table_that_were_removed_come_back_with_their_rows(deployed):
    deployed.migration("0002_less", "alter table users drop column legacy;\ndrop table orders;\n")
    deployed.write(
        "dbdeploy.yaml", "environments: {dev: {policy: {column-removed: ignore, table-removed: ignore}}}\n"
    )
    writing(
        deployed, "insert into users values (1000, 'new')", "update users set name = 'changed' where id = 7"
    )
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back"), result.output
    assert result.report["rollback"]["strategy"] == "undo"
    assert "public.users (legacy)" in result.output, "what it costs to keep the rows is said"
    assert deployed.sql("select id, name, legacy from users where id in (7, 8, 1000) order by id") == [
        (7, "changed", "x"),
        (8, "user 8", "x"),
        (1000, "new", None),
    ]
    assert deployed.sql("select count(*), sum(total) from orders") == [(100, 5050)]
    left = deployed.sql(
        "select relname from pg_class where relnamespace = 'dbdeploy_undo'::regnamespace and relkind = 'r'"
    )
    assert sorted(left) == [("plans",), ("rows",)], "of the deployment before"
    assert deployed.sql("select count(*) from dbdeploy_undo.plans where deployment_id = %s", [result.id]) == [
        (0,)
    ]


def test_a_kept_deployment_is_undone_on_another_machine_without_artifacts(deployed):
    deployed.migration("0002_more", ADDITIVE)
    result = deployed.deploy()
    assert result.status == 0
    deployment = result.id
    deployed.sql("insert into orders values (2000, 1, 5)")
    with deployed.holding("lock table users in access share mode") as holder:
        shutil.rmtree(deployed.artifacts)
        run = deployed.start(f"--dbdeploy-rollback={deployment}")
        run.until(lambda: deployed.waiting("undo"))
        holder.rollback()
        back = run.result()
    assert back.ended == (0, "rolled_back_on_request"), back.output
    assert back.report["rollback"]["strategy"] == "undo"
    assert deployed.sql("select count(*) from orders") == [(101,)]
    assert deployed.sql("select to_regclass('notes'), to_regclass('big')") == [(None, None)]
    assert deployed.states()[deployment] == "rolled_back"


def test_where_the_undo_does_not_hold_on_the_target_nothing_is_changed_and_the_restore_goes_on(deployed):
    deployed.migration("0002_more", ADDITIVE)
    writing(deployed, "create view mine as select body from notes")
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back"), result.output
    assert result.report["rollback"]["strategy"] == "restore"
    assert "the undo did not hold" in result.output
    assert "view public.mine" in result.output
    assert deployed.sql("select to_regclass('notes'), to_regclass('big')") == [(None, None)]


def test_where_undo_is_the_only_strategy_what_cannot_be_undone_is_not_deployed(deployed):
    deployed.migration("0002_enum", "create type mood as enum ('a');\n")
    deployed.write("dbdeploy.yaml", "environments: {dev: {}}\nrollback: {strategies: [undo]}\n")
    assert deployed.deploy().status == 0
    deployed.migration("0003_enum", "alter type mood rename value 'a' to 'b';\n")
    result = deployed.deploy()
    assert result.ended == (10, "aborted")
    assert (
        "the values of type public.mood have other names"
        in result.gate("test_way_back_was_rehearsed")["message"]
    )


def test_down_scripts_are_used_where_they_hold_and_said_where_they_do_not(deployed):
    deployed.migration(
        "0002_more", "alter table users add phone text;\ncreate table notes (id int primary key);\n"
    )
    deployed.migration("0002_more.down", "drop table notes;\n")
    refused = deployed.deploy("--dbdeploy-dry-run")
    assert (
        "the down scripts are not used: after the down scripts these differ: column public.users.phone"
        in " ".join(refused.output.split())
    )
    assert refused.report["rollback"]["strategy"] == "undo", "derived statements go on"
    deployed.migration("0002_more.down", "drop table notes;\nalter table users drop phone;\n")
    writing(deployed, "insert into notes values (7)", "insert into orders values (2000, 1, 5)")
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    assert result.json("rollback-state.json")["undoSteps"] == [
        "drop table notes",
        "alter table users drop phone",
    ]
    assert result.report["rollback"]["strategy"] == "undo"
    assert result.report["rollback"]["putAside"] == {"public.notes": 1}
    assert deployed.sql("select count(*) from orders") == [(101,)]


@pytest.mark.parametrize("action", ["resume", pytest.param("rollback", marks=pytest.mark.slow)])
def test_a_process_that_is_killed_while_it_undoes_leaves_it_to_the_next(deployed, action):
    deployed.migration("0002_more", ADDITIVE)
    ready, go = deployed.root / "ready", deployed.root / "go"
    deployed.write("gates/postdeploy/test_no.py", WAITING_GATE.format(ready=str(ready), go=str(go)))
    deployed.write("dbdeploy.yaml", "environments: {dev: {}}\ntimeouts: {lock: 60s}\n")
    run = deployed.start("--dbdeploy-env=dev")
    run.until(ready.exists)
    with deployed.holding("lock table users in access share mode"):
        go.touch()
        run.until(lambda: deployed.waiting("undo"))
        run.kill()
    assert deployed.states()[run.id] == "rolling_back"
    deployed.sql("insert into orders values (2000, 1, 5)")
    result = deployed.run(f"--dbdeploy-{action}={run.id}")
    assert result.report["rollback"]["strategy"] == "undo"
    assert deployed.states()[run.id] == "rolled_back"
    assert deployed.sql("select count(*) from orders") == [(101,)]
    assert deployed.sql("select to_regclass('notes'), to_regclass('big')") == [(None, None)]


@pytest.mark.parametrize("action", ["resume", pytest.param("rollback", marks=pytest.mark.slow)])
def test_a_half_applied_plan_is_taken_back_on_another_machine_without_artifacts(deployed, action):
    """Its process dies while an index is built: the transaction before it stands, and an invalid index."""
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    deployed.migration("0003_index", "create index concurrently orders_total on orders (total);\n")
    deployed.migration("0004_notes", "create table notes (id int primary key);\n")
    with deployed.holding("lock table orders in row exclusive mode"):
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: deployed.waiting("deploy"))
        run.kill()
        assert deployed.sql("select count(*) from pg_index where not indisvalid") == [(1,)]
    deployed.sql("insert into users (id, name, phone) values (1000, 'new', '123')")
    deployed.sql("insert into orders values (2000, 1, 5)")
    shutil.rmtree(deployed.artifacts)
    back = deployed.run(f"--dbdeploy-{action}={run.id}")
    assert back.ended == {"resume": (11, "rolled_back"), "rollback": (0, "rolled_back_on_request")}[action], (
        back.output
    )
    assert back.report["rollback"]["strategy"] == "undo"
    assert back.report["rollback"]["putAside"] == {"public.users": 1}
    assert deployed.sql("select to_regclass('orders_total'), to_regclass('notes')") == [(None, None)]
    assert deployed.sql("select (select count(*) from users), (select count(*) from orders)") == [(101, 101)]
    assert deployed.sql("select count(*) from pg_attribute where attname = 'phone'") == [(0,)]
    assert deployed.states()[run.id] == "rolled_back"
    assert deployed.sql("select count(*) from dbdeploy_undo.plans where deployment_id = %s", [run.id]) == [
        (0,)
    ]


def test_up_to_what_may_be_kept_aside_it_is_undone_and_above_that_restored_and_said(deployed):
    deployed.migration("0002_less", "alter table users drop column legacy;\n")
    deployed.write("gates/postdeploy/test_it.py", "def test_it():\n    assert 0\n")

    def deploy(most, *options):
        deployed.write(
            "dbdeploy.yaml",
            "environments: {dev: {}}\npolicy: {column-removed: ignore}\n"
            f"rollback: {{keep_aside_max: {most}, if_restore_loses_writes: discard}}\n",
        )
        result = deployed.deploy(*options)
        return result, result.report["rollback"]["strategy"]

    result, _ = deploy(0, "--dbdeploy-dry-run")
    words = r"(\d+)kB would have to be kept aside, more than rollback.keep_aside_max \({}kB\)"
    needed = int(re.search(words.format(0), " ".join(result.output.split()))[1])
    result, strategy = deploy(f"{needed - 1}kB")
    assert (*result.ended, strategy) == (11, "rolled_back", "restore")
    assert re.search(words.format(needed - 1), " ".join(result.output.split()))
    result, strategy = deploy(f"{needed}kB")
    assert (*result.ended, strategy) == (11, "rolled_back", "undo")
    assert deployed.sql("select count(*), count(legacy) from users where legacy = 'x'") == [(100, 100)]
