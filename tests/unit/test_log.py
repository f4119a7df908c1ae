"""deployment.log: one JSON object a line in the documented shape, and never a reason to stop."""

from __future__ import annotations

import datetime as dt
import json
import re
import stat

import pytest

from pytest_dbdeploy.model import Level, LogPhase
from pytest_dbdeploy.reports.log import DeploymentLog
from pytest_dbdeploy.secret import redactor
from pytest_dbdeploy.steps import Steps


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deployment.log"


@pytest.fixture
def log(path):
    return DeploymentLog(path, "deploy-dev-1764000000000")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_has_the_documented_keys(log, path):
    log.message(LogPhase.PREFLIGHT, Level.WARN, "2 uncommitted files", {"files": ["a", "b"]})
    (line,) = lines(path)
    assert list(line) == ["timestamp", "deploymentId", "phase", "level", "message", "metadata"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
    assert line["deploymentId"] == "deploy-dev-1764000000000"
    assert (line["phase"], line["level"], line["message"]) == ("PREFLIGHT", "WARN", "2 uncommitted files")
    assert line["metadata"] == {"files": ["a", "b"]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("level", "kept"),
    [("DEBUG", "DISWE"), ("INFO", "ISWE"), ("SUCCESS", "SWE"), ("WARN", "WE"), ("ERROR", "E")],
)
def test_lines_below_the_level_are_left_out(path, level, kept):
    log = DeploymentLog(path, "id", level)
    for each in Level:
        log.message(LogPhase.DEPLOY, each, str(each), {})
    assert "".join(line["level"][0] for line in lines(path)) == kept
    assert len(log.entries) == len(kept)


def test_the_end_of_a_step_is_a_line_with_its_seconds_and_data(log, path):
    steps = Steps()
    steps.listeners.append(log)
    with steps.step("clone", "Clone the target", LogPhase.SANDBOX_VALIDATION) as step:
        step.progress("12 MB")
        step.done("48.2 MB from localhost:5432/shop", bytes=48_200_000)
    (line,) = lines(path)
    assert line["level"] == "SUCCESS"
    assert line["message"] == "Clone the target: 48.2 MB from localhost:5432/shop"
    assert line["metadata"]["step"] == "clone"
    assert line["metadata"]["bytes"] == 48_200_000
    assert line["metadata"]["durationSeconds"] >= 0


def test_a_failed_step_is_an_error_and_a_skipped_one_is_not(log, path):
    steps = Steps()
    steps.listeners.append(log)
    with steps.step("backup", "Back up", LogPhase.BACKUP) as step:
        step.skipped("nothing to deploy")
    with pytest.raises(RuntimeError), steps.step("deploy", "Deploy", LogPhase.DEPLOY):
        raise RuntimeError("lock timeout")
    assert [(line["level"], line["message"]) for line in lines(path)] == [
        ("INFO", "Back up: nothing to deploy"),
        ("ERROR", "Deploy: lock timeout"),
    ]


def test_a_stack_trace_is_in_the_metadata_on_one_line(log, path):
    try:
        raise ValueError("broken")
    except ValueError as error:
        log.exception(LogPhase.DEPLOY, "internal error", error)
    (line,) = lines(path)
    assert "ValueError: broken" in line["metadata"]["stackTrace"]
    assert "ValueError: broken" in log.entries[0].stack_trace


def test_no_secret_gets_into_it(log, path):
    redactor.register("c0rrect-horse")
    log.message(
        LogPhase.DEPLOY,
        Level.ERROR,
        "c0rrect-horse can't do ALTER USER a PASSWORD 'staple9'",
        {"url": ["c0rrect-horse"]},
    )
    try:
        raise ValueError("c0rrect-horse")
    except ValueError as error:
        log.exception(LogPhase.DEPLOY, "x", error)
    assert "c0rrect" not in path.read_text()
    assert "staple9" not in path.read_text()


def test_the_file_is_there_when_nothing_reaches_its_level(tmp_path):
    log = DeploymentLog(tmp_path / "deployment.log", "id", Level.WARN)
    log.message(LogPhase.DEPLOY, Level.INFO, "a", {})
    assert (tmp_path / "deployment.log").read_bytes() == b""


def test_a_file_that_cannot_be_written_is_said_and_does_not_raise(tmp_path):
    log = DeploymentLog(tmp_path / "gone" / "deployment.log", "id")
    log.message(LogPhase.DEPLOY, Level.INFO, "a", {})
    assert "incomplete" in log.problem
    assert [e.message for e in log.entries] == ["a"]
    assert log.entries[0].timestamp.tzinfo is dt.UTC
