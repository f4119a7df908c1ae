"""What is known of a session that died: by its last words, and by its journal."""

import os
import subprocess
import sys

import pytest

from pytest_dbdeploy.journal import Journal, RunningGate, death

SESSION = """
import os, sys
from pathlib import Path
from pytest_dbdeploy.journal import RunningGate
from pytest_dbdeploy.last_words import LastWords
folder = Path(sys.argv[1])
gate = RunningGate(folder)
words = LastWords("it is unfinished", folder / "running-gate")
gate.set("gates/a_longer_name.py::test_it")
gate.set("gates/b.py::test_it")
{}
"""


def said(folder, end, **popen):
    """What is on standard error when nobody holds it any more."""
    done = subprocess.run(
        [sys.executable, "-c", SESSION.format(end), folder],
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
        **popen,
    )
    return done.stderr


def test_a_killed_process_has_its_last_words(tmp_path):
    assert said(tmp_path, "os.kill(os.getpid(), 9)").strip().splitlines() == [
        "dbdeploy: the session was killed while gate gates/b.py::test_it was running",
        "it is unfinished",
    ]


def test_they_are_said_whatever_signals_come_before_the_process_has_started(tmp_path):
    end = "import signal\nfor n in (2, 15, 1, 3): os.kill(words._process.pid, n)\nos.kill(os.getpid(), 9)"
    assert said(tmp_path, end).strip().splitlines()[-1] == "it is unfinished"
    assert "Traceback" not in said(tmp_path, end)


def test_they_are_said_while_a_forked_child_lives_on(tmp_path):
    """The test's end of a pipe that the child reads says when it may end."""
    end = "if os.fork():\n    os._exit(1)\nos.close(2)\nos.close(1)\nos.read(0, 1)"
    reader, writer = os.pipe()
    try:
        assert "it is unfinished" in said(tmp_path, end, stdin=reader)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(
    "end", ["words.take_back()", "words.take_back()\nwords.take_back()\nos.kill(os.getpid(), 9)"]
)
def test_who_took_them_back_has_none(tmp_path, end):
    assert said(tmp_path, end) == ""


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal.jsonl")
    made.append("session-started")
    yield made
    made.close()


def test_a_session_that_lives_has_not_died(journal, tmp_path):
    assert death(tmp_path) is None
    journal.close()
    assert death(tmp_path) is not None


@pytest.mark.parametrize("event", ["verdict", "finished"])
def test_a_session_with_a_verdict_has_not_died(journal, tmp_path, event):
    journal.append(event)
    journal.close()
    assert death(tmp_path) is None


@pytest.mark.parametrize(
    ("gate", "events", "during", "touched"),
    [
        ("", [], "", False),
        ("a.py::test_it", [], "gate a.py::test_it", False),
        ("", [("step-started", {"step": "backup"})], "step backup", False),
        (
            "a.py::test_it",
            [("step-started", {"step": "state"}), ("step-finished", {})],
            "gate a.py::test_it",
            True,
        ),
        ("", [("state", {"state": "applying"})], "", True),
    ],
)
def test_the_gate_or_the_step_and_whether_the_target_was_touched(
    journal, tmp_path, gate, events, during, touched
):
    running = RunningGate(tmp_path)
    running.set("a/longer/name.py::test_before")
    running.set(gate)
    running.close()
    for event, data in events:
        journal.append(event, **data)
    journal.close()
    died = death(tmp_path)
    assert (died.during, died.touched) == (during, touched)


def test_without_artifacts_nothing_is_known(tmp_path):
    assert death(tmp_path / "elsewhere") is None
