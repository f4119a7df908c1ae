"""Comparisons of two databases by whole runs: equal, different, not comparable; and environments that are for comparing only."""

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pytest_dbdeploy.db.access import enterable, server_user
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.datadir import server_environment
from pytest_dbdeploy.errors import TargetError
from pytest_dbdeploy.secret import Secret
from tests import rich
from tests.proxy import Proxy
from tests.servers import enterable_folder, execute, fetch, running

from .conftest import until

TABLES = "create table users (id int primary key, name text); insert into users values (1, 'a'), (2, 'b');"


ROLES = {}


def owned(server, name):
    """A database whose owner has this name: the same in both databases, as an owner is compared too."""
    role = ROLES.get(server) or ROLES.setdefault(server, server.role(name))
    database = server.fresh_database(owner=role.user)
    with connect(database, purpose="test", autocommit=True) as conn:
        conn.execute(sql.SQL("alter schema public owner to {}").format(sql.Identifier(role.user)))
    return role.with_dbname(database.dbname)


def compare(project, *arguments):
    first, second = project.first, project.other
    return project.run(*arguments, DEV_POSTGRES_URL=first.reveal(), LOCAL_POSTGRES_URL=second.reveal())


@pytest.fixture
def compared(make_project, postgres17):
    """A project with two environments, dev and local, whose databases are equal. Statements of the test go to local."""
    project = make_project(owned(postgres17, "one_owner"))
    project.sql(TABLES)
    project.first, project.url = project.url, owned(postgres17, "one_owner")
    project.sql(TABLES)
    project.other = project.url
    project.write("dbdeploy.yaml", "environments: {dev: {}, local: {read_only: true}}\n")
    return project


@pytest.mark.parametrize("workers", ["0", "2"])
def test_equal_databases_are_0_and_differences_are_10_and_named(compared, workers):
    equal = compare(compared, "--dbdeploy-compare=dev,local", "-n", workers)
    assert equal.ended == (0, "equal")
    assert equal.report["mode"] == "compare"
    assert equal.report["environment"] == "dev,local"
    compared.sql(
        "alter table users add phone text; create index users_name on users (name); create view v as select 1 as one"
    )
    different = compare(compared, "--dbdeploy-compare=dev,local", "-n", workers)
    assert different.ended == (10, "different")
    assert "public.users.phone" in different.gate("test_schema_is_equal[column]")["message"]
    assert "users_name" in different.gate("test_schema_is_equal[index]")["message"]
    assert "public.v" in different.gate("test_schema_is_equal[view]")["message"]
    assert different.gate("test_schema_is_equal[function]")["outcome"] == "passed"
    assert {"public.users.phone"} <= {
        c["object"] for c in different.json("schema-comparison.json")["changes"]
    }
    assert compared.sql("select to_regnamespace('dbdeploy')::text") == [(None,)], "nothing is written"


def test_rows_are_counted_or_summed_or_left_alone_as_the_settings_say(compared):
    compared.sql("update users set name = 'z' where id = 2")
    settings = "environments: {{dev: {{}}, local: {{}}}}\ncompare: {{rows: {}}}\n"
    found = {}
    for rows in ("none", "count", "checksum"):
        compared.write("dbdeploy.yaml", settings.format(rows))
        found[rows] = compare(compared, "--dbdeploy-compare=dev,local")
    assert [found[rows].status for rows in ("none", "count", "checksum")] == [0, 0, 10]
    assert found["none"].gate("test_rows_are_equal")["outcome"] == "not_applicable"
    assert (
        "public.users: 2 rows in dev and in local" in found["checksum"].gate("test_rows_are_equal")["message"]
    )
    compared.sql("insert into users values (3, 'c')")
    compared.write("dbdeploy.yaml", settings.format("count"))
    more = compare(compared, "--dbdeploy-compare=dev,local")
    assert more.ended == (10, "different")
    assert "public.users: 2 rows in dev, 3 in local" in more.gate("test_rows_are_equal")["message"]


def test_two_urls_are_compared_and_their_passwords_told_nowhere(compared):
    urls = [compared.first.reveal(), compared.other.reveal()]
    result = compare(compared, *(f"--dbdeploy-compare={url}" for url in urls))
    assert result.ended == (0, "equal")
    everything = result.output + "".join(
        p.read_text(errors="replace") for p in result.folder.rglob("*") if p.is_file()
    )
    for url in (compared.first, compared.other):
        assert url.password.reveal() not in everything


