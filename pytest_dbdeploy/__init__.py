"""Database deployment gates as pytest suites.

For custom gates: ``not_applicable(reason)`` and ``facts(config)``. Imported lazily, so that an unused plugin costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gating import facts, not_applicable

__version__ = "0.1.0"

__all__ = ["__version__", "facts", "not_applicable"]


def __getattr__(name: str) -> Any:
    if name in ("facts", "not_applicable"):
        from . import gating

        return getattr(gating, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
