"""The names that ``policy`` and ``acknowledge`` may hold."""

from __future__ import annotations

import importlib


def rule_names() -> frozenset[str]:
    """The rules that are there: adding one is adding its file."""
    # By name: rules are built on the configuration, which must not depend on them.
    return frozenset(importlib.import_module("pytest_dbdeploy.rules").RULES)
