"""What the session itself says on the terminal: letters for gates, and the final section. Lines of steps come from ``reports``."""

from __future__ import annotations

from typing import Any

import pytest

from ..model import Level, LogPhase
from ..steps import Step, StepListener
from .junit import is_step


def listeners(config: pytest.Config) -> list[StepListener]:
    """A line a step; none without a terminal (``-p no:terminal``) or with ``-q``."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return []
    return [StepLines(reporter)]


class StepLines:
    """One line when a step has ended; what it is about, how long it took, and what it says of itself."""

    def __init__(self, reporter: Any) -> None:
        self.reporter = reporter

    def step_started(self, step: Step) -> None:
        """Said when it has ended."""

    def step_progressed(self, step: Step, text: str) -> None:
        """Live progress needs a terminal of one's own."""

    def step_finished(self, step: Step) -> None:
        if self.reporter.verbosity >= 0:
            new_line(self.reporter)
            colour = {"failed": {"red": True}, "skipped": {"yellow": True}}.get(step.status, {})
            text = f"  {step.text}" if step.text else ""
            self.reporter.write_line(
                f"dbdeploy: {step.title} {step.status} ({step.seconds:.1f} s){text}", **colour
            )

    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None:
        if level in (Level.WARN, Level.ERROR) and self.reporter.verbosity >= 0:
            new_line(self.reporter)
            self.reporter.write_line(f"dbdeploy: {text}", yellow=True)


def new_line(reporter: Any) -> None:
    """Ends a line of dots. Under xdist pytest's own ``ensure_newline`` does not know that there is one."""
    if getattr(getattr(reporter, "_tw", None), "width_of_current_line", 0):
        reporter.write("\n")
    reporter.ensure_newline()


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
    for line in lines[:1] if quiet else lines:
        reporter.write_line(line)
