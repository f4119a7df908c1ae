"""Embedded servers, temporary and of a path, started for real."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pytest_dbdeploy.db import access, datadir, keeper
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.installation import choose_installation
from pytest_dbdeploy.db.leftovers import clean_orphans
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.server_settings import SANDBOX
from pytest_dbdeploy.errors import ServerError
from tests.servers import RealServer, fetch
from tests.sessions import gone, keeper_of, postmaster_of, processes_of, until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")


@pytest.fixture
def temporary_root(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test's temporary servers lie, and nothing else does."""
    monkeypatch.setattr(tempfile, "tempdir", str(open_folder))
    return open_folder


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, where a server's user gets to."""
    with tempfile.TemporaryDirectory(prefix="dbdeploy-cache-") as name:
        Path(name).chmod(0o755)
        monkeypatch.setattr(access, "ROOT_CACHE", Path(name) / "cache")
        monkeypatch.setenv("XDG_CACHE_HOME", name)
        yield Path(name)


# -- temporary servers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", [15, 17, 18])
def test_a_temporary_server_starts_works_and_leaves_nothing(temporary_root: Path, major: int) -> None:
    with EmbeddedServer.temporary(minimum_major=major) as server:
        assert server.major == major
        assert fetch(server.url, "select current_user::text, current_database()::text") == [
            ("postgres", "postgres")
        ]
        folder, pids = server.folder, processes_of(server.folder)
        assert set(pids.values()) == {"keeper", "postgres"}
        assert folder.parent == temporary_root
    until(lambda: all(gone(pid) for pid in pids))
    assert list(temporary_root.iterdir()) == []


def test_a_sandbox_is_fast_and_its_wal_tells_what_happened(server: RealServer) -> None:
    for name in (
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "wal_level",
        "autovacuum",
        "max_locks_per_transaction",
    ):
        assert fetch(server.url, sql.SQL("show {}").format(sql.Identifier(name))) == [(SANDBOX[name],)]  # type: ignore[arg-type]


def test_settings_of_the_caller_win(temporary_root: Path) -> None:
    with EmbeddedServer.temporary(minimum_major=17, settings={"max_connections": "7"}) as server:
        assert fetch(server.url, "show max_connections") == [("7",)]


def test_it_listens_on_loopback_only_and_has_no_socket(server: RealServer) -> None:
    assert fetch(server.url, "show listen_addresses") == [("127.0.0.1",)]
    assert fetch(server.url, "show unix_socket_directories") == [("",)]


def test_an_extension_that_is_nowhere_is_named() -> None:
    with pytest.raises(ServerError, match="no_such_extension"):
        EmbeddedServer.temporary(minimum_major=15, extensions=["no_such_extension"]).start()


def test_the_lowest_major_with_the_extensions_is_chosen() -> None:
    with_vector = [
        m
        for m in (15, 17, 18)
        if not choose_installation(m, exactly=True).missing_extensions(frozenset({"vector"}))
    ]
    assert choose_installation(15).major == 15
    assert choose_installation(16).major == 17
    if with_vector:
        assert choose_installation(15, ["vector"]).major == with_vector[0]
    with pytest.raises(ServerError, match="99 or later is installed"):
        choose_installation(99)


def test_a_temporary_server_can_be_kept_until_it_is_cleaned(temporary_root: Path) -> None:
    server = EmbeddedServer.temporary(minimum_major=17)
    server.start()
    url, folder, pids = server.url, server.folder, processes_of(server.folder)
    server.stop(keep=True)
    try:
        assert clean_orphans() == ()
        assert fetch(url, "select 1") == [(1,)]
    finally:
        assert clean_orphans(include_kept=True) == (folder,)
    until(lambda: all(gone(pid) for pid in pids))
    assert list(temporary_root.iterdir()) == []


def test_a_folder_whose_maker_was_killed_before_its_keeper_came_is_removed_at_once(
    temporary_root: Path,
) -> None:
    killed = subprocess.Popen(["true"])
    killed.wait()
    mine, orphan = (temporary_root / f"dbdeploy-sandbox-{pid}-x" for pid in (os.getpid(), killed.pid))
    mine.mkdir()
    orphan.mkdir()
    assert clean_orphans() == (orphan,)


def test_an_interrupted_start_leaves_nothing(temporary_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_dbdeploy.db.server._change_password", interrupt)
    with pytest.raises(KeyboardInterrupt):
        EmbeddedServer.temporary(minimum_major=17).start()
    assert list(temporary_root.iterdir()) == []


def test_a_server_that_cannot_start_is_told_with_its_log_and_leaves_nothing(temporary_root: Path) -> None:
    with pytest.raises(ServerError, match="no_such_setting"):
        EmbeddedServer.temporary(minimum_major=17, settings={"no_such_setting": "1"}).start()
    assert list(temporary_root.iterdir()) == []


def test_a_port_that_was_taken_meanwhile_is_replaced(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, user = choose_installation(17), access.server_user()
    datadir.initdb(tools, open_folder / "data", secrets.token_hex(8), user, sync=False)
    for name in ("lock", "users", "keeper"):
        (open_folder / name).touch()
    task: keeper.Task = {
        "argv": [
            str(tools.path("postgres")),
            "-D",
            str(open_folder / "data"),
            "-c",
            "unix_socket_directories=",
            "-c",
            "listen_addresses=127.0.0.1",
        ],
        "env": datadir.server_environment(tools),
        "uid": user.uid if user else None,
        "gid": user.gid if user else None,
        "deadline": 60.0,
    }
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], keeper.free_port()]
        monkeypatch.setattr(keeper, "free_port", lambda: ports.pop(0))
        kept = keeper.Keeper(open_folder, temporary=False)
        try:
            assert kept.start(task) != taken.getsockname()[1]
        finally:
            kept.end()
            for descriptor in (kept.lock, kept.users, kept.alive):
                os.close(descriptor)


