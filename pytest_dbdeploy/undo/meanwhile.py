"""What users do between a deployment and its undo, as the proof plays it: which tables they write, and what there that was not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        touched = [name for name in self.touched(was) if name in now]
        written = []
        for name in dict.fromkeys([*touched, *(n for n in added if n in now)]):
            relation, old = self._writable(now[name]), was.get(name)
            comparable = bool(relation.keys) and old is not None and relation.keys[0] in old.keys
            if relation.kind in ("r", "p") and relation.columns and (comparable or name in added):
                new = [split_name(c)[-1] for c in added if parent_name(c) == name]
                old = old and self._writable(old)
                written.append(filler.fill(relation, old, new, self._lacking(name), self._only_now(name)))
        return written

    def giving_way(self) -> dict[str, set[str]]:
        """By table as it was called, the columns whose value may not stay: then the row is put aside."""
        tables = self.before.objects.get("table", {})
        return {name: found for name in tables if (found := {*self._lacking(name), *self._only_now(name)})}

    def converted(self) -> set[str]:
        """Tables with columns of an enum that loses values."""
        return {parent_name(column) for column, _, _ in values_that_go(self.changes, self.after)}

    def _lacking(self, table: str) -> list[str]:
        """Columns that are gone, and which every row had to bring along."""
        gone = [c for c in self.real if c.kind == "column" and c.change is ChangeType.REMOVED]
        return [
            split_name(c.object)[-1]
            for c in gone
            if parent_name(c.object) == table and needs_value(c.before or {})
        ]

    def _only_now(self, table: str) -> dict[str, sql.Composable]:
        """Values that columns of this table take since an enum has them."""
        found: dict[str, sql.Composable] = {}
        for column, properties, labels in values_that_go(self.real, self.after):
            if parent_name(column) == table:
                value = sql.SQL("array[{}]" if properties["type"].endswith("[]") else "{}")
                found[split_name(column)[-1]] = sql.SQL("{}::{}").format(
                    value.format(sql.Literal(labels[0])), sql.SQL(properties["type"])
                )
        return found

    def _writable(self, relation: Relation) -> Relation:
        columns = self.after.objects.get("column", {})
        generated = {
            split_name(name)[-1]
            for name, properties in columns.items()
            if properties.get("generated") and parent_name(name) == relation.name
        }
        return replace(relation, columns=tuple(c for c in relation.columns if c.name not in generated))
