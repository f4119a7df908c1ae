"""What an undo is made of; it travels as JSON, to the artifacts and to the target. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..compare.snapshot import Snapshot

Properties = Mapping[str, Any] | None

#: The lock of a drop, as pg_locks calls it.
EXCLUSIVE = "AccessExclusiveLock"


@dataclass(frozen=True, slots=True)
class Aside:
    """A statement that puts users' rows aside before what holds them is dropped. ``relation``: whose they are.

    ``all_rows``: the same for whatever they wrote to it: where a half-applied plan has not all the columns that ``sql`` names.
    """

    relation: str
    sql: str
    all_rows: str | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """Rows that the deploying transaction keeps aside right before a statement of a migration. ``what``: for people.

    ``table``: the copy's name, ``more``: of further ones; ``after``: statements right before the commit of that transaction.
    """

    migration: str
    index: int
    what: str
    table: str
    statements: tuple[str, ...]
    after: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[str, ...]:
        """All copies."""
        return self.table, *self.more


@dataclass(frozen=True, slots=True)
class Touched:
    """An object that must be again what it was. ``before``: its properties then; None: there was none."""

    kind: str
    name: str
    before: Properties


@dataclass(frozen=True, slots=True)
class Undo:
    """Runs in this order: ``locks`` (relations), ``aside``, ``steps``. ``migrations``: whose history rows go with it.

    ``source``: ``derived``, or ``down script``. ``keeps``: what the deployment must do for it. ``invalid``: indexes that were not
    valid before. ``restored``: transactions of restores since, whose rows bear their mark, whoever had written them.
    """

    deployment: str
    migrations: tuple[str, ...]
    locks: tuple[str, ...] = ()
    aside: tuple[Aside, ...] = ()
    steps: tuple[str, ...] = ()
    keeps: tuple[Keep, ...] = ()
    touched: tuple[Touched, ...] = ()
    source: str = "derived"
    invalid: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """``from_json`` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Undo:
        return cls(
            deployment=data["deployment"],
            migrations=tuple(data["migrations"]),
            locks=tuple(data["locks"]),
            aside=tuple(Aside(**one) for one in data["aside"]),
            steps=tuple(data["steps"]),
            keeps=tuple(_keep(one) for one in data["keeps"]),
            touched=tuple(Touched(**one) for one in data["touched"]),
            source=data["source"],
            invalid=tuple(data.get("invalid", ())),  # an earlier version's plan has none
            restored=tuple(data.get("restored", ())),
        )

    def for_target(self, baseline: Snapshot) -> Undo:
        """The same with what the target itself says of its objects: another major renders them otherwise."""
        there = baseline.objects
        return replace(
            self,
            touched=tuple(replace(t, before=there.get(t.kind, {}).get(t.name)) for t in self.touched),
            invalid=tuple(name for name, index in there.get("index", {}).items() if index.get("invalid")),
        )


def _keep(data: Mapping[str, Any]) -> Keep:
    lists = {name: tuple(data[name]) for name in ("statements", "after", "more")}
    return Keep(**{**data, **lists})


def not_undone(undo: Undo, now: Snapshot, end: Snapshot) -> list[str]:
    """What is wrong after it: touched objects that are not what they were, and others (``now``: before it) that it changed.

    Column positions do not count: a column that comes back stands last.
    """
    wrong = []
    touched = set()
    for one in undo.touched:
        touched.add((one.kind, one.name))
        if _same(end.objects.get(one.kind, {}).get(one.name)) != _same(one.before):
            wrong.append(f"{one.kind} {one.name} is not what it was")
    for kind in {*now.objects, *end.objects}:
        old, new = now.objects.get(kind, {}), end.objects.get(kind, {})
        for name in sorted({*old, *new}):
            if (kind, name) not in touched and _same(old.get(name)) != _same(new.get(name)):
                wrong.append(f"{kind} {name}, which the deployment did not touch, would be changed")
    return wrong


def _same(properties: Properties) -> dict[str, Any] | None:
    if properties is None:
        return None
    return {key: value for key, value in properties.items() if key[0] != "_" and key != "position"}
