"""Approval of one plan, which may come from another CI job: whether it fits, and if not, what has changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import jsonfile
from ..model import Plan
from ..reports.artifacts import all_artifacts

_SHORTEST = 8
_COUNTS = (
    "What counts: environment, schema and migration history of the target, pending migrations, commit, branch and where it stands,"
    " policy, thresholds, acknowledgements, gates, ways back."
)
_WORDS = {
    "environment": "the environment",
    "target": "the target's schema or migration history",
    "migrations": "the pending migrations",
    "command": "the command that applies the migrations",
    "commit": "the commit",
    "branch": "the branch, or where it stands",
    "policy": "the policy",
    "thresholds": "the thresholds",
    "acknowledged": "the acknowledgements",
    "gates": "the gates",
    "rollback": "the ways back",
}


def fits(plan: Plan, given: str | None) -> bool:
    """Whether ``given`` is the plan's hash, or its beginning of at least 8 characters."""
    return bool(given) and len(given or "") >= _SHORTEST and plan.hash.startswith((given or "").lower())


def what_changed(plan: Plan, given: str, artifacts: Path) -> list[str]:
    """Lines on what is not as in the plan that was approved: known where the artifacts of its dry run are, else what counts."""
    approved = _covered_by(given.lower(), artifacts) if len(given) >= _SHORTEST else None
    if approved is None:
        return [
            _COUNTS,
            f"What changed is not known: the artifacts of the run that made that plan are not in {artifacts}.",
        ]
    now: Mapping[str, Any] = jsonfile.safe(plan.covers)
    names = [name for name in {**approved, **now} if approved.get(name) != now.get(name)]
    lines = [f"  {_WORDS.get(name, name)}{_how(name, approved.get(name), now.get(name))}" for name in names]
    return ["What changed since that plan was made:", *lines]


def _covered_by(given: str, artifacts: Path) -> Mapping[str, Any] | None:
    """What the plan of that hash covered; None where it is not there, or was made by an earlier version."""
    for one in all_artifacts(artifacts):
        try:
            plan = json.loads(one.path("plan.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if str(plan.get("hash", "")).startswith(given) and plan.get("covers"):
            covers: Mapping[str, Any] = plan["covers"]
            return covers
    return None


def _how(name: str, before: Any, now: Any) -> str:
    if name in ("migrations", "gates") and isinstance(before, list) and isinstance(now, list):
        return _lists(before, now)
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = [key for key in sorted({**before, **now}) if before.get(key) != now.get(key)]
        return ": " + ", ".join(f"{key} {_short(before.get(key))} -> {_short(now.get(key))}" for key in keys)
    if name in ("commit", "branch", "environment", "rollback"):
        return f": {_short(before)} -> {_short(now)}"
    return ""


def _lists(before: Sequence[Any], now: Sequence[Any]) -> str:
    """Entries are lists that begin with a name."""
    old, new = ({str(entry[0]): entry for entry in entries} for entries in (before, now))
    parts = [
        *(f"{name} is new" for name in new if name not in old),
        *(f"{name} is gone" for name in old if name not in new),
        *(f"{name} is another one" for name in new if name in old and old[name] != new[name]),
    ]
    return ": " + (", ".join(parts) or "in another order")


def _short(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_short(one) for one in value)
    text = "none" if value is None else str(value)
    return text[:12] if len(text) == 40 else text
