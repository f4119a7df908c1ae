"""What rules about removed, renamed and other changes of objects share. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from ..compare.names import parent_name
from ..model import Change, ChangeType, DroppedObject, Finding
from .base import Check, Seen, found, responsible

Message = Callable[[Change], str | None]


def changes_of(seen: Seen, kinds: Collection[str], change: ChangeType) -> Iterator[Change]:
    """The changes of this kind of objects, in their order."""
    return (one for one in seen.changes if one.kind in kinds and one.change is change)


def dropped(seen: Seen, change: Change) -> DroppedObject | None:
    """How the object of a removal was dropped, where a statement was seen to do it."""
    return next((d for e in seen.evidence for d in e.dropped if d.object == change.object), None)


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
