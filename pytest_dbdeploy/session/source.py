"""Where the session gets its settings and its flow from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..flows.base import Flow
from ..invocation import Action, resolve_options
from ..model import Mode, Phase
from ..steps import Steps

DEFAULT_GATES = "gates"

# What --collect-only lists; a session that acts asks the flow itself.
PHASES: dict[Mode, tuple[Phase, ...]] = {
    Mode.DEPLOY: (Phase.PREFLIGHT, Phase.SANDBOX, Phase.POSTDEPLOY),
    Mode.DRY_RUN: (Phase.PREFLIGHT, Phase.SANDBOX, Phase.POSTDEPLOY),
    Mode.COMPARE: (Phase.COMPARE,),
    Mode.ROLLBACK: (Phase.POSTROLLBACK,),
    Mode.RESUME: (Phase.POSTDEPLOY,),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What to collect: gates of these phases, in this order, built in and below ``paths`` (absolute)."""

    phases: tuple[Phase, ...]
    paths: tuple[Path, ...]
    built_in: bool = True


@dataclass(frozen=True, slots=True)
class SessionSource:
    """``gate_paths``: absolute. ``require``: globs of gates that must exist. ``make_flow``: cheap; ``Flow.prepare`` does the work.

    ``built_in``: whether the gates of this package run; only the tests of the session itself do without.
    """

    gate_paths: tuple[Path, ...]
    require: tuple[str, ...]
    make_flow: Callable[[Steps], Flow]
    built_in: bool = True

    def scope(self, phases: tuple[Phase, ...]) -> Scope:
        """What is to be collected."""
        return Scope(phases, self.gate_paths, self.built_in)


def session_source(config: pytest.Config, action: Action) -> SessionSource:
    """From dbdeploy.yaml, options and variables; ConfigError when they are wrong."""
    source: SessionSource | None = config.hook.pytest_dbdeploy_session_source(config=config, action=action)
    return source or _from_settings(config, action)


def _from_settings(config: pytest.Config, action: Action) -> SessionSource:
    from .. import adapters
    from ..config.load import load_settings
    from ..flows import make_flow

    brought = adapters.load(config)
    options = resolve_options(config, os.environ)
    settings = load_settings(
        config.rootpath,
        action,
        config_file=options.config_file,
        artifacts=options.artifacts,
        keep_sandbox=options.keep_sandbox.value,
        approve=options.approve.value,
        environ=os.environ,
    )
    return SessionSource(
        gate_paths=tuple(config.rootpath / path for path in settings.gates.paths),
        require=tuple(settings.gates.require),
        make_flow=lambda steps: make_flow(settings, steps, brought),
    )
