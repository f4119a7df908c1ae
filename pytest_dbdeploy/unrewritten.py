"""Spares this package pytest's assertion rewriting, which each process of a session would else do for every module.

pytest rewrites all modules of a plugin's distribution and keeps the result beside them; where it cannot be kept (a fresh container,
PYTHONDONTWRITEBYTECODE), importing ours takes seconds of each run and each worker. Gates are rewritten as tests are.
"""

from __future__ import annotations

import pytest

_PACKAGE = __package__


def spare(pluginmanager: pytest.PytestPluginManager) -> None:
    """From now on. pytest has no public way to say so: where its insides are other ones, only time is lost."""
    hook = pluginmanager.rewrite_hook
    marked = getattr(hook, "_must_rewrite", None)
    answers = getattr(hook, "_marked_for_rewrite_cache", None)
    if isinstance(marked, set) and isinstance(answers, dict):
        marked -= {name for name in marked if f"{name}.".startswith(f"{_PACKAGE}.")}
        answers.clear()
