"""Finding PostgreSQL's programs, and running them on real servers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_dbdeploy.db.run import run_tool
from pytest_dbdeploy.db.tools import Tools, find_installations, tools_for
from pytest_dbdeploy.errors import ToolError
from pytest_dbdeploy.model import LogPhase
from pytest_dbdeploy.steps import Step, Steps
from tests.servers import RealServer, execute
from tests.sessions import gone, until


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


def test_a_program_connects_by_variables_and_its_output_is_returned(
    server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.owner_database()
    execute(url, "create table seen (a int)")
    # What is set for somebody else must not lead it elsewhere.
    monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    result = run_tool([tools_for(server.major).path("pg_dump"), "--schema-only"], env=url.tool_env())
    assert "CREATE TABLE public.seen" in result.stdout
    assert result.seconds > 0


def test_a_failure_is_told_with_the_last_lines_and_without_the_password(server: RealServer) -> None:
    url = server.role()
    psql = tools_for(server.major).path("psql")
    command = "do $$ begin raise exception 'it was %', '" + url.password.reveal() + "'; end $$"
    with pytest.raises(ToolError) as caught:
        run_tool([psql, "-X", "-c", command], env=url.tool_env())
    assert "psql failed with status 1" in caught.value.message
    assert "it was ***" in caught.value.message
    assert url.password.reveal() not in str(caught.value)


def test_a_program_that_is_not_there_is_told() -> None:
    for program in ("/no/such/pg_dump", "no-such-pg_dump"):
        with pytest.raises(ToolError, match=f"{program} cannot be run"):
            run_tool([program], env={})


def test_progress_is_heard_while_it_runs() -> None:
    heard: list[str] = []

    class Listener:
        def step_progressed(self, step: Step, text: str) -> None:
            heard.append(text)

        def step_started(self, step: Step) -> None: ...
        def step_finished(self, step: Step) -> None: ...

    steps = Steps()
    steps.listeners.append(Listener())  # type: ignore[arg-type]
    with steps.step("clone", "clone", LogPhase.SANDBOX_VALIDATION) as step:
        result = run_tool(
            ["/bin/sh", "-c", "echo one >&2; echo two >&2; printf three >&2"], env={}, step=step
        )
        assert heard == ["one", "two"]
        assert result.stderr == "one\ntwo\nthree"
        run_tool(["/bin/sh", "-c", "echo four >&2"], env={}, step=step, progress=lambda: "12 MB")
    assert set(heard[2:]) == {"12 MB"}


def test_files_take_the_place_of_pipes(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"x" * 300_000)
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as target:
        assert run_tool(["/bin/cat"], env={}, stdin=source, stdout=target).stdout == ""
    assert (tmp_path / "out").stat().st_size == 300_000


SESSION = """
import sys
from pytest_dbdeploy.db.run import run_tool
from pathlib import Path
run_tool(["/bin/sh", "-c", "echo $$ > $0.new; mv $0.new $0; sleep 120 & wait", sys.argv[1]], env={})
"""


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGKILL, ""), (signal.SIGTERM, "")]
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_a_program_does_not_outlive_the_session(tmp_path: Path, number: int, raised: str) -> None:
    told = tmp_path / "pid"
    with subprocess.Popen(
        [sys.executable, "-c", SESSION, str(told)], stderr=subprocess.PIPE, text=True
    ) as session:
        until(told.exists)
        child = int(told.read_text())
        assert not gone(child)
        session.send_signal(number)
        until(lambda: gone(child))
        assert session.stderr is not None
        assert raised in session.stderr.read()


def test_no_password_is_among_the_arguments_while_it_runs(postgres17: RealServer, tmp_path: Path) -> None:
    url = postgres17.role()
    script = f"""
import sys
from pytest_dbdeploy.db.run import run_tool
from pytest_dbdeploy.db.url import DatabaseUrl
url = DatabaseUrl.parse(sys.stdin.read(), name="x")
run_tool([{str(tools_for(17).path("psql"))!r}, "-X", "-c", "select pg_sleep(120)"], env=url.tool_env())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, text=True) as session:
        assert session.stdin is not None
        session.stdin.write(url.reveal())
        session.stdin.close()

        def arguments() -> list[bytes]:
            found = []
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        found.append((entry / "cmdline").read_bytes())
                    except OSError:
                        continue
            return found

        until(
            lambda: any(
                b"psql" in one
                and b"pg_sleep(120)" in one
                and b"keeper.py" not in one
                and b"-c\0import" not in one
                for one in arguments()
            )
        )
        assert not any(url.password.reveal().encode() in one for one in arguments())
        session.kill()
