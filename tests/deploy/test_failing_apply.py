"""Migrations that pass the rehearsal and fail on the target: rolled back by the server, or restored; and locks that are not to be had."""

import re
import threading

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.deployment_lock import LOCK_KEY
from tests.servers import execute

from .test_killed import whole

GONE_WRONG = """import os, psycopg
def test_it(dbdeploy_target):
    with psycopg.connect(os.environ["DEV_POSTGRES_URL"], autocommit=True) as conn:
        conn.execute({statement!r})
"""


def settings(project, text):
    project.write("dbdeploy.yaml", f"environments: {{dev: {{}}}}\n{text}\n")


def only_on_the_target(project):
    """A trigger of the target that refuses updates in this database alone: its clone has another name."""
    name = project.url.dbname
    project.sql(
        "create function refuse() returns trigger language plpgsql as $$ begin if current_database() = "
        f"'{name}' and old.name <> new.name then raise exception 'not here' using detail = 'row of the target'; end if; return new; end $$"
    )
    project.sql("create trigger refuse before update on users for each row execute function refuse()")


def test_a_statement_that_fails_on_the_target_alone_is_a_plain_rollback(deployed):
    only_on_the_target(deployed)
    settings(deployed, "policy: {schema-drift: ignore}")
    deployed.migration(
        "0002_change", "alter table users add phone text;\nupdate users set name = upper(name);\n"
    )
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    (reason,) = result.report["decision"]["reasons"]
    assert "migrations/0002_change.sql:2" in reason["message"]
    assert "not here" in reason["message"]
    rollback = result.report["rollback"]
    assert (rollback["strategy"], rollback["performed"], rollback["verified"]) == ("rollback", True, True)
    assert result.junit()["dbdeploy", "deploy"] == "failure"
    assert not (result.folder / "failed.dump").exists()
    whole(deployed)
    assert deployed.states()[result.id] == "rolled_back"


def test_a_first_deployment_that_fails_leaves_no_history_table_of_the_tool(make_project, postgres17):
    project = make_project(postgres17.owner_database())
    project.write(
        "drizzle/meta/_journal.json",
        '{"version": "7", "dialect": "postgresql", "entries": [{"idx": 0, "version": "7", "when": 1700000000000, "tag": "0000_init", "breakpoints": true}]}',
    )
    project.write(
        "drizzle/0000_init.sql",
        "create table t (i int);--> statement-breakpoint\n"
        f"do $$ begin if current_database() = '{project.url.dbname}' then raise exception 'not here'; end if; end $$;",
    )
    (project.root / "migrations").rmdir()
    result = project.deploy()
    assert result.ended == (11, "rolled_back")
    assert result.report["rollback"]["strategy"] == "rollback"
    assert project.sql("select nspname from pg_namespace where nspname !~ '^pg_' order by 1") == [
        ("dbdeploy",),
        ("information_schema",),
        ("public",),
    ]


def test_a_unit_that_fails_after_others_were_committed_is_undone(deployed):
    deployed.migration(
        "0002_change",
        "alter table users add phone text;\nupdate users set name = upper(name);\n"
        "create index concurrently orders_total on orders (total);\n"
        f"do $$ begin if current_database() = '{deployed.url.dbname}' then raise exception 'not here'; end if; end $$;\n",
    )
    result = deployed.deploy("-n", "2")
    assert result.ended == (11, "rolled_back")
    assert result.report["rollback"]["strategy"] == "undo"
    assert result.report["rollback"]["verified"] is True
    whole(deployed)
    assert deployed.deploy("--dbdeploy-dry-run").status == 0


def test_a_unique_index_that_rows_of_the_target_violate_leaves_no_invalid_index(deployed):
    deployed.migration("0002_unique", "create unique index concurrently one_total on orders (total);\n")
    deployed.write(
        "gates/sandbox/test_it.py", GONE_WRONG.format(statement="insert into orders values (1000, 1, 1)")
    )
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    assert "migrations/0002_unique.sql:1" in result.report["decision"]["reasons"][0]["message"]
    assert deployed.sql("select to_regclass('one_total')::text") == [(None,)]
    assert deployed.sql("select count(*) from pg_index where not indisvalid") == [(0,)]
    assert deployed.sql("select count(*) from orders where id = 1000") == [(1,)], (
        "it was written before the backup"
    )