def test_a_side_that_cannot_be_reached_is_not_comparable_and_10(compared):
    compared.other = type(compared.other).parse(
        "postgresql://nobody:geheim-geheim@127.0.0.1:1/none", name="local"
    )
    result = compare(compared, "--dbdeploy-compare=dev,local")
    assert result.status == 10
    (reason, *_) = result.report["decision"]["reasons"]
    assert reason["code"] == "not-comparable"
    assert "cannot connect to local" in reason["message"]
    assert "geheim" not in result.output
    found = result.json("schema-comparison.json")
    ((kind, sides, why),) = (item.values() for item in found["notCompared"])
    assert (kind, sides, found["changes"]) == ("comparison", "dev,local", []), "no changes, and yet not equal"
    assert "cannot connect to local" in why


def test_a_read_only_environment_is_compared_but_never_deployed_to(compared):
    compared.migration("0001_more", "create table more (i int);\n")
    refused = compare(compared, "--dbdeploy-env=local")
    assert refused.status == 4
    assert "read_only" in refused.output or "read only" in refused.output
    assert compared.sql("select to_regclass('more')::text, to_regnamespace('dbdeploy')::text") == [
        (None, None)
    ]


def test_databases_of_two_server_versions_are_equal(make_project, postgres15, postgres18):
    project = make_project(owned(postgres15, "one_owner"))
    project.write("dbdeploy.yaml", "environments: {dev: {}, local: {}}\ncompare: {rows: checksum}\n")
    # Names that 16 made keywords.
    tables = TABLES + 'create table "system_user" (id int primary key, "json" int references "system_user");'
    project.sql(tables)
    project.first, project.url = project.url, owned(postgres18, "one_owner")
    project.other = project.url
    project.sql(tables)
    assert compare(project, "--dbdeploy-compare=dev,local").ended == (0, "equal")


def test_what_the_settings_ignore_is_no_difference(compared):
    execute(compared.first, "create view v as select 1 as one")
    compared.sql(
        "alter table users alter column name set not null; create view v as select 1 as one; create view w as select 2"
    )
    compared.sql("comment on column v.one is 'goes with its view'")
    settings = "environments: {dev: {}, local: {}}\ncompare: {ignore: [{kind: view, object: 'public.*'}, {kind: column, property: %s, object: public.users.name}]}\n"
    compared.write("dbdeploy.yaml", settings % "default")
    different = compare(compared, "--dbdeploy-compare=dev,local")
    assert different.ended == (10, "different")
    left = [c for c in different.report["changes"] if c["kind"] != "constraint"]
    assert [(c["kind"], c["object"]) for c in left] == [("column", "public.users.name")]
    (name,) = left[0]["before"]
    compared.write("dbdeploy.yaml", settings % name)
    assert compare(compared, "--dbdeploy-compare=dev,local").ended == (0, "equal")


def test_what_the_comparison_does_not_know_is_never_equal_unless_the_settings_leave_it_out(
    compared, postgres17
):
    for url in (compared.first, compared.other):
        execute(postgres17.url.with_dbname(url.dbname), "create type unfinished")
    result = compare(compared, "--dbdeploy-compare=dev,local")
    assert result.ended == (10, "different")
    message = result.gate("test_everything_was_compared")["message"]
    assert "base type unfinished" in message.replace("public.", "")
    assert "(in dev, local)" in message
    (left_out,) = result.json("schema-comparison.json")["notCompared"]
    compared.write("dbdeploy.yaml", f"compare: {{ignore: [{{kind: {left_out['kind']}}}]}}\n")
    ignoring = compare(compared, "--dbdeploy-compare=dev,local")
    assert ignoring.ended == (0, "equal")
    found = ignoring.json("schema-comparison.json")
    assert (found["notCompared"], found["ignored"][0]["changes"]) == ([], 1)


def test_a_schema_that_belongs_to_an_extension_is_a_schema_that_may_be_named(compared, postgres17):
    for url in (compared.first, compared.other):
        admin = postgres17.url.with_dbname(url.dbname)
        execute(admin, "create schema own; create extension hstore; alter extension hstore add schema own")
    compared.write("dbdeploy.yaml", "compare: {schemas: [own, public]}\n")
    assert compare(compared, "--dbdeploy-compare=dev,local").ended == (0, "equal")


