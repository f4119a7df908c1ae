"""Restore in place: all comes back, in one transaction, and what is not ours is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dbdeploy.actions import toc
from pytest_dbdeploy.actions.clone import clone, supports_lz4
from pytest_dbdeploy.actions.dump import dump
from pytest_dbdeploy.actions.restore import RestoreReport, restore
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.tools import Tools, find_installations, tools_for
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import BackupError, RestoreError
from pytest_dbdeploy.model import Backup
from pytest_dbdeploy.sandboxes import embedded
from tests import rich
from tests.servers import MAJORS, RealServer, execute, fetch, missing

PAIRS = [(server, tools) for server in MAJORS for tools in MAJORS if tools >= server]


def one_tools(major: int) -> Tools:
    found = next(
        (tools for tools in find_installations() if tools.major == major and tools.has("psql")), None
    )
    if found is None:
        missing(f"needs client programs of PostgreSQL {major}")
    assert found is not None
    return found


@pytest.fixture
def database(server: RealServer) -> DatabaseUrl:
    """A database whose owner is no superuser."""
    return server.owner_database()


def superuser(server: RealServer, database: DatabaseUrl) -> DatabaseUrl:
    return server.url.with_dbname(database.dbname)


def backed_up(server: RealServer, url: DatabaseUrl, tmp_path: Path) -> Backup:
    return dump(url, tmp_path / "backup.dump", tools=tools_for(server.major))


def put_back(server: RealServer, url: DatabaseUrl, backup: Backup | Path, **options) -> RestoreReport:
    return restore(url, backup, server_major=server.major, **options)


def test_no_folder_is_made_that_a_kill_would_leave(monkeypatch, postgres17, tmp_path):
    url = postgres17.owner_database()
    execute(url, "create table t (id int primary key); insert into t values (1)")
    backup = backed_up(postgres17, url, tmp_path)
    execute(url, "drop table t")
    monkeypatch.setattr("tempfile.mkdtemp", lambda *_, **__: pytest.fail("a folder"))
    tools = one_tools(17)
    assert supports_lz4.__wrapped__(tools.bindir, tools) in (True, False)
    put_back(postgres17, url, backup)
    assert fetch(url, "select id from t") == [(1,)]


@pytest.mark.parametrize(("server_major", "tools_major"), PAIRS)
@pytest.mark.parametrize("archive", ["custom", "directory"])
def test_a_mangled_database_comes_back_as_it_was(
    request, monkeypatch, tmp_path, server_major, tools_major, archive
):
    tools = one_tools(tools_major)
    server = request.getfixturevalue(f"postgres{server_major}")
    url = rich.database(server)
    before = rich.contents(url, tools)
    jobs = 2 if archive == "directory" else 1
    backup = dump(url, tmp_path / "backup.dump", tools=tools, format=archive, jobs=jobs)
    rich.mangle(url)
    assert rich.contents(url, tools) != before
    monkeypatch.setattr(toc, "find_installations", lambda: (tools,))
    report = put_back(server, url, backup)
    after = rich.contents(url, tools)
    assert after.schema == before.schema
    assert after.rows == before.rows
    assert report.notes == ()


def test_restoring_an_unchanged_database_changes_nothing(server: RealServer, tmp_path):
    url, tools = rich.database(server), tools_for(server.major)
    before = rich.contents(url, tools)
    put_back(server, url, backed_up(server, url, tmp_path))
    assert rich.contents(url, tools) == before


def test_an_emptied_database_is_filled_and_a_filled_one_is_emptied(server: RealServer, database, tmp_path):
    tools = tools_for(server.major)
    before = rich.contents(database, tools)
    backup = backed_up(server, database, tmp_path)
    execute(database, (rich.CASE / "before.sql").read_text())
    full = rich.contents(database, tools)
    full_backup = dump(database, tmp_path / "full.dump", tools=tools)
    put_back(server, database, backup)
    assert rich.contents(database, tools) == before
    put_back(server, database, full_backup)
    assert rich.contents(database, tools) == full


def test_a_superuser_restores_what_several_roles_own_and_may(server: RealServer, tmp_path):
    url, tools = rich.database(server), tools_for(server.major)
    other = server.role()
    admin = superuser(server, url)
    execute(
        admin,
        f"create table public.theirs (i int); alter table public.theirs owner to {other.user}; grant select on public.theirs to {url.user};"
        f"grant create on schema shop to {other.user}; create view shop.v as select * from public.users; alter view shop.v owner to {other.user};"
        f"create function public.log_ddl() returns event_trigger language plpgsql as 'begin end'; "
        f"create event trigger log_{other.user} on ddl_command_end execute function public.log_ddl();"
        f"grant select on shop.audit to {other.user} with grant option; set role {other.user}; grant select on shop.audit to public;",
    )
    before = rich.contents(admin, tools)
    backup = backed_up(server, admin, tmp_path)
    execute(
        admin,
        f"drop event trigger log_{other.user}; drop view shop.v; drop table public.theirs; revoke all on schema shop from {other.user}",
    )
    rich.mangle(url)
    assert put_back(server, admin, backup).notes == ()
    assert rich.contents(admin, tools) == before


def test_the_state_schema_is_never_touched(server: RealServer, database, tmp_path):
    execute(
        database, "create schema dbdeploy; create table dbdeploy.deployments (id int); create table t (i int)"
    )
    backup = backed_up(server, database, tmp_path)
    execute(
        database, "insert into dbdeploy.deployments values (1); create table dbdeploy.logs (); drop table t"
    )
    put_back(server, database, backup)
    assert fetch(database, "select * from dbdeploy.deployments") == [(1,)]
    assert fetch(database, "select count(*) from t") == [(0,)]
    assert fetch(database, "select to_regclass('dbdeploy.logs') is not null") == [(True,)]


def test_what_depends_on_ours_and_is_not_ours_stops_the_restore_unchanged(server: RealServer, tmp_path):
    url, tools = rich.database(server), tools_for(server.major)
    backup = backed_up(server, url, tmp_path)
    rich.mangle(url)
    other = server.role()
    execute(
        superuser(server, url),
        f"create schema theirs; create view theirs.v as select id from public.users; alter view theirs.v owner to {other.user}",
    )
    execute(
        superuser(server, url),
        f"create table theirs.t (m shop.mood); grant usage on schema theirs to {url.user}; grant select on theirs.t to {url.user}",
    )
    before = rich.contents(superuser(server, url), tools)
    with pytest.raises(RestoreError, match="is unchanged") as caught:
        put_back(server, url, backup)
    assert "view theirs.v" in caught.value.message
    assert "Their owners must drop them" in (caught.value.hint or "")
    assert "column m of table theirs.t" in caught.value.message
    assert rich.contents(superuser(server, url), tools) == before


def test_a_backup_that_breaks_off_changes_nothing(server: RealServer, database, tmp_path):
    execute(
        database,
        "create table a as select i, md5(i::text) from generate_series(1, 50000) i; create table b (i int)",
    )
    backup = backed_up(server, database, tmp_path)
    content = backup.path.read_bytes()
    backup.path.write_bytes(content[: len(content) // 2])
    execute(database, "delete from a where i > 10; insert into b values (1)")
    with pytest.raises(RestoreError, match="is unchanged"):
        put_back(server, database, backup.path)
    assert fetch(database, "select (select count(*) from a), (select count(*) from b)") == [(10, 1)]
    with pytest.raises(BackupError, match="checksum"):
        put_back(server, database, backup)


def test_a_backup_that_is_not_there_is_named(server: RealServer, database, tmp_path):
    with pytest.raises(RestoreError, match=r"gone\.dump is not there"):
        put_back(server, database, tmp_path / "gone.dump")


def test_a_lock_of_another_session_ends_the_restore_unchanged_and_names_it(
    server: RealServer, database, tmp_path
):
    execute(database, "create table t (i int)")
    backup = backed_up(server, database, tmp_path)
    execute(database, "alter table t add column j int")
    with connect(database, purpose="blocker") as blocker:
        blocker.execute("select * from t")
        with pytest.raises(RestoreError, match="lock timeout") as caught:
            put_back(server, database, backup, lock_timeout=0.1, lock_attempts=2)
    assert "pytest-dbdeploy blocker" in (caught.value.hint or "")
    assert fetch(database, "select count(*) from information_schema.columns where table_name = 't'") == [(2,)]


def test_a_restore_waits_for_a_lock_that_is_released(server: RealServer, database, tmp_path):
    execute(database, "create table t (i int)")
    backup = backed_up(server, database, tmp_path)
    execute(database, "alter table t add column j int")
    with connect(database, purpose="blocker") as blocker:
        blocker.execute("select * from t")
        listener = rich.Listener(lambda text: blocker.commit() if "waiting for locks" in text else None)
        with rich.step(listener) as step:
            put_back(server, database, backup, lock_timeout=0.2, lock_attempts=20, step=step)
    assert any("waiting for locks" in text for text in listener.progress)
    assert fetch(database, "select count(*) from information_schema.columns where table_name = 't'") == [(1,)]


def test_objects_of_others_are_left_alone_and_named(server: RealServer, database, tmp_path):
    other = server.role()
    admin = superuser(server, database)
    execute(
        admin,
        "create extension citext; create table public.theirs (i int); insert into public.theirs values (1); create schema outside;"
        "create function outside.f() returns event_trigger language plpgsql as 'begin end';"
        f"create event trigger et_{other.user} on ddl_command_end execute function outside.f();"
        f"alter table public.theirs owner to {other.user}; grant select on public.theirs to {database.user};",
    )
    execute(database, "create table ours (c citext primary key); insert into ours values ('A')")
    backup = backed_up(server, database, tmp_path)
    execute(admin, "insert into public.theirs values (2)")
    execute(database, "drop table ours")
    report = put_back(server, database, backup)
    assert fetch(database, "select c from ours where c = 'a'") == [("A",)]
    assert fetch(admin, "select count(*) from public.theirs") == [(2,)]
    assert fetch(admin, "select evtname::text from pg_event_trigger") == [(f"et_{other.user}",)]
    assert len(report.notes) == 1
    assert f"table public.theirs ({other.user})" in report.notes[0]


def test_extensions_of_ours_come_and_go_with_the_backup(server: RealServer, database, tmp_path):
    execute(
        database,
        "create extension citext; create table t (c citext); create schema s; create extension hstore schema s",
    )
    backup = backed_up(server, database, tmp_path)
    execute(
        database,
        "drop table t; drop extension citext; create schema new; create extension pg_trgm schema new",
    )
    put_back(server, database, backup)
    assert {row[0] for row in fetch(database, "select extname::text from pg_extension")} == {
        "plpgsql",
        "citext",
        "hstore",
    }
    assert fetch(database, "select count(*) from t") == [(0,)]
    assert fetch(database, "select to_regnamespace('new')") == [(None,)]


def test_grants_of_another_role_are_restored_or_named(server: RealServer, database, tmp_path):
    other = server.role()
    execute(
        database,
        f"create table t (); grant select on t to {other.user} with grant option; grant insert on t to public",
    )
    execute(other.with_dbname(database.dbname), "grant select on t to public")
    backup = backed_up(server, database, tmp_path)
    execute(database, "revoke all on t from public")
    report = put_back(server, database, backup)
    assert report.notes == (
        "not granted again, as another role had granted it: GRANT SELECT ON TABLE public.t TO PUBLIC;",
    )
    assert fetch(database, "select has_table_privilege(%s, 't', 'insert')", other.user) == [(True,)]


def test_foreign_servers_keep_the_passwords_of_their_mappings(server: RealServer, database, tmp_path):
    other = server.role()
    execute(
        superuser(server, database),
        f"create extension postgres_fdw; grant usage on foreign data wrapper postgres_fdw to {database.user}",
    )
    execute(
        database,
        "create server far foreign data wrapper postgres_fdw options (host 'nowhere');"
        f"create user mapping for {other.user} server far options (user 'u', password 'secret-of-mapping');"
        "create foreign table distant (i int) server far",
    )
    backup = backed_up(server, database, tmp_path)
    execute(
        database,
        "drop foreign table distant; create server new foreign data wrapper postgres_fdw; alter table if exists distant rename to x",
    )
    put_back(server, database, backup)
    options = fetch(superuser(server, database), "select umoptions from pg_user_mapping")
    assert options == [(["user=u", "password=secret-of-mapping"],)]
    assert fetch(
        database, "select srvname::text, (select count(*) from pg_foreign_table) from pg_foreign_server"
    ) == [("far", 1)]


def test_tables_return_to_our_publications_and_others_are_named(server: RealServer, database, tmp_path):
    execute(
        database,
        "create table t (i int); create publication ours for table t; create publication gone for table t",
    )
    admin = superuser(server, database)
    execute(admin, "create publication theirs for table t")
    backup = backed_up(server, database, tmp_path)
    execute(
        database,
        "drop publication gone; alter publication ours drop table t; create publication extra for table t",
    )
    report = put_back(server, database, backup)
    members = fetch(database, "select pubname::text from pg_publication_tables order by 1")
    assert members == [("gone",), ("ours",)]
    assert [note for note in report.notes if "theirs t" in note]
    assert fetch(database, "select pubname::text from pg_publication order by 1") == [
        ("gone",),
        ("ours",),
        ("theirs",),
    ]


def test_a_dropped_public_schema_comes_back(server: RealServer, tmp_path):
    url, tools = rich.database(server), tools_for(server.major)
    before = rich.contents(url, tools)
    backup = backed_up(server, url, tmp_path)
    execute(url, "drop schema public cascade; drop schema shop cascade")
    put_back(server, url, backup)
    assert rich.contents(url, tools) == before


def test_statistics_are_collected_again(server: RealServer, database, tmp_path):
    execute(database, "create table t as select generate_series(1, 1000) as i")
    put_back(server, database, backed_up(server, database, tmp_path))
    assert fetch(database, "select reltuples from pg_class where relname = 't'") == [(1000,)]


def test_no_password_is_in_any_argument_list(server: RealServer, database, tmp_path):
    execute(database, "create table t as select i, md5(i::text) from generate_series(1, 200000) i")
    with rich.argument_lists() as seen:
        backup = backed_up(server, database, tmp_path)
        put_back(server, database, backup)
    assert any("pg_dump" in line for line in seen)
    assert any("pg_restore" in line for line in seen)
    assert not [line for line in seen if database.password.reveal() in line]


def test_the_clones_own_dump_puts_the_migrated_copy_back(server: RealServer, tmp_path):
    url, tools = rich.database(server), tools_for(server.major)
    execute(
        superuser(server, url),
        "create extension postgres_fdw; create server far foreign data wrapper postgres_fdw; create user mapping for public server far options (user 'x', password 'y')",
    )
    sandbox = embedded.open(server.major)
    try:
        copied = clone(
            server.url.with_dbname(url.dbname), sandbox, tools=tools, max_size=10**9, workdir=tmp_path
        )
        before = rich.contents(copied.after, tools)
        rich.mangle(copied.after)
        restore(copied.after, copied.dump, server_major=sandbox.major)
        assert rich.contents(copied.after, tools) == before
    finally:
        sandbox.close()
