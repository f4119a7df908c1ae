"""The names that ``policy`` and ``acknowledge`` may hold."""

from __future__ import annotations

import contextlib
import importlib

# The documented rules, also those that a version does not measure yet: naming one is never a mistake.
_DOCUMENTED = """
table-removed column-removed primary-key-removed schema-removed view-removed function-removed type-removed enum-value-removed
object-dropped-implicitly table-renamed column-renamed column-type-incompatible not-null-added-without-default
constraint-fails-on-data unique-fails-on-data foreign-key-orphans lock-blocks-reads lock-blocks-writes privilege-lost
privilege-widened rls-disabled rls-enabled-without-policy sequence-behind-max routine-broken rows-changed-unexpectedly
index-invalid-left migration-edited migration-late migration-missing
column-type-rewrites table-rewritten index-rebuilt scanned-under-lock lock-on-unnamed-relation lock-held-across-statements
index-not-concurrent constraint-not-valid-left default-removed trigger-disabled serial-sequence-still-int int4-key-headroom
statistics-lost constraint-removed many-rows-written
"""


def rule_names() -> frozenset[str]:
    """The documented rules and those that are there: adding a rule is adding its file."""
    return frozenset(_DOCUMENTED.split()) | measured_rules()


def measured_rules() -> frozenset[str]:
    """The rules that this version has."""
    # By name: rules are built on the configuration, which must not depend on them.
    with contextlib.suppress(ImportError, AttributeError):
        return frozenset(importlib.import_module("pytest_dbdeploy.rules").RULES)
    return frozenset()
