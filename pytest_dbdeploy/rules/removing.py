"""What rules about removed, renamed and other changes of objects share. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ..compare.names import parent_name
from ..model import Change, ChangeType, DroppedObject, Finding
from .base import Check, Seen, found, names, responsible

Message = Callable[[Change], str | None]

_RENAMES = re.compile(r"\brename\b", re.IGNORECASE)


def changes_of(seen: Seen, kinds: Collection[str], change: ChangeType) -> Iterator[Change]:
    """The changes of this kind of objects, in their order; a partition's are left out where its parent has the same."""
    return (
        one for one in seen.changes if one.kind in kinds and one.change is change and not inherited(seen, one)
    )


def inherited(seen: Seen, change: Change) -> bool:
    """Whether a partition, or a part of one or of an inheriting table, changes as that of its parent does."""
    name = _of_parent(seen, change)
    return name is not None and any(
        one.object == name and (one.kind, one.change) == (change.kind, change.change) for one in seen.changes
    )


def _of_parent(seen: Seen, change: Change) -> str | None:
    """What is to its parent as this is to a partition."""
    if change.kind == "table":  # one that only inherits does not go with its parent unless somebody says so
        return (change.before or {}).get("partition_of") if change.change is ChangeType.REMOVED else None
    table = parent_name(change.object)
    parent = seen.facts.parents.get(table) if change.kind in ("column", "constraint") else None
    return None if parent is None else parent + change.object[len(table) :]


def dropped(seen: Seen, change: Change) -> DroppedObject | None:
    """How the object of a removal was dropped, where a statement was seen to do it."""
    return next((d for e in seen.evidence for d in e.dropped if d.object == change.object), None)


def names_in_the_plan(seen: Seen, table: str) -> set[str]:
    """What the table is called before the plan, after it, and in between, as it may be renamed and dropped then."""
    after = {
        str((c.after or {}).get("name"))
        for c in seen.changes
        if c.change is ChangeType.RENAMED and c.object == table
    }
    between = {
        one.object
        for e in seen.evidence
        if _RENAMES.search(e.statement) and names(e, table)
        for one in e.altered
        if one.kind == "table"
    }
    return {table} | after | between


def check_of(rule: str, kinds: Collection[str], change: ChangeType, message: Message, advice: str) -> Check:
    """A rule that finds each change of these kinds for which ``message`` says something."""

    def check(seen: Seen) -> list[Finding]:
        return [
            found(rule, one.object, text, advice, responsible(one, seen.evidence))
            for one in changes_of(seen, kinds, change)
            if (text := message(one))
        ]

    return check


def turned(change: Change, key: str) -> tuple[Any, Any] | None:
    """(before, after) of a property that a change modifies; None where it does not."""
    before, after = change.before or {}, change.after or {}
    if key not in before and key not in after:
        return None
    return before.get(key), after.get(key)


def new_tables(seen: Seen) -> set[str]:
    """Tables that the plan makes: what happens to them hurts nobody."""
    return {c.object for c in changes_of(seen, ("table", "foreign table"), ChangeType.ADDED)}


def of_old_tables(seen: Seen, kinds: Collection[str], change: ChangeType) -> Iterator[Change]:
    """As ``changes_of``, without those of tables that the plan makes."""
    new = new_tables(seen)
    for one in changes_of(seen, kinds, change):
        table = (one.after or one.before or {}).get("table") or parent_name(one.object)
        if table not in new:
            yield one


def attributes(change: Change) -> tuple[list[str], list[tuple[str, str]]]:
    """Of a composite type that changes: attributes that are gone, and (old, new) names of those that stand in their place."""
    was, now = ((side or {}).get("attributes") or [] for side in (change.before, change.after))
    if not was or not now:
        return [], []
    old, new = ({name: kind for name, _, kind in (one.partition(" ") for one in side)} for side in (was, now))
    gone = [name for name in old if name not in new]
    if len(was) != len(now):
        return gone, []
    pairs = [(a, b) for a, b in zip(old, new, strict=True) if a in gone and b not in old and old[a] == new[b]]
    return [name for name in gone if name not in dict(pairs)], pairs
