"""What a process that runs gates knows of the session: which phase, what its fixtures are made of, whether it was closed."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from ..invocation import Action
from ..model import Gate, Phase
from ..secret import redactor

# What the controller tells every process that runs gates. Builtin types only: execnet carries nothing else.
Message = tuple[Literal["go"], bytes] | tuple[Literal["close"], str, bool]


@dataclass(frozen=True, slots=True)
class Closed:
    """No gate runs until the next phase is opened; each is skipped with ``reason``."""

    reason: str
    not_applicable: bool


class GateState:
    """Filled by the controller's messages; read by fixtures and by whoever runs items."""

    def __init__(self) -> None:
        self.phase: Phase | None = None
        self.closed: Closed | None = None
        self._pickled: bytes | None = None
        self._values: dict[str, Any] = {}

    def receive(self, message: Message) -> None:
        """May be called in execnet's receiver thread: unpickling, which imports modules, waits for the thread that runs gates."""
        if message[0] == "go":
            self._pickled = message[1]
            self.closed = None  # the phase before this one may have been skipped
        else:
            self.closed = Closed(message[1], message[2])

    @property
    def values(self) -> dict[str, Any]:
        """The context of the current phase (``Go.context``)."""
        if self._pickled is not None:
            pickled, self._pickled = self._pickled, None
            self._values = pickle.loads(pickled)
            _register_secrets(self._values)
        return self._values


def _register_secrets(values: dict[str, Any]) -> None:
    """The URLs' passwords, and what opens the application: so that this process masks them in its reports."""
    sandbox = values.get("sandbox") or {}
    for url in (values.get("target"), values.get("hub"), *sandbox.values()):
        if isinstance(url, str):
            redactor.register(url)
    application = values.get("app") or {}
    if "@" in (application.get("url") or ""):
        redactor.register(application["url"])
    for value in (application.get("headers") or {}).values():
        redactor.register(value)


ACTION = pytest.StashKey[Action]()
STATE = pytest.StashKey[GateState]()
GATE = pytest.StashKey[Gate]()
