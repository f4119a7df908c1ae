"""The artifacts' own junit.xml, written by pytest's ``LogXML`` without what that costs for thousands of gates that passed.

``LogXML`` is private to pytest: ``test_canaries.py`` holds that what is skipped here makes no difference in the file.
"""

from __future__ import annotations

import sys
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from _pytest.junitxml import LogXML, bin_xml_escape, mangle_test_address

_PASSED = [("setup", "passed"), ("call", "passed"), ("teardown", "passed")]
_SKIPPED = [("setup", "skipped"), ("teardown", "passed")]


class ArtifactsXML(LogXML):
    """A gate that passed or was skipped, and left no properties, is kept as a few words until the file is written."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: dict[tuple[str, object], list[pytest.TestReport]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        key = (report.nodeid, getattr(report, "node", None))
        held = self._held.setdefault(key, [])
        held.append(report)
        if report.user_properties or hasattr(report, "wasxfail") or self.family != "xunit2":
            self._release(key)
        elif report.when == "teardown":
            self._keep(key, held)

    def _keep(self, key: tuple[str, object], held: list[pytest.TestReport]) -> None:
        stages = [(report.when, report.outcome) for report in held]
        if stages not in (_PASSED, _SKIPPED):
            self._release(key)
            return
        del self._held[key]
        skipped = held[0].longrepr if stages == _SKIPPED else None
        self.stats["passed" if skipped is None else "skipped"] += 1
        case = _Case(held[0].nodeid, sum(report.duration for report in held), skipped, self)
        self.node_reporters_ordered.append(cast("Any", case))

    def pytest_sessionfinish(self) -> None:
        for key in list(self._held):  # the session died in these
            self._release(key)
        try:
            super().pytest_sessionfinish()
        except (
            OSError
        ) as error:  # a full disk: what was decided stands all the same, and so does the exit status
            sys.stderr.write(f"dbdeploy: {self.logfile} cannot be written: {error.strerror or error}\n")

    def pytest_terminal_summary(self) -> None:  # type: ignore[override]  # pluggy passes what is named
        """Where the artifacts are is said elsewhere."""

    def _release(self, key: tuple[str, object]) -> None:
        for report in self._held.pop(key):
            super().pytest_runtest_logreport(report)


class _Case:
    """Stands for a ``_NodeReporter`` in ``node_reporters_ordered``: an element is made of it when the file is written."""

    __slots__ = ("nodeid", "seconds", "skipped", "xml")

    def __init__(self, nodeid: str, seconds: float, skipped: Any, xml: LogXML) -> None:
        self.nodeid, self.seconds, self.skipped, self.xml = nodeid, seconds, skipped, xml

    def to_xml(self) -> ElementTree.Element:
        *classes, name = mangle_test_address(self.nodeid)
        prefix = [self.xml.prefix] if self.xml.prefix else []
        attributes = {"classname": ".".join([*prefix, *classes]), "name": bin_xml_escape(name)}
        case = ElementTree.Element("testcase", attributes, time=f"{self.seconds:.3f}")
        if self.skipped is not None:
            file, line, reason = self.skipped
            reason = reason.removeprefix("Skipped: ")
            message = bin_xml_escape(reason)
            child = ElementTree.SubElement(case, "skipped", type="pytest.skip", message=message)
            child.text = bin_xml_escape(f"{file}:{line}: {reason}")
        return case
