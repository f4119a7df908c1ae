"""Runs a project of gates in a subprocess with a fake flow, and checks on every run that the order of things was kept."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

FAKE_CONFTEST = (Path(__file__).parent / "fakeflow.py").read_text()
PHASES = ("preflight", "sandbox", "postdeploy")
PASSING = "def test_one():\n    pass\n\n\ndef test_two():\n    pass\n"


@dataclass
class Run:
    """``status``: exit status; ``events``: what happened, in order; ``output``: standard output and error."""

    status: int
    events: list[dict]
    output: str
    junit: dict[str, tuple] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    def names(self, *wanted: str) -> list[str]:
        return [event["event"] for event in self.events if not wanted or event["event"] in wanted]

    @property
    def calls(self) -> list[str]:
        """The flow's calls, ``before`` with its phase."""
        gates = ("gate-started", "gate-ended", "go", "deploy", "rollback", "rolled-back", "pause", "go-on")
        return [
            ":".join(filter(None, (e["event"], e.get("phase"))))
            for e in self.events
            if e["event"] not in gates
        ]

    @property
    def deployed(self) -> bool:
        return "deploy" in self.names()

    @property
    def rolled_back(self) -> bool:
        return "rollback" in self.names()

    def event(self, name: str) -> dict:
        return next(event for event in self.events if event["event"] == name)

    @property
    def outcomes(self) -> dict[str, str]:
        return {nodeid: outcome for nodeid, (outcome, _) in self.event("close")["gates"].items()}

    def outcome(self, part: str) -> str:
        (found,) = [outcome for nodeid, outcome in self.outcomes.items() if part in nodeid]
        return found


class Project:
    """A project with ``gates/`` of three phases; change it, then ``run``."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester, self.monkeypatch = pytester, monkeypatch
        self.path = pytester.path
        for name in ("PYTEST_ADDOPTS", "CI", "PYTEST_XDIST_WORKER", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
            monkeypatch.delenv(name, raising=False)
        self.write("pytest.ini", "[pytest]\n")
        self.write("conftest.py", FAKE_CONFTEST)
        for phase in PHASES:
            self.write(f"gates/{phase}/test_{phase}.py", PASSING)

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def gate(self, phase: str, body: str, *, head: str = "", arguments: str = "") -> None:
        """Adds a gate ``test_case`` to a phase, in a file of its own."""
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        text = f"import os, pytest, pytest_dbdeploy\n{head}\ndef test_case({arguments}):\n{lines}\n"
        self.write(f"gates/{phase}/test_zz_{phase}.py", text)

    def run(
        self,
        *args: str,
        action: bool = True,
        check: bool = True,
        randomly: bool = False,
        xml_file: bool = True,
        **fake: object,
    ) -> Run:
        log = self.path / f"log{next(_number)}.jsonl"
        self.monkeypatch.setenv("FAKE", json.dumps(fake))
        self.monkeypatch.setenv("FAKE_LOG", str(log))
        words = ["--dbdeploy-env=dev"] if action else []
        plugins = [] if randomly else ["-p", "no:randomly"]
        xml = self.path / "junit.xml"
        xml.unlink(missing_ok=True)
        junit = [f"--junitxml={xml}"] if xml_file else []
        result = self.pytester.runpytest_subprocess(*plugins, *junit, *words, *args, timeout=100)
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        run = Run(int(result.ret), events, result.stdout.str() + result.stderr.str(), *read_junit(xml))
        if check:
            check_order(run)
            if "lose-terminal" not in str(fake):
                check_last_line(run, result.outlines)
        return run


_number = itertools.count()


def read_junit(path: Path) -> tuple[dict[str, tuple], dict[str, str]]:
    """Test cases by class and name: kind of result, message, properties, system-out; and the suite's properties."""
    if not path.exists():
        return {}, {}
    suite = next(ElementTree.parse(path).getroot().iter("testsuite"))
    cases = {}
    for case in suite.iter("testcase"):
        results = [child for child in case if child.tag in ("failure", "error", "skipped")]
        kind = "+".join(child.tag for child in results) or "passed"
        message = results[0].get("message", "").splitlines()[:1] if results else []
        properties = tuple((p.get("name"), p.get("value")) for p in case.iter("property"))
        out = "".join(child.text or "" for child in case.iter("system-out"))
        cases[f"{case.get('classname')}::{case.get('name')}"] = (kind, message, properties, out)
    return cases, {p.get("name"): p.get("value") for p in suite.findall("./properties/property")}


def check_order(run: Run) -> None:
    """Holds for every run, whatever else happens in it."""
    controllers = {event["pid"] for event in run.events if not event["event"].startswith("gate-")}
    assert len(controllers) <= 1
    for once in ("prepare", "collected", "deploy", "finish", "abandon", "rollback", "close"):
        assert run.names().count(once) <= 1, once
    # a finish that was interrupted is followed by abandon; never the other way round
    assert run.names("finish", "abandon") in ([], ["finish"], ["abandon"], ["finish", "abandon"])
    boundaries = [event["phase"] for event in run.events if event["event"] == "before"]
    assert boundaries == list(PHASES[: len(boundaries)])
    opened = {event["phase"]: event["time"] for event in run.events if event["event"] == "before"}
    gone = {event["phase"]: event["time"] for event in run.events if event["event"] == "go"}
    for event in run.events:
        if event["event"].startswith("gate-"):
            here = PHASES.index(event["phase"])
            if PHASES[here] in gone:
                assert event["time"] >= gone[PHASES[here]], "a gate ran before its boundary was passed"
            assert all(event["time"] <= opened.get(later, 1e99) for later in PHASES[here + 1 :]), (
                "a gate ran too late"
            )


def check_last_line(run: Run, lines: list[str]) -> None:
    """Whoever else wrote something: machines find the outcome in the last line, once, and with the status of the process."""
    if "close" in run.names() and run.status >= 0:
        assert lines[-1] == f"dbdeploy: outcome=fake id=deploy-fake exit={run.status}"
        assert sum("outcome=fake" in line for line in lines) == 1


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(pytester, monkeypatch)


@pytest.fixture(params=[(), ("-n2",)], ids=["plain", "n2"])
def mode(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Without and with workers."""
    return request.param


@pytest.fixture(params=[(), pytest.param(("-n2",), marks=pytest.mark.slow)], ids=["plain", "n2"])
def rarely(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """As ``mode``, but with workers only in the exhaustive part."""
    return request.param
