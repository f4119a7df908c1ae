"""Finding PostgreSQL's programs, and running them on real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_dbdeploy.db.tools import Tools, find_installations, tools_for
from pytest_dbdeploy.errors import ToolError
from tests.servers import RealServer


def test_tools_of_the_servers_own_major_are_taken(server: RealServer) -> None:
    tools = tools_for(server.major)
    assert tools.major == server.major
    said = subprocess.run(
        [tools.path("pg_dump"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert f"(PostgreSQL) {tools.version}" in said


def test_else_the_next_higher_major_is_taken_and_never_a_lower_one() -> None:
    majors = sorted({tools.major for tools in find_installations()})
    assert tools_for(16).major == min(major for major in majors if major >= 16)
    with pytest.raises(ToolError) as caught:
        tools_for(99)
    assert "99" in caught.value.message
    assert "postgresql-99" in str(caught.value.hint)


def test_a_missing_program_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="has no pg_dump"):
        Tools(tmp_path, 17, "17.1").path("pg_dump")


def test_installations_on_the_path_are_found_behind_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tools_for(17)
    copy = tmp_path / "pg/bin"
    copy.mkdir(parents=True)
    shutil.copy(real.path("pg_dump"), copy)
    shutil.copytree(real.bindir.parent / "lib", tmp_path / "pg/lib", symlinks=True)
    links = tmp_path / "links"
    links.mkdir()
    (links / "pg_dump").symlink_to(copy / "pg_dump")
    (links / "postgres").write_text("#!/bin/sh\nexit 1\n")
    (links / "postgres").chmod(0o755)
    monkeypatch.setenv("PATH", f"{links}{os.pathsep}{os.environ['PATH']}")
    found = {tools.bindir: tools for tools in find_installations()}
    assert found[copy.resolve()].version == real.version
    assert links.resolve() not in found
