"""What custom gates import: ``from pytest_dbdeploy import not_applicable, facts``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import pytest

FACTS = pytest.StashKey[Mapping[str, Any]]()
MESSAGE = "not applicable: "


def not_applicable(reason: str) -> NoReturn:
    """Ends the gate: what it checks does not exist here. Counts as verified, unlike a skip.

    JUnit: skipped with the message ``not applicable: reason``; letter ``n``. ``reason``: one line, for people.
    """
    __tracebackhide__ = True
    outcome = pytest.skip.Exception(MESSAGE + reason, allow_module_level=True)
    outcome.dbdeploy_not_applicable = reason  # type: ignore[attr-defined]  # tells it from a skip with the same text
    raise outcome


class _Unknown(dict[str, Any]):
    """Facts of a session that plans nothing (``--collect-only``): every fact is an empty list."""

    def __missing__(self, key: str) -> Any:
        return []


def facts(config: pytest.Config) -> Mapping[str, Any]:
    """What is known before collection, to parametrize gates: ``tables`` and ``rules`` (lists of str), and more by mode.

    The same in the controller and in every worker; holds no secret. Under ``--collect-only`` nothing is known: empty lists.
    """
    return config.stash.get(FACTS, _Unknown())
