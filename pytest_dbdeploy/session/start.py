"""Whether this is an action session, which part of it runs in this process, and what is refused."""

from __future__ import annotations

import os
import re
from importlib import metadata
from typing import Any

import pytest

from ..errors import ConfigError
from ..invocation import requested_action
from . import hiding, narrowing
from .collection import GateCollection
from .source import PHASES, session_source
from .state import ACTION
from .worker import INPUT, Worker

_ONLY_INFORMATION = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")
_OLDEST_XDIST = (3, 7)


def read_command_line(config: pytest.Config) -> bool:
    """Before anything is configured: finds the action, and takes back what the ini file would narrow. False: no action."""
    if any(getattr(config.option, name, None) for name in _ONLY_INFORMATION):
        return False
    try:
        action = requested_action(config)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None
    if action is None:
        return False
    config.stash[ACTION] = action
    narrowing.ignore_ini_narrowing(config)
    hiding.clean_debug_log(config)
    return True


def configure(config: pytest.Config) -> None:
    """Registers this process's part. Reads no file, reaches no server: that waits for the start of the session."""
    action = config.stash[ACTION]
    pytest.register_assert_rewrite("pytest_dbdeploy.gates")
    if hasattr(config, "workerinput"):
        if INPUT in config.workerinput:
            config.pluginmanager.register(Worker(config), "dbdeploy-worker")
        return
    _refuse(config)
    if config.option.collectonly:
        config.pluginmanager.register(CollectOnly(config), "dbdeploy-collect-only")
        return
    from .controller import Controller

    controller = Controller(config, action)
    config.pluginmanager.register(controller, "dbdeploy-controller")
    if config.pluginmanager.hasplugin("xdist"):
        from .link import XdistHooks

        hiding.hide_from_workers(config)
        config.pluginmanager.register(XdistHooks(controller), "dbdeploy-xdist")


class CollectOnly:
    """``--collect-only``: lists the gates by phase; reads the settings, but makes no plan and no boundary."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        action = self.config.stash[ACTION]
        try:
            source = session_source(self.config, action)
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None
        collection = GateCollection(self.config, source.scope(PHASES[action.mode]))
        self.config.pluginmanager.register(collection, "dbdeploy-collection")


# -- what is refused -------------------------------------------------------------------------------------------


def _refuse(config: pytest.Config) -> None:
    paths = narrowing.path_arguments(config)
    if paths:
        raise pytest.UsageError(
            f"dbdeploy: {paths[0]}: a path argument would leave gates out, and a deployment needs them all; "
            "leave it away (gates.paths in dbdeploy.yaml says where gates are)"
        )
    option = config.option
    if getattr(option, "looponfail", False):
        raise pytest.UsageError("dbdeploy: --looponfail cannot be used with a deployment")
    if getattr(option, "dist", "no") == "each":
        raise pytest.UsageError(
            "dbdeploy: --dist=each runs every gate in every worker; use --dist=load or another mode"
        )
    if getattr(option, "dist", "no") != "no" and _version("pytest-xdist") < _OLDEST_XDIST:
        raise pytest.UsageError(
            f"dbdeploy: pytest-xdist {metadata.version('pytest-xdist')} is too old: 3.7 or newer is needed "
            "(pip install -U pytest-xdist), or run without -n"
        )
    if (option.usepdb or option.trace) and (os.environ.get("CI") or not _interactive(config)):
        raise pytest.UsageError(
            "dbdeploy: --pdb and --trace need a person at a terminal; a deployment would hang here"
        )


def _version(distribution: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", metadata.version(distribution))[:2])


def _interactive(config: pytest.Config) -> bool:
    """Whether stdin is a terminal; pytest's capture has put something else there by now."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        return os.isatty(0)
    capture.suspend_global_capture(in_=True)
    try:
        return os.isatty(0)
    except OSError:
        return False
    finally:
        capture.resume_global_capture()
