"""Adapters that plugins and the rootdir's conftest.py bring by hooks. Those of this package are found in their folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import pytest

Kind = Literal["layout", "sandbox_provider", "releaser", "notifier"]

_brought: dict[Kind, tuple[Any, ...]] = {}


def load(config: pytest.Config) -> None:
    """Asks the hooks, once at the start of a session in the controller; what an earlier session of this process brought is gone."""
    for kind in get_args(Kind):
        answers = getattr(config.hook, f"pytest_dbdeploy_{kind}")(config=config)
        _brought[kind] = tuple(
            adapter
            for answer in answers
            for adapter in (answer if isinstance(answer, (list, tuple)) else (answer,))
        )


def brought(kind: Kind) -> tuple[Any, ...]:
    """The adapters of one kind, in the order of the hooks; none outside a session."""
    return _brought.get(kind, ())
