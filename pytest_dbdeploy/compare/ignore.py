"""Differences that the team does not mind (``compare.ignore``). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from ..model import Change, ChangeType
from .diff import PARENTS, owner_of, parent_of

if TYPE_CHECKING:  # the module that reads snapshots needs a driver, this one does not
    from .snapshot import Snapshot

_PLURALS = {"comments": "comment", "owners": "owner", "names": "name", "positions": "position"}
_SORTS = {
    **dict.fromkeys(("identity_privileges", "row_type_privileges"), "privileges"),
    **dict.fromkeys(("identity_comment", "index_comment", "not_null_comment"), "comment"),
    **dict.fromkeys(("identity_sequence", "constraint_names", "not_null_name", "multirange"), "name"),
}


class Ignored(NamedTuple):
    """Globs; None matches everything. With ``prop`` only this property of a modified or renamed object is ignored."""

    kind: str | None
    prop: str | None
    name: str | None


class Wholes:
    """The tables and views of some databases, and which objects belong to them: a change need not say it."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self._kinds: dict[str, set[str]] = {}
        self._tables: dict[tuple[str, str], set[str]] = {}
        for snapshot in snapshots:
            for kind in PARENTS:
                for name in snapshot.objects.get(kind, {}):
                    self._kinds.setdefault(name, set()).add(kind)
            for kind in ("index", "statistics"):
                for name, properties in snapshot.objects.get(kind, {}).items():
                    self._tables.setdefault((kind, name), set()).add(owner_of(kind, name, properties) or "")

    def of(self, change: Change) -> Iterator[tuple[str, str]]:
        """Kind and name of what the changed object is a part of: of several, where databases disagree."""
        owner = parent_of(change)
        names = self._tables.get((change.kind, change.object), ()) if owner is None else (owner,)
        for name in names:
            for kind in self._kinds.get(name, ()):
                yield kind, name


def without_ignored(
    changes: Iterable[Change], ignored: Iterable[Ignored], wholes: Wholes
) -> tuple[Change, ...]:
    """The changes that are left; a modified object without any property that still counts is none.

    What is ignored as a whole is ignored with its parts: a view with its columns. ``wholes``: what tells whose those are.
    """
    rules = tuple(ignored)
    left = (
        _left(change, [r for r in rules if _is_of(r, change)])
        for change in changes
        if not _whole_is_out(rules, change, wholes)
    )
    return tuple(change for change in left if change is not None)


def leaves_out(ignored: Iterable[Ignored], kind: str, name: str) -> bool:
    """Whether an object is ignored as a whole."""
    return any(r.prop is None and _matches(r.kind, kind) and _matches(r.name, name) for r in ignored)


def _whole_is_out(rules: Sequence[Ignored], change: Change, wholes: Wholes) -> bool:
    return any(leaves_out(rules, kind, name) for kind, name in wholes.of(change))


def _is_of(rule: Ignored, change: Change) -> bool:
    return _matches(rule.kind, change.kind) and _matches(rule.name, change.object)


def _left(change: Change, rules: list[Ignored]) -> Change | None:
    if any(rule.prop is None for rule in rules):
        return None
    if change.change in (ChangeType.ADDED, ChangeType.REMOVED) or not rules:
        return change

    def counts(properties: Mapping[str, Any] | None) -> dict[str, Any]:
        return {
            name: value
            for name, value in (properties or {}).items()
            if not any(_matches_property(rule.prop, name) for rule in rules)
        }

    before, after = counts(change.before), counts(change.after)
    return replace(change, before=before, after=after) if before or after else None


def _matches_property(pattern: str | None, name: str) -> bool:
    """``privileges``, ``comment`` and ``name`` stand for all such properties of an object: its index's, its sequence's too."""
    wanted = _PLURALS.get(pattern or "", pattern)
    return _matches(wanted, name) or wanted == _SORTS.get(name)


def _matches(pattern: str | None, text: str) -> bool:
    return pattern is None or fnmatchcase(text, pattern)
