"""pytest hooks only: each calls one function elsewhere. Nothing else is imported until a session asks for an action."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from . import options

_ACTIVE = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from . import unrewritten

    unrewritten.spare(pluginmanager)
    from . import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    if any(option.action and config.getoption(option.dest, None) is not None for option in options.OPTIONS):
        from .session import versions

        versions.refuse_older("pytest")  # before anything is imported that it may lack
        from .session import start

        config.stash[_ACTIVE] = start.read_command_line(config)
        if config.stash[_ACTIVE]:
            return (yield from start.whole_session(config))
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "dbdeploy(phase='sandbox', severity='block'): a deployment gate's phase (preflight, sandbox, postdeploy, postrollback)"
        " and severity (block, warn); beats the folder that it is in.",
    )
    from .session import fixtures

    config.pluginmanager.register(fixtures, "dbdeploy-fixtures")
    if config.stash.get(_ACTIVE, False):
        from .session import start

        start.configure(config)
