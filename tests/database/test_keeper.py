"""Embedded servers whose sessions, keepers or machines die, or share them: no orphan, no stale lock, nothing left over."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_dbdeploy.db import access
from pytest_dbdeploy.db.leftovers import clean_orphans
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.url import DatabaseUrl
from tests.servers import execute, fetch, missing
from tests.sessions import (
    Session,
    gone,
    keeper_of,
    kill_all_of,
    postmaster_of,
    processes_of,
    session,
    until,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def url_of(running: Session) -> DatabaseUrl:
    return DatabaseUrl.parse(running.started()["url"], name="embedded")


def temporary(folder: Path) -> dict[str, dict[str, str]]:
    return {"env": {**os.environ, "TMPDIR": str(folder)}}


# -- a session dies -----------------------------------------------------------------------------------------------


def kill_process(running: Session) -> None:
    running.process.kill()


def kill_group(running: Session) -> None:
    os.killpg(running.process.pid, signal.SIGKILL)


def terminate_group(running: Session) -> None:
    os.killpg(running.process.pid, signal.SIGTERM)


@pytest.mark.parametrize("kill", [kill_process, kill_group, terminate_group])
def test_a_killed_session_leaves_no_server_no_keeper_and_no_folder(
    open_folder: Path, kill: Callable[[Session], None]
) -> None:
    with session(**temporary(open_folder)) as running:
        folder = Path(running.started()["folder"])
        pids = processes_of(folder)
        assert set(pids.values()) == {"keeper", "postgres"}
        kill(running)
        running.process.wait()
        until(lambda: all(gone(pid) for pid in pids))
        until(lambda: not list(open_folder.iterdir()))


@pytest.mark.parametrize("seen", ["*/data", "*/data/base", "*/data/postmaster.pid", "*/server.json"])
def test_a_session_killed_while_it_starts_leaves_nothing(open_folder: Path, seen: str) -> None:
    with session(**temporary(open_folder)) as running:
        until(lambda: list(open_folder.glob(seen)) or running.process.poll() is not None)
        (folder,) = open_folder.iterdir()
        running.kill()
        until(lambda: not processes_of(folder))
        assert list(open_folder.iterdir()) == []


def test_a_forked_child_does_not_keep_its_dead_parents_server(open_folder: Path) -> None:
    script = """
import os, signal, sys, time
from pytest_dbdeploy.db.server import EmbeddedServer
server = EmbeddedServer.temporary(minimum_major=17); server.start()
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(120)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        **temporary(open_folder),
    )
    child = int(done.stdout)
    try:
        assert not gone(child)
        until(lambda: not list(open_folder.iterdir()))
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_server_in_use_outlives_signals_to_its_keeper(open_folder: Path) -> None:
    with session(**temporary(open_folder)) as running:
        url = url_of(running)
        (folder,) = open_folder.iterdir()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(keeper_of(folder), number)
        assert fetch(url, "select 1") == [(1,)]
        running.end()
        assert list(open_folder.iterdir()) == []


# -- the keeper dies ----------------------------------------------------------------------------------------------


def test_a_server_does_not_outlive_its_keeper(open_folder: Path) -> None:
    with session(**temporary(open_folder)) as running:
        running.started()
        (folder,) = open_folder.iterdir()
        server = postmaster_of(folder)
        os.kill(keeper_of(folder), signal.SIGKILL)
        until(lambda: gone(server))
        running.end()
        assert list(open_folder.iterdir()) == []


def test_what_stays_when_everything_is_killed_is_removed_by_the_next_session(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(open_folder))
    with session(**temporary(open_folder)) as running, session(**temporary(open_folder)) as other:
        folder = Path(running.started()["folder"])
        other.started()
        kill_all_of(folder)
        assert folder not in clean_orphans()  # its session lives
        running.kill()
        assert clean_orphans() == (folder,)
        other.end()
        assert list(open_folder.iterdir()) == []


# -- sessions share a path ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [Session.end, Session.kill])
def test_the_last_user_of_a_path_stops_it_whichever_way_the_first_ended(
    open_folder: Path, how: Callable[[Session], None]
) -> None:
    path = open_folder / "dev"
    with session(path) as first:
        url = url_of(first)
        server = postmaster_of(path)
        with session(path) as second:
            assert url_of(second) == url
            how(first)
            execute(url, "create table made_after (a int)")
            with session(path) as third:
                assert url_of(third) == url
                how(third)
            assert not gone(server)
            assert fetch(url, "select count(*) from made_after") == [(0,)]
            how(second)
        until(lambda: gone(server) and not processes_of(path))


def test_sessions_that_start_at_the_same_moment_get_one_server(open_folder: Path) -> None:
    path = open_folder / "dev"
    running = [Session(path) for _ in range(4)]
    try:
        assert len({url_of(one) for one in running}) == 1
        assert list(processes_of(path).values()).count("keeper") == 1
        for one in running:
            one.end()
    finally:
        for one in running:
            if one.process.poll() is None:
                one.kill()
    assert not processes_of(path)