def test_large_objects_are_not_compared_and_where_their_numbers_differ_that_is_no_pass(compared):
    execute(compared.first, "select lo_create(0)")
    result = compare(compared, "--dbdeploy-compare=dev,local")
    assert result.ended == (10, "different")
    message = result.gate("test_everything_was_compared")["message"]
    assert "large objects are not compared, and there are 1 in dev, 0 in local" in message
    execute(compared.other, "select lo_create(0)")
    as_many = compare(compared, "--dbdeploy-compare=dev,local")
    assert as_many.ended == (0, "equal")
    assert "large objects are not compared: 1 in dev, 1 in local" in as_many.report["notes"]


def test_another_encoding_is_said_to_be_there(compared, postgres17):
    name = compared.other.dbname + "_latin"
    postgres17.execute(
        sql.SQL("create database {} owner {} encoding 'LATIN1' locale 'C' template template0").format(
            sql.Identifier(name), sql.Identifier(compared.other.user)
        )
    )
    result = compared.run(
        "--dbdeploy-compare=dev,local",
        DEV_POSTGRES_URL=compared.first.reveal(),
        LOCAL_POSTGRES_URL=compared.other.with_dbname(name).reveal(),
    )
    (note,) = [note for note in result.report["notes"] if "was created with is not compared" in note]
    assert "dev is UTF8 with collation" in note
    assert "local is LATIN1 with collation C and character types C" in note


def test_a_comparison_that_ends_early_is_different_only_if_a_difference_was_found(compared):
    compared.sql("create view v as select 1 as one")
    assert compare(compared, "--dbdeploy-compare=dev,local", "-x").ended == (10, "different")
    compared.write("conftest.py", "def pytest_runtest_protocol(item): item.session.shouldfail = 'enough'\n")
    assert compare(compared, "--dbdeploy-compare=dev,local").ended == (10, "aborted")


# -- more than two, and ways to reach them -----------------------------------------------------------------------------


def test_several_databases_are_a_matrix_of_objects_by_database(compared, postgres17):
    """The first two are equal; of the others one lacks a table, one has another definition and one object more."""
    third, fourth = owned(postgres17, "one_owner"), owned(postgres17, "one_owner")
    execute(third, "create table other (i int)")
    execute(fourth, TABLES + "alter table users alter name set not null; create view v as select 1 as one")
    urls = {"UAT_POSTGRES_URL": third.reveal(), "PROD_POSTGRES_URL": fourth.reveal()}
    everything = {
        "DEV_POSTGRES_URL": compared.first.reveal(),
        "LOCAL_POSTGRES_URL": compared.other.reveal(),
        **urls,
    }
    compared.write(
        "dbdeploy.yaml",
        "compare: {ignore: [{property: not_null}, {kind: constraint, object: '*not_null'}]}\n",
    )
    ignoring = compared.run("--dbdeploy-compare=dev,prod", **everything)
    assert ignoring.status == 10
    (rule, _) = ignoring.json("schema-comparison.json")["ignored"]
    assert rule == {"kind": None, "property": "not_null", "object": None, "changes": 1}
    compared.write("dbdeploy.yaml", "compare: {rows: none}\n")
    result = compared.run("--dbdeploy-compare=local,dev", "--dbdeploy-compare=uat,prod", "-n2", **everything)
    assert result.ended == (10, "different")
    found = result.json("schema-comparison.json")
    assert [d["name"] for d in found["databases"]] == ["local", "dev", "uat", "prod"]
    letters = {(r["kind"], r["object"]): "".join(r["databases"].values()) for r in found["matrix"]}
    assert letters["table", "public.users"] == "AA-A"
    assert letters["table", "public.other"] == "--A-"
    assert letters["column", "public.users.name"] == "AA-B"
    assert letters["view", "public.v"] == "---A"
    assert [(p["before"], p["after"], bool(p["changes"])) for p in found["pairs"]] == [
        ("local", "dev", False),
        ("local", "uat", True),
        ("local", "prod", True),
    ]
    assert {tuple(c["databases"]) for c in result.report["changes"] if c["object"] == "public.v"} == {
        ("local", "prod")
    }
    views = result.gate("test_schema_is_equal[view]")["message"]
    assert "view public.v is not in local, but in prod" in views
    lines = [line.rstrip() for line in result.output.splitlines()]
    (line,) = [line for line in lines if "column public.users.name" in line and line.endswith("B")]
    assert line.split()[-4:] == ["A", "A", "-", "B"]
    assert len(line) <= 80
    assert any(line.split() == ["3", "=", "uat"] for line in lines)


