"""Programs that work on a database end with the session that started them, however it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_dbdeploy.actions.process import output, run, started, tool_environment
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.errors import ToolError
from tests.servers import RealServer, execute
from tests.sessions import gone, until

SCRIPT = """
import os, sys
from pytest_dbdeploy.actions.process import run
run(["/bin/sh", "-c", "echo $$ > $0.new; mv $0.new $0; exec sleep 120", sys.argv[1]], dict(os.environ))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_program_does_not_outlive_a_killed_session(tmp_path: Path, number: signal.Signals) -> None:
    told = tmp_path / "pid"
    command = [sys.executable, "-c", SCRIPT, str(told)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as session:
        until(told.exists)
        child = int(told.read_text())
        session.send_signal(number)
        until(lambda: gone(child))


def test_a_program_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="pg_nothing cannot be started: No such file"):
        run([tmp_path / "pg_nothing"], {})


def test_a_guarded_program_has_its_own_arguments_status_and_messages() -> None:
    assert run(["/bin/sh", "-c", 'echo "$1" >&2; exit 7', "sh", "two words"], dict(os.environ)) == (
        7,
        "two words",
    )


def test_a_guarded_program_ends_with_the_block() -> None:
    with tempfile.TemporaryFile() as errors:
        with started(["/bin/sleep", "120"], dict(os.environ), errors=errors, guard=True) as process:
            assert process.poll() is None
        assert process.poll() is not None


def test_a_program_connects_by_variables_and_its_output_is_returned(
    server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, tools = server.owner_database(), tools_for(server.major)
    execute(url, "create table seen (a int)")
    # What is set for somebody else must not lead it elsewhere.
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    status, said, _ = output([tools.path("pg_dump"), "--schema-only"], tool_environment(tools, url, "test"))
    assert status == 0
    assert "CREATE TABLE public.seen" in said


def test_a_failure_is_told_without_the_password(server: RealServer) -> None:
    url, tools = server.role(), tools_for(server.major)
    command = "do $$ begin raise exception 'it was %', '" + url.password.reveal() + "'; end $$"
    status, said = run([tools.path("psql"), "-X", "-c", command], tool_environment(tools, url, "test"))
    assert status == 1
    assert "it was ***" in said
    assert url.password.reveal() not in said


def test_no_password_is_among_the_arguments_while_it_runs(postgres17: RealServer) -> None:
    url, tools = postgres17.role(), tools_for(17)
    with (
        tempfile.TemporaryFile() as errors,
        started(
            [tools.path("psql"), "-X", "-c", "select pg_sleep(120)"],
            tool_environment(tools, url, "test"),
            errors=errors,
            guard=True,
        ),
    ):
        until(lambda: any(b"psql" in one and b"keeper.py" not in one for one in _arguments("pg_sleep(120)")))
        assert not any(url.password.reveal().encode() in one for one in _arguments(""))


def _arguments(part: str) -> list[bytes]:
    """The arguments of every process that has ``part`` among them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((entry / "cmdline").read_bytes())
    return [one for one in found if part.encode() in one]
