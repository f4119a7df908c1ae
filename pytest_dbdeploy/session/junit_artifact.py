"""The artifacts' own junit.xml, written by pytest's ``LogXML`` without what that costs for thousands of gates that passed.

``LogXML`` is private to pytest: ``test_canaries.py`` holds that what is skipped here makes no difference in the file.
"""

from __future__ import annotations

from typing import Any, cast
from xml.etree import ElementTree

import pytest
from _pytest.junitxml import LogXML

_USUAL = ("setup", "call", "teardown")


class ArtifactsXML(LogXML):
    """A gate whose setup, call and teardown passed, and that left no properties, is kept as two words and a number."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held: dict[tuple[str, object], list[pytest.TestReport]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        key = (report.nodeid, getattr(report, "node", None))
        held = self._held.setdefault(key, [])
        held.append(report)
        if report.outcome == "passed" and not report.user_properties and self.family == "xunit2":
            if report.when != "teardown":
                return
            if tuple(r.when for r in held) == _USUAL:
                del self._held[key]
                self.stats["passed"] += 1
                seconds = sum(r.duration for r in held)
                self.node_reporters_ordered.append(cast("Any", _Passed(report.nodeid, seconds, self)))
                return
        self._release(key)

    def pytest_sessionfinish(self) -> None:
        for key in list(self._held):  # the session died in these
            self._release(key)
        super().pytest_sessionfinish()

    def pytest_terminal_summary(self) -> None:  # type: ignore[override]  # pluggy passes what is named
        """Where the artifacts are is said elsewhere."""

    def _release(self, key: tuple[str, object]) -> None:
        for report in self._held.pop(key):
            super().pytest_runtest_logreport(report)


class _Passed:
    """Stands for a ``_NodeReporter`` in ``node_reporters_ordered``: an element is made of it when the file is written."""

    __slots__ = ("nodeid", "seconds", "xml")

    def __init__(self, nodeid: str, seconds: float, xml: LogXML) -> None:
        self.nodeid, self.seconds, self.xml = nodeid, seconds, xml

    def to_xml(self) -> ElementTree.Element:
        from _pytest.junitxml import bin_xml_escape, mangle_test_address

        *classes, name = mangle_test_address(self.nodeid)
        prefix = [self.xml.prefix] if self.xml.prefix else []
        attributes = {"classname": ".".join([*prefix, *classes]), "name": bin_xml_escape(name)}
        return ElementTree.Element("testcase", attributes, time=f"{self.seconds:.3f}")
