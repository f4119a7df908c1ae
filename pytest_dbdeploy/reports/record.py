"""All that is known of a run, gathered while it runs: what report.json, the terminal's summary and the alerts are made of."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..compare.matrix import Row
from ..health import HealthCheck
from ..model import (
    Backup,
    Change,
    Decision,
    ExitStatus,
    Finding,
    GateOutcome,
    GateRecord,
    Level,
    LogPhase,
    Mode,
    NotCompared,
    Outcome,
    Phase,
    Plan,
    RowsWritten,
    Severity,
    StatementEvidence,
)
from ..steps import Step

LOG_PHASE = {
    Phase.PREFLIGHT: LogPhase.PREFLIGHT,
    Phase.SANDBOX: LogPhase.SANDBOX_VALIDATION,
    Phase.COMPARE: LogPhase.SANDBOX_VALIDATION,
    Phase.POSTDEPLOY: LogPhase.POST_DEPLOY,
    Phase.POSTROLLBACK: LogPhase.ROLLBACK,
}
_VERIFIED = {GateOutcome.PASSED, GateOutcome.NOT_APPLICABLE, GateOutcome.WARNED}
_NOT_REACHED = {GateOutcome.NOT_RUN, GateOutcome.DESELECTED, GateOutcome.SKIPPED}


@dataclass(frozen=True, slots=True)
class PhaseRecord:
    """A phase that began. ``status``: passed or failed."""

    name: LogPhase
    status: str
    duration_seconds: float


@dataclass(slots=True)
class RollbackRecord:
    """``strategy``: undo, restore, rollback (a plain ROLLBACK), or None. ``verified``: None when nothing was to be verified.

    ``put_aside``: rows of users that an undo put aside, by relation.
    """

    strategy: str | None = None
    rehearsed: bool = False
    rehearsed_seconds: float | None = None
    performed: bool = False
    verified: bool | None = None
    rows_written: RowsWritten = field(default_factory=RowsWritten)
    put_aside: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What ``--dbdeploy-compare`` found. ``transport``: hub or direct. ``databases``: name, server, serverVersion, standby.

    ``changes``: from the first database to each of the others, by the other's name. ``matrix``: the objects that differ between
    any two. ``ignored``: each rule of ``compare.ignore`` (kind, prop, name) with the number of ``changes`` that it left out.
    """

    transport: str
    databases: Sequence[Mapping[str, Any]]
    changes: Mapping[str, Sequence[Change]]
    matrix: Sequence[Row]
    ignored: Sequence[Mapping[str, Any]]


class Phases:
    """A step listener that measures the phases by the clock on the wall: a step of another phase ends the one before.

    ``enter`` does the same where gates run without a step (the phase POST_DEPLOY).
    """

    def __init__(self) -> None:
        self._seconds: dict[LogPhase, float] = {}
        self._failed: set[LogPhase] = set()
        self._current: LogPhase | None = None
        self._since = 0.0

    def enter(self, phase: LogPhase) -> None:
        if phase is self._current:
            return
        self.close()
        self._seconds.setdefault(phase, 0.0)
        self._current, self._since = phase, time.perf_counter()

    def close(self) -> None:
        """Ends the current phase."""
        if self._current is not None:
            self._seconds[self._current] += time.perf_counter() - self._since
            self._current = None

    def fail(self, phase: LogPhase) -> None:
        self._seconds.setdefault(phase, 0.0)
        self._failed.add(phase)

    def records(self, gates: Sequence[GateRecord] = ()) -> tuple[PhaseRecord, ...]:
        """The phases that began, in the order in which they did. A blocking gate that ran and was not verified fails its phase."""
        seconds, failed = dict(self._seconds), set(self._failed)
        if self._current is not None:
            seconds[self._current] += time.perf_counter() - self._since
        measured = set(seconds)
        for gate in gates:
            if gate.outcome in _NOT_REACHED:
                continue
            phase = LOG_PHASE[gate.phase]
            if phase not in measured:
                seconds[phase] = seconds.get(phase, 0.0) + gate.duration_seconds
            if gate.severity is Severity.BLOCK and gate.outcome not in _VERIFIED:
                failed.add(phase)
        return tuple(
            PhaseRecord(phase, "failed" if phase in failed else "passed", value)
            for phase, value in seconds.items()
        )

    # -- step listener

    def step_started(self, step: Step) -> None:
        self.enter(step.phase)

    def step_progressed(self, step: Step, text: str) -> None:
        """Nothing to measure."""

    def step_finished(self, step: Step) -> None:
        if step.status == "failed":
            self.fail(step.phase)

    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None:
        """Messages take no time."""


@dataclass(slots=True)
class RunRecord:
    """Filled by the flow as it goes. ``environment``: its name; for a comparison the compared names, with a comma between.

    ``samples``: what of users' rows may be shown (``reports.samples``: none, keys, values).
    ``protected``: whether the environment needs an approval.
    ``what_stands_where``: lines for people, such as ``target   dev (localhost:5432/shop): as it was``.
    ``next_commands``: whole command lines, to copy. ``deployed_commit``: what the code's part pushed, or None.
    ``code``: where it stands, by releaser. ``health``: what the application answered, ``before`` and ``after``.
    No field may hold a secret; what is written from it is redacted once more.
    """

    deployment_id: str
    environment: str
    mode: Mode
    artifacts: Path
    samples: str = "keys"
    protected: bool = False
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    finished: dt.datetime | None = None
    outcome: Outcome | None = None
    exit_status: ExitStatus | None = None
    plan: Plan | None = None
    decision: Decision | None = None
    gates: list[GateRecord] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    not_compared: list[NotCompared] = field(default_factory=list)
    comparison: Comparison | None = None
    evidence: list[StatementEvidence] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    backup: Backup | None = None
    rollback: RollbackRecord = field(default_factory=RollbackRecord)
    deployed_commit: str | None = None
    code: dict[str, str] = field(default_factory=dict)
    health: dict[str, HealthCheck] = field(default_factory=dict)
    alerts: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    what_stands_where: list[str] = field(default_factory=list)
    next_commands: list[str] = field(default_factory=list)
    phases: Phases = field(default_factory=Phases)

    def finish(self, outcome: Outcome, exit_status: ExitStatus) -> None:
        """The end of what can change: reports and alerts come after it."""
        self.outcome, self.exit_status = outcome, exit_status
        self.finished = dt.datetime.now(dt.UTC)
        self.phases.close()

    @property
    def code_lines(self) -> list[str]:
        """Of ``what_stands_where``."""
        return [f"{name:<8} {text}" for name, text in self.code.items()]

    @property
    def seconds(self) -> float:
        return ((self.finished or dt.datetime.now(dt.UTC)) - self.started).total_seconds()
