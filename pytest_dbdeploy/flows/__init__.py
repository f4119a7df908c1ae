"""Flows: what the controller does between the phases, one file an action of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model import Mode

if TYPE_CHECKING:
    from ..config.load import Settings
    from ..steps import Steps
    from .base import Flow


def make_flow(settings: Settings, steps: Steps) -> Flow:
    """The flow of the requested action; imports no more than that one needs."""
    match settings.action.mode:
        case Mode.DEPLOY | Mode.DRY_RUN:
            from .deploy import DeployFlow

            return DeployFlow(settings, steps)
        case Mode.COMPARE:
            from .compare import CompareFlow

            return CompareFlow(settings, steps)
        case Mode.ROLLBACK:
            from .earlier import RollbackFlow

            return RollbackFlow(settings, steps)
        case Mode.RESUME:
            from .earlier import ResumeFlow

            return ResumeFlow(settings, steps)