def test_a_lock_that_is_never_to_be_had_is_a_plain_rollback_that_names_it(deployed):
    settings(deployed, "timeouts: {lock: 100ms, lock_retries: 1}")
    deployed.migration("0002_change", "alter table users add phone text;\n")
    with deployed.holding("lock table users in access share mode"):
        result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    assert "lock timeout" in result.report["decision"]["reasons"][0]["message"]
    assert result.report["rollback"]["strategy"] == "rollback"
    whole(deployed)


def test_a_lock_that_is_had_after_some_attempts_deploys(deployed):
    settings(deployed, "timeouts: {lock: 100ms, lock_retries: 50}")
    deployed.migration("0002_change", "alter table users add phone text;\n")
    with deployed.holding("lock table users in access share mode") as holder:
        run = deployed.start("--dbdeploy-env=dev")

        def attempts():
            return (
                run.folder
                and (log := run.folder / "deployment.log").exists()
                and log.read_text().count("gave way")
            )

        run.until(lambda: (attempts() or 0) >= 3)
        holder.rollback()
        result = run.result()
    assert result.ended == (0, "deployed")
    assert deployed.sql("select count(phone) from users") == [(0,)]


def test_an_index_that_is_built_concurrently_waits_longer_than_one_lock_timeout(deployed):
    settings(deployed, "timeouts: {lock: 300ms, lock_retries: 100}")
    deployed.migration("0002_change", "create index concurrently orders_total on orders (total);\n")
    with deployed.holding("set transaction isolation level repeatable read", "select 1") as holder:
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: deployed.waiting("deploy"))
        timer = threading.Timer(1.0, holder.rollback)
        timer.start()
        result = run.result()
        timer.join()
    assert result.ended == (0, "deployed")


def test_an_index_build_that_gave_way_is_tried_again_without_its_invalid_index(deployed):
    settings(deployed, "timeouts: {lock: 300ms, lock_retries: 3}")
    deployed.migration("0002_change", "create index concurrently orders_total on orders (total);\n")
    with deployed.holding("insert into orders values (1000, 1, 1)") as holder:
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: "gave way" in log_of(run))
        holder.commit()
        result = run.result()
    assert result.ended == (0, "deployed")
    assert "dropped the invalid index public.orders_total that was left" in log_of(run)
    gave_way = [line for line in log_of(run).splitlines() if "gave way" in line]
    assert all("pytest-dbdeploy a user of the target" in line for line in gave_way)
    assert deployed.sql("select indisvalid from pg_index where indexrelid = 'orders_total'::regclass") == [
        (True,)
    ]


def log_of(run):
    log = run.folder / "deployment.log"
    return log.read_text() if log.exists() else ""


def test_what_the_target_did_stands_beside_the_rehearsal_and_far_apart_is_a_warning(deployed):
    here = f"if current_database() = '{deployed.url.dbname}' then perform pg_sleep(1.5); lock table orders; end if;"
    deployed.migration("0002_change", f"alter table users add phone text;\ndo $$ begin {here} end $$;\n")
    run = deployed.start("--dbdeploy-env=dev")
    run.until(lambda: deployed.sql("select 1 from pg_stat_activity where wait_event = 'PgSleep'"))
    with connect(deployed.url, purpose="reader", autocommit=True) as conn:
        conn.execute("select count(*) from users")  # waits for the ALTER TABLE's transaction
    result = run.result()
    assert result.ended == (0, "deployed")
    first, second = result.report["evidence"]
    assert first["targetSeconds"] < 1.5 <= second["targetSeconds"]
    notes = " ".join(result.report["notes"])
    assert "migrations/0002_change.sql:2 took 1.5 s on the target, 0.0 s in the rehearsal" in notes
    assert "the target took AccessExclusiveLock on public.orders, the rehearsal did not" in notes
    assert "1 session waited for locks of the migrations on the target, the longest for about" in notes


def test_statistics_that_a_change_of_type_lost_are_made_anew(deployed):
    deployed.sql("analyze users")
    deployed.migration("0002_change", "alter table users alter id type bigint;\n")
    assert deployed.deploy().ended == (0, "deployed")
    assert deployed.sql("select 1 from pg_stats where tablename = 'users' and attname = 'id'") == [(1,)]


