"""The journal is what rollback and resume work from: it must be on disk, in order, and readable after a crash."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_dbdeploy import journal as journal_module
from pytest_dbdeploy.errors import StateError
from pytest_dbdeploy.journal import Journal, is_finished, read
from pytest_dbdeploy.model import LogPhase
from pytest_dbdeploy.secret import redactor
from pytest_dbdeploy.steps import Steps


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def test_events_come_back_in_the_order_in_which_they_were_appended(path):
    journal = Journal(path)
    journal.append("planned", planHash="abc")
    journal.append("applied", commit=None, files=[Path("a.sql")])
    journal.finish(outcome="deployed")

    events = read(path)

    assert [e["event"] for e in events] == ["planned", "applied", "finished"]
    assert events[0]["planHash"] == "abc"
    assert events[1]["files"] == ["a.sql"]
    assert all(e["timestamp"].endswith("Z") for e in events)
    assert is_finished(events)


def test_only_the_owner_can_read_it(path):
    Journal(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_step_is_in_the_file_before_it_happens_and_again_after_it(path):
    steps = Steps()
    steps.listeners.append(Journal(path))

    with steps.step("backup", "Back up", LogPhase.BACKUP, path="backup.dump") as step:
        inside = read(path)
        step.done("48 MB", sha256="f00")

    assert inside == [
        {
            "timestamp": inside[0]["timestamp"],
            "event": "step-started",
            "path": "backup.dump",
            "step": "backup",
        }
    ]
    finished = read(path)[-1]
    assert finished["event"] == "step-finished"
    assert (finished["step"], finished["status"], finished["sha256"]) == ("backup", "passed", "f00")


def test_a_failed_step_says_so(path):
    steps = Steps()
    steps.listeners.append(Journal(path))
    with pytest.raises(ValueError), steps.step("deploy", "Deploy", LogPhase.DEPLOY):
        raise ValueError("no")
    assert (read(path)[-1]["status"], read(path)[-1]["text"]) == ("failed", "no")


def test_each_line_is_synced_and_so_is_the_folder_when_the_file_is_new(path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)), real(fd)))
    journal = Journal(path)
    assert synced == [True]
    journal.append("a")
    journal.append("b")
    assert synced == [True, False, False]


def test_data_cannot_pose_as_the_journals_own_keys(path):
    steps = Steps()
    steps.listeners.append(Journal(path))
    with steps.step(
        "clone", "Clone", LogPhase.SANDBOX_VALIDATION, event="finished", status="?", timestamp="?"
    ):
        pass
    assert [e["event"] for e in read(path)] == ["step-started", "step-finished"]
    assert not is_finished(read(path))


@pytest.mark.parametrize("torn", [b'{"timestamp": "2026-', b"\x00\x00\x00", b'"text"', b'{"no": "event"}'])
def test_a_torn_last_line_is_a_step_that_never_began(path, torn):
    Journal(path).append("a")
    path.write_bytes(path.read_bytes() + torn)

    assert [e["event"] for e in read(path)] == ["a"]

    Journal(path).append("resumed")
    assert [e["event"] for e in read(path)] == ["a", "resumed"]


def test_a_last_line_that_only_lacks_its_end_is_kept(path):
    Journal(path).append("a")
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    Journal(path).append("b")
    assert [e["event"] for e in read(path)] == ["a", "b"]


def test_damage_in_the_middle_is_an_error_with_the_line(path):
    journal = Journal(path)
    for name in "abc":
        journal.append(name)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"gibberish\n" + lines[2])
    with pytest.raises(StateError, match=r"journal\.jsonl:2"):
        read(path)


def test_a_missing_journal_is_not_taken_for_an_empty_one(path):
    with pytest.raises(StateError, match="cannot be read"):
        read(path)


def test_a_journal_that_cannot_be_written_stops_the_session(path, tmp_path, monkeypatch):
    with pytest.raises(StateError, match="cannot be written"):
        Journal(tmp_path / "missing" / "journal.jsonl")

    journal = Journal(path)
    monkeypatch.setattr(journal_module.os, "write", _disk_full)
    with pytest.raises(StateError, match="No space left") as caught:
        journal.append("a")
    assert "written down first" in str(caught.value)


def _disk_full(descriptor, content):
    raise OSError(28, "No space left on device")


def test_nothing_can_be_appended_after_the_end(path):
    journal = Journal(path)
    journal.finish()
    with pytest.raises(StateError, match="closed"):
        journal.append("late")


def test_no_secret_gets_into_it(path):
    redactor.register("s3cret-pass/word")
    journal = Journal(path)
    journal.append("a", url="postgresql://u:s3cret-pass/word@h/db", nested=[{"s3cret-pass/word": 1}])
    journal.append("b", url="postgresql://u:s3cret-pass%2Fword@h/db", sql="ALTER ROLE x PASSWORD 'hunter2'")
    text = path.read_text()
    assert "s3cret" not in text
    assert "hunter2" not in text


def test_lines_of_several_threads_do_not_mix(path):
    journal = Journal(path)
    threads = [
        threading.Thread(target=lambda: [journal.append("x", text="y" * 5000) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(path)) == 80


def test_what_was_appended_survives_a_kill(path):
    code = (
        "import os, signal, sys; from pathlib import Path; from pytest_dbdeploy.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1])); journal.append('step-started', step='deploy')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [e["step"] for e in read(path)] == ["deploy"]
    assert not is_finished(read(path))


def test_each_line_is_one_json_object_even_for_odd_text(path):
    Journal(path).append("a", text="two\nlines \u2028 \udcff ö", number=float("nan"))
    (line,) = path.read_bytes().splitlines()
    assert json.loads(line)["text"] == "two\nlines \u2028 \udcff ö"
    assert json.loads(line)["number"] == "nan"
