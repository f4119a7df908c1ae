"""What every flow shares: its workspace and record, and what it tells the session of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..adapters import Adapters
from ..config.load import BYPASS_HEADER, Settings
from ..config.models import Environment
from ..errors import ConfigError, LayoutError
from ..layouts import find_layout
from ..layouts.base import LayoutReader
from ..model import Decision, ExitStatus, Outcome
from ..reports import ci, terminal
from ..reports.record import RunRecord
from ..steps import Steps
from .base import Ledger
from .held_lock import HeldLock
from .workspace import Workspace


def application(environment: Environment) -> dict[str, Any]:
    """What ``dbdeploy_app`` is made of; ``headers``: what gets it through Vercel's deployment protection, as health checks do."""
    bypass = {
        name: text for name, text in environment.health.headers.items() if name.lower() == BYPASS_HEADER
    }
    return {"url": environment.app_url, "timeout": 10.0, "headers": bypass}


class CommonFlow:
    """The part of ``Flow`` that is the same for all. ``exit_status`` starts as the worst: what is not decided is not good."""

    exit_status = ExitStatus.ABORTED

    def __init__(self, settings: Settings, steps: Steps, adapters: Adapters) -> None:
        self.settings = settings
        self.steps = steps
        self.adapters = adapters
        self.mode = settings.action.mode
        self._workspace: Workspace | None = None
        self.held: HeldLock | None = None

    def open_workspace(self, environment: str) -> None:
        self._workspace = Workspace(
            self.settings, self.steps, self.mode, environment, self.adapters.notifiers
        )

    def open_layout(self) -> LayoutReader:
        """The migrations' layout; ConfigError when there is none, or their files are wrong."""
        try:
            return find_layout(
                self.settings.migrations,
                self.settings.rootdir,
                self.settings.state.schema_,
                extra=self.adapters.layouts,
            )
        except LayoutError as error:
            raise ConfigError(error.message, hint=error.hint) from None

    @property
    def workspace(self) -> Workspace:
        assert self._workspace is not None
        return self._workspace

    @property
    def record(self) -> RunRecord:
        return self.workspace.record

    @property
    def outcome(self) -> Outcome | None:
        return self.record.outcome if self._workspace else None

    @property
    def decision(self) -> Decision | None:
        return self.record.decision if self._workspace else None

    @property
    def junit_path(self) -> Path | None:
        """Where the run's own junit.xml goes, whatever the command line says."""
        return self.workspace.artifacts.path("junit.xml") if self._workspace else None

    def gate_started(self, nodeid: str) -> None:
        """Written down before each gate that runs in this process, for those who ask what it died of; empty: it has ended."""
        self.workspace.running_gate.set(nodeid)

    def pause(self) -> None:
        """A person looks into a gate: the target's lock is given up. DbDeployError when the target cannot be read."""
        if self.held is not None:
            self.held.pause()

    def go_on(self) -> None:
        """The end of a pause, if there is one. LockError when the target is no longer ours."""
        if self.held is not None:
            self.held.go_on()

    def public_facts(self) -> dict[str, Any]:
        return {"tables": [], "rules": []}

    def collected(self, ledger: Ledger) -> None:
        """Nothing to approve."""

    def header(self) -> list[str]:
        return terminal.header(self.settings, self.record.plan)

    def summary(self) -> list[str]:
        """Empty where the session ended before it had any artifacts."""
        return [] if self._workspace is None else terminal.summary(self.record)

    def last_lines(self, status: int) -> list[str]:
        """For machines, after all other output: what the CI service notes, then the outcome. ``status``: of the process."""
        if self._workspace is None:
            return []
        return [*ci.annotation_lines(self.record, self.settings.rootdir), ci.last_line(self.record, status)]

    @property
    def markup(self) -> dict[str, bool]:
        """Of the summary's first line, for pytest's terminal writer."""
        return {} if self._workspace is None else terminal.markup(self.record)

    def junit_properties(self) -> dict[str, str]:
        return {
            "dbdeploy.deployment_id": self.record.deployment_id,
            "dbdeploy.environment": self.record.environment,
            "dbdeploy.outcome": str(self.record.outcome or ""),
            "dbdeploy.plan": self.record.plan.hash if self.record.plan else "",
        }