def test_a_statement_timeout_of_the_settings_ends_what_takes_too_long(deployed):
    settings(deployed, "timeouts: {statement: 500ms}")
    deployed.migration(
        "0002_slow",
        f"do $$ begin if current_database() = '{deployed.url.dbname}' then perform pg_sleep(30); end if; end $$;\n",
    )
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    assert "statement timeout" in result.report["decision"]["reasons"][0]["message"]


def test_a_target_that_changes_between_planning_and_deploying_is_refused_and_untouched(deployed):
    deployed.migration("0002_change", "alter table users add phone text;\n")
    deployed.write("gates/sandbox/test_it.py", GONE_WRONG.format(statement="create table drifted (i int)"))
    result = deployed.deploy()
    assert result.ended == (10, "aborted")
    assert "changed between planning and deploying" in result.report["decision"]["reasons"][0]["message"]
    assert list(deployed.states().values()) == ["kept"]
    assert (
        deployed.sql("select column_name from information_schema.columns where column_name = 'phone'") == []
    )


def test_what_does_not_come_out_as_rehearsed_is_rolled_back_before_its_commit(deployed):
    deployed.migration(
        "0002_change",
        "alter table users add phone text;\n"
        f"do $$ begin if current_database() = '{deployed.url.dbname}' then alter table users add other text; end if; end $$;\n",
    )
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    (reason,) = result.report["decision"]["reasons"]
    assert "column public.users.other is not in the target before the deployment" in reason["message"]
    assert result.report["rollback"]["strategy"] == "rollback"
    whole(deployed)


def test_a_target_that_changes_during_the_backup_is_refused_and_untouched(deployed):
    deployed.migration("0002_change", "alter table users add phone text;\n")
    deployed.write(
        "conftest.py",
        "import os, psycopg\nfrom pytest_dbdeploy.flows import target_work\nreal = target_work.dump\n"
        "def dump(*args, **options):\n    found = real(*args, **options)\n"
        "    with psycopg.connect(os.environ['DEV_POSTGRES_URL'], autocommit=True) as conn:\n"
        "        conn.execute('alter table users add drifted int')\n    return found\ntarget_work.dump = dump\n",
    )
    result = deployed.deploy()
    assert result.ended == (10, "aborted")
    assert "changed between planning and deploying" in result.report["decision"]["reasons"][0]["message"]
    assert not deployed.sql("select 1 from information_schema.columns where column_name = 'phone'")


def test_of_two_deployments_at_once_one_is_refused_and_told_who_holds_the_lock(deployed):
    deployed.migration("0002_change", "alter table users add phone text;\n")
    waits = (
        "import pathlib, time\ndef test_it():\n    pathlib.Path('ready').touch()\n    deadline = time.monotonic() + 60\n"
        "    while not pathlib.Path('go').exists():\n        assert time.monotonic() < deadline\n        time.sleep(0.02)\n"
    )
    gate = deployed.write("gates/postdeploy/test_it.py", waits)
    first = deployed.start("--dbdeploy-env=dev")
    first.until((deployed.root / "ready").exists)
    gate.unlink()
    second = deployed.deploy()
    assert second.ended == (10, "aborted")
    assert f"pytest-dbdeploy lock {first.id}" in second.gate("test_no_deployment_is_running")["message"]
    for command in ("resume", "rollback"):
        refused = deployed.run(f"--dbdeploy-{command}={first.id}")
        assert refused.ended == (10, "aborted"), "the deployment lives"
        assert first.id in refused.report["decision"]["reasons"][0]["message"]
    (deployed.root / "go").touch()
    assert first.result().ended == (0, "deployed")


