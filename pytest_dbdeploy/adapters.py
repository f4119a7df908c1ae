"""Adapters that plugins and the rootdir's conftest.py bring by hooks. Those of this package are found in their folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, LaterError
from .secret import redactor

if TYPE_CHECKING:
    import pytest

    from .layouts.base import Layout
    from .notifiers.base import Notifier
    from .releasers.base import Releaser

# What an adapter of each kind must have; see ``layouts.base.Layout``, ``notifiers.base.Notifier`` and ``releasers.base.Releaser``.
_PARTS = {
    "layout": ("name", "detect", "places", "open"),
    "notifier": ("name", "configured", "send"),
    "releaser": ("name", "rank", "configured", "prepare", "release", "stands", "undo"),
}
_LATER = {
    "sandbox_provider": "a sandbox of another kind",
}


@dataclass(frozen=True, slots=True)
class Adapters:
    """What hooks brought, in their order. One with the name of a built-in adapter takes its place."""

    layouts: tuple[Layout, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    releasers: tuple[Releaser, ...] = ()


def load(config: pytest.Config) -> Adapters:
    """Asks the hooks. ConfigError for what is no adapter, LaterError for kinds that this version cannot use yet."""
    for kind, what in _LATER.items():
        if _brought(config, kind):
            raise LaterError(
                f"the hook pytest_dbdeploy_{kind} brings {what}: this version cannot use it yet.",
                hint="Take the hook out of the conftest.py, or disable the plugin that has it (-p no:NAME).",
            )
    return Adapters(
        layouts=_brought(config, "layout"),
        notifiers=_brought(config, "notifier"),
        releasers=_brought(config, "releaser"),
    )


def _brought(config: pytest.Config, kind: str) -> tuple[Any, ...]:
    hook = f"pytest_dbdeploy_{kind}"
    try:
        answers = getattr(config.hook, hook)(config=config)
    except Exception as error:  # someone else's code
        what = redactor.redact(f"{type(error).__name__}: {error}")
        raise ConfigError(
            f"the hook {hook} failed: {what}", hint="Correct it where it is defined."
        ) from error
    adapters = [a for answer in answers for a in (answer if isinstance(answer, (list, tuple)) else (answer,))]
    for adapter in adapters:
        missing = [part for part in _PARTS.get(kind, ()) if not hasattr(adapter, part)]
        if missing:
            raise ConfigError(
                f"the hook {hook} brings {type(adapter).__name__}, which has no {', '.join(missing)}.",
                hint=f"A {kind} has {', '.join(_PARTS[kind])}: see docs/gates.md, Hooks.",
            )
    return tuple(adapters)
