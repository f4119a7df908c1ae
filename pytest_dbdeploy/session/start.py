"""Whether this is an action session, which part of it runs in this process, and what is refused."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from typing import Any

import pytest

from ..errors import ConfigError
from ..invocation import requested_action
from ..model import ExitStatus
from ..secret import redactor
from . import hiding, narrowing, versions
from .blame import blame
from .collection import GateCollection
from .source import PHASES, session_source
from .state import ACTION
from .worker import INPUT, Worker

_ONLY_INFORMATION = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")

_running: list[pytest.Config] = []  # the action session of this process


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
    if _running:
        raise pytest.UsageError(
            "dbdeploy: a deployment is running in this process: a gate cannot start another"
        )
    # Here and not in _refuse: it has a main loop of its own, which starts a whole session at every change of a file.
    if getattr(config.option, "looponfail", False):
        raise pytest.UsageError("dbdeploy: --looponfail cannot be used with a deployment")
    if not config.pluginmanager.hasplugin("python"):
        raise pytest.UsageError("dbdeploy: gates are Python functions: leave -p no:python away")
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

    config.pluginmanager.register(versions, "dbdeploy-versions")
    controller = Controller(config, action)
    config.pluginmanager.register(controller, "dbdeploy-controller")
    if config.pluginmanager.hasplugin("xdist"):
        from .link import XdistHooks

        hiding.hide_from_workers(config)
        config.pluginmanager.register(XdistHooks(controller), "dbdeploy-xdist")


def whole_session(config: pytest.Config) -> Generator[None, Any, Any]:
    """Around everything that pytest does in an action session: the last word on its exit status, whatever other plugins do."""
    _running.append(config)
    error: BaseException | None = None
    status: Any = ExitStatus.INTERNAL_ERROR
    refused: pytest.UsageError | None = None
    interrupted = False
    try:
        status = yield
    except pytest.UsageError as raised:
        refused = raised
    except KeyboardInterrupt:  # while pytest ends: the verdict stands
        interrupted, status = True, ExitStatus.INTERRUPTED
    except BaseException as raised:  # noqa: BLE001 - out of another plugin's last hooks, where pytest catches nothing
        error = raised
    finally:
        _running.remove(config)
    if hasattr(config, "workerinput"):
        if error is not None or refused is not None:
            raise error or refused or AssertionError
        if interrupted:
            raise KeyboardInterrupt
        return status
    controller: Any = config.pluginmanager.getplugin("dbdeploy-controller")
    if refused is not None:
        return _refused(config, controller, refused)
    lines: list[str] = []
    if controller is not None:
        if error is not None or interrupted:
            with contextlib.suppress(Exception):  # such as a closed stdout; the target comes first
                controller.pytest_unconfigure()  # once more: the error may have kept it from being called
            config.pluginmanager.unregister(
                controller
            )  # pytest may call everybody's once more, and nobody catches errors there
        status = controller.final_status(int(status), failed=error is not None)
        lines = controller.summary()
    if error is not None:
        _say(f"dbdeploy: internal error: {blame(error)}")
    if error is not None or (not lines and (interrupted or status == ExitStatus.INTERNAL_ERROR)):
        _say(next((line for line in lines if line.strip()), "dbdeploy: nothing was deployed"))
    if controller is None:
        return status if error is None else int(ExitStatus.INTERNAL_ERROR)
    controller.say_last_lines(int(status))
    return status


def _refused(config: pytest.Config, controller: Any, error: pytest.UsageError) -> int:
    """Says what is wrong as pytest does, but before our last line and not after it."""
    if controller is None:
        raise error
    from _pytest.config import create_terminal_writer

    with contextlib.suppress(OSError, ValueError):  # a closed stderr
        for text in error.args:
            create_terminal_writer(config, sys.stderr).line(f"ERROR: {text}\n", red=True)
    controller.say_last_lines(int(ExitStatus.USAGE_ERROR))
    return int(ExitStatus.USAGE_ERROR)


def _say(text: str) -> None:
    with contextlib.suppress(Exception):  # a gate may have closed stderr
        sys.stderr.write(redactor.redact(text) + "\n")


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
    if getattr(option, "dist", "no") == "each":
        raise pytest.UsageError(
            "dbdeploy: --dist=each runs every gate in every worker; use --dist=load or another mode"
        )
    if getattr(option, "dist", "no") != "no":
        versions.refuse_older("pytest-xdist", otherwise=", or run without -n")
    if option.trace and getattr(option, "dist", "no") != "no":
        raise pytest.UsageError("dbdeploy: --trace cannot be used with -n: workers have no terminal")
    if (option.usepdb or option.trace) and (os.environ.get("CI") or not _interactive(config)):
        raise pytest.UsageError(
            "dbdeploy: --pdb and --trace need a person at a terminal; a deployment would hang here"
        )


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
        capture.suspend_global_capture()  # as pytest leaves it when it configures: else it would capture its own words
