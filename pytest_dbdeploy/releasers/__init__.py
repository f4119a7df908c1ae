"""Releasers: how the code's part of a deployment is carried out and undone. One module each, with its ``RELEASER``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from .base import Job, Prepared, ReleaseError, Releaser, RevertedError

__all__ = ["Job", "Prepared", "ReleaseError", "Releaser", "RevertedError", "find_releasers"]


def find_releasers(extra: Iterable[Releaser] = ()) -> tuple[Releaser, ...]:
    """In the order in which they release. ``extra``: those of plugins; one with the name of a built-in one takes its place."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    own = (module.RELEASER for module in modules if hasattr(module, "RELEASER"))
    by_name = {releaser.name: releaser for releaser in (*own, *extra)}
    return tuple(sorted(by_name.values(), key=lambda releaser: releaser.rank))
