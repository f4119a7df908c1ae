"""Which objects a restore of only what was touched drops, and which entries of the backup it brings back. Pure.

What the backup's entries depend on is in its list: whatever depends on a touched object goes and comes back with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..compare.diff import parent_of
from ..compare.names import parent_name, split_name
from ..model import Change
from .restore_catalogue import Catalogue, Present
from .toc import Entry, printed

# As a snapshot calls it: as the backup's list does, and as DROP does.
_WHOLE = {
    "table": (("TABLE",), "TABLE"),
    "foreign table": (("FOREIGN TABLE",), "FOREIGN TABLE"),
    "view": (("VIEW",), "VIEW"),
    "materialized view": (("MATERIALIZED VIEW",), "MATERIALIZED VIEW"),
    "sequence": (("SEQUENCE",), "SEQUENCE"),
    "type": (("TYPE", "DOMAIN"), "TYPE"),
    "function": (("FUNCTION",), "ROUTINE"),
    "procedure": (("PROCEDURE",), "ROUTINE"),
    "aggregate": (("AGGREGATE",), "ROUTINE"),
}
_PARTS = {
    "index": (("INDEX",), "DROP INDEX IF EXISTS {name} CASCADE;"),
    "statistics": (("STATISTICS",), "DROP STATISTICS IF EXISTS {name};"),
    "constraint": (
        ("CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT"),
        "ALTER TABLE IF EXISTS {table} DROP CONSTRAINT IF EXISTS {last} CASCADE;",
    ),
    "trigger": (("TRIGGER",), "DROP TRIGGER IF EXISTS {last} ON {table} CASCADE;"),
    "policy": (("POLICY",), "DROP POLICY IF EXISTS {last} ON {table};"),
    "rule": (("RULE",), "DROP RULE IF EXISTS {last} ON {table} CASCADE;"),
}
# They stand for themselves, and come or go as a whole.
_ALONE = {"extension": "EXTENSION", "publication": "PUBLICATION"}
_DROP_KIND = {kind: drop for kinds, drop in _WHOLE.values() for kind in kinds}
_RELATIONS = ("table", "foreign table", "view", "materialized view")
#: What a lost part of a relation that stays is, as the server calls it, and as the backup's list does.
_LOST = {
    "table constraint": _PARTS["constraint"][0],
    "trigger": ("TRIGGER",),
    "policy": ("POLICY",),
    "rule": ("RULE",),
    "default value": ("DEFAULT",),
    "index": ("INDEX",),
    "statistics object": ("STATISTICS",),
}

_Name = tuple[str, str]


_SIGNED = ("FUNCTION", "PROCEDURE", "AGGREGATE")


class NotPossible(Exception):
    """Only the whole database can be restored, for this reason."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a deployment touches. ``objects``: kind and name as in a snapshot, and the table that it belongs to or None.

    ``tables``: whose rows it writes.
    """

    objects: tuple[tuple[str, str, str | None], ...]
    tables: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"objects": [list(item) for item in self.objects], "tables": list(self.tables)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Touched:
        return cls(tuple((kind, name, table) for kind, name, table in data["objects"]), tuple(data["tables"]))


def touched_by(changes: Iterable[Change], tables: Iterable[str]) -> Touched:
    """``changes``: unfolded. ``tables``: whose rows the migrations write. What a table's parts have from its parent is the parent's."""
    objects: list[tuple[str, str, str | None]] = []
    for change in changes:
        if change.kind == "publication" and set(change.after or ()) == set(change.before or ()) == {"tables"}:
            continue  # they come back into it, and go from it, with themselves
        sides = [side for side in (change.before, change.after) if side is not None]
        if any(side.get("inherited") or side.get("attached_to") for side in sides):
            continue
        # a check stands within its table's definition
        within = (
            change.kind == "constraint" and "check" in (change.before or {}).get("definition", "").lower()
        )
        objects.append(("column" if within else change.kind, change.object, parent_of(change)))
    return Touched(tuple(dict.fromkeys(objects)), tuple(sorted(set(tables))))


@dataclass(slots=True)
class Selection:
    """``back``: numbers of the entries that come back. ``drop``: objects that go; ``statements``: SQL that drops parts of what stays.

    ``schemas``: those that the deployment added, removed or changed. ``defaults``: whether default privileges are set anew.
    """

    back: set[int] = field(default_factory=set)
    drop: list[Present] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    schemas: set[str] = field(default_factory=set)
    defaults: bool = False


def select(entries: Sequence[Entry], now: Catalogue, touched: Touched) -> Selection:
    """NotPossible when something was touched that cannot be put back by itself."""
    found = Selection()
    index = _Index(entries)
    wanted: set[tuple[str, _Name]] = set()  # what DROP calls its kind, and its name
    for kind, name, table in _seeds(touched):
        if kind in _WHOLE:
            kinds, drop = _WHOLE[kind]
            key = _signature(name) if drop == "ROUTINE" else _plain(name)
            found.back |= index.numbers(kinds, key)
            wanted.add((drop, key))
        elif kind in _PARTS:
            _select_part(found, index, kind, name, table)
        elif kind == "schema":
            found.schemas.add(split_name(name)[0])
            found.back |= {
                e.number for e in entries if e.kind == "SCHEMA" and e.tag == printed(split_name(name)[0])
            }
        elif kind in _ALONE:
            _select_alone(found, entries, now, kind, split_name(name)[0])
        elif kind == "default privileges":
            found.defaults = True
            found.back |= {e.number for e in entries if e.kind == "DEFAULT ACL"}
        else:
            raise NotPossible(f"the deployment changes a {kind} ({name})")
    found.back = _with_dependants(entries, found.back)
    for entry in entries:
        if entry.number in found.back and entry.kind in _DROP_KIND and entry.schema is not None:
            wanted.add((_DROP_KIND[entry.kind], _name(entry)))
    found.drop += [o for o in now.objects if _key(o) in wanted]
    for present in found.drop:
        if present.extension or not present.ours:
            owner = "an extension" if present.extension else present.owner
            raise NotPossible(f"{present.kind.lower()} {present.identity} belongs to {owner}")
    return found


def comes_back(kind: str, names: Sequence[str], entries: Iterable[Entry]) -> bool:
    """Whether a part that was dropped along, of an object that stays, is among ``entries``; ``kind``, ``names``: the server's."""
    kinds = _LOST.get(kind)
    if kinds is None:
        return False
    schema, tag = printed(names[0]), printed(" ".join(names[1:]))
    if any(e.kind in kinds and e.schema == schema and e.tag == tag for e in entries):
        return True
    # a constraint's index has its name
    return kind == "index" and any(
        e.kind == "CONSTRAINT" and e.schema == schema and e.tag.endswith(f" {tag}") for e in entries
    )


