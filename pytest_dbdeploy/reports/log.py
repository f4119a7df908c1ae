"""deployment.log: one JSON object a line, for people with ``jq`` and for log shippers.

Unlike the journal nobody works from it, so it must never be the reason why a deployment stops: a file that cannot be
written is said once, in ``problem``.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import jsonfile
from ..model import Level, LogPhase
from ..steps import Step

_ORDER = tuple(Level)
_STEP_LEVEL = {"passed": Level.SUCCESS, "failed": Level.ERROR, "skipped": Level.INFO}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line. ``timestamp``: UTC. ``duration``: seconds. Everything is redacted when it is written."""

    timestamp: dt.datetime
    phase: LogPhase
    level: Level
    message: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    duration: float | None = None
    stack_trace: str | None = None


class DeploymentLog:
    """Writes entries of at least ``level`` to ``path`` (mode 0600) and keeps them in ``entries`` for the log table.

    A step listener. ``problem``: why the file is incomplete, or None.
    """

    def __init__(self, path: Path, deployment_id: str, level: Level | str = Level.INFO) -> None:
        self.path = path
        self.deployment_id = deployment_id
        self.entries: list[LogEntry] = []
        self.problem: str | None = None
        self._threshold = _ORDER.index(Level(level))
        self._lock = threading.Lock()
        self._append(b"")  # there from the first moment, also where nothing reaches ``level``

    def write(self, entry: LogEntry) -> None:
        """Never raises for a file that cannot be written."""
        if _ORDER.index(entry.level) < self._threshold:
            return
        metadata = dict(entry.metadata)
        if entry.duration is not None:
            metadata["durationSeconds"] = round(entry.duration, 3)
        if entry.stack_trace is not None:
            metadata["stackTrace"] = entry.stack_trace
        line = {
            "timestamp": entry.timestamp,
            "deploymentId": self.deployment_id,
            "phase": entry.phase,
            "level": entry.level,
            "message": entry.message,
            "metadata": metadata,
        }
        with self._lock:
            self.entries.append(entry)
            self._append(jsonfile.encode(line) + b"\n")

    def _append(self, data: bytes) -> None:
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(data)
        except OSError as error:
            self.problem = f"{self.path} is incomplete: {error.strerror or error}"

    def exception(self, phase: LogPhase, text: str, error: BaseException) -> None:
        """An error with its stack trace, which appears here only."""
        trace = "".join(traceback.format_exception(error))
        metadata = {"error": type(error).__name__}
        self.write(LogEntry(_now(), phase, Level.ERROR, text, metadata, stack_trace=trace))

    # -- step listener

    def step_started(self, step: Step) -> None:
        self.write(LogEntry(_now(), step.phase, Level.DEBUG, f"{step.title}: started", {"step": step.name}))

    def step_progressed(self, step: Step, text: str) -> None:
        """Progress is for eyes; the end of the step says the same in one line."""

    def step_finished(self, step: Step) -> None:
        level = _STEP_LEVEL.get(step.status, Level.INFO)
        text = f"{step.title}: {step.text or step.status}"
        metadata = {**step.data, "step": step.name, "status": step.status}
        self.write(LogEntry(_now(), step.phase, level, text, metadata, duration=step.seconds))

    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None:
        self.write(LogEntry(_now(), phase, level, text, metadata))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
