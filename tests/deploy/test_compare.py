"""Comparisons of two databases by whole runs: equal, different, not comparable; and environments that are for comparing only."""

import pytest
from psycopg import sql

from pytest_dbdeploy.db.connect import connect

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
    assert "public.users: 2 rows in both" in found["checksum"].gate("test_rows_are_equal")["message"]
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
    project.write("dbdeploy.yaml", "environments: {dev: {}, local: {}}\n")
    project.sql(TABLES)
    project.first, project.url = project.url, owned(postgres18, "one_owner")
    project.other = project.url
    project.sql(TABLES)
    assert compare(project, "--dbdeploy-compare=dev,local").ended == (0, "equal")


def test_what_the_settings_ignore_is_no_difference(compared):
    compared.sql("alter table users alter column name set not null; create view v as select 1 as one")
    settings = "environments: {dev: {}, local: {}}\ncompare: {ignore: [{kind: view, object: 'public.*'}, {kind: column, property: %s, object: public.users.name}]}\n"
    compared.write("dbdeploy.yaml", settings % "default")
    different = compare(compared, "--dbdeploy-compare=dev,local")
    assert different.ended == (10, "different")
    left = [c for c in different.report["changes"] if c["kind"] != "constraint"]
    assert [(c["kind"], c["object"]) for c in left] == [("column", "public.users.name")]
    (name,) = left[0]["before"]
    compared.write("dbdeploy.yaml", settings % name)
    assert compare(compared, "--dbdeploy-compare=dev,local").ended == (0, "equal")
