"""What the session itself says on the terminal: letters for gates, and the final section. Lines of steps come from ``reports``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from ..steps import StepListener
from .junit import is_step


def listeners(config: pytest.Config) -> list[StepListener]:
    """A line a step; none without a terminal (``-p no:terminal``) or with ``-q``."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return []
    from ..reports.step_lines import ReporterWriter, TerminalReport

    class OnLinesOfTheirOwn(ReporterWriter):
        """Under xdist pytest's own ``ensure_newline`` does not know that there is a line of dots.

        A terminal that is gone (``| head``, a lost connection) stops no rollback; pytest itself soon says that it is gone.
        """

        def write_line(self, text: str, **markup: bool) -> None:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                self._end_dots()
                super().write_line(text, **markup)

        def write_live(self, text: str) -> None:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                self._end_dots()
                super().write_live(text)

        def _end_dots(self) -> None:
            if not self._live and self._terminal.width_of_current_line:
                self._end_of_file()
                self._reporter.write("\n")
                self._reporter.currentfspath = None

        def _end_of_file(self) -> None:
            """The share of gates that have run, which pytest writes when the next file begins, or after the last one."""
            its = self._reporter
            last = its._is_last_item
            if (
                its._show_progress_info
                and its.verbosity <= 0
                and (last or isinstance(its.currentfspath, Path))
            ):
                its._write_progress_information_filling_space()
            if last:
                its._show_progress_info = False  # else the 100% comes once more, below our lines

    return [TerminalReport(OnLinesOfTheirOwn(reporter), verbosity=reporter.verbosity)]


def header(config: pytest.Config, lines: list[str]) -> list[str]:
    """Lines of the header that fit the terminal: a long value goes on below itself."""
    from ..reports.step_lines import wrapped

    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    width = reporter._tw.fullwidth + 1 if reporter is not None else 80
    return [part for line in lines for part in wrapped(line, width, " " * 15)]


def status_of(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, Any] | None:
    """Category, letter and word of what pytest has no word for."""
    if not isinstance(report, pytest.TestReport):
        return None
    if is_step(report):
        return "", "", ""  # a step has its own line, and is no test in pytest's counts
    if report.skipped and hasattr(report, "dbdeploy_not_applicable"):
        return "not applicable", "n", ("NOT APPLICABLE", {"green": True})
    if getattr(report, "dbdeploy_warned", None) is not None:
        return "warned", "w", ("WARNED", {"yellow": True})
    return None


def summary(reporter: Any, lines: list[str], markup: dict[str, bool]) -> None:
    """The final section: the verdict, and what the flow says of it; gates that warned, if it does not name them.

    With ``-q`` only the verdict, its first line, which has ``markup``. Lines fit the terminal, but for what is there to be copied.
    """
    from ..reports.step_lines import wrapped

    lines = [line for line in lines if line.strip()]
    named = {line.strip() for line in lines}
    warned = [
        line
        for report in reporter.stats.get("warned", ())
        if not is_step(report) and report.nodeid not in named
        for line in (f"WARNED {report.nodeid}", "  " + (report.dbdeploy_warned.splitlines() or [""])[0])
    ]
    if not lines and not warned:
        return
    reporter.ensure_newline()  # after the dots of the last file: pytest writes it before the first line of ours, not before its title
    reporter.section("dbdeploy", blue=True)
    width = reporter._tw.fullwidth + 1
    for number, line in enumerate(lines[:1] if reporter.verbosity < 0 else [*lines, *warned]):
        colours = markup if number == 0 else {"yellow": True} if line in warned else {}
        for part in wrapped(line, width):
            reporter.write_line(part, **colours)