def test_sessions_that_come_and_go_never_fail_or_lose_rows(open_folder: Path) -> None:
    path = open_folder / "dev"
    with EmbeddedServer.at(path) as server:
        execute(server.url, "create table seen (a int)")
    script = """
import sys
from pathlib import Path
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
for _ in range(5):
    with EmbeddedServer.at(Path(sys.argv[1])) as server, connect(server.url, purpose="test", autocommit=True) as c:
        c.execute("insert into seen values (1)")
"""
    # Starts and stops of the server meet each other in every order.
    sessions = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(3)]
    assert [one.wait(180) for one in sessions] == [0, 0, 0]
    with EmbeddedServer.at(path) as server:
        assert fetch(server.url, "select count(*) from seen") == [(15,)]


# -- the machine dies ---------------------------------------------------------------------------------------------


def test_a_path_recovers_after_a_crash_of_everything(open_folder: Path) -> None:
    path = open_folder / "dev"
    with session(path) as running:
        url = url_of(running)
        execute(url, "create table kept (a int); insert into kept values (1)")
        running.process.send_signal(signal.SIGSTOP)
        kill_all_of(path)
        running.kill()
    assert (path / "data/postmaster.pid").exists()
    with EmbeddedServer.at(path) as server:
        assert fetch(server.url, "select a from kept") == [(1,)]
    assert not processes_of(path)


def test_a_stale_pid_file_whose_number_is_another_process_by_now_does_not_matter(open_folder: Path) -> None:
    path = open_folder / "dev"
    with session(path) as running:
        running.started()
        kill_all_of(path)
        running.kill()
    user = access.server_user(path / "data")
    # PostgreSQL itself takes a living process of its own user for the old server.
    other = subprocess.Popen(
        ["sleep", "120"], user=user.uid if user else None, group=user.gid if user else None, cwd="/"
    )
    try:
        pid_file = path / "data/postmaster.pid"
        lines = pid_file.read_text().splitlines(keepends=True)
        pid_file.write_text("".join([f"{other.pid}\n", *lines[1:]]))
        with EmbeddedServer.at(path) as server:
            assert fetch(server.url, "select 1") == [(1,)]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_lost_its_keeper_is_waited_for(open_folder: Path) -> None:
    path = open_folder / "dev"
    with session(path) as running:
        running.started()
        server = postmaster_of(path)
        os.kill(keeper_of(path), signal.SIGKILL)
        with EmbeddedServer.at(path) as embedded:
            assert gone(server)
            assert fetch(embedded.url, "select 1") == [(1,)]
            running.kill()
            assert fetch(embedded.url, "select 1") == [(1,)]


def test_a_server_that_died_is_started_again_by_the_next_session(open_folder: Path) -> None:
    path = open_folder / "dev"
    with session(path) as running:
        running.started()
        os.kill(postmaster_of(path), signal.SIGKILL)
        with EmbeddedServer.at(path) as embedded:
            assert fetch(embedded.url, "select 1") == [(1,)]


# -- an ordinary user ---------------------------------------------------------------------------------------------


def ordinary_python(uid: int, gid: int) -> tuple[str, dict[str, str]]:
    """A Python that this user can run, with our modules on its path."""
    roots = dict.fromkeys(
        [str(Path(__file__).parents[2]), *(p for p in sys.path if p.endswith("site-packages"))]
    )
    env = {"PYTHONPATH": os.pathsep.join(roots), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    for python in dict.fromkeys([sys.executable, shutil.which("python3", path="/usr/bin") or sys.executable]):
        try:
            done = subprocess.run(
                [python, "-c", "import pytest_dbdeploy.db.server"],
                env=env, user=uid, group=gid, extra_groups=[], cwd="/", capture_output=True, check=False,
            )  # fmt: skip
        except PermissionError:
            continue
        if done.returncode == 0:
            return python, env
    missing("no Python that an ordinary user can run has our modules")
    raise AssertionError


def test_an_ordinary_user_runs_servers_as_himself(open_folder: Path) -> None:
    user = access.server_user()
    uid, gid = (user.uid, user.gid) if user else (os.getuid(), os.getgid())
    python, env = ordinary_python(uid, gid)
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, uid, gid)
    options = {
        "python": python,
        "env": {**env, "HOME": str(home), "TMPDIR": str(home)},
        "cwd": "/",
        **({"user": uid, "group": gid, "extra_groups": []} if user else {}),
    }
    with session(**options) as running:
        folder = Path(running.started()["folder"])
        assert folder.parent == home
        pids = processes_of(folder)
        owners = set()
        for pid in pids:
            with contextlib.suppress(FileNotFoundError):  # a backend whose connection has just ended
                owners.add(Path("/proc", str(pid)).stat().st_uid)
        assert owners == {uid}
        assert list(home.glob(".cache/pytest-dbdeploy/templates/*"))
        running.kill()
        until(lambda: not folder.exists() and all(gone(pid) for pid in pids))
    with session(home / "dev", **options) as running:
        assert fetch(url_of(running), "select 1") == [(1,)]
        running.end()
    if user is not None:
        # Root then runs it as its owner, and leaves it so that its owner can go on.
        with EmbeddedServer.at(home / "dev") as server:
            assert Path("/proc", str(postmaster_of(server.folder))).stat().st_uid == uid
        with session(home / "dev", **options) as running:
            assert fetch(url_of(running), "select 1") == [(1,)]
            running.end()
