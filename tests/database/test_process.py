"""Programs that work on a database end with the session that started them, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_dbdeploy.actions.process import run, started
from pytest_dbdeploy.errors import ToolError
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
