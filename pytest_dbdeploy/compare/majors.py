"""Snapshots of servers of different major versions, made comparable: what only the newer one knows or writes otherwise. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .names import as_on_any_version

if TYPE_CHECKING:  # the module that reads snapshots needs a driver, this one does not
    from .snapshot import Snapshot

_Objects = dict[str, dict[str, dict[str, Any]]]

# 18 gives NOT NULL a name of its own, and inherits it; a dump of an older server cannot say so.
_NOT_NULL = ("not_null_name", "not_null_inherited", "not_null_comment")

# 17 added MAINTAIN to these.
_RELATIONS = ("table", "foreign table", "view", "materialized view")
_ALL_OF_RELATIONS = {"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}
_GRANT = re.compile(r"(?P<who>.*): (?P<words>[A-Z, ]+?)(?P<rest>| \(grantable\).*| by .*)")

# A string, or a name with the dot behind it: what is qualified.
_QUALIFIER = re.compile(r"""'(?:[^']|'')*'|(?P<name>"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)\.(?=["a-z_])""")


def aligned(before: Snapshot, after: Snapshot) -> tuple[_Objects, _Objects]:
    """The objects of both, as the older of their major versions would have them; the snapshots stay as they are."""
    lower = min(before.major, after.major)
    one, two = (_lowered(snapshot.objects, lower) for snapshot in (before, after))
    if lower < 16 and before.major != after.major:
        one, two = _plainly_written(one), _plainly_written(two)
    for kind in ("view", "materialized view"):
        for name in one.get(kind, {}).keys() & two.get(kind, {}).keys():
            old, new = one[kind][name], two[kind][name]
            if old.get("definition") != new.get("definition") and _same_query(
                str(old.get("definition")), str(new.get("definition"))
            ):
                new["definition"] = old["definition"]
    for name in one.get("extension", {}).keys() & two.get("extension", {}).keys():
        pair = one["extension"][name], two["extension"][name]
        if all(
            properties.get("_newest") for properties in pair
        ):  # CREATE EXTENSION gave each server its own version
            for properties in pair:
                properties.pop("version", None)
    return one, two


def _lowered(objects: Mapping[str, Mapping[str, Mapping[str, Any]]], lower: int) -> _Objects:
    copy = {
        kind: {name: dict(properties) for name, properties in names.items()}
        for kind, names in objects.items()
    }
    if lower < 18:
        for kind in ("column", "type"):
            for properties in copy.get(kind, {}).values():
                for key in _NOT_NULL:
                    properties.pop(key, None)
    if lower < 17:
        for kind, names in copy.items():
            for name, properties in names.items():
                if kind in _RELATIONS or (kind == "default privileges" and name.endswith(" on tables")):
                    _without_maintain(properties)
    return copy


def _plainly_written(objects: _Objects) -> _Objects:
    """Without what only 16 and later write: quotes around new keywords, and that XML is not indented."""
    return {
        kind: {as_on_any_version(name): _plain(properties) for name, properties in names.items()}
        for kind, names in objects.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return as_on_any_version(value).replace(" NO INDENT)", ")")
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value


def _without_maintain(properties: dict[str, Any]) -> None:
    if "privileges" not in properties:
        return
    lines = _known_grants(properties["privileges"])
    if lines == [f"{properties.get('owner')}: ALL"]:
        del properties["privileges"]
    else:
        properties["privileges"] = lines or ["nobody"]


def _known_grants(lines: Sequence[str]) -> list[str]:
    found = []
    for line in lines:
        match = _GRANT.fullmatch(line)
        words = set(match["words"].split(", ")) - {"MAINTAIN"} if match else set()
        if match is None or "ALL" in words:
            found.append(line)
        elif words:
            text = "ALL" if words >= _ALL_OF_RELATIONS else ", ".join(sorted(words))
            found.append(f"{match['who']}: {text}{match['rest']}")
    return sorted(found)


def _same_query(one: str, two: str) -> bool:
    """Whether two texts differ only in that one of them qualifies the columns of the only table: up to 15, every view does."""
    counts = [Counter(match["name"] for match in _QUALIFIER.finditer(text)) for text in (one, two)]
    odd = [name for name in counts[0] | counts[1] if name and counts[0][name] != counts[1][name]]
    return len(odd) == 1 and _unqualified(one, odd[0]) == _unqualified(two, odd[0])


def _unqualified(text: str, name: str) -> str:
    return _QUALIFIER.sub(lambda match: "" if match["name"] == name else match[0], text)
