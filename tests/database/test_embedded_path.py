"""The server of an ``embedded://PATH``, started for real."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.errors import ServerError
from tests.servers import execute, fetch
from tests.sessions import processes_of, until


def test_a_path_keeps_its_data_password_and_major(open_folder: Path) -> None:
    path = open_folder / "new" / "dev"
    with EmbeddedServer.at(path) as server:
        first = server.url
        assert first.dbname == "app"
        assert fetch(first, "show fsync") == [("on",)]
        execute(first, "create table kept (a int); insert into kept values (42)")
    assert not processes_of(path)
    with EmbeddedServer.at(path) as server:
        assert fetch(server.url, "select a from kept") == [(42,)]
        assert server.url.password == first.password
    assert (path / ".gitignore").read_text() == "*\n"


def test_two_servers_of_one_path_in_one_process_are_one(open_folder: Path) -> None:
    with EmbeddedServer.at(open_folder / "dev") as first:
        with EmbeddedServer.at(open_folder / "dev") as second:
            assert first.url == second.url
        assert fetch(first.url, "select 1") == [(1,)]
    until(lambda: not processes_of(open_folder))


def test_a_path_of_a_major_that_is_not_here_is_told_with_what_to_install(open_folder: Path) -> None:
    EmbeddedServer.at(open_folder / "dev").__enter__().stop()
    (open_folder / "dev/data/PG_VERSION").write_text("13\n")
    with pytest.raises(ServerError) as caught:
        EmbeddedServer.at(open_folder / "dev").start()
    assert "13" in caught.value.message
    assert "postgresql-13" in str(caught.value.hint)
    (open_folder / "dev/data/PG_VERSION").write_text("17\n")
    with pytest.raises(ServerError, match="18 or later is needed"):
        EmbeddedServer.at(open_folder / "dev", minimum_major=18).start()


@pytest.mark.parametrize(
    ("name", "text"), [("notes.txt", "not empty"), ("PG_VERSION", "is a data directory itself")]
)
def test_a_folder_that_is_something_else_is_left_alone(open_folder: Path, name: str, text: str) -> None:
    (open_folder / name).write_text("mine\n")
    with pytest.raises(ServerError, match=text):
        EmbeddedServer.at(open_folder).start()
    assert [path.name for path in open_folder.iterdir()] == [name]


def test_a_file_in_place_of_the_folder_is_told(open_folder: Path) -> None:
    (open_folder / "dev").write_text("")
    with pytest.raises(ServerError, match="cannot be made or read"):
        EmbeddedServer.at(open_folder / "dev").start()


def test_a_half_made_database_is_made_anew(open_folder: Path) -> None:
    for name in ("lock", "users"):
        (open_folder / name).touch(mode=0o600)
    (open_folder / "new-1234").mkdir()
    (open_folder / "new-1234.pw-5678").write_text("x")
    with EmbeddedServer.at(open_folder) as server:
        assert fetch(server.url, "select 1") == [(1,)]
    assert not list(open_folder.glob("new-*"))


def test_a_lost_password_file_is_told(open_folder: Path) -> None:
    EmbeddedServer.at(open_folder / "dev").__enter__().stop()
    (open_folder / "dev/password").unlink()
    with pytest.raises(ServerError, match="password of the embedded server cannot be read"):
        EmbeddedServer.at(open_folder / "dev").start()
    until(lambda: not processes_of(open_folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")
def test_a_path_that_the_servers_user_cannot_enter_is_refused_by_name(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServerError) as caught:
        EmbeddedServer.at(closed / "dev").start()
    assert f"cannot enter {closed}" in caught.value.message
    assert f"chmod o+x {closed}" in str(caught.value.hint)
    assert not list(closed.iterdir())
    closed.chmod(0o711)
    EmbeddedServer.at(closed / "dev").__enter__().stop()