def test_both_transports_find_the_same_and_say_which_they_are(compared):
    compared.sql("alter table users add phone text; create view v as select 1 as one")
    found = {}
    for transport in ("hub", "direct"):
        compared.write("dbdeploy.yaml", f"compare: {{transport: {transport}}}\n")
        found[transport] = compare(compared, "--dbdeploy-compare=dev,local").json("schema-comparison.json")
        assert found[transport].pop("transport") == transport
    assert found["hub"] == found["direct"]
    assert {"public.users.phone", "public.v"} <= {c["object"] for c in found["hub"]["changes"]}


def test_where_no_embedded_server_can_run_connections_are_direct_and_that_is_said(compared):
    compared.write(
        "conftest.py",
        "import pytest_dbdeploy.flows.comparing as comparing\nfrom pytest_dbdeploy.errors import ServerError\n"
        "def none(*_, **__): raise ServerError('no PostgreSQL server is installed here')\n"
        "comparing.choose_installation = comparing.EmbeddedServer.temporary = none\n",
    )
    result = compare(compared, "--dbdeploy-compare=dev,local")
    assert result.ended == (0, "equal")
    assert result.json("schema-comparison.json")["transport"] == "direct"
    assert any(
        "compared over direct connections, without the hub: no PostgreSQL" in n
        for n in result.report["notes"]
    )
    gate = result.gate("test_hub_reaches_every_database")
    assert (gate["outcome"], "no PostgreSQL server" in gate["message"]) == ("warned", True)
    compared.write("dbdeploy.yaml", "compare: {transport: hub}\n")
    refused = compare(compared, "--dbdeploy-compare=dev,local")
    assert refused.ended == (10, "aborted")
    assert "no PostgreSQL server is installed here" in refused.report["decision"]["reasons"][0]["message"]


def test_one_database_by_two_urls_is_said_to_be_one(compared):
    again = replace(compared.first, params={"application_name": "again"})
    result = compared.run(*(f"--dbdeploy-compare={url.reveal()}" for url in (compared.first, again)))
    assert result.ended == (0, "equal")
    assert any("are one and the same database: nothing can differ" in note for note in result.report["notes"])
    assert "one and the same database" in result.output


def test_an_embedded_database_without_any_object_is_a_side_like_any_other(compared):
    with enterable_folder() as folder:
        urls = [f"embedded://{folder}/mine", compared.first.reveal()]
        result = compared.run(*(f"--dbdeploy-compare={url}" for url in urls))
    assert result.ended == (10, "different")
    objects = {
        (c["kind"], c["change"], c["object"]) for c in result.json("schema-comparison.json")["changes"]
    }
    assert ("table", "added", "public.users") in objects


def test_a_role_without_any_right_compares_schemas_and_never_takes_rows_for_equal(compared, postgres17):
    nobody = replace(postgres17.role(), dbname=compared.first.dbname)
    result = compared.run(*(f"--dbdeploy-compare={url.reveal()}" for url in (compared.other, nobody)))
    assert result.status == 10
    assert "permission denied" in result.output
    compared.write("dbdeploy.yaml", "compare: {rows: none}\n")
    result = compared.run(*(f"--dbdeploy-compare={url.reveal()}" for url in (compared.other, nobody)))
    assert result.ended == (0, "equal")


@pytest.mark.parametrize(
    ("why", "message"),
    [
        ("password", "password authentication failed"),
        pytest.param("database", "does not exist", marks=pytest.mark.slow),
        ("schema", "none of dev, local has a schema shpo"),
    ],
)
def test_what_is_not_comparable_names_the_side_and_what_to_do(compared, why, message):
    compared.write("dbdeploy.yaml", f"compare: {{schemas: [{'shpo' if why == 'schema' else 'public'}]}}\n")
    if why == "password":
        compared.other = replace(compared.other, password=Secret("geheim-geheim"))
    elif why == "database":
        compared.other = replace(compared.other, dbname="no_such_db")
    result = compare(compared, "--dbdeploy-compare=dev,local")
    assert result.ended == (10, "aborted")
    assert "NOT COMPARED: dev,local" in result.output
    (reason, *_) = result.report["decision"]["reasons"]
    assert message in reason["message"]
    assert "local" in reason["message"]
    assert "geheim" not in result.output
    outcomes = result.junit()
    assert outcomes.pop(("dbdeploy", "comparison")) == "failure", "and JUnit does not look like a pass"
    assert set(outcomes.values()) == {"skipped"}