def _seeds(touched: Touched) -> Iterator[tuple[str, str, str | None]]:
    """Tables as wholes where a column of theirs, or what is not in the list by itself, was touched."""
    for kind, name, table in touched.objects:
        if kind in ("column", "view column") and table is not None:
            for relation in _RELATIONS:
                yield relation, table, None
        else:
            yield kind, name, table
    for name in touched.tables:
        yield "table", name, None


def _select_part(found: Selection, index: _Index, kind: str, name: str, table: str | None) -> None:
    kinds, statement = _PARTS[kind]
    schema, *names = (
        printed(part) for part in split_name(name)
    )  # of an index its own, else its table's and its own
    found.back |= index.numbers(kinds, (schema, " ".join(names)))
    found.statements.append(statement.format(name=name, table=table, last=name[len(parent_name(name)) + 1 :]))


def _select_alone(found: Selection, entries: Sequence[Entry], now: Catalogue, kind: str, name: str) -> None:
    back = [e.number for e in entries if e.kind == _ALONE[kind] and e.tag == printed(name)]
    drop = [o for o in now.objects if o.kind == _ALONE[kind] and o.name == name]
    if back and drop:
        raise NotPossible(f"the deployment changes {kind} {name}")
    found.back.update(back)
    found.drop += drop


class _Index:
    """The entries by kind and name."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._found: dict[tuple[str, _Name], set[int]] = {}
        for entry in entries:
            if entry.schema is not None:
                self._found.setdefault((entry.kind, _name(entry)), set()).add(entry.number)

    def numbers(self, kinds: Iterable[str], name: _Name) -> set[int]:
        return set().union(*(self._found.get((kind, name), ()) for kind in kinds))


def _with_dependants(entries: Sequence[Entry], start: Collection[int]) -> set[int]:
    """With all that depends on them; what is in a schema does not go with a change of that schema."""
    dependants: dict[int, list[Entry]] = {}
    for entry in entries:
        for number in entry.depends:
            dependants.setdefault(number, []).append(entry)
    schemas = {entry.number for entry in entries if entry.kind == "SCHEMA"}
    # A view that needs a primary key stands in two places: first without its query, then as a rule.
    views = {(e.schema, f"{e.tag} _RETURN"): e.number for e in entries if e.kind == "VIEW"}
    halves = {
        e.number: views[e.schema, e.tag] for e in entries if e.kind == "RULE" and (e.schema, e.tag) in views
    }
    found, ahead = set(start), list(start)
    while ahead:
        number = ahead.pop()
        if number in halves and halves[number] not in found:
            found.add(halves[number])
            ahead.append(halves[number])
        for entry in dependants.get(number, ()):
            if number in schemas and entry.kind not in ("ACL", "COMMENT"):
                continue
            if entry.number not in found:
                found.add(entry.number)
                ahead.append(entry.number)
    return found


def _name(entry: Entry) -> _Name:
    return entry.schema or "", _arguments(entry.tag) if entry.kind in _SIGNED else entry.tag


def _key(present: Present) -> tuple[str, _Name]:
    kind = "TYPE" if present.kind == "DOMAIN" else present.kind
    if kind == "ROUTINE":
        return kind, _signature(present.identity)
    return kind, (printed(present.schema or ""), printed(present.name))


def _plain(name: str) -> _Name:
    schema, relation = split_name(name)
    return printed(schema), printed(relation)


def _signature(name: str) -> _Name:
    """``public.f(integer, text)`` -> ``("public", "f(integer,text)")``, however the arguments are printed."""
    head, _, arguments = name.partition("(")
    try:
        schema, function = split_name(head)
    except ValueError:
        raise NotPossible(f"the name {name} cannot be read") from None
    return printed(schema), _arguments(printed(f"{function}({arguments}"))


def _arguments(tag: str) -> str:
    head, _, arguments = tag.partition("(")
    return f"{head}({arguments.replace(', ', ',').replace('pg_catalog.', '')}"
