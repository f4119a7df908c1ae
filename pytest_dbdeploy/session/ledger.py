"""What became of each gate: positive evidence, from the reports that the controller sees."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from ..flows.base import Ledger
from ..model import Gate, GateOutcome, GateRecord, Phase
from ..secret import redactor

# The later one wins over an earlier one, never the other way: a failure sticks whatever else is reported of the gate.
_RANK = {
    outcome: rank
    for rank, outcome in enumerate(
        (
            GateOutcome.PASSED,
            GateOutcome.NOT_APPLICABLE,
            GateOutcome.XFAILED,
            GateOutcome.SKIPPED,
            GateOutcome.WARNED,
            GateOutcome.FAILED,
            GateOutcome.ERROR,
            GateOutcome.CRASHED,
        )
    )
}
_FAILURES = {GateOutcome.FAILED, GateOutcome.ERROR, GateOutcome.CRASHED}
_MESSAGE_LINES = 8


@dataclass(slots=True)
class _Entry:
    outcome: GateOutcome | None = None
    seconds: float = 0.0
    message: str | None = None


class GateLedger:
    """The universe of gates, filled once after collection, and the outcome of each so far."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._gates: tuple[Gate, ...] = ()
        self._selected: set[str] = set()
        self._ids: dict[str, str] = {}
        self._entries: dict[str, _Entry] = {}
        self._records: dict[
            str, GateRecord
        ] = {}  # as of the last boundary; what was reported since is not in it

    def universe(
        self, gates: Iterable[Gate], order: Sequence[tuple[str, str]], require: Iterable[str] = ()
    ) -> None:
        """``gates``: all, before deselection. ``order``: the selected ones, (node id as reported, node id in the universe)."""
        self._gates = tuple(gates)
        self._ids = dict(order)
        self._selected = set(self._ids.values())
        self._records.clear()
        names = [gate.nodeid for gate in self._gates]
        for glob in require:
            if not any(
                fnmatch.fnmatchcase(part, glob) for name in names for part in (name, name.partition("::")[0])
            ):
                self.add_problem(f"gates.require: there is no gate {glob}")

    def add_problem(self, text: str) -> None:
        """Something that makes universe or results untrustworthy; said once."""
        text = redactor.redact(text)
        if text not in self.problems:
            self.problems.append(text)

    def collect_report(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported, or skips itself as a whole, holds gates that nobody knows."""
        where = report.nodeid or "the session"
        if report.failed:
            self.add_problem(f"{where} could not be collected: {_last_line(str(report.longrepr))}")
        elif report.skipped:
            reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
            if "not applicable: " not in reason:
                self.add_problem(f"{where} was skipped as a whole: {reason.removeprefix('Skipped: ')}")

    def report(self, report: pytest.TestReport) -> None:
        """One report of a gate: setup, call or teardown; or of the crash of its worker."""
        nodeid = self._ids.get(report.nodeid, report.nodeid)
        self._records.pop(nodeid, None)
        if report.outcome == "rerun":  # type: ignore[comparison-overlap]  # pytest-rerunfailures sets it
            self._entries.pop(nodeid, None)
            return
        entry = self._entries.get(nodeid)
        if entry is None:
            entry = self._entries[nodeid] = _Entry()
        entry.seconds += getattr(report, "duration", 0.0) or 0.0
        outcome = _outcome(report)
        if outcome is None or (entry.outcome is not None and _RANK[outcome] <= _RANK[entry.outcome]):
            return
        if entry.outcome in _FAILURES and outcome is not GateOutcome.CRASHED:
            return  # failed, and then its teardown failed too: it is the failure that people want to see
        entry.outcome, entry.message = outcome, message_of(report)

    def snapshot(self) -> Ledger:
        """What a flow gets to see."""
        return Ledger(tuple(self._record(gate) for gate in self._gates), tuple(self.problems))

    def of_phase(self, phase: Phase) -> tuple[GateRecord, ...]:
        return tuple(self._record(gate) for gate in self._gates if gate.phase is phase)

    def _record(self, gate: Gate) -> GateRecord:
        known = self._records.get(gate.nodeid)
        if known is not None:
            return known
        entry = self._entries.get(gate.nodeid) or _Entry()
        outcome = entry.outcome
        if outcome is None:
            outcome = GateOutcome.NOT_RUN if gate.nodeid in self._selected else GateOutcome.DESELECTED
        record = GateRecord(gate.nodeid, gate.phase, gate.severity, outcome, entry.seconds, entry.message)
        self._records[gate.nodeid] = record
        return record


def _outcome(report: pytest.TestReport) -> GateOutcome | None:
    """None: this report alone says nothing, as of a setup that passed."""
    expected_to_fail = hasattr(report, "wasxfail")
    if getattr(report, "dbdeploy_warned", None) is not None:
        return GateOutcome.WARNED
    if report.failed or hasattr(report, "dbdeploy_failed"):
        if report.when == "???":  # type: ignore[comparison-overlap]  # xdist's report of a crash
            return GateOutcome.CRASHED
        return GateOutcome.FAILED if report.when == "call" else GateOutcome.ERROR
    if report.skipped:
        if expected_to_fail:
            return GateOutcome.XFAILED
        return (
            GateOutcome.NOT_APPLICABLE if hasattr(report, "dbdeploy_not_applicable") else GateOutcome.SKIPPED
        )
    # An outcome that only another plugin knows ("retried") is no evidence.
    return GateOutcome.PASSED if report.passed and report.when == "call" else None


def message_of(report: pytest.TestReport) -> str | None:
    """The first lines of a failure, or the reason of a skip; without secrets. None for a pass."""
    warned: str | None = getattr(report, "dbdeploy_warned", None)
    if warned is not None:
        return warned
    if report.passed and report.longrepr is None:
        return None
    longrepr: Any = report.longrepr
    if report.skipped:
        reason = getattr(report, "wasxfail", None) or (
            longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        )
        return redactor.redact(str(reason).removeprefix("Skipped: ").removeprefix("not applicable: "))
    return failure_message(longrepr)


def failure_message(longrepr: Any, most: int | None = _MESSAGE_LINES) -> str:
    """What an exception says, without traceback and secrets: its first ``most`` lines, or all of them."""
    crash = getattr(longrepr, "reprcrash", None)
    lines = (crash.message if crash is not None else str(longrepr)).strip().splitlines()
    if crash is None:  # pytest's own words, such as of a fixture that is not there, stand behind the source
        lines = [line[1:].strip() for line in lines if line.startswith("E ")] or lines
    more = ["..."] if len(lines) > len(lines[:most]) else []
    return redactor.redact("\n".join(lines[:most] + more)).removeprefix("Failed: ")


def _last_line(text: str) -> str:
    lines = [line.removeprefix("E").strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