def test_no_password_is_in_any_argument_list_but_the_one_that_was_typed(compared):
    urls = [compared.first.reveal(), compared.other.reveal()]
    with rich.argument_lists() as seen:
        result = compared.run(*(f"--dbdeploy-compare={url}" for url in urls), "-n2")
    assert result.ended == (0, "equal")
    for url in (compared.first, compared.other):
        holding = {line for line in seen if url.password.reveal() in line}
        assert all("--dbdeploy-compare=" in line and "execnet" not in line for line in holding)
        assert len(holding) <= 1


# -- cut off in the middle ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "transport"),
    [
        ("silent", "hub"),
        ("cut", "direct"),
        ("hub killed", "hub"),
        pytest.param("silent", "direct", marks=pytest.mark.slow),
        pytest.param("cut", "hub", marks=pytest.mark.slow),
    ],
)
def test_a_comparison_that_is_cut_off_is_a_clear_error_and_leaves_nothing(
    compared, postgres17, how, transport
):
    many = "".join(
        f"create table t{i} (a int primary key, b text default 'x' check (b <> ''));" for i in range(150)
    )
    for url in (compared.first, compared.other):
        execute(url, many)
    compared.write("dbdeploy.yaml", f"compare: {{transport: {transport}}}\ntimeouts: {{connect: 2s}}\n")
    servers = {}

    def then():
        servers.update(run.servers())
        if how == "cut":
            proxy.cut()
        elif how == "hub killed":
            for pid in servers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    proxy = Proxy(compared.other.port, 40_000, then)
    try:
        through = replace(compared.other, port=proxy.port)
        environ = {"DEV_POSTGRES_URL": compared.first.reveal(), "LOCAL_POSTGRES_URL": through.reveal()}
        run = compared.start("--dbdeploy-compare=dev,local", **environ)
        result = run.result()
    finally:
        proxy.close()
    assert proxy.ended.is_set()
    assert result.ended == (10, "aborted")
    message = result.report["decision"]["reasons"][0]["message"]
    if how == "hub killed":
        assert "could not be read" in message
    else:
        assert "local" in message
        assert ("no longer answers" in message) == (how == "silent")
    assert bool(servers) == (transport == "hub")
    until(lambda: not run.left(servers))
    connections = "select count(*) from pg_stat_activity where datname in (%s, %s) and application_name like 'pytest-dbdeploy%%' and application_name not like '%% test'"
    names = (compared.first.dbname, compared.other.dbname)
    until(lambda: fetch(postgres17.url, connections, *names) == [(0,)])


def postmaster(server):
    ((data,),) = fetch(server.url, "show data_directory")
    return int((Path(data) / "postmaster.pid").read_text().splitlines()[0])


@pytest.mark.parametrize("how", ["server killed", "silent"])
def test_a_comparison_that_is_cut_off_while_rows_are_read_is_a_clear_error_and_leaves_nothing(compared, how):
    compared.write("dbdeploy.yaml", "compare: {rows: checksum}\ntimeouts: {connect: 2s}\n")
    with running(17) as server:
        compared.url = owned(server, "one_owner")
        compared.sql(TABLES)
        proxy = Proxy(compared.url.port, 1 << 40, lambda: None)
        try:
            through = replace(compared.url, port=proxy.port) if how == "silent" else compared.url
            environ = {"DEV_POSTGRES_URL": compared.first.reveal(), "LOCAL_POSTGRES_URL": through.reveal()}
            with contextlib.suppress(psycopg.OperationalError), compared.holding("lock table users"):
                run = compared.start("--dbdeploy-compare=dev,local", **environ)
                run.until(lambda: compared.waiting("compare rows"))
                servers = run.servers()
                if how == "silent":
                    proxy.ended.set()
                else:
                    os.kill(postmaster(server), signal.SIGQUIT)  # at once, as after a power cut
                result = run.result()
        finally:
            proxy.close()
    assert result.ended == (10, "aborted")
    message = result.report["decision"]["reasons"][0]["message"]
    assert "local" in message
    assert ("no longer answers" in message) == (how == "silent")
    assert "NOT COMPARED: dev,local" in result.output
    until(lambda: not run.left(servers))


