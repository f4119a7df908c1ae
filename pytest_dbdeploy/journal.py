"""The journal: every step on disk before it starts and after it ends, one JSON object a line.

Rollback and resume of a session that died work from this file, so a line counts only when it was synced: ``append`` returns
after fsync, and a torn last line is a step that never began. A journal that cannot be written must stop the session,
therefore nothing here swallows an error.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import jsonfile
from .errors import StateError
from .model import Level, LogPhase, timestamp
from .steps import Step

FINISHED = "finished"
VERDICT = "verdict"
RUNNING = "running-gate"


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
        with contextlib.suppress(OSError):  # what ``is_held`` asks for; not every file system can
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


# -- what a session died of


class RunningGate:
    """Which gate runs, in the file ``running-gate`` beside the journal: for those who ask what a session died of.

    Not synced: the kernel keeps it when the process dies, and 5,000 gates shall not wait for a disk. Errors are swallowed:
    it is a hint, no evidence.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = None
        with contextlib.suppress(OSError):
            self._descriptor = os.open(folder / RUNNING, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def set(self, gate: str) -> None:
        """``gate``: its node ID; empty when none runs. The first line of the file counts, whatever follows."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, gate.encode(errors="replace") + b"\n", 0)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@dataclass(frozen=True, slots=True)
class Death:
    """A session that ended without a verdict. ``during``: ``gate ID`` or ``step NAME``, empty when not known.

    ``touched``: whether it had begun to write to the target.
    """

    when: dt.datetime
    during: str
    touched: bool


def death(folder: Path) -> Death | None:
    """How the session of these artifacts died; None when it came to a verdict, still runs, or left nothing that says so."""
    path = folder / "journal.jsonl"
    try:
        events = read(path)
        if not events or is_held(path) or any(e["event"] in (VERDICT, FINISHED) for e in events):
            return None
        running = folder / RUNNING
        changed = max(file.stat().st_mtime for file in (path, running) if file.exists())
        gate = running.read_text("utf-8", "replace").split("\n", 1)[0] if running.exists() else ""
    except (StateError, OSError):
        return None
    step = events[-1].get("step") if events[-1]["event"] == "step-started" else None
    during = f"gate {gate}" if gate else f"step {step}" if step else ""
    touched = any(e["event"] == "state" or e.get("step") == "state" for e in events)
    return Death(dt.datetime.fromtimestamp(changed).astimezone(), during, touched)


def is_held(path: Path) -> bool:
    """Whether the session that writes the journal lives: the kernel gave its lock up if not."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


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
