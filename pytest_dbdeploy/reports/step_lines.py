"""A line a step: live on a terminal (bytes, seconds), plain elsewhere, with a sign of life every 10 seconds in long steps."""

from __future__ import annotations

import os
import re
import textwrap
import time
from collections.abc import Callable
from typing import Any, Protocol

from ..jsonfile import redact_text
from ..model import Level, LogPhase
from ..steps import Step

_NAME_WIDTH = 21
_INDENT = " " * (_NAME_WIDTH + 3)
_SIGN_OF_LIFE = 10.0
_LIVE_EVERY = 0.1
_WIDEST = 120
_NO_BREAK = "\N{NO-BREAK SPACE}"


class Writer(Protocol):
    """Where the lines go. ``write_line`` first ends a live line; ``write_live`` replaces the current one (terminals only)."""

    @property
    def isatty(self) -> bool: ...
    @property
    def width(self) -> int: ...
    def write_line(self, text: str, **markup: bool) -> None: ...
    def write_live(self, text: str) -> None: ...


class ReporterWriter:
    """pytest's terminal reporter as a ``Writer``."""

    def __init__(self, reporter: Any) -> None:
        self._reporter = reporter
        self._terminal = reporter._tw
        self._live = False

    @property
    def isatty(self) -> bool:
        file = getattr(self._terminal, "_file", None)
        return bool(file and file.isatty() and os.environ.get("TERM") != "dumb")

    @property
    def width(self) -> int:
        return int(self._terminal.fullwidth)

    def write_line(self, text: str, **markup: bool) -> None:
        if self._live:
            # Overwritten by spaces: the final line may be shorter than the live one.
            self._terminal.write("\r" + " " * (self.width - 1) + "\r")
            self._live = False
        self._reporter.ensure_newline()
        self._reporter.write_line(text, **markup)

    def write_live(self, text: str) -> None:
        self._reporter.ensure_newline()
        self._terminal.write("\r" + text.ljust(self.width - 1)[: self.width - 1], flush=True)
        self._live = True


class TerminalReport:
    """A step listener. ``verbosity`` as pytest's: below 0 only what failed, above 0 informative messages too."""

    def __init__(
        self, writer: Writer, *, verbosity: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._writer = writer
        self._verbosity = verbosity
        self._clock = clock
        self._started: dict[int, float] = {}
        self._said: dict[int, float] = {}

    def step_started(self, step: Step) -> None:
        self._started[id(step)] = self._said[id(step)] = self._clock()
        if self._writer.isatty and self._verbosity >= 0:
            self._writer.write_live(_line(step.name, f"{redact_text(step.title)} …"))

    def step_progressed(self, step: Step, text: str) -> None:
        now = self._clock()
        live = self._writer.isatty
        since = now - self._said.get(id(step), now)
        if self._verbosity < 0 or since < (_LIVE_EVERY if live else _SIGN_OF_LIFE):
            return
        self._said[id(step)] = now
        seconds = _seconds(now - self._started.get(id(step), now)).replace(_NO_BREAK, " ")
        line = _line(step.name, f"{redact_text(text)} … {seconds}")
        if live:
            self._writer.write_live(line)
        else:
            self._writer.write_line(line)

    def step_finished(self, step: Step) -> None:
        self._started.pop(id(step), None)
        self._said.pop(id(step), None)
        failed = step.status == "failed"
        if self._verbosity < 0 and not failed:
            return
        first, *rest = redact_text(step.brief or step.text).strip().splitlines() or [""]
        word = {"failed": "FAILED", "skipped": "skipped"}.get(step.status, "")
        text = ": ".join(filter(None, (word, first)))
        text = f"{text}, {_seconds(step.seconds)}" if text else _seconds(step.seconds)
        markup = {"red": True, "bold": True} if failed else {}
        for line in self._wrapped(_line(step.name, text), rest):
            self._writer.write_line(line, **markup)

    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None:
        loud = level in (Level.WARN, Level.ERROR)
        if (loud and self._verbosity < 0 and level is Level.WARN) or not (loud or self._verbosity > 0):
            return
        first, *rest = redact_text(text).splitlines() or [""]
        name = {Level.WARN: "warning", Level.ERROR: "error"}.get(level, "note")
        markup = {"yellow": True} if level is Level.WARN else {"red": True} if level is Level.ERROR else {}
        for line in self._wrapped(_line(name, first), rest):
            self._writer.write_line(line, **markup)

    def _wrapped(self, first: str, rest: list[str]) -> list[str]:
        """Long lines go on below the text."""
        width = min(self._writer.width, _WIDEST)
        return [
            part for line in (first, *(_INDENT + r for r in rest)) for part in wrapped(line, width, _INDENT)
        ]


_COMMAND = re.compile(r"\b(?:pytest|dbdeploy|psql|pg_restore) -\S+(?: -\S+)*")


def wrapped(line: str, width: int, indent: str | None = None) -> list[str]:
    """``line`` on lines shorter than ``width``, which go on at ``indent`` (None: two columns further in).

    What is there to be copied is never broken: commands, paths, URLs, IDs.
    """
    width = max(width, 60) - 1
    if len(line) <= width:
        return [line.replace(_NO_BREAK, " ")]
    if indent is None:
        indent = " " * (len(line) - len(line.lstrip()) + 2)
    whole = _COMMAND.sub(lambda command: command[0].replace(" ", _NO_BREAK), line)
    text = whole.lstrip(" ")
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=whole[: len(whole) - len(text)],
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace(_NO_BREAK, " ") for part in lines]


def _line(name: str, text: str) -> str:
    return f"  {name:<{_NAME_WIDTH}} {text}"


def _seconds(seconds: float) -> str:
    text = f"{seconds:.1f} s" if seconds < 100 else f"{int(seconds) // 60} min {int(seconds) % 60} s"
    return text.replace(" ", _NO_BREAK)
