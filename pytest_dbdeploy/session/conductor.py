"""The order of things: each boundary once, in the one process that acts. Used alike by the plain run loop and by the scheduler."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from ..errors import ConfigError
from ..flows.base import Close, Flow, Skip
from ..model import Phase
from . import signals
from .ledger import GateLedger
from .state import Message


class Conductor:
    """Calls the flow: ``collected``, ``before(phase)`` for each phase, ``finish``."""

    def __init__(self, config: pytest.Config, flow: Flow, ledger: GateLedger) -> None:
        self.config = config
        self.flow = flow
        self.ledger = ledger
        self.tell: list[Callable[[Message], None]] = []  # everybody who runs gates
        self.messages: list[Message] = []  # what a worker that joins late must hear
        self.notes: list[str] = []  # for the final section
        self.finished = False
        self._current: Phase | None = None
        self._to_come = list(flow.phases)
        self._started = False
        self._closed = False
        self._decided = False

    def advance(self) -> Phase | None:
        """Ends the current phase and opens the next one, whose gates may then run. None: the session is over, the verdict stands."""
        if not self._started:
            self._started = True
            try:
                self.flow.collected(self.ledger.snapshot())
            except ConfigError as error:
                raise pytest.UsageError(str(error)) from None
        elif self._current is not None and not self._closed:
            gates = self.ledger.of_phase(self._current)
            self.observe("phase_finished", phase=self._current, gates=gates)
        if not self._to_come:
            self._current = None
            self.flow.finish(self.ledger.snapshot())
            self.finished = True
            self._announce_decision()
            return None
        self._current = self._to_come.pop(0)
        if not self._closed:
            self._open(self._current)
        return self._current

    def _open(self, phase: Phase) -> None:
        answer = self.flow.before(phase, self.ledger.snapshot())
        self._announce_decision()
        signals.check()
        if isinstance(answer, Close):
            self._closed = True
            self._send(("close", answer.reason, answer.not_applicable))
        elif isinstance(answer, Skip):
            self._send(("close", answer.reason, True))
        else:
            self._send(("go", pickle.dumps(answer.context)))
            self.observe("phase_started", phase=phase)

    def _send(self, message: Message) -> None:
        self.messages.append(message)
        for tell in self.tell:
            tell(message)

    def _announce_decision(self) -> None:
        """The flow's decision, as soon as there is one (``Flow`` need not have any: a comparison decides nothing)."""
        decision: Any = getattr(self.flow, "decision", None)
        if decision is not None and not self._decided:
            self._decided = True
            self.observe("decision", decision=decision)

    def observe(self, hook: str, **arguments: Any) -> None:
        """Calls an observer's hook. Whatever it raises becomes a warning: observers change no verdict."""
        name = f"pytest_dbdeploy_{hook}"
        outcomes = (Exception, pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception)
        try:
            getattr(self.config.hook, name)(config=self.config, **arguments)
        except outcomes as error:
            text = f"{name} raised {type(error).__name__}: {error}; the verdict is not affected"
            try:
                self.config.issue_config_time_warning(pytest.PytestWarning(text), stacklevel=2)
            except outcomes:  # -W error
                self.notes.append(text)
