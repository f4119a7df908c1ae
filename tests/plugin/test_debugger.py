"""pdb in gates: at a terminal it works, and gives the target's lock up meanwhile; elsewhere it never waits for anybody."""

import io
import json
import os
import subprocess
import sys

import pexpect
import pytest

from .conftest import Run, read_junit

FAILING = {"sandbox": 10, "postdeploy": 11}


def quick(value, *others):
    return [value, *(pytest.param(other, marks=pytest.mark.slow) for other in others)]


class Terminal:
    """A person's session with a project's pytest."""

    def __init__(self, project, *options):
        self.log = project.path / "terminal.jsonl"
        self.xml = project.path / "terminal.xml"
        environment = {**os.environ, "FAKE": "{}", "FAKE_LOG": str(self.log), "TERM": "dumb"}
        words = [
            "-m",
            "pytest",
            "-p",
            "no:randomly",
            "--dbdeploy-env=dev",
            f"--junitxml={self.xml}",
            *options,
        ]
        self.child = pexpect.spawn(
            sys.executable, words, cwd=project.path, env=environment, encoding="utf-8", timeout=60
        )
        self.child.logfile_read = io.StringIO()

    def at_prompt(self):
        self.child.expect(r"\(Pdb\) ")
        return self.child.before

    def type(self, line):
        self.child.sendline(line)

    def end(self):
        self.child.expect(pexpect.EOF)
        self.child.close()
        events = [json.loads(line) for line in self.log.read_text().splitlines()]
        return Run(self.child.exitstatus, events, self.child.logfile_read.getvalue(), *read_junit(self.xml))


def answer(terminal, word):
    """Types ``word`` at each prompt until the session ends."""
    while True:
        terminal.type(word)
        if terminal.child.expect([r"\(Pdb\) ", pexpect.EOF]) == 1:
            return terminal.end()


@pytest.mark.parametrize("phase", quick("postdeploy", "sandbox"))
@pytest.mark.parametrize("word", ["c", "q"])
def test_pdb_at_a_failing_gate_pauses_and_goes_on_or_quits_with_the_right_status(project, phase, word):
    project.gate(phase, "value = 42\nassert value == 41")
    terminal = Terminal(project, "--pdb")
    terminal.at_prompt()
    terminal.type("p value + 1000")
    assert "1042" in terminal.at_prompt()
    run = answer(terminal, word)
    assert run.status == FAILING[phase], run.output
    assert run.rolled_back == run.deployed == (phase == "postdeploy")
    assert run.names("pause", "go-on") == (["pause", "go-on"] if word == "c" else ["pause"])
    assert ("finish" in run.names()) == (word == "c")


@pytest.mark.parametrize("call", quick("breakpoint()", "pytest.set_trace()"))
def test_a_breakpoint_that_is_left_changes_no_verdict(project, call):
    project.gate("postdeploy", f"{call}\nassert 1")
    terminal = Terminal(project)
    terminal.at_prompt()
    run = answer(terminal, "c")
    assert run.status == 0, run.output
    assert run.names("pause", "go-on") == ["pause", "go-on"]


@pytest.mark.slow
def test_trace_stops_at_each_gate(project):
    terminal = Terminal(project, "--trace")
    terminal.at_prompt()
    run = answer(terminal, "c")
    assert run.status == 0, run.output
    assert run.names("pause", "go-on") == ["pause", "go-on"] * 6


@pytest.mark.parametrize("stdin", ["nothing", "pipe"])
def test_a_breakpoint_without_a_person_fails_the_gate_and_does_not_wait(project, stdin):
    project.gate("sandbox", "breakpoint()")
    log = project.path / "log.jsonl"
    done = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "--dbdeploy-env=dev"],
        cwd=project.path,
        env={**os.environ, "FAKE": "{}", "FAKE_LOG": str(log)},
        stdin=subprocess.PIPE if stdin == "pipe" else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert done.wait(60) == 10
        assert "a debugger needs a person at a terminal" in done.stdout.read()
    finally:
        done.kill()
        done.communicate()


def test_a_breakpoint_in_a_worker_fails_the_gate(project):
    project.gate("sandbox", "breakpoint()")
    run = project.run("-n2")
    assert run.status == 10, run.output
    assert run.outcome("test_case") in ("failed", "crashed")


@pytest.mark.parametrize("option", quick("--pdb", "--trace"))
def test_a_debugger_with_workers_is_a_usage_error(project, option):
    terminal = Terminal(project, option, "-n2")
    terminal.child.expect(pexpect.EOF)
    terminal.child.close()
    assert terminal.child.exitstatus == 4, terminal.child.before
    assert not terminal.log.exists()
