"""Targets that cannot be deployed to, or where it fails half-way: a clear message, the right status, nothing lost."""

from .test_compare import standby  # noqa: F401  # a fixture
from .test_killed import whole

CHANGE = "alter table users add column phone text;\nupdate users set name = upper(name);\n"


def only_on(database, sqlstate, message):
    """A statement that fails with this error in one database, and not in its clone."""
    return (
        f"do $$ begin if current_database() = '{database}' then raise exception '{message}' using errcode = '{sqlstate}'; "
        "end if; end $$;\n"
    )


def test_a_standby_is_refused(make_project, standby):  # noqa: F811
    _, url = standby
    project = make_project(url)
    project.migration("0001_init", "create table t (i int);\n")
    result = project.deploy()
    assert result.ended == (10, "aborted")
    assert "deploy to its primary" in result.gate("test_target_is_writable")["message"]
    assert "untouched" in result.report["whatStandsWhere"][0]


def test_a_target_whose_disk_is_full_while_it_is_migrated_is_as_it_was(deployed):
    full = only_on(deployed.url.dbname, "53100", "could not extend file: No space left on device")
    deployed.migration("0002_change", CHANGE + full)
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    assert "No space left on device" in result.report["decision"]["reasons"][0]["message"]
    assert "53100" in result.report["decision"]["reasons"][0]["message"]
    whole(deployed)


def test_a_role_that_does_not_own_the_tables_is_told_so_and_nothing_is_lost(deployed, postgres17):
    role = postgres17.role().with_dbname(deployed.url.dbname)
    deployed.sql(f'grant create on database "{role.dbname}" to "{role.user}"')
    deployed.sql(f'grant select, insert, update on all tables in schema public to "{role.user}"')
    deployed.sql(f'grant usage, create on schema dbdeploy, public to "{role.user}"')
    deployed.sql(f'grant select, insert, update on all tables in schema dbdeploy to "{role.user}"')
    deployed.sql(f'grant select, usage on all sequences in schema dbdeploy to "{role.user}"')
    deployed.migration("0002_change", CHANGE)
    result = deployed.deploy(DEV_POSTGRES_URL=role.reveal())
    assert result.ended == (10, "aborted")
    message = result.gate("test_role_owns_what_the_migrations_change")["message"]
    assert f"role {role.user} is not the owner of public.users" in message
    whole(deployed)
