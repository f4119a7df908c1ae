"""Targets with settings, neighbours and limits that nobody reckons with: deployed and put back, or a clear message and nothing lost."""

import pytest
from psycopg import sql

from tests.servers import execute, running

from .conftest import filled
from .test_failing_apply import settings
from .test_killed import whole

CHANGE = "alter table users add column phone text;\nupdate users set name = upper(name);\n"
ODD = {
    "search_path": "elsewhere, public",
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kathmandu",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "row_security": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
}
TIGHT = {
    "statement_timeout": "3s",
    "lock_timeout": "10ms",
    "idle_in_transaction_session_timeout": "200ms",
    "idle_session_timeout": "1s",
    "transaction_timeout": "5s",
}


def superuser(server, project, statement):
    """Runs it in the target's database."""

    execute(server.url.with_dbname(project.url.dbname), statement)


@pytest.mark.parametrize("found", [ODD, pytest.param(TIGHT, marks=pytest.mark.slow)], ids=["odd", "tight"])
@pytest.mark.parametrize("of", ["role", pytest.param("database", marks=pytest.mark.slow)])
def test_settings_of_a_role_or_database_do_not_change_what_is_done(deployed, postgres17, found, of):
    user, name = deployed.url.user, deployed.url.dbname
    whose = f'role "{user}" in database "{name}"' if of == "role" else f'database "{name}"'
    for key, value in found.items():
        superuser(
            postgres17,
            deployed,
            f"""alter {whose} set {key} = {value if key == "search_path" else f"'{value}'"}""",
        )
    settings(
        deployed,
        "policy: {schema-drift: ignore}\n" + ("rollback: {strategies: [restore]}" if of == "role" else ""),
    )
    deployed.migration("0002_change", CHANGE)
    done = deployed.deploy()
    assert done.ended == (0, "deployed")
    assert deployed.sql("select name from users where id = 1") == [("USER 1",)]
    assert deployed.run(f"--dbdeploy-rollback={done.id}").ended == (0, "rolled_back_on_request")
    whole(deployed)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_another_encoding_comes_back_as_it_was(make_project, postgres17, encoding):
    role = postgres17.role()
    name = f"t_{encoding.lower()}_{role.user}"
    with_c = f"""create database "{name}" template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C' owner "{role.user}\""""

    postgres17.execute(sql.SQL(with_c))
    project = filled(make_project(role.with_dbname(name)))
    project.migration(
        "0003_words",
        "create table words (id int primary key, word text);\ninsert into words values (1, 'Grüße');\n",
    )
    assert project.deploy().ended == (0, "deployed")
    settings(project, "rollback: {strategies: [restore]}")
    project.migration(
        "0004_change", "update words set word = word || '!';\nalter table words add more text default 'é';\n"
    )
    done = project.deploy()
    assert done.ended == (0, "deployed")
    assert project.sql("select word, more from words") == [("Grüße!", "é")]
    assert project.run(f"--dbdeploy-rollback={done.id}").ended == (0, "rolled_back_on_request")
    assert project.sql("select * from words") == [(1, "Grüße")]


def test_an_event_trigger_of_others_that_raises_an_error_is_a_plain_rollback_that_says_so(
    deployed, postgres17
):
    settings(deployed, "policy: {schema-drift: ignore}")
    superuser(
        postgres17,
        deployed,
        "create function forbid() returns event_trigger language plpgsql as $$ begin raise exception 'frozen until Monday'; end $$;"
        "create event trigger forbid on ddl_command_end when tag in ('ALTER TABLE') execute function forbid()",
    )
    deployed.migration("0002_change", CHANGE)
    result = deployed.deploy()
    assert result.status in (10, 11)
    assert "frozen until Monday" in result.output
    whole(deployed)


def test_a_prepared_transaction_that_holds_a_lock_is_named(make_project):
    with running(17, max_prepared_transactions="5") as server:
        project = filled(make_project(server.owner_database()))
        assert project.deploy().ended == (0, "deployed")
        settings(project, "timeouts: {lock: 100ms, lock_retries: 1}")
        project.migration("0002_change", CHANGE)
        project.sql("begin; insert into users values (1000, 'prepared'); prepare transaction 'forgotten'")
        result = project.deploy()
        assert result.ended == (11, "rolled_back")
        assert "prepared transaction forgotten" in result.report["decision"]["reasons"][0]["message"]
        whole(project)
        project.sql("commit prepared 'forgotten'")
        assert project.sql("select name from users where id = 1000") == [("prepared",)]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 2, 3, 4])
def test_a_role_with_few_connections_is_told_so_and_nothing_is_lost(deployed, postgres17, limit):
    superuser(postgres17, deployed, f'alter role "{deployed.url.user}" connection limit {limit}')
    deployed.migration("0002_change", CHANGE)
    result = deployed.deploy()
    superuser(postgres17, deployed, f'alter role "{deployed.url.user}" connection limit -1')
    assert result.status in (0, 10, 11)
    if result.status:
        assert "too many connections for role" in result.output
        whole(deployed)


def test_rows_that_the_owner_may_not_see_are_no_silent_loss(deployed):
    settings(deployed, "policy: {schema-drift: ignore}")
    deployed.sql("alter table users enable row level security")
    deployed.sql("alter table users force row level security")
    deployed.sql("create policy newer on users using (id > 50)")
    deployed.migration("0002_change", "alter table users add column phone text;\n")
    result = deployed.deploy()
    assert result.ended == (10, "aborted")
    assert "row security applies to role" in result.output
    assert "users" in result.output
