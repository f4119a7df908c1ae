"""What users do between a deployment and its undo, as the proof plays it: which tables they write, and what there that was not before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from ..compare.names import parent_name, split_name
from ..compare.relations import Relation
from ..compare.snapshot import Snapshot
from ..model import Change, ChangeType, StatementEvidence
from .asides import values_that_go
from .filler import Filler, Written
from .keeping import needs_value

_READING = frozenset({"AccessShareLock", "RowShareLock"})
Relations = Mapping[str, Relation]


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """``changes``: unfolded; ``real``: those without what merely has another name."""

    before: Snapshot
    after: Snapshot
    changes: Sequence[Change]
    real: Sequence[Change]
    evidence: Sequence[StatementEvidence]

    def touched(self, relations: Relations) -> list[str]:
        """Tables of before (``relations``) that the plan does more with than to read them."""
        found: set[str] = set()
        for one in self.evidence:
            found.update(lock.relation for lock in one.locks if lock.mode not in _READING)
            found.update((*one.rows, *one.rewritten, *one.truncated))
        for change in self.changes:
            table = (change.before or change.after or {}).get("table") or parent_name(change.object)
            found.update((change.object, str(table)))
        return sorted(name for name in found if name in relations)

    def write(self, filler: Filler, was: Relations, now: Relations) -> list[Written]:
        """An insert, an update, a delete in each touched and each new table, where that can be followed by a key."""
        added = [c.object for c in self.real if c.change is ChangeType.ADDED]
        columns = (c.object for c in self.real if c.kind == "column" and c.change is ChangeType.ADDED)
        new = _grouped((parent_name(name), split_name(name)[-1]) for name in columns)
        lacking, only_now, generated = self._lacking(), self._only_now(), self._generated()
        touched = [name for name in self.touched(was) if name in now]
        written = []
        there = set(added)
        for name in dict.fromkeys([*touched, *(n for n in added if n in now)]):
            relation, old = _without(now[name], generated), was.get(name)
            comparable = bool(relation.keys) and old is not None and relation.keys[0] in old.keys
            if relation.kind in ("r", "p") and relation.columns and (comparable or name in there):
                old = old and _without(old, generated)
                special = new.get(name, []), lacking.get(name, []), only_now.get(name, {})
                written.append(filler.fill(relation, old, *special))
        return written

    def giving_way(self) -> dict[str, set[str]]:
        """By table as it was called, the columns whose value may not stay: then the row is put aside."""
        tables = self.before.objects.get("table", {})
        lacking, only_now = self._lacking(), self._only_now()
        found = {name: {*lacking.get(name, ()), *only_now.get(name, ())} for name in tables}
        return {name: columns for name, columns in found.items() if columns}

    def converted(self) -> set[str]:
        """Tables with columns of an enum that loses values."""
        return {parent_name(column) for column, _, _ in values_that_go(self.changes, self.after)}

    def _lacking(self) -> dict[str, list[str]]:
        """By table, columns that are gone, and which every row had to bring along."""
        gone = (c for c in self.real if c.kind == "column" and c.change is ChangeType.REMOVED)
        return _grouped(
            (parent_name(c.object), split_name(c.object)[-1]) for c in gone if needs_value(c.before or {})
        )

    def _only_now(self) -> dict[str, dict[str, sql.Composable]]:
        """By table and column, a value that the column takes since an enum has it."""
        found: dict[str, dict[str, sql.Composable]] = {}
        for column, properties, labels in values_that_go(self.real, self.after):
            value = sql.SQL("array[{}]" if properties["type"].endswith("[]") else "{}")
            found.setdefault(parent_name(column), {})[split_name(column)[-1]] = sql.SQL("{}::{}").format(
                value.format(sql.Literal(labels[0])), sql.SQL(properties["type"])
            )
        return found

    def _generated(self) -> dict[str, list[str]]:
        """By table, columns that nobody may write to."""
        columns = self.after.objects.get("column", {}).items()
        return _grouped(
            (parent_name(name), split_name(name)[-1])
            for name, properties in columns
            if properties.get("generated")
        )


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in pairs:
        found.setdefault(table, []).append(column)
    return found


def _without(relation: Relation, columns: Mapping[str, Sequence[str]]) -> Relation:
    gone = columns.get(relation.name, ())
    return replace(relation, columns=tuple(c for c in relation.columns if c.name not in gone))
