"""Clones: as the target is, or the difference is said by name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql

from pytest_dbdeploy.actions.clone import Clone, clone
from pytest_dbdeploy.actions.restore_errors import Failure, parse_failures
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import CloneError, ServerError
from pytest_dbdeploy.sandboxes import embedded
from tests import rich
from tests.servers import RealServer, execute, fetch, missing

GB = 10**9


@contextmanager
def sandbox(major: int, extensions: tuple[str, ...] = ()) -> Iterator[embedded.EmbeddedSandbox]:
    try:
        opened = embedded.open(major, extensions)
    except ServerError as error:
        missing(str(error))
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture(scope="module")
def sandbox17() -> Iterator[embedded.EmbeddedSandbox]:
    with sandbox(17) as opened:
        yield opened


@pytest.fixture(scope="module")
def sandbox18() -> Iterator[embedded.EmbeddedSandbox]:
    with sandbox(18) as opened:
        yield opened


def cloned(
    target: DatabaseUrl, server: RealServer, into: embedded.EmbeddedSandbox, workdir: Path, **options
) -> Clone:
    options.setdefault("max_size", GB)
    return clone(target, into, tools=tools_for(server.major), workdir=workdir, **options)


def as_superuser(server: RealServer, url: DatabaseUrl) -> DatabaseUrl:
    return server.url.with_dbname(url.dbname)


def test_a_clone_and_its_copy_are_what_the_target_is(server: RealServer, tmp_path):
    target, tools = rich.database(server), tools_for(server.major)
    with sandbox(server.major) as into:
        made = cloned(target, server, into, tmp_path)
        original = rich.contents(target, tools)
        assert rich.contents(made.before, tools) == original
        assert rich.contents(made.after, tools) == original
    assert made.notes == ()
    assert made.dump.is_dir()
    assert made.bytes > 1_000_000
    assert [file.name for file in tmp_path.iterdir()] == ["clone.dump"]


def test_an_older_target_is_cloned_into_newer_servers(postgres15, sandbox17, sandbox18, tmp_path):
    target = rich.database(postgres15)
    original = rich.contents(target, tools_for(18))
    for into, folder in ((sandbox17, "17"), (sandbox18, "18")):
        made = cloned(target, postgres15, into, tmp_path / folder)
        assert rich.contents(made.before, tools_for(18)).rows == original.rows
        assert made.notes == ()


def test_roles_policies_grants_memberships_and_owners_come_without_passwords(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    group, member, named = (postgres17.role().user for _ in range(3))
    admin = as_superuser(postgres17, target)
    execute(
        admin,
        f"grant {group} to {member} with admin option; grant pg_read_all_data to {member};"
        f"create table t (i int); alter table t owner to {member}; create policy p on t to {named} using (true); alter table t enable row level security;"
        f"grant select on t to {group}; alter default privileges for role {member} grant insert on tables to {named};"
        f"alter role {named} bypassrls",
    )
    made = cloned(admin, postgres17, sandbox17, tmp_path)
    assert rich.pg_dump(made.before, tools_for(17), "-s") == rich.pg_dump(admin, tools_for(17), "-s")
    roles = fetch(
        made.before,
        "select rolname::text, rolcanlogin, rolbypassrls, rolpassword is null from pg_authid where rolname = any(%s) order by 1",
        [group, member, named],
    )
    assert roles == sorted((name, False, name == named, True) for name in (group, member, named))
    memberships = "select roleid::regrole::text, admin_option from pg_auth_members where member = %s::regrole order by 1"
    assert fetch(made.before, memberships, member) == [("pg_read_all_data", False), (group, True)]
    assert made.notes == ()


def test_settings_of_database_and_role_hold_in_both_clones(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    database, role = target.dbname, target.user
    execute(
        as_superuser(postgres17, target),
        f'create schema "my Schema"; alter database {database} set search_path to "my Schema", public;'
        f"alter database {database} set timezone to 'Asia/Tokyo'; alter role {role} set timezone to 'Europe/Zurich';"
        f"alter database {database} set app.tenant to 'it''s'; alter role {role} in database {database} set datestyle to 'German';"
        f"alter database {database} set session_preload_libraries to 'plpgsql'",
    )
    made = cloned(target, postgres17, sandbox17, tmp_path)
    for url in (made.before, made.after):
        shown = fetch(
            url,
            "select current_setting('search_path'), current_setting('timezone'), current_setting('app.tenant'), current_setting('datestyle')",
        )
        assert shown == [('"my Schema", public', "Europe/Zurich", "it's", "ISO, DMY")]
        assert fetch(
            url, "select datdba::regrole::text from pg_database where datname = current_database()"
        ) == [(role,)]
    assert made.notes == ("setting session_preload_libraries of the target is not applied to the clone",)


def test_a_target_over_max_size_is_refused_with_what_to_do(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    with pytest.raises(CloneError, match=r"more than sandbox\.max_size") as caught:
        cloned(target, postgres17, sandbox17, tmp_path, max_size=1_000_000)
    assert "sandbox.data: schema" in (caught.value.hint or "")
    assert not (tmp_path / "clone.dump").exists()


def test_data_schema_leaves_the_rows_out_whatever_the_size(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    execute(target, "create table t as select 1 as i; create index on t (i)")
    made = cloned(target, postgres17, sandbox17, tmp_path, max_size=1, data="schema")
    assert fetch(made.after, "select count(*) from t") == [(0,)]


def test_excluded_schemas_stay_out(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    execute(target, 'create schema "a*b"; create table "a*b".t (); create schema axb; create table axb.t ()')
    made = cloned(target, postgres17, sandbox17, tmp_path, exclude_schemas=("a*b",))
    assert fetch(made.before, "select to_regclass('\"a*b\".t') is null, to_regclass('axb.t') is null") == [
        (True, False)
    ]
    assert made.notes == ()


def test_what_a_clone_leaves_out_is_named_and_no_password_comes_along(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    admin = as_superuser(postgres17, target)
    execute(
        admin,
        "create extension postgres_fdw; create server far foreign data wrapper postgres_fdw options (host 'nowhere');"
        "create user mapping for public server far options (user 'u', password 'secret-of-the-mapping');"
        "create foreign table f (i int) server far; create table t (i int); create publication p for table t;"
        "create function e() returns event_trigger language plpgsql as 'begin end'; create event trigger et on ddl_command_end execute function e()",
    )
    execute(
        admin,
        f"create subscription sub_{target.dbname} connection 'host=nowhere password=secret-of-the-subscription' publication x with (connect = false)",
    )
    made = cloned(admin, postgres17, sandbox17, tmp_path)
    execute(
        admin,
        f"alter subscription sub_{target.dbname} set (slot_name = none); drop subscription sub_{target.dbname}",
    )
    assert sorted(made.notes) == [
        f"subscription sub_{target.dbname} is not in the clone",
        "user mapping of public for server far is not in the clone",
    ]
    assert fetch(
        made.after, "select (select count(*) from pg_subscription), (select count(*) from pg_user_mapping)"
    ) == [(0, 0)]
    found = fetch(
        made.after,
        "select (select count(*) from pg_foreign_table), (select count(*) from pg_publication_tables), (select count(*) from pg_event_trigger)",
    )
    assert found == [(1, 1, 1)]
    assert "secret-of-the" not in sandbox17.server.log_path.read_text("utf-8")


def test_an_extension_that_the_sandbox_lacks_is_named(postgres15, sandbox17, tmp_path):
    target = postgres15.owner_database()
    execute(as_superuser(postgres15, target), "create extension adminpack")
    execute(target, "create table t (i int)")
    made = cloned(target, postgres15, sandbox17, tmp_path)
    assert [note for note in made.notes if note.startswith("extension adminpack")]
    assert fetch(made.after, "select count(*) from t") == [(0,)]


def test_a_table_that_needs_a_missing_extension_is_an_error_that_names_both(postgres15, tmp_path):
    target = postgres15.owner_database()
    execute(
        as_superuser(postgres15, target),
        "create extension pgcrypto",
    )
    execute(target, "create table t (s text default public.gen_salt('bf'))")
    with sandbox(18, ("pgcrypto",)) as into:
        if not into.missing_extensions:
            pytest.skip("this PostgreSQL 18 has pgcrypto")
        with pytest.raises(CloneError, match=r"CREATE TABLE public\.t \(: .*gen_salt") as caught:
            cloned(target, postgres15, into, tmp_path)
    assert "no extension pgcrypto" in (caught.value.hint or "")


def test_what_cannot_be_restored_is_named_with_the_servers_message(postgres15, sandbox17, tmp_path):
    target = postgres15.owner_database()
    execute(
        target,
        "create table t (i int); insert into t values (1); create function g(int) returns int immutable language sql as 'select $1';"
        "create function f(int) returns int immutable language plpgsql as 'begin return g($1); end'; create index broken on t (f(i))",
    )
    made = cloned(target, postgres15, sandbox17, tmp_path)
    assert len(made.notes) == 1
    assert made.notes[0].startswith("not in the clone: CREATE INDEX broken ON public.t ")
    assert "function g(integer) does not exist" in made.notes[0]


def test_encoding_and_collation_are_the_targets(postgres17, sandbox17, tmp_path):
    postgres17.execute(sql.SQL("create database latin template template0 encoding 'LATIN1' locale 'C'"))
    target = postgres17.url.with_dbname("latin")
    execute(target, "create table t as select 'é' as e")
    made = cloned(target, postgres17, sandbox17, tmp_path)
    shown = (
        "select pg_encoding_to_char(encoding), datcollate from pg_database where datname = current_database()"
    )
    assert fetch(made.after, shown) == fetch(target, shown) == [("LATIN1", "C")]
    assert fetch(made.after, "select e from t") == [("é",)]


def test_a_missing_public_schema_is_missing_in_the_clone(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    execute(target, "drop schema public")
    made = cloned(target, postgres17, sandbox17, tmp_path)
    assert fetch(made.after, "select to_regnamespace('public')") == [(None,)]


def test_an_empty_target_and_a_second_clone_work(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    cloned(target, postgres17, sandbox17, tmp_path / "first")
    execute(target, "create table t (i int)")
    made = cloned(target, postgres17, sandbox17, tmp_path / "second")
    assert fetch(made.after, "select count(*) from t") == [(0,)]


def test_unreadable_tables_abort_the_clone_by_name(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    execute(as_superuser(postgres17, target), "create table public.closed (i int)")
    with pytest.raises(CloneError, match=r"table public\.closed: no SELECT"):
        cloned(target, postgres17, sandbox17, tmp_path)


def test_no_password_is_in_any_argument_list(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    execute(target, "create table t as select i, md5(i::text) from generate_series(1, 200000) i")
    with rich.argument_lists() as seen:
        cloned(target, postgres17, sandbox17, tmp_path)
    assert any("pg_restore" in line and "--jobs" in line for line in seen)
    secrets = (target.password.reveal(), sandbox17.admin_url.password.reveal())
    assert not [line for line in seen if any(secret in line for secret in secrets)]


def test_ctrl_c_in_a_restore_ends_its_children(postgres17, sandbox17, tmp_path):
    target = postgres17.owner_database()
    execute(
        target,
        "create table t as select i, md5(i::text) from generate_series(1, 1000000) i; create index on t (md5)",
    )

    def interrupt(text: str) -> None:
        if text.startswith("restored"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), rich.step(rich.Listener(interrupt)) as step:
        cloned(target, postgres17, sandbox17, tmp_path, step=step)
    deadline = time.monotonic() + 20
    busy = "select count(*) from pg_stat_activity where datname = 'before'"
    while fetch(sandbox17.admin_url, busy) != [(0,)]:
        assert time.monotonic() < deadline, "a session of pg_restore is still there"


def test_failures_of_pg_restore_are_read_one_by_one():
    text = """pg_restore: while INITIALIZING:
pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"
Command was: SET transaction_timeout = 0;
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3; 3079 16386 EXTENSION far
pg_restore: error: could not execute query: ERROR:  extension "far" is not available
DETAIL:  Could not open extension control file "far.control": No such file or directory.
HINT:  The extension must first be installed on the system where PostgreSQL is running.
Command was: CREATE EXTENSION IF NOT EXISTS far WITH SCHEMA public;


pg_restore: error: could not execute query: ERROR:  relation "u" does not exist
LINE 1: CREATE VIEW public.v AS
Command was: CREATE VIEW public.v AS
 SELECT * FROM u;

pg_restore: error: COPY failed for table "t": ERROR:  could not extend file
CONTEXT:  COPY t, line 17
pg_restore: warning: errors ignored on restore: 4
"""
    failures = parse_failures(text)
    assert [(str(f), f.fatal) for f in failures] == [
        (
            'CREATE EXTENSION IF NOT EXISTS far WITH SCHEMA public;: extension "far" is not available '
            '(Could not open extension control file "far.control": No such file or directory.)',
            False,
        ),
        ('CREATE VIEW public.v AS: relation "u" does not exist', False),
        ('COPY failed for table "t": ERROR:  could not extend file', True),
    ]


@pytest.mark.parametrize(
    "command",
    [
        "CREATE TABLE public.t (",
        "CREATE UNLOGGED TABLE public.t (",
        "COPY public.t (i) FROM stdin;",
        "SELECT pg_catalog.setval('public.s', 1, true);",
        "ALTER TABLE ONLY public.t ATTACH PARTITION public.p FOR VALUES IN (1);",
        "ALTER TABLE public.t ALTER COLUMN i ADD GENERATED ALWAYS AS IDENTITY (",
    ],
)
def test_a_missing_table_or_rows_are_never_only_a_note(command):
    assert Failure("refused", command).fatal
