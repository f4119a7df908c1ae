"""Flows: what the controller does between the phases, one file an action of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model import Mode

if TYPE_CHECKING:
    from ..adapters import Adapters
    from ..config.load import Settings
    from ..steps import Steps
    from .base import Flow


def make_flow(settings: Settings, steps: Steps, adapters: Adapters) -> Flow:
    """The flow of the requested action, with the adapters that hooks brought; imports no more than that one needs."""
    match settings.action.mode:
        case Mode.DEPLOY | Mode.DRY_RUN:
            from .deploy import DeployFlow

            return DeployFlow(settings, steps, adapters)
        case Mode.COMPARE:
            from .compare import CompareFlow

            return CompareFlow(settings, steps, adapters)
        case Mode.ROLLBACK:
            from .rollback import RollbackFlow

            return RollbackFlow(settings, steps, adapters)
        case Mode.RESUME:
            from .resume import ResumeFlow

            return ResumeFlow(settings, steps, adapters)
