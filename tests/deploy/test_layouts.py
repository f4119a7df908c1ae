"""Whole deployments of the layouts: a command of one's own, and a project of the real drizzle-kit; first deployments of all kinds."""

import json
import shutil
import sys
from pathlib import Path

import pytest

SHOP = Path(__file__).parents[2] / "examples" / "shop"

MIGRATE = """
import os, sys, psycopg
STEPS = [("one", "create table things (id int primary key)"), ("two", "insert into things select generate_series(1, 10)")]
with psycopg.connect(os.environ["DATABASE_URL"]) as conn:
    conn.execute("create table if not exists my_history (name text primary key)")
    for name, statement in STEPS[: int(open("steps").read())]:
        if not conn.execute("select 1 from my_history where name = %s", [name]).fetchone():
            conn.execute(statement)
            conn.execute("insert into my_history values (%s)", [name])
            conn.commit()
            print("applied", name)
    database = conn.execute("select current_database()").fetchone()[0]
    if os.path.exists("fail-on") and database == open("fail-on").read():
        conn.execute("create table half_done (i int)")
        conn.commit()
        sys.exit("this database is not to my liking")
    if os.path.exists("broken"):
        try:
            conn.execute("no sql at all")
        except psycopg.Error as error:
            sys.exit(str(error))
"""


@pytest.fixture
def commanded(make_project, postgres17):
    project = make_project(postgres17.owner_database())
    project.write("migrate.py", MIGRATE)
    project.write("steps", "1")
    project.write(
        "dbdeploy.yaml",
        f"environments: {{dev: {{}}}}\nmigrations: {{layout: command, apply: '{sys.executable} migrate.py', history: my_history}}\n",
    )
    return project


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.slow)])
def test_a_command_is_rehearsed_deployed_and_then_has_nothing_to_do(commanded, workers):
    first = commanded.deploy("-n", workers)
    assert first.ended == (0, "deployed")
    assert {"public.things", "public.my_history"} <= {c["object"] for c in first.report["changes"]}
    assert first.report["plan"]["layout"] == "command"
    assert commanded.sql("select name from my_history") == [("one",)]
    assert commanded.deploy("-n", workers).ended == (0, "nothing_to_deploy")
    commanded.write("steps", "2")
    assert commanded.deploy("-n", workers).ended == (0, "deployed"), "rows alone are a change too"
    assert commanded.sql("select count(*) from things") == [(10,)]


def test_what_was_changed_by_hand_beside_a_command_is_drift(commanded):
    kept = commanded.deploy()
    commanded.write("steps", "2")
    commanded.sql("alter table things add column by_hand text")
    refused = commanded.deploy()
    assert refused.ended == (10, "aborted")
    message = refused.gate("test_schema_is_as_it_was_left")["message"]
    assert message.splitlines()[0] == f"the target's schema is not what {kept.id} left: public.things"
    assert "what exactly is not known: a command applies the migrations" in message
    commanded.sql("alter table things drop column by_hand")
    assert commanded.deploy().ended == (0, "deployed")


def test_a_command_that_fails_on_the_clone_is_a_failed_gate_with_its_last_words(commanded):
    commanded.write("broken", "")
    result = commanded.deploy()
    assert result.ended == (10, "aborted")
    gate = result.gate("test_migrations_apply")
    assert gate["outcome"] == "failed"
    assert 'syntax error at or near "no"' in gate["message"]
    assert commanded.url.password.reveal() not in result.output + json.dumps(result.report)
    assert commanded.sql("select to_regclass('things')::text") == [(None,)]


def test_a_command_that_fails_on_the_target_alone_is_rolled_back(commanded):
    commanded.deploy()
    commanded.write("steps", "2")
    commanded.write("fail-on", commanded.url.dbname)
    result = commanded.deploy()
    assert result.ended == (11, "rolled_back")
    assert "not to my liking" in result.report["decision"]["reasons"][0]["message"]
    assert commanded.sql("select to_regclass('half_done')::text, (select count(*) from things)") == [
        (None, 0)
    ]
    assert commanded.sql("select name from my_history") == [("one",)]


@pytest.fixture(
    params=[*(pytest.param(major, marks=pytest.mark.slow) for major in (15, 17)), 18],
    ids=lambda major: f"postgres{major}",
)
def shop(request, make_project):
    """A copy of the example, deployed by a role that is no superuser."""
    server = request.getfixturevalue(f"postgres{request.param}")
    project = make_project(server.owner_database())
    (project.root / "migrations").rmdir()
    shutil.copytree(SHOP / "drizzle", project.root / "drizzle")
    shutil.copytree(
        SHOP / "gates", project.root / "gates", ignore=shutil.ignore_patterns("__pycache__", "postdeploy")
    )  # its application needs the last migration
    return project


def test_a_drizzle_project_is_deployed_and_its_history_is_drizzles_own(shop):
    journal = shop.root / "drizzle/meta/_journal.json"
    whole = json.loads(journal.read_text())
    journal.write_text(json.dumps({**whole, "entries": whole["entries"][:-1]}))
    first = shop.deploy()
    assert first.ended == (0, "deployed")
    assert shop.sql("select count(*) from drizzle.__drizzle_migrations") == [(len(whole["entries"]) - 1,)]
    journal.write_text(json.dumps(whole))
    second = shop.deploy("-n", "2")
    assert second.ended == (0, "deployed")
    assert [m["name"] for m in second.report["plan"]["migrations"]] == [whole["entries"][-1]["tag"]]
    assert shop.deploy("--dbdeploy-dry-run").ended == (0, "nothing_to_deploy")
    assert second.json("rollback-state.json")["touched"], "not the whole database"
    back = shop.run(f"--dbdeploy-rollback={second.id}")
    assert back.ended == (0, "rolled_back_on_request")
    assert not any("whole database" in note for note in back.report["notes"])
    assert shop.sql("select count(*) from drizzle.__drizzle_migrations") == [(len(whole["entries"]) - 1,)]
    assert shop.deploy("--dbdeploy-dry-run").ended == (0, "dry_run"), "it is pending again"


def test_a_populated_target_without_history_is_warned_of_and_everything_is_pending(project):
    project.sql("create table there_before (i int); insert into there_before values (1)")
    result = project.deploy()
    assert result.ended == (0, "deployed")
    gate = result.gate("test_populated_target_has_a_history")
    assert gate["outcome"] == "warned"
    assert "1 table but no migration history" in gate["message"]
    assert [m["name"] for m in result.report["plan"]["migrations"]] == ["0001_init"]
    assert project.sql("select count(*) from there_before") == [(1,)]
