"""A schema in parts, each with its digest: small enough for the deployment's row, and says *what* differs from then. Pure.

A part is an object that stands alone with all that belongs to it: a table with its columns, constraints, indexes, triggers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .diff import KINDS, PARENTS, owner_of

if TYPE_CHECKING:  # the module that reads snapshots needs a driver, this one does not
    from .snapshot import Snapshot

Parts = Mapping[str, str]
"""``table public.users`` -> two digests: of everything, and of what is the same in every environment (``-``: nothing of it is)."""

#: Beside the objects: the server's major version, and which migrations are applied.
SERVER, HISTORY = "server", "migration history"
_PARTITION = "partition"
#: They belong to an environment: two that are deployed to alike have other roles, hosts and settings.
_OF_ENVIRONMENT = frozenset(
    {"setting", "default privileges", "privileges", "user mapping", "foreign server", "subscription"}
)
_NOWHERE = "-"
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class PartChange:
    """``kind``: of the object, or ``partition``. ``what``: added, removed, changed, or reassigned (owner or privileges only)."""

    kind: str
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


def parts_of(snapshot: Snapshot, applied: object = ()) -> dict[str, str]:
    """The parts of a schema. ``applied``: what JSON can say of its migration history, the same wherever that is the same."""
    wholes = {
        name: _whole(kind, properties)
        for kind in PARENTS
        for name, properties in snapshot.objects.get(kind, {}).items()
    }
    members: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for kind, names in snapshot.objects.items():
        for name, properties in names.items():
            owner = owner_of(kind, name, properties)
            if owner is not None and owner in wholes:
                key = f"{wholes[owner]} {owner}"
            else:
                key = f"{wholes.get(name, kind) if kind in PARENTS else kind} {name}"
            members.setdefault(key, []).append((kind, name, properties))
    found = {key: _digests(sorted(group, key=lambda one: one[:2])) for key, group in members.items()}
    return {
        **found,
        SERVER: str(snapshot.major),
        HISTORY: f"{_NOWHERE} {_digest(applied)}",
    }


def changed_parts(before: Parts, now: Parts) -> tuple[PartChange, ...]:
    """What is not as it was; of another major version, which says everything in other words, only what came and went."""
    comparable = before.get(SERVER) == now.get(SERVER)
    found = []
    for key in sorted({*before, *now} - {SERVER, HISTORY}):
        old, new = before.get(key), now.get(key)
        if old is None or new is None:
            found.append(_change(key, "added" if old is None else "removed"))
        elif old != new and comparable:
            same = old.split()[-1] == new.split()[-1] != _NOWHERE
            found.append(_change(key, "reassigned" if same else "changed"))
    return tuple(found)


def portable_differences(there: Parts, here: Parts) -> tuple[str, ...]:
    """What differs between two environments as sentences; what belongs to an environment does not count."""
    if there.get(SERVER) != here.get(SERVER):
        return (
            f"PostgreSQL {there.get(SERVER)} there, {here.get(SERVER)} here, whose definitions cannot be held against each other",
        )
    found = []
    for key in sorted({*there, *here} - {SERVER}):
        old, new = there.get(key), here.get(key)
        if (old or new or "").partition(" ")[2] == _NOWHERE:
            continue
        if old is None or new is None:
            found.append(f"{key} is only {'here' if old is None else 'there'}")
        elif old.partition(" ")[2] != new.partition(" ")[2]:
            found.append(f"{key} differs")
    return tuple(found)


def _whole(kind: str, properties: Mapping[str, Any]) -> str:
    return _PARTITION if "partition_of" in properties else kind


def _change(key: str, what: str) -> PartChange:
    kind = max((k for k in (*KINDS, _PARTITION) if key.startswith(f"{k} ")), key=len)
    return PartChange(kind, key.removeprefix(f"{kind} "), what)


def _digests(members: list[tuple[str, str, Mapping[str, Any]]]) -> str:
    everything = [[kind, name, _kept(properties)] for kind, name, properties in members]
    portable = [
        [kind, name, _kept(properties, portable=True)]
        for kind, name, properties in members
        if kind not in _OF_ENVIRONMENT
    ]
    return f"{_digest(everything)} {_digest(portable) if portable else _NOWHERE}"


def _kept(properties: Mapping[str, Any], *, portable: bool = False) -> dict[str, Any]:
    """Without a column's position, which a rollback may change, and hints that are no difference (``_newest``)."""
    return {
        key: value
        for key, value in properties.items()
        if key != "position" and key[0] != "_" and not (portable and _of_environment(key))
    }


def _of_environment(key: str) -> bool:
    return key in ("owner", "tablespace") or key.endswith("privileges")


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
