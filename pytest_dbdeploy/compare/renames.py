"""Renamed objects: between two states of one database the server's own identities tell them from removed and added ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model import Change, ChangeType
from .diff import diff
from .names import parent_name, split_name

if TYPE_CHECKING:  # the module that reads snapshots needs a driver, this one does not
    from .snapshot import Snapshot

#: catalogue, oid, number of a column -> kind and name as in a snapshot
Identities = Mapping[tuple[str, int, int], tuple[str, str]]

#: Definitions of these name columns of their table without the table.
_WITH_COLUMNS = frozenset({"index", "constraint", "column", "statistics"})


@dataclass(frozen=True, slots=True)
class _Renaming:
    kind: str
    old: str
    new: str


def diff_with_renames(
    before: Snapshot, after: Snapshot, was: Identities, now: Identities
) -> tuple[Change, ...]:
    """``diff``, in which a renamed object is one change ``renamed`` (``object``: its old name; ``after``: its new one, ``name``).

    What else is changed of it stands under its new name. The identities are those of one database before and after, or of
    a database and its copy made by CREATE DATABASE ... TEMPLATE.
    """
    moved = [
        _Renaming(kind, old, now[key][1])
        for key, (kind, old) in was.items()
        if key in now and now[key][0] == kind and now[key][1] != old
    ]
    if not moved:
        return diff(before, after)
    names = {(one.kind, one.old): one.new for one in moved}
    renamed = [
        Change(one.kind, ChangeType.RENAMED, one.old, {"name": one.old}, {"name": one.new})
        for one in moved
        if not _follows(one, moved) and one.old in before.objects.get(one.kind, {})
    ]
    return (*renamed, *diff(_moved(before, names, moved), after))


def made_again(was: Identities, now: Identities) -> dict[str, set[str]]:
    """kind -> names that are there before and after, of objects that are gone: another was made in its place.

    Columns count where their table is the same one, and under its new name where it is renamed. Parameters as of ``diff_with_renames``.
    """
    there = set(now.values())
    found: dict[str, set[str]] = {}
    for key, (kind, name) in was.items():
        if key in now:
            continue
        whole = (key[0], key[1], 0)
        if key != whole:
            if whole not in now or whole not in was:
                continue
            name = now[whole][1] + name[len(was[whole][1]) :]
        if (kind, name) in there:
            found.setdefault(kind, set()).add(name)
    return found


def old_names(changes: Sequence[Change]) -> dict[str, str]:
    """New name -> old name of what is renamed."""
    return {str((c.after or {}).get("name")): c.object for c in changes if c.change is ChangeType.RENAMED}


def old_name(name: str, renamed: Mapping[str, str]) -> str:
    """What an object was called before: it, its table or its schema may have been renamed. ``renamed``: as of ``old_names``."""
    if not renamed or not name:
        return name
    whole = parent_name(name)
    return renamed.get(name) or old_name(whole, renamed) + name[len(whole) :]


def _follows(one: _Renaming, moved: Sequence[_Renaming]) -> bool:
    """Whether it has another name only because its table or schema has."""
    if one.kind == "schema":
        return False
    if split_name(one.old.partition("(")[0])[-1:] != split_name(one.new.partition("(")[0])[-1:]:
        return False
    parents = {other.old: other.new for other in moved if other is not one}
    return parents.get(parent_name(one.old.partition("(")[0])) == parent_name(one.new.partition("(")[0])


def _moved(snapshot: Snapshot, names: Mapping[tuple[str, str], str], moved: Sequence[_Renaming]) -> Snapshot:
    """The snapshot as it would be, had everything been called so from the start."""
    tables = {
        one.old: one.new
        for one in moved
        if one.kind in ("table", "foreign table", "view", "materialized view")
    }
    columns: dict[str, dict[str, str]] = {}
    for one in moved:
        if one.kind == "column":
            old, new = (
                name[len(parent_name(name)) + 1 :] for name in (one.old, one.new)
            )  # with their quotes
            if old != new:
                columns.setdefault(parent_name(one.old), {})[old] = new
    whole = _Replacer(
        {one.old.partition("(")[0]: one.new.partition("(")[0] for one in moved if one.kind != "column"}
    )
    objects: dict[str, dict[str, Mapping[str, Any]]] = {}
    for kind, found in snapshot.objects.items():
        for name, properties in found.items():
            table = str(properties.get("table") or parent_name(name.partition("(")[0]))
            new = names.get((kind, name), "")
            if not new and table in tables and "table" not in properties and kind != "schema":
                new = tables[table] + name[len(table) :]
            words = columns.get(table, {}) if kind in _WITH_COLUMNS else {}
            if kind in ("index", "trigger") and new:  # its own definition has its bare name
                words = {**words, name.rpartition(".")[2]: new.rpartition(".")[2]}
            parts = _Replacer(words) if words else None
            objects.setdefault(kind, {})[new or name] = {
                key: _text(value, whole, parts if key in ("definition", "expression") else None)
                for key, value in properties.items()
            }
    return type(snapshot)(snapshot.server_version_num, objects, snapshot.not_compared)


class _Replacer:
    """Replaces whole names in definitions."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        self.pattern = re.compile(rf"(?<![\w$.\"])(?:{words})(?![\w$\"])") if words else None

    def __call__(self, text: str) -> str:
        return self.pattern.sub(lambda match: self.names[match[0]], text) if self.pattern else text


def _text(value: Any, whole: _Replacer, parts: _Replacer | None) -> Any:
    if isinstance(value, list):
        return [_text(one, whole, parts) for one in value]
    if not isinstance(value, str):
        return value
    value = whole(value)
    return parts(value) if parts else value
