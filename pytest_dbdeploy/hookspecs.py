"""Hooks of pytest-dbdeploy. A ``conftest.py`` in rootdir may implement them; so may any pytest plugin.

``pytest_dbdeploy_layout``, ``_sandbox_provider``, ``_releaser`` and ``_notifier`` bring adapters. The others observe: they are
called in the controller only, never in a worker, and an exception in one becomes a warning. A veto is a gate, not an observer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .invocation import Action
    from .model import Decision, ExitStatus, GateRecord, Outcome, Phase
    from .session.source import SessionSource


def pytest_dbdeploy_layout(config: pytest.Config) -> object | Sequence[object] | None:
    """Brings one or more migration layouts (``pytest_dbdeploy.layouts.base.Layout``).

    .. versionadded:: 0.1
    """


def pytest_dbdeploy_sandbox_provider(config: pytest.Config) -> object | Sequence[object] | None:
    """Brings one or more providers of sandbox servers.

    .. versionadded:: 0.1
    """


def pytest_dbdeploy_releaser(config: pytest.Config) -> object | Sequence[object] | None:
    """Brings one or more releasers (``pytest_dbdeploy.releasers.base.Releaser``): how code goes along, and back.

    .. versionadded:: 0.1
    """


def pytest_dbdeploy_notifier(config: pytest.Config) -> object | Sequence[object] | None:
    """Brings one or more notifiers: where alerts go.

    .. versionadded:: 0.1
    """


def pytest_dbdeploy_phase_started(config: pytest.Config, phase: Phase) -> None:
    """The gates of ``phase`` are about to run. Not called for a phase that was closed beforehand.

    .. versionadded:: 0.1
    """


def pytest_dbdeploy_phase_finished(config: pytest.Config, phase: Phase, gates: Sequence[GateRecord]) -> None:
    """All gates of ``phase`` have ended; ``gates`` are those of this phase, with outcome.

    .. versionadded:: 0.1
    """


def pytest_dbdeploy_decision(config: pytest.Config, decision: Decision) -> None:
    """It was decided whether to deploy. Nothing that an observer does changes the decision.

    .. versionadded:: 0.1
    """


def pytest_dbdeploy_finished(config: pytest.Config, outcome: Outcome | None, exit_status: ExitStatus) -> None:
    """The verdict stands and the reports are written. ``outcome``: None when the session ended before there was one.

    .. versionadded:: 0.1
    """


@pytest.hookspec(firstresult=True)
def pytest_dbdeploy_session_source(config: pytest.Config, action: Action) -> SessionSource | None:
    """Internal, not part of the interface: where the session gets its flow from. The plugin's own tests put a fake one here."""