def test_of_two_deployments_that_were_both_planned_the_later_one_finds_the_lock_taken(deployed):
    deployed.migration("0002_change", "alter table users add phone text;\n")
    with deployed.holding() as holder:
        deployed.write(
            "gates/sandbox/test_it.py",
            "import pathlib, time\ndef test_it():\n    pathlib.Path('ready').touch()\n    deadline = time.monotonic() + 60\n"
            "    while not pathlib.Path('go').exists():\n        assert time.monotonic() < deadline\n        time.sleep(0.02)\n",
        )
        run = deployed.start("--dbdeploy-env=dev")
        run.until((deployed.root / "ready").exists)
        holder.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        (deployed.root / "go").touch()
        result = run.result()
    assert result.ended == (10, "aborted")
    assert "a user of the target" in result.report["decision"]["reasons"][0]["message"]
    assert list(deployed.states().values()) == ["kept"]


@pytest.mark.parametrize("table", [True, False])
def test_the_state_on_the_target_is_as_documented(deployed, table):
    settings(deployed, f"log: {{table: {str(table).lower()}}}")
    deployed.sql("drop table if exists dbdeploy.deployment_logs")
    deployed.migration("0002_change", "alter table users add phone text;\n")
    result = deployed.deploy()
    assert result.ended == (0, "deployed")
    columns = 'id, environment, state, plan_hash, fingerprint_before, backup, host, "user", git_from, git_to'
    ((id_, environment, state, plan, fingerprint, backup, host, user, *git),) = deployed.sql(
        f"select {columns} from dbdeploy.deployments where id = %s", [result.id]
    )
    plan_of = result.report["plan"]
    assert (id_, environment, state, plan, fingerprint) == (
        result.id,
        "dev",
        "kept",
        plan_of["hash"],
        plan_of["targetFingerprint"],
    )
    assert backup == str(result.folder / "backup.dump")
    assert host and user and git == [None, None]
    ((migrations, times, after),) = deployed.sql(
        "select migrations, started <= updated and updated <= finished, fingerprint_after from dbdeploy.deployments where id = %s",
        [result.id],
    )
    (migration,) = migrations
    assert (migration["name"], migration["checksum"]) == ("0002_change", plan_of["migrations"][0]["checksum"])
    assert times and after and after != fingerprint
    assert result.json("rollback-state.json")["canRollback"] is True
    if not table:
        assert deployed.sql("select to_regclass('dbdeploy.deployment_logs')::text") == [(None,)]
        return
    rows = deployed.sql(
        "select deployment_id, phase, level, message, metadata, duration from dbdeploy.deployment_logs"
    )
    assert {row[0] for row in rows} == {result.id}
    assert {"PREFLIGHT", "SANDBOX_VALIDATION", "BACKUP", "DEPLOY", "POST_DEPLOY"} <= {row[1] for row in rows}
    assert len(rows) >= len((result.folder / "deployment.log").read_text().splitlines()) - 5
    indexed = deployed.sql(
        "select pg_get_indexdef(indexrelid) from pg_index where indrelid = 'dbdeploy.deployment_logs'::regclass"
    )
    assert all(
        any(f"({column})" in text for (text,) in indexed) for column in ("deployment_id", '"timestamp"')
    )


def test_a_role_that_may_not_create_the_state_schema_is_told_so_by_a_gate(make_project, postgres17):
    url = postgres17.owner_database()
    role = postgres17.role()
    project = make_project(role.with_dbname(url.dbname))
    project.migration("0001_init", "create table t (i int);\n")
    result = project.deploy()
    assert result.ended == (10, "aborted")
    message = result.gate("test_state_can_be_written")["message"]
    assert f"role {role.user} may not create the schema dbdeploy" in message
    assert "GRANT CREATE ON DATABASE" in message


def test_a_role_that_may_not_write_the_state_is_told_what_to_grant(deployed, postgres17):
    deployed.migration("0002_phone", "alter table users add phone text;")
    owner = f'"{deployed.url.user}"'
    admin = postgres17.url.with_dbname(deployed.url.dbname)
    execute(admin, "alter table dbdeploy.deployments owner to current_user")
    execute(
        admin,
        f"revoke all on dbdeploy.deployments from {owner}; grant select on dbdeploy.deployments to {owner}",
    )
    result = deployed.deploy()
    assert result.status == 10
    (grants,) = re.findall(r"grant it: (.+)", result.gate("test_state_can_be_written")["message"])
    execute(admin, grants)
    assert deployed.deploy("--dbdeploy-dry-run").gate("test_state_can_be_written")["outcome"] == "passed"