def test_neither_keeper_nor_server_inherits_open_files(temporary_root: Path) -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        with EmbeddedServer.temporary(minimum_major=17) as server:
            os.close(writing)
            assert (
                os.read(reading, 1) == b""
            )  # the end of file comes only when nobody else holds the other end
            assert processes_of(server.folder)
    finally:
        os.close(reading)


# -- the cached template ------------------------------------------------------------------------------------------


def test_a_template_is_made_once_and_is_nobody_elses(own_cache: Path, temporary_root: Path) -> None:
    passwords = set()
    for _ in range(2):
        with EmbeddedServer.temporary(minimum_major=17) as server:
            passwords.add(server.url.password.reveal())
    (template,) = own_cache.glob("*/templates/*")
    assert len(passwords) == 2
    assert (template / "password").stat().st_mode & 0o777 == 0o600
    assert (template / "data").stat().st_mode & 0o777 == 0o700
    assert (template / "password").read_text() not in passwords


def test_without_a_cache_a_server_starts_too(temporary_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datadir, "cache_folder", lambda: None)
    with EmbeddedServer.temporary(minimum_major=17) as server:
        assert fetch(server.url, "select 1") == [(1,)]


def test_what_a_killed_creator_left_in_the_cache_is_not_used_and_goes_with_time(
    own_cache: Path, temporary_root: Path
) -> None:
    EmbeddedServer.temporary(minimum_major=17).__enter__().stop()
    (template,) = own_cache.glob("*/templates/*")
    half = template.with_name(f".{template.name}-half")
    (half / "data").mkdir(parents=True)
    shutil.rmtree(template)
    old = time.time() - 7200
    os.utime(half, (old, old))
    EmbeddedServer.temporary(minimum_major=17).__enter__().stop()
    assert [path.name for path in template.parent.iterdir()] == [template.name]


# -- secrets ------------------------------------------------------------------------------------------------------


def test_no_password_is_in_arguments_environments_or_the_log(open_folder: Path) -> None:
    with EmbeddedServer.at(open_folder / "dev") as server:
        password = server.url.password.reveal()
        with connect(server.url, purpose="test", autocommit=True) as connection:
            with pytest.raises(psycopg.Error):
                connection.execute("alter role nobody_here password 'in-a-statement'")
            with pytest.raises(psycopg.Error):
                connection.execute("select 'in-a-statement'::int")
            with pytest.raises(psycopg.Error):
                connection.execute("alter role nobody_here password 'in-a-statement' syntax error")
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                try:
                    public = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                except OSError:
                    continue
                assert password.encode() not in public
        log = server.log_path.read_text()
        assert "nobody_here" in log
        assert password not in log
        assert "in-a-statement" not in log.replace('integer: "in-a-statement"', "")
        for name in ("password", "server.json", "server.log", "lock", "users", "keeper"):
            assert (server.folder / name).stat().st_mode & 0o777 == 0o600, name


def test_a_wrong_password_is_refused(server: RealServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(**{**server.url.conninfo(), "password": "guess"})


# -- other users --------------------------------------------------------------------------------------------------


@as_root
def test_under_root_the_server_runs_as_another_user(temporary_root: Path) -> None:
    with EmbeddedServer.temporary(minimum_major=17) as server:
        user = access.server_user()
        assert user is not None
        assert Path("/proc", str(postmaster_of(server.folder))).stat().st_uid == user.uid
        assert Path("/proc", str(keeper_of(server.folder))).stat().st_uid == 0


@as_root
@pytest.mark.parametrize("major", [17, 18])
def test_programs_that_the_servers_user_cannot_enter_are_copied_once(
    own_cache: Path, open_folder: Path, major: int
) -> None:
    tools = choose_installation(major, exactly=True)
    package = tools.bindir.parent.parent
    closed = open_folder / "closed"
    for source in (package, package.with_name(package.name + ".libs")):
        if source.is_dir():
            shutil.copytree(source, closed / source.name, symlinks=True)
    closed.chmod(0o700)
    theirs = replace(tools, bindir=closed / tools.bindir.relative_to(package.parent))
    user = access.server_user()
    assert user is not None
    copy = access.enterable(theirs, user)
    assert copy.bindir.is_relative_to(own_cache)
    assert access.enterable(theirs, user) == copy
    done = subprocess.run(
        [copy.path("postgres"), "--version"],
        capture_output=True,
        text=True,
        user=user.uid,
        group=user.gid,
        cwd="/",
        check=True,
    )
    assert tools.version in done.stdout
    assert copy.missing_extensions(frozenset({"plpgsql", "postgres_fdw"})) == frozenset()
    datadir.initdb(copy, open_folder / "data", "x" * 12, user, sync=False)
