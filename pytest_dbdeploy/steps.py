"""Steps: what the controller does at boundaries, announced before it starts and after it ends.

A flow runs each action inside ``with steps.step(...)``. Listeners (journal, log, terminal, JUnit) learn of it in the order
in which they were added: the journal comes first, so that a step is on disk before it happens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from .model import Level, LogPhase


@dataclass(slots=True)
class Step:
    """One step. ``name``: stable, for journal and JUnit (clone, rehearsal, decision, backup, deploy, rollback, ...).

    ``testcase``: whether it is a test case of class ``dbdeploy`` in JUnit. ``data``: what the journal keeps; no secrets.
    ``status``: running, passed, failed, skipped. ``brief``: what the terminal says instead of ``text``, where that is said again below.
    """

    name: str
    title: str
    phase: LogPhase
    testcase: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    status: str = "running"
    text: str = ""
    brief: str = ""
    started: float = 0.0
    seconds: float = 0.0
    _steps: Steps | None = None

    def progress(self, text: str) -> None:
        """Live progress, such as ``123 MB, 41 MB/s``; may be called often."""
        if self._steps is not None:
            for listener in self._steps.listeners:
                listener.step_progressed(self, text)

    def done(self, text: str = "", *, brief: str = "", **data: Any) -> None:
        """What the finished step says of itself in one line."""
        self.text, self.brief = text, brief
        self.data.update(data)

    def failed(self, text: str, *, brief: str = "", **data: Any) -> None:
        """Ends as failed without an exception."""
        self.status = "failed"
        self.done(text, brief=brief, **data)

    def skipped(self, text: str) -> None:
        self.status = "skipped"
        self.text = text


class StepListener(Protocol):
    def step_started(self, step: Step) -> None: ...
    def step_progressed(self, step: Step, text: str) -> None: ...
    def step_finished(self, step: Step) -> None: ...
    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None: ...


class Steps:
    """Announces steps and messages to its listeners."""

    def __init__(self) -> None:
        self.listeners: list[StepListener] = []

    @contextmanager
    def step(
        self, name: str, title: str, phase: LogPhase, *, testcase: bool = False, **data: Any
    ) -> Iterator[Step]:
        """Runs one step; an exception ends it as failed and goes on."""
        step = Step(name, title, phase, testcase, dict(data), _steps=self)
        step.started = time.time()
        clock = time.perf_counter()
        for listener in self.listeners:
            listener.step_started(step)
        try:
            yield step
        except BaseException as error:
            step.status = "failed"
            step.text = step.text or str(error) or type(error).__name__
            raise
        else:
            if step.status == "running":
                step.status = "passed"
        finally:
            step.seconds = time.perf_counter() - clock
            for listener in self.listeners:
                listener.step_finished(step)

    def message(self, phase: LogPhase, level: Level, text: str, **metadata: Any) -> None:
        """One line of the log that is no step."""
        for listener in self.listeners:
            listener.message(phase, level, text, metadata)
