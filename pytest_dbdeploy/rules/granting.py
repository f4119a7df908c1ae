"""Privileges before and after a change. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Change, ChangeType

#: What everybody may do with an object that was given no privileges.
_DEFAULT = {
    "function": {("PUBLIC", "EXECUTE")},
    "procedure": {("PUBLIC", "EXECUTE")},
    "aggregate": {("PUBLIC", "EXECUTE")},
    "type": {("PUBLIC", "USAGE")},
}
_ALL = "ALL"

Grants = set[tuple[str, str]]


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
        return set(_DEFAULT.get(kind, set()))
    found = set()
    for line in lines:
        role, _, words = line.rpartition(": ")
        for word in words.partition(" by ")[0].removesuffix(" (grantable)").split(", "):
            if role:
                found.add((role, _ALL if kind in _DEFAULT and role == "PUBLIC" and word == _ALL else word))
    # ALL of a function is EXECUTE.
    return {
        (role, next(iter(_DEFAULT[kind]))[1])
        if kind in _DEFAULT and word == _ALL and role == "PUBLIC"
        else (role, word)
        for role, word in found
    }


def listed(grants: Grants) -> str:
    """``bob: SELECT, UPDATE; eve: ALL``."""
    roles: dict[str, list[str]] = {}
    for role, word in sorted(grants):
        roles.setdefault(role, []).append(word)
    return "; ".join(f"{role}: {', '.join(words)}" for role, words in roles.items())
