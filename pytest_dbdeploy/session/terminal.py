"""What the session itself says on the terminal: letters for gates, and the final section. Lines of steps come from ``reports``."""

from __future__ import annotations

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
        """Under xdist pytest's own ``ensure_newline`` does not know that there is a line of dots."""

        def write_line(self, text: str, **markup: bool) -> None:
            self._end_dots()
            super().write_line(text, **markup)

        def write_live(self, text: str) -> None:
            self._end_dots()
            super().write_live(text)

        def _end_dots(self) -> None:
            if not self._live and self._terminal.width_of_current_line:
                self._reporter.write("\n")
                self._reporter.currentfspath = None

    return [TerminalReport(OnLinesOfTheirOwn(reporter), verbosity=reporter.verbosity)]


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


def summary(reporter: Any, lines: list[str]) -> None:
    """The final section: gates that warned, then what the flow says. With ``-q`` only the verdict, its first line."""
    quiet = reporter.verbosity < 0
    warned = [report for report in reporter.stats.get("warned", ()) if not is_step(report)]
    if not lines and not warned:
        return
    reporter.section("dbdeploy", blue=True)
    for report in () if quiet else warned:
        first = (report.dbdeploy_warned.splitlines() or [""])[0]
        reporter.write_line(f"WARNED {report.nodeid} - {first}", yellow=True)
    for line in [line for line in lines if line.strip()][:1] if quiet else lines:
        reporter.write_line(line)
