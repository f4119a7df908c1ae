"""Objects that differ in their name only, as where PostgreSQL chose it: one ``renamed`` change instead of two. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..model import Change, ChangeType
from .names import parent_name, split_name

KINDS = ("constraint", "index", "statistics", "sequence")
"""Kinds whose names PostgreSQL makes up where a statement gives none."""

# Properties that name other objects of these kinds: they may differ by a renaming.
_REFERENCES = ("attached_to", "replica_identity", "default")


def paired(changes: Sequence[Change]) -> tuple[Change, ...]:
    """``changes`` with each pair of an added and a removed object of equal definition made one change of property ``name``.

    What differs only because it mentions such an object by its name (a serial column's default) is left out.
    """
    partners = dict(_partners(changes))
    if not partners:
        return tuple(changes)
    names = {changes[old].object: changes[new].object for old, new in partners.items()}
    absorbed = set(partners.values())
    found: list[Change] = []
    for number, change in enumerate(changes):
        if number in partners:
            found.append(_renamed(change, changes[partners[number]], names))
        elif number not in absorbed:
            left = _without_renamed(change, names)
            if left is not None:
                found.append(left)
    return tuple(found)


def _partners(changes: Sequence[Change]) -> Iterator[tuple[int, int]]:
    """Places of the removed and the added object, in the order of their names where several are alike."""
    added: dict[str, list[int]] = {}
    for number, change in enumerate(changes):
        if change.kind in KINDS and change.change is ChangeType.ADDED:
            added.setdefault(_essence(change), []).append(number)
    for number, change in enumerate(changes):
        if change.kind in KINDS and change.change is ChangeType.REMOVED and _has_owner(change):
            alike = added.get(_essence(change))
            if alike:
                yield number, alike.pop(0)


def _has_owner(change: Change) -> bool:
    """A sequence that no column owns has the name that somebody gave it."""
    return change.kind != "sequence" or "owned_by" in (change.before or {})


def _essence(change: Change) -> str:
    """All that an object is but its name."""
    properties = {**(change.before or change.after or {})}
    properties.pop("attached_to", None)
    if change.kind == "index":
        properties["definition"] = properties["definition"].replace(
            f" INDEX {_last(change.object)} ON ", " ", 1
        )
    elif change.kind == "statistics":
        properties["definition"] = properties["definition"].replace(f" {change.object} ", " ", 1)
    place = parent_name(change.object)  # its table, or where the properties name that, its schema
    return repr((change.kind, place, sorted(properties.items(), key=lambda item: item[0])))


def _renamed(old: Change, new: Change, names: Mapping[str, str]) -> Change:
    before: dict[str, Any] = {"name": split_name(old.object)[-1]}
    after: dict[str, Any] = {"name": split_name(new.object)[-1]}
    was, now = (old.before or {}).get("attached_to"), (new.after or {}).get("attached_to")
    if names.get(str(was), was) != now:
        before["attached_to"], after["attached_to"] = was, now
    return Change(old.kind, ChangeType.RENAMED, old.object, before, after)


def _without_renamed(change: Change, names: Mapping[str, str]) -> Change | None:
    if change.change is not ChangeType.MODIFIED:
        return change
    before, after = dict(change.before or {}), dict(change.after or {})
    for key in _REFERENCES:
        if key in before and _mentions(key, change.object, before[key], after[key], names):
            del before[key], after[key]
    return Change(change.kind, change.change, change.object, before, after) if before or after else None


def _mentions(key: str, table: str, old: Any, new: Any, names: Mapping[str, str]) -> bool:
    """Whether ``old`` becomes ``new`` by writing a renamed object's new name."""
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    if key == "attached_to":
        return names.get(old) == new
    if key == "default":
        return any(old.replace(f"'{was}'", f"'{now}'") == new for was, now in names.items())
    schema = parent_name(table)  # replica identity: index NAME
    return names.get(old.replace("index ", f"{schema}.", 1)) == new.replace("index ", f"{schema}.", 1) or (
        names.get(old.replace("index ", f"{table}.", 1)) == new.replace("index ", f"{table}.", 1)
    )


def _last(name: str) -> str:
    return name[len(parent_name(name)) + 1 :]
