"""The versions of pytest and xdist that are tested: older ones are refused, newer ones named in the report header.

Imports nothing of the session, most of which an old pytest could not import. ``tests/oldest.txt`` holds the same oldest versions.
"""

from __future__ import annotations

import re
from importlib import metadata

import pytest

#: Oldest and newest major and minor with which the whole suite of tests passes.
TESTED = {"pytest": ((8, 2), (9, 2)), "pytest-xdist": ((3, 7), (3, 8))}


def refuse_older(package: str, *, otherwise: str = "") -> None:
    """Raises UsageError when ``package`` is too old. ``otherwise``: what could be done instead of installing a newer one."""
    installed, oldest = _installed(package), TESTED[package][0]
    if installed and _numbers(installed) < oldest:
        wanted = _text(oldest)
        raise pytest.UsageError(
            f"dbdeploy: {package} {installed} is too old: {wanted} or newer is needed "
            f"(pip install '{package}>={wanted}'){otherwise}"
        )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """One line when a version is newer than those tested: then something private may have changed."""
    used = ["pytest", *(["pytest-xdist"] if config.pluginmanager.hasplugin("dsession") else [])]
    newer = [
        f"{package} {installed} ({_text(TESTED[package][0])} to {_text(TESTED[package][1])})"
        for package in used
        if (installed := _installed(package)) and _numbers(installed) > TESTED[package][1]
    ]
    return [f"dbdeploy: newer than what it was tested with: {', '.join(newer)}"] if newer else []


def _installed(package: str) -> str:
    """Empty when it is there without metadata, as in a zip of an application."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
