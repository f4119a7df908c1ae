"""Finds the rules: every module of this package with an underscore in its name. Adding a rule is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from .base import Rule


def find_rules() -> Mapping[str, Rule]:
    """Rule name -> rule, by name. A file whose name is not its rule's is a mistake: ValueError."""
    package = __name__.rpartition(".")[0]
    found: dict[str, Rule] = {}
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if "_" not in module.name:
            continue
        rule = getattr(importlib.import_module(f"{package}.{module.name}"), "RULE", None)
        if not isinstance(rule, Rule):
            continue
        if rule.name != module.name.replace("_", "-"):
            raise ValueError(f"rules/{module.name}.py holds the rule {rule.name}")
        found[rule.name] = rule
    return MappingProxyType(dict(sorted(found.items())))
