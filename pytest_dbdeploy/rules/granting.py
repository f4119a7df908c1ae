"""Privileges before and after a change. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model import Change, ChangeType, Finding
from .base import Check, Seen, found, responsible

#: The one privilege that such an object has, and that everybody has on it as long as nothing else is written.
_ONLY = {"function": "EXECUTE", "procedure": "EXECUTE", "aggregate": "EXECUTE", "type": "USAGE"}
_ALL = "ALL"

Grants = set[tuple[str, str]]


def check_of_grants(rule: str, grants: Callable[[Change], Grants], what: str, advice: str) -> Check:
    """A rule that finds the objects with such ``grants``. ``what``: they do with them."""

    def check(seen: Seen) -> list[Finding]:
        return [
            found(
                rule,
                c.object,
                f"{c.kind} {c.object} {what}: {listed(these)}",
                advice,
                responsible(c, seen.evidence),
            )
            for c in seen.changes
            if (these := grants(c))
        ]

    return check


def lost(change: Change) -> Grants:
    """(role, privilege) that are there before the change and not after it."""
    before, after = _sides(change)
    return {one for one in before - after if (one[0], _ALL) not in after}


def gained(change: Change) -> Grants:
    """(role, privilege) that are there after the change and not before it."""
    before, after = _sides(change)
    return {one for one in after - before if (one[0], _ALL) not in before}


def _sides(change: Change) -> tuple[Grants, Grants]:
    if change.change is not ChangeType.MODIFIED:
        return set(), set()
    before, after = change.before or {}, change.after or {}
    if "privileges" not in before and "privileges" not in after:
        return set(), set()
    old, new = before.get("privileges"), after.get("privileges")
    was, now = _grants(change.kind, old), _grants(change.kind, new)
    # Only its owner has everything on an object without written privileges: that is not in the list.
    for none, other in ((old, now), (new, was)):
        everything = [one for one in other if one[1] == _ALL and one[0] != "PUBLIC"]
        if none is None and len(everything) == 1:
            other.remove(everything[0])
    return was, now


def _grants(kind: str, lines: Sequence[str] | None) -> Grants:
    if lines is None:
        return {("PUBLIC", _ONLY[kind])} if kind in _ONLY else set()
    found = set()
    for line in lines:
        role, _, words = line.rpartition(": ")
        for word in words.partition(" by ")[0].removesuffix(" (grantable)").split(", "):
            if role:  # "nobody" has none
                found.add((role, _ONLY.get(kind, _ALL) if (role, word) == ("PUBLIC", _ALL) else word))
    return found


def listed(grants: Grants) -> str:
    """``bob: SELECT, UPDATE; eve: ALL``."""
    roles: dict[str, list[str]] = {}
    for role, word in sorted(grants):
        roles.setdefault(role, []).append(word)
    return "; ".join(f"{role}: {', '.join(words)}" for role, words in roles.items())