@pytest.mark.parametrize(
    ("how", "transport"),
    [
        ("killed", "hub"),
        ("interrupted", "hub"),
        pytest.param("interrupted", "direct", marks=pytest.mark.slow),
    ],
)
def test_a_comparison_whose_own_process_ends_leaves_nothing(compared, postgres17, how, transport):
    """It waits for a side that is silent: nothing but the signal ends it."""
    many = "".join(f"create table t{i} (a int primary key, b text);" for i in range(150))
    execute(compared.other, many)
    compared.write("dbdeploy.yaml", f"compare: {{transport: {transport}}}\ntimeouts: {{connect: 60s}}\n")
    proxy = Proxy(compared.other.port, 40_000, lambda: None)
    try:
        through = replace(compared.other, port=proxy.port)
        environ = {"DEV_POSTGRES_URL": compared.first.reveal(), "LOCAL_POSTGRES_URL": through.reveal()}
        run = compared.start("--dbdeploy-compare=dev,local", **environ)
        run.until(proxy.ended.is_set)
        servers = run.servers()
        if how == "killed":
            run.kill()
        else:
            run.process.send_signal(signal.SIGINT)
            assert run.result().ended == (2, "interrupted")
        until(lambda: not run.left(servers))
        assert bool(servers) == (transport == "hub")
    finally:
        proxy.close()
    connections = "select count(*) from pg_stat_activity where datname = %s"
    until(lambda: fetch(postgres17.url, connections, compared.other.dbname) == [(0,)])


@pytest.fixture
def small_disk():
    """Makes a disk of so many megabytes, that servers may use."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    with contextlib.ExitStack() as stack:

        def make(megabytes):
            folder = stack.enter_context(enterable_folder())
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=1777", "tmpfs", folder], check=False
            )
            if mounted.returncode:
                pytest.skip("no disk may be mounted here")
            stack.callback(subprocess.run, ["umount", "-l", folder], check=True)
            return folder

        yield make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("megabytes", "transport", "ended"),
    [
        (20, "hub", (10, "aborted")),  # not enough for the hub's server
        (20, "auto", (0, "equal")),
        (64, "auto", (10, "aborted")),  # enough for that, and not for what is read through it
    ],
)
def test_a_hub_whose_disk_is_full_is_a_clear_error_or_no_hub_and_leaves_nothing(
    compared, small_disk, megabytes, transport, ended
):
    folder = small_disk(megabytes)
    for url in (compared.first, compared.other):
        execute(
            url, "do $$ begin execute format('comment on table users is %L', repeat('x', 60000000)); end $$"
        )
    compared.write("dbdeploy.yaml", f"compare: {{transport: {transport}}}\n")
    urls = {"DEV_POSTGRES_URL": compared.first.reveal(), "LOCAL_POSTGRES_URL": compared.other.reveal()}
    result = compared.run("--dbdeploy-compare=dev,local", **urls, TMPDIR=str(folder))
    assert result.ended == ended
    told = [r["message"] for r in result.report["decision"]["reasons"]] + result.report["notes"]
    assert any("No space left on device" in text for text in told)
    until(lambda: not list(folder.iterdir()))


# -- a standby ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def standby():
    """A primary with one database, and the URL of that database on its hot standby."""
    with running(17, max_wal_senders="5") as primary, enterable_folder() as folder:
        url = primary.fresh_database()
        execute(url, TABLES)
        tools, user = enterable(primary.embedded.tools, server_user()), server_user()
        environ = {**os.environ, **tools.environ(), **url.tool_env()}
        backup = ["-D", folder / "data", "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"]
        subprocess.run([tools.path("pg_basebackup"), *backup], env=environ, check=True, timeout=60)
        if user is not None:
            subprocess.run(["chown", "-R", f"{user.uid}:{user.gid}", folder / "data"], check=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        # no lock table may be smaller than the primary's
        settings = [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_locks_per_transaction=4096",
        ]
        process = subprocess.Popen(
            [tools.path("postgres"), "-D", folder / "data", "-p", str(port)]
            + [part for setting in settings for part in ("-c", setting)],
            env=server_environment(tools),
            user=user.uid if user else None,
            group=user.gid if user else None,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: answers(replace(url, port=port)))
            yield url, replace(url, port=port)
        finally:
            process.send_signal(signal.SIGINT)  # fast
            process.wait(30)


def answers(url):
    try:
        return fetch(url, "select pg_is_in_recovery()") == [(True,)]
    except TargetError:
        return False


def test_a_hot_standby_is_a_side_like_any_other_and_said_to_be_one(compared, standby):
    primary, url = standby
    result = compared.run(f"--dbdeploy-compare={primary.reveal()}", f"--dbdeploy-compare={url.reveal()}")
    assert result.ended == (0, "equal")
    found = result.json("schema-comparison.json")
    assert (found["transport"], [d["standby"] for d in found["databases"]]) == ("hub", [False, True])
    assert any(
        "is a standby: it is compared as far as it has come" in note for note in result.report["notes"]
    )
