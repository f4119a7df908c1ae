"""Dumps: complete, consistent, private, verified; and what is said when they cannot be."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pytest_dbdeploy.actions.dump import Dump, consistent, dump, remove_partial, verify, write_dump
from pytest_dbdeploy.actions.toc import listing, parse
from pytest_dbdeploy.db.tools import find_installations, tools_for
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import BackupError
from tests import rich
from tests.servers import RealServer, execute, fetch, missing


@pytest.fixture
def database(server: RealServer) -> DatabaseUrl:
    return server.owner_database()


@pytest.mark.parametrize(("format", "jobs"), [("custom", 1), ("directory", 2)])
def test_a_dump_is_complete_private_and_verified(server: RealServer, tmp_path: Path, format, jobs):  # noqa: A002
    url = rich.database(server)
    backup = dump(url, tmp_path / "backup.dump", tools=tools_for(server.major), format=format, jobs=jobs)
    files = [backup.path] if format == "custom" else list(backup.path.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(backup.path.stat().st_mode) == (0o600 if format == "custom" else 0o700)
    assert backup.format == format
    assert backup.bytes == sum(file.stat().st_size for file in files) > 0
    verify(backup)


def test_the_list_of_an_archive_is_read_with_odd_names(server: RealServer, tmp_path: Path):
    role = server.role(f"role with spaces {server.major} {tmp_path.name}")
    url = role.with_dbname(server.fresh_database(owner=role.user).dbname)
    execute(
        url,
        'create schema "a b"; create schema "a"; create table "a b"."c d" ("e f" int); create table a."x y" (); create table a."b c d" ()',
    )
    tools = tools_for(server.major)
    dump(url, tmp_path / "dump", tools=tools)
    entries = parse(listing(tools, tmp_path / "dump", BackupError), roles=[role.user])
    found = {(e.kind, e.schema, e.tag, e.owner) for e in entries}
    assert {
        ("SCHEMA", None, "a b", role.user),
        ("TABLE", "a b", "c d", role.user),
        ("TABLE", "a", "x y", role.user),
        ("TABLE DATA", "a b", "c d", role.user),
    } <= found


def test_a_changed_a_missing_and_an_unreadable_backup_are_refused(
    server: RealServer, database, tmp_path: Path
):
    execute(database, "create table t as select generate_series(1, 1000) as i")
    backup = dump(database, tmp_path / "backup.dump", tools=tools_for(server.major))
    content = bytearray(backup.path.read_bytes())
    content[len(content) // 2] ^= 1
    backup.path.write_bytes(content)
    with pytest.raises(BackupError, match="checksum differs"):
        verify(backup)
    backup.path.unlink()
    with pytest.raises(BackupError, match="is not there"):
        verify(backup)


def test_what_is_committed_after_the_snapshot_is_not_in_the_dump(
    server: RealServer, database, tmp_path: Path
):
    execute(database, "create table t (i int); insert into t values (1)")
    tools = tools_for(server.major)
    with consistent(database, "test") as (_, snapshot):
        execute(database, "insert into t values (2)")
        dump(database, tmp_path / "backup.dump", tools=tools, snapshot=snapshot)
    assert "TABLE DATA public t" in listing(tools, tmp_path / "backup.dump", BackupError)
    execute(database, "drop table t")
    from pytest_dbdeploy.actions.restore import restore

    restore(database, tmp_path / "backup.dump", server_major=server.major)
    assert fetch(database, "select i from t") == [(1,)]


def test_tables_that_the_role_cannot_read_are_named_with_what_to_grant(
    server: RealServer, database, tmp_path: Path
):
    superuser = server.url.with_dbname(database.dbname)
    execute(
        superuser,
        "create schema hidden; create table hidden.a (); create table public.b (); create sequence public.c; create table public.d ();"
        f"grant select on public.d to {database.user}; alter table public.d enable row level security; select lo_create(4711)",
    )
    with pytest.raises(BackupError) as caught:
        dump(database, tmp_path / "backup.dump", tools=tools_for(server.major))
    message, hint = caught.value.message, caught.value.hint or ""
    assert "table hidden.a: no USAGE on its schema" in message
    assert "table public.b: no SELECT" in message
    assert "sequence public.c: no SELECT" in message
    assert "table public.d: its row-level security hides rows" in message
    assert "large object 4711: no SELECT" in message
    assert f'GRANT USAGE ON SCHEMA hidden TO "{database.user}";' in hint
    assert f'public.b TO "{database.user}";' in hint
    assert f'ALTER ROLE "{database.user}" BYPASSRLS;' in hint
    assert not (tmp_path / "backup.dump").exists()


def test_a_dump_does_not_hang_behind_an_exclusive_lock(server: RealServer, database, tmp_path: Path):
    execute(database, "create table t (i int)")
    wanted = Dump(tmp_path / "backup.dump", tools_for(server.major), lock_wait=0.2)
    with consistent(database, "blocked") as (conn, _), consistent(database, "test") as (reading, snapshot):
        conn.rollback()
        conn.read_only = False
        conn.execute("lock table t in access exclusive mode")
        with pytest.raises(BackupError, match="timeout") as caught:
            write_dump(database, reading, snapshot, wanted, None)
    assert "ACCESS EXCLUSIVE lock" in (caught.value.hint or "")
    assert not wanted.path.exists()


def test_a_file_that_is_already_there_is_not_overwritten(server: RealServer, database, tmp_path: Path):
    (tmp_path / "backup.dump").write_text("precious")
    with pytest.raises(BackupError, match="cannot be created"):
        dump(database, tmp_path / "backup.dump", tools=tools_for(server.major))
    assert (tmp_path / "backup.dump").read_text() == "precious"


@pytest.mark.parametrize("format", ["custom", "directory"])
def test_a_dump_has_its_name_only_when_it_is_whole(server: RealServer, database, tmp_path: Path, format):  # noqa: A002
    """One that a kill leaves half-made is not taken for whole, and not in the way of the next."""
    path, seen = tmp_path / "backup.dump", []
    dump(database, path, tools=tools_for(server.major), format=format)
    whole = sorted(one.name for one in tmp_path.iterdir())
    assert whole == ["backup.dump"]
    path.rename(tmp_path / "backup.dump.part")

    def missing(conn, wanted):
        seen.extend(one.name for one in tmp_path.iterdir())
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytest_dbdeploy.actions.dump._missing_relations", missing)
        again = dump(database, path, tools=tools_for(server.major), format=format)
    assert seen == ["backup.dump.part"]
    assert [one.name for one in tmp_path.iterdir()] == ["backup.dump"]
    verify(again)


def test_what_a_killed_dump_left_is_removed_where_it_can_be_looked_at(tmp_path: Path):
    left = tmp_path / "backup.dump.part"
    left.write_text("half")
    remove_partial(tmp_path / "backup.dump")
    assert not left.exists()
    left.write_text("a file where another machine has a folder")
    remove_partial(left / "backup.dump")


def test_tools_older_than_the_server_are_named_as_the_reason(postgres18: RealServer, tmp_path: Path):
    older = next((tools for tools in find_installations() if tools.major < 18 and tools.has("pg_dump")), None)
    if older is None:
        missing("needs a pg_dump before 18")
        return
    with pytest.raises(BackupError, match="server version mismatch") as caught:
        dump(postgres18.owner_database(), tmp_path / "backup.dump", tools=older)
    assert "Install" in (caught.value.hint or "")


def test_a_long_dump_reports_bytes_and_ctrl_c_ends_its_children(postgres17: RealServer, tmp_path: Path):
    url = postgres17.owner_database()
    execute(url, "create table t as select i, md5(i::text) from generate_series(1, 1500000) i")

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    listener = rich.Listener(interrupt)
    path = tmp_path / "backup.dump"
    with pytest.raises(KeyboardInterrupt), rich.step(listener) as step:
        dump(url, path, tools=tools_for(17), format="directory", jobs=2, step=step)
    assert listener.progress[0].endswith("/s")
    assert not path.exists()
    with rich.argument_lists() as seen:
        assert not fetch(
            url,
            "select pid from pg_stat_activity where application_name = 'pytest-dbdeploy backup' and state = 'active'",
        )
    assert not [line for line in seen if str(path) in line]
