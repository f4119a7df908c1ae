"""The journal: every step on disk before it starts and after it ends, one JSON object a line.

Rollback and resume of a session that died work from this file, so a line counts only when it was synced: ``append`` returns
after fsync, and a torn last line is a step that never began. A journal that cannot be written must stop the session,
therefore nothing here swallows an error.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import jsonfile
from .errors import StateError
from .model import Level, LogPhase, timestamp
from .steps import Step

FINISHED = "finished"


class Journal:
    """Appends to ``path`` (created with mode 0600); a torn last line of a process that died is removed first.

    A step listener. Add it first: the other listeners may then rely on the step being on disk. Keys of the data are written
    as they are given; use camelCase. The keys ``timestamp``, ``event``, ``step`` and ``status`` are the journal's own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            created = not path.exists()
            if not created:
                _drop_torn_line(path)
            self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise _unwritable(path, error) from error
        if created:
            jsonfile.sync_directory(path.parent)

    def append(self, event: str, **data: object) -> None:
        """One line ``{"timestamp", "event", **data}``, on disk when this returns. StateError when it cannot be written."""
        self._append(event, data)

    def _append(self, event: str, data: Mapping[str, object]) -> None:
        line = {"timestamp": timestamp(dt.datetime.now(dt.UTC)), "event": event}
        content = jsonfile.encode(line | {k: v for k, v in data.items() if k not in line}) + b"\n"
        with self._lock:
            if self._descriptor is None:
                raise StateError(f"the journal {self.path} is closed; the event {event!r} cannot be kept")
            try:
                _write_all(self._descriptor, content)
                os.fsync(self._descriptor)
            except OSError as error:
                raise _unwritable(self.path, error) from error

    def finish(self, **data: object) -> None:
        """The ``finished`` event: the last one, after which there is nothing to resume. Closes the journal."""
        self.append(FINISHED, **data)
        self.close()

    def close(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    # -- step listener

    def step_started(self, step: Step) -> None:
        self._append("step-started", {**step.data, "step": step.name})

    def step_progressed(self, step: Step, text: str) -> None:
        """Progress is nothing to undo."""

    def step_finished(self, step: Step) -> None:
        own = {"step": step.name, "status": step.status, "seconds": round(step.seconds, 3), "text": step.text}
        self._append("step-finished", {**step.data, **own})

    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None:
        """Messages belong to the log."""


def read(path: Path) -> list[dict[str, Any]]:
    """All events, oldest first. A torn last line is left out; anything else that is no event is a StateError."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise StateError(
            f"the journal {path} cannot be read: {error.strerror}",
            hint="The state row in dbdeploy.deployments on the target says how far the deployment came.",
        ) from error
    events: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        event = _parse(line)
        if event is not None:
            events.append(event)
        elif number < len(lines):
            raise StateError(
                f"{path}:{number}: not an event of a journal",
                hint="The file was changed or damaged. The state row in dbdeploy.deployments on the target says how far the deployment came.",
            )
    return events


def is_finished(events: list[dict[str, Any]]) -> bool:
    """Whether the session came to its end: otherwise it died, or is still running."""
    return bool(events) and events[-1]["event"] == FINISHED


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _drop_torn_line(path: Path) -> None:
    """Truncates what follows the last line end, unless it is a whole event that only lacks its line end."""
    with path.open("r+b") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end == len(content):
            return
        if _parse(content[end:]) is not None:
            file.write(b"\n")
        else:
            file.truncate(end)
        file.flush()
        os.fsync(file.fileno())


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _unwritable(path: Path, error: OSError) -> StateError:
    return StateError(
        f"the journal {path} cannot be written: {error.strerror or error}",
        hint="Nothing is done that is not written down first. Make room or change --dbdeploy-artifacts.",
    )
