"""How a gate runs, in the controller without xdist and in every worker: closed phases, severity ``warn``, not applicable, secrets."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from ..gating import MESSAGE
from ..model import Severity
from . import handles, hiding
from .hiding import shown_by_a_gate
from .ledger import failure_message
from .state import GATE, GateState

_SETUP_FAILURE = pytest.StashKey[BaseException]()
_CLOSED = pytest.StashKey[bool]()
_RETURNED = pytest.StashKey[bool]()


class GateExecution:
    """Hooks around each item."""

    def __init__(self, state: GateState) -> None:
        self.state = state
        self._pid = os.getpid()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        hiding.clean_logs(session.config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        gate = item.stash.get(GATE, None)
        if gate is None:
            return
        self.state.phase = gate.phase
        closed = self.state.closed
        if closed is not None:
            item.stash[_CLOSED] = closed.not_applicable
            reason = MESSAGE + closed.reason if closed.not_applicable else closed.reason
            item.add_marker(pytest.mark.skip(reason=reason), append=False)

    def _end_copy(self) -> None:
        """A gate forked, and its child came back: a copy of the session, which must neither report nor deploy."""
        if os.getpid() != self._pid:
            os._exit(1)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """The setup of a ``warn`` gate failed: what runs is that failure, so that the gate ends as one passed and warned test."""
        failure = item.stash.get(_SETUP_FAILURE, None)
        if failure is not None:
            del item.stash[_SETUP_FAILURE]
            raise failure
        item.stash[_RETURNED] = False
        try:
            result = yield
            item.stash[_RETURNED] = (
                True  # pytest-retry calls again before the report of the first failure is out
            )
            return result
        finally:
            self._end_copy()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        with handles.setting_up(fixturedef.scope):
            try:
                return (yield)
            finally:
                self._end_copy()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        try:
            return (yield)
        finally:
            self._end_copy()
            handles.end_of_gate()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if report.passed and error is None and not report.sections and not report.user_properties:
            return report  # nothing to hide, nothing to turn into a warning
        if report.skipped and (hasattr(error, "dbdeploy_not_applicable") or item.stash.get(_CLOSED, False)):
            report.dbdeploy_not_applicable = True  # type: ignore[attr-defined]  # reports carry plugins' attributes between processes
        gate = item.stash.get(GATE, None)
        if report.failed and gate is not None and gate.severity is Severity.WARN:
            _warn(item, report, error)
            call.excinfo = None  # --pdb stops at failures, and this is none
        elif report.failed or (report.passed and error is not None and not _passed_again(item, report)):
            report.dbdeploy_failed = True  # type: ignore[attr-defined]  # and stays so, whatever a plugin makes of the outcome
        _redact(report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A subtest's report gets what was printed in it after it was made."""
        if report.sections and type(report) is not pytest.TestReport:
            _redact(report)


def _passed_again(item: pytest.Item, report: pytest.TestReport) -> bool:
    return report.when == "call" and item.stash.get(_RETURNED, False)


def _warn(item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> None:
    """A failure of a ``warn`` gate passes, and says so."""
    report.outcome = "passed"
    if report.when == "setup" and error is not None:
        item.stash[_SETUP_FAILURE] = error
        report.longrepr = None
        return
    message = failure_message(report.longrepr)
    # Reports carry plugins' attributes between processes.
    report.dbdeploy_warned = message  # type: ignore[attr-defined]
    report.dbdeploy_warned_in_full = failure_message(report.longrepr, None)  # type: ignore[attr-defined]
    known = ("dbdeploy.warned", message)
    if known not in item.user_properties:
        item.user_properties.append(known)
    if known not in report.user_properties:
        report.user_properties.append(known)


def _redact(report: pytest.TestReport) -> None:
    """What a gate printed or showed of itself leaves this process without secrets."""
    report.sections = [(name, shown_by_a_gate(text)) for name, text in report.sections]
    report.user_properties = [
        (name, value if isinstance(value, (int, float, type(None))) else shown_by_a_gate(str(value)))
        for name, value in report.user_properties
    ]
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        report.longrepr = (longrepr[0], longrepr[1], shown_by_a_gate(longrepr[2]))
    elif longrepr is not None:
        text = str(longrepr)
        clean = shown_by_a_gate(text)
        if clean != text:
            report.longrepr = clean
