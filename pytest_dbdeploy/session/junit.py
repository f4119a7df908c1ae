"""JUnit and other reporters: steps of the controller as test cases, warned gates, properties of the suite, a copy in the artifacts.

pytest has no public way to a suite's properties from the controller; what is private here has a canary test.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from ..model import Level, LogPhase
from ..steps import Step

CLASS = "dbdeploy"
_STEP = f"{CLASS}::"


def junit_files(config: pytest.Config) -> list[Any]:
    """The JUnit writers of this session: pytest's own (``--junitxml``) and ours (the artifacts' ``junit.xml``)."""
    try:
        from _pytest.junitxml import LogXML
    except ImportError:  # a pytest that has moved it: no JUnit extras, but nothing breaks
        return []
    return [plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, LogXML)]


def is_step(report: pytest.TestReport) -> bool:
    return report.nodeid.startswith(_STEP)


class StepReports:
    """A step listener: each step that is a test case becomes a passed, failed or skipped test of class ``dbdeploy``."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session

    def step_started(self, step: Step) -> None:
        """A test case is reported when it has ended."""

    def step_progressed(self, step: Step, text: str) -> None:
        """Nothing to report."""

    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None:
        """Not a test case."""

    def step_finished(self, step: Step) -> None:
        if not step.testcase:
            return
        stop = time.time()
        start = stop - step.seconds
        longrepr: Any = None
        outcome: Any = step.status
        if step.status == "failed":
            longrepr = step.text or f"{step.title} failed"
            # pytest counts failed reports for -x and --maxfail: a step is no gate, and must not stop the session.
            self.session.testsfailed -= 1
        elif step.status == "skipped":
            longrepr = (CLASS, 0, f"Skipped: {step.text}")
        for when, result, detail, seconds in (
            ("setup", "passed", None, 0.0),
            ("call", outcome, longrepr, step.seconds),
            ("teardown", "passed", None, 0.0),
        ):
            report = pytest.TestReport(
                nodeid=f"{CLASS}::{step.name}",
                location=(CLASS, None, step.name),
                keywords={step.name: 1},
                outcome=result,  # type: ignore[arg-type]  # a step that has ended is one of the three
                longrepr=detail,
                when=when,  # type: ignore[arg-type]  # a literal, which mypy does not see in the tuple
                duration=seconds,
                start=start,
                stop=stop,
            )
            self.session.config.hook.pytest_runtest_logreport(report=report)


def add_warning(config: pytest.Config, report: pytest.TestReport) -> None:
    """The whole message of a warned gate as its ``system-out``; call it before JUnit's own hook has closed the test case."""
    message = getattr(report, "dbdeploy_warned_in_full", None)
    if message is None:
        return
    for xml in junit_files(config):
        with contextlib.suppress(AttributeError, TypeError):
            xml.node_reporter(report)._write_content(report, f"warned: {message}", "system-out")


_PLACE = re.compile(r"(?P<file>[^\s:]+\.\w+):(?P<line>\d+): ")


def add_place(config: pytest.Config, report: pytest.TestReport) -> None:
    """GitLab links a test to ``file``, which ``junit_family=xunit1`` has: for a built-in gate the migration that it is about, or nothing.

    Call it before JUnit's own hook, which keeps what is there.
    """
    if not report.nodeid.startswith(f"{CLASS}/"):
        return
    lines = (
        report.longreprtext.splitlines()[:2] if report.failed else []
    )  # xdist names its worker on the first one
    match = next(filter(None, map(_PLACE.match, lines)), None)
    for xml in junit_files(config):
        with contextlib.suppress(AttributeError, TypeError):
            if xml.family == "xunit1":
                attributes = xml.node_reporter(report).attrs
                attributes.setdefault("file", "")
                attributes.update(match.groupdict() if match else {})


def add_properties(config: pytest.Config, properties: dict[str, str]) -> None:
    for xml in junit_files(config):
        with contextlib.suppress(AttributeError):
            for name, value in properties.items():
                xml.add_global_property(name, value)


def write_also(config: pytest.Config, path: Path) -> None:
    """The same JUnit file in the artifacts, also without ``--junitxml``. Call it before the first gate runs."""
    if junit_files(config):
        return  # copied at the end: gathering the same reports twice costs time
    from .junit_artifact import ArtifactsXML

    prefix = config.getoption("junitprefix", None)
    suite, family = _ini(config, "junit_suite_name", "pytest"), _ini(config, "junit_family", "xunit2")
    xml = ArtifactsXML(str(path), prefix, suite, family=family)
    config.pluginmanager.register(xml, "dbdeploy-junit")
    xml.pytest_sessionstart()


def _ini(config: pytest.Config, name: str, default: str) -> str:
    """A key of pytest's JUnit plugin, which ``-p no:junitxml`` takes away."""
    try:
        return str(config.getini(name))
    except (KeyError, ValueError):
        return default


def copy_to(config: pytest.Config, path: Path, written: Path) -> None:
    """The file that ``--junitxml`` asked for, into the artifacts."""
    if written.exists() and written != path:
        with contextlib.suppress(OSError):
            shutil.copyfile(written, path)
