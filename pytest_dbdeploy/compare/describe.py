"""Changes in words, for messages and reports. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Change, ChangeType

_MOST = 20
_LONG = 60  # characters of both values, beyond which they stand below each other


def describe(change: Change, *, before: str = "before", after: str = "after") -> str:
    """One change in lines: what, which object, and each property that differs; long definitions as a diff.

    ``before``, ``after``: what the two sides are called.
    """
    head = f"{change.kind} {change.object} "
    if change.change is ChangeType.ADDED:
        return f"{head}is not in {before}, but in {after}{_summary(change.after)}"
    if change.change is ChangeType.REMOVED:
        return f"{head}is in {before}, but not in {after}{_summary(change.before)}"
    old, new = change.before or {}, change.after or {}
    lines = [f"{head}has another name:" if change.change is ChangeType.RENAMED else f"{head}differs:"]
    for key in {**old, **new}:
        lines += _property(key, old.get(key), new.get(key), before, after)
    return "\n".join(lines)


def describe_all(changes: Iterable[Change], *, before: str = "before", after: str = "after") -> str:
    """Each change as ``describe`` says it; after the first 20 only how many more there are."""
    texts = [describe(change, before=before, after=after) for change in changes]
    if len(texts) > _MOST:
        texts[_MOST:] = [f"... and {len(texts) - _MOST} more (all are in schema-comparison.json)"]
    return "\n".join(texts)


def changed_lines(change: Change, *, before: str = "before", after: str = "after") -> dict[str, list[str]]:
    """Property -> its lines as a unified diff, for the properties that differ and are long: of several lines, or lists, or long texts."""
    old, new = change.before, change.after
    if old is None or new is None:
        return {}
    return {
        key: _unified(old.get(key), new.get(key), before, after)
        for key in {**old, **new}
        if _is_long(old.get(key), new.get(key))
    }


def _is_long(old: object, new: object) -> bool:
    """Whether a difference is easier to see with the two values below each other."""
    values = [value for value in (old, new) if isinstance(value, (str, list))]
    if any("\n" in value for value in values if isinstance(value, str)):
        return True
    return len(values) == 2 and sum(map(len, map(_value, values))) > _LONG


def _unified(old: object, new: object, before: str, after: str) -> list[str]:
    return list(difflib.unified_diff(_lines(old), _lines(new), before, after, n=1, lineterm=""))


def _lines(value: object) -> list[str]:
    return list(map(str, value)) if isinstance(value, list) else str(value or "").splitlines()


def _summary(properties: Mapping[str, Any] | None) -> str:
    if not properties:
        return ""
    short = properties.get("definition") or properties.get("type") or ""
    if not short or "\n" in str(short):
        count = len(properties.get("columns", ()))
        return f" ({count} column{'' if count == 1 else 's'})" if count else ""
    return f": {short}"


def _property(key: str, old: object, new: object, before: str, after: str) -> list[str]:
    name = key.replace("_", " ")
    if _is_long(old, new):
        return [f"  {name}:", *(f"    {line}" for line in _unified(old, new, before, after))]
    absent = "no" if old is True or new is True else "(default)" if key.endswith("privileges") else "(none)"
    one, two = (absent if value is None else _value(value) for value in (old, new))
    return [f"  {name}: {before} {one}, {after} {two}"]


def _value(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
