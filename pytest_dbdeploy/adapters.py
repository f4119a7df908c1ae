"""Loads the adapters: every module of the four folders, and what plugins and the rootdir's conftest bring by hooks."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, Literal

import pytest

Kind = Literal["layout", "sandbox_provider", "releaser", "notifier"]
_FOLDERS: dict[Kind, str] = {
    "layout": "layouts",
    "sandbox_provider": "sandboxes",
    "releaser": "releasers",
    "notifier": "notifiers",
}


def register(config: pytest.Config) -> None:
    """Registers each module of the adapter folders as a plugin, named ``dbdeploy-<folder>-<module>``. Imports them all."""
    for folder in _FOLDERS.values():
        package = importlib.import_module(f"{__package__}.{folder}")
        for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
            name = f"dbdeploy-{folder}-{found.name}"
            if not config.pluginmanager.hasplugin(name):
                module = importlib.import_module(f"{package.__name__}.{found.name}")
                config.pluginmanager.register(module, name)


def brought(config: pytest.Config, kind: Kind) -> tuple[Any, ...]:
    """The adapters of one kind that hooks bring, in the order of the hooks."""
    answers = getattr(config.hook, f"pytest_dbdeploy_{kind}")(config=config)
    return tuple(
        adapter
        for answer in answers
        for adapter in (answer if isinstance(answer, (list, tuple)) else (answer,))
    )
