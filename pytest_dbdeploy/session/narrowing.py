"""In an action session only the command line narrows the run: what the ini file's ``addopts`` leave out is not left out."""

from __future__ import annotations

import argparse
import fnmatch
import functools
import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

_NARROWING = ("keyword", "markexpr", "deselect", "lf", "stepwise", "stepwise_skip", "setuponly", "setupplan")

# Untrustworthy: they hide gates before anybody sees them, or report gates as passed that did not run.
_PROBLEMS = {"lf": "--lf", "stepwise": "--stepwise", "setuponly": "--setup-only", "setupplan": "--setup-plan"}

COMMAND_LINE = pytest.StashKey[argparse.Namespace]()


def from_command_line(config: pytest.Config) -> argparse.Namespace:
    """The options as parsed from PYTEST_ADDOPTS and the command line alone."""
    if COMMAND_LINE not in config.stash:
        words = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]
        config.stash[COMMAND_LINE] = config._parser.parse_known_args(words, namespace=argparse.Namespace())
    return config.stash[COMMAND_LINE]


def ignore_ini_narrowing(config: pytest.Config) -> None:
    """Takes back what ``addopts`` narrow, and every ini key that would decide what a gate is.

    ``usefixtures`` goes too: an application's default fixtures are for its tests, and may not even be visible to gates.
    """
    given = from_command_line(config)
    for name in _NARROWING:
        if hasattr(config.option, name) and hasattr(given, name):
            setattr(config.option, name, getattr(given, name))
    config.args, config.args_source = [], pytest.Config.ArgsSource.ARGS
    for key, value in (("python_functions", ["test"]), ("python_classes", ["Test"]), ("usefixtures", [])):
        config.getini(key)[:] = value  # in place, as Config.addinivalue_line does


def problems(config: pytest.Config) -> list[str]:
    """What makes the results of this session no evidence."""
    return [
        f"{flag} was given: gates may be missing or not have run"
        for name, flag in _PROBLEMS.items()
        if getattr(config.option, name, False)
    ]


def path_arguments(config: pytest.Config) -> list[str]:
    """Files, folders and node ids on the command line."""
    return list(getattr(from_command_line(config), "file_or_dir", None) or [])


def ignored(config: pytest.Config) -> Callable[[Path], bool]:
    """Tells whether ``--ignore`` or ``--ignore-glob`` on the command line names a file or a folder above it."""
    given, base = from_command_line(config), config.invocation_params.dir
    ignores = {(base / word).resolve() for word in getattr(given, "ignore", None) or ()}
    globs = [str((base / word).absolute()) for word in getattr(given, "ignore_glob", None) or ()]
    if not ignores and not globs:
        return lambda path: False

    def names(path: Path) -> bool:
        return any(
            candidate in ignores or any(fnmatch.fnmatch(str(candidate), glob) for glob in globs)
            for candidate in (path, *path.parents)
        )

    return functools.cache(lambda path: names(path.resolve()))
