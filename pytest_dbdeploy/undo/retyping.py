"""Types that changed: an enum without its new values, a domain, a composite type. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compare.names import parent_name, split_name
from ..compare.snapshot import Snapshot
from ..model import Change
from .altering import CannotUndo, literal, retyped

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Retyped:
    """``drops``: before the type is made again from the dump (``again``); ``alters``: after that, the last of all."""

    drops: tuple[str, ...] = ()
    alters: tuple[str, ...] = ()
    again: bool = False


def type_back(name: str, was: Snapshot, before: Properties, after: Properties) -> Retyped:
    """``before``, ``after``: the properties that differ. CannotUndo where it cannot be what it was."""
    properties = was.objects["type"][name]
    match properties.get("type"), sorted({*before, *after}):
        case "enum", ["labels"]:
            return _enum(name, was, before["labels"], after["labels"])
        case "domain", keys if set(keys) <= {"default", "not_null", "constraints", "constraint_names"}:
            return Retyped(alters=tuple(_domain(name, properties, after)))
        case "composite", ["attributes"]:
            return Retyped(alters=tuple(_composite(name, was, before["attributes"], after["attributes"])))
    raise CannotUndo(f"type {name} was changed, and cannot be changed back")


# -- enums


def new_labels(change: Change) -> tuple[str, ...]:
    """The values that an enum got; none of a change that is no such one."""
    if change.kind != "type" or not change.before or not change.after or "labels" not in change.after:
        return ()
    old, new = change.before["labels"], change.after["labels"]
    return () if len(old) == len(new) else tuple(label for label in new if label not in old)


def columns_of(name: str, snapshot: Snapshot) -> dict[str, Properties]:
    """Columns of tables that hold values of this type, or arrays of them. CannotUndo where another type holds them."""
    for other, properties in snapshot.objects.get("type", {}).items():
        texts = (properties.get("base_type"), properties.get("subtype"), *properties.get("attributes", ()))
        if any(f"{name} " in f"{text} ".replace("[]", "") for text in texts if text):
            raise CannotUndo(f"type {name} was changed, and type {other} is made of it")
    columns = snapshot.objects.get("column", {})
    return {n: p for n, p in columns.items() if p["type"] in (name, f"{name}[]")}


def stays_without(properties: Properties) -> bool:
    """Whether a row can stay when the value of this column goes: it may be NULL, or has a default."""
    return not properties.get("not_null") or properties.get("default") is not None


def holds(column: str, properties: Properties, labels: Collection[str]) -> str:
    """The condition that ``column`` holds one of these values."""
    values = f"ARRAY[{', '.join(map(literal, labels))}]"
    if properties["type"].endswith("[]"):
        return f"{column}::text[] && {values}"
    return f"{column}::text = ANY ({values})"


def _enum(name: str, was: Snapshot, before: Sequence[str], after: Sequence[str]) -> Retyped:
    if len(before) == len(after):
        raise CannotUndo(f"the values of type {name} have other names or another order")
    gone = [label for label in after if label not in before]
    old = f"{parent_name(name)}.{_old_name(name)}"
    alters = [
        text
        for column, properties in columns_of(name, was).items()
        if not properties.get("inherited")
        for text in _converted(column, properties, gone)
    ]
    return Retyped(
        (f"ALTER TYPE {name} RENAME TO {_old_name(name)}",), (*alters, f"DROP TYPE {old} CASCADE"), True
    )


def _old_name(name: str) -> str:
    plain = split_name(name)[-1].replace('"', '""')
    return f'"dbdeploy old {plain[:40]}"'


def _converted(column: str, was: Properties, gone: Sequence[str]) -> list[str]:
    table = parent_name(column)
    name = column[len(table) + 1 :]
    text = f"{name}::text[]" if was["type"].endswith("[]") else f"{name}::text"
    value = f"{text}::{was['type']}"
    if gone:
        instead = was["default"] if was.get("not_null") and was.get("default") is not None else "NULL"
        value = f"CASE WHEN {holds(name, was, gone)} THEN {instead} ELSE {value} END"
    return retyped(
        f"ALTER TABLE {table} ALTER COLUMN {name}", was, {"default": was.get("default")}, f" USING {value}"
    )


# -- domains and composite types


def _domain(name: str, was: Properties, after: Properties) -> Iterable[str]:
    alter = f"ALTER DOMAIN {name}"
    if "default" in after:
        default = was.get("default")
        yield f"{alter} DROP DEFAULT" if default is None else f"{alter} SET DEFAULT {default}"
    if "not_null" in after:
        yield f"{alter} {'SET' if was.get('not_null') else 'DROP'} NOT NULL"
    if not {"constraints", "constraint_names"} & set(after):
        return
    old = _constraints(was)
    new = _constraints({**was, **after})
    for constraint, definition in new.items():
        if old.get(constraint) != definition:
            yield f"{alter} DROP CONSTRAINT {constraint}"
    for constraint, definition in old.items():
        if new.get(constraint) != definition:
            if " comment " in definition:
                raise CannotUndo(f"constraint {constraint} of domain {name} cannot be made again")
            yield f"{alter} ADD CONSTRAINT {constraint} {definition}"


def _constraints(properties: Properties) -> dict[str, str]:
    names, texts = properties.get("constraint_names") or (), properties.get("constraints") or ()
    return dict(zip(names, texts, strict=True))


def _composite(name: str, was: Snapshot, before: Sequence[str], after: Sequence[str]) -> Iterable[str]:
    """Values in columns would lose what users wrote to a new attribute."""
    if columns_of(name, was):
        raise CannotUndo(f"type {name} was changed, and columns hold values of it")
    old, new = (dict(map(_attribute, texts)) for texts in (before, after))
    if len(old) == len(new) and list(old.values()) == list(new.values()):
        for then, now in zip(old, new, strict=True):
            if then != now:
                yield f"ALTER TYPE {name} RENAME ATTRIBUTE {now} TO {then}"
        return
    for attribute in new:
        if attribute not in old:
            yield f"ALTER TYPE {name} DROP ATTRIBUTE {attribute}"
    for attribute, type_ in old.items():
        if attribute not in new:
            yield f"ALTER TYPE {name} ADD ATTRIBUTE {attribute} {type_}"
        elif new[attribute] != type_:
            yield f"ALTER TYPE {name} ALTER ATTRIBUTE {attribute} TYPE {type_}"


def _attribute(text: str) -> tuple[str, str]:
    """``name type``; a comment is none of the type."""
    if " comment " in text:
        raise CannotUndo("an attribute with a comment cannot be changed back")
    end = text.index('" ', 1) + 1 if text.startswith('"') else text.index(" ")
    return text[:end], text[end + 1 :]
