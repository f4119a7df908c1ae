"""Rows that migrations change in tables that stay: what they were is kept aside, and put back where nobody else changed it since. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..compare.names import parent_name, split_name
from ..compare.relations import Catalogue
from ..compare.snapshot import Snapshot
from ..db.state import UNDO_SCHEMA
from ..model import StatementEvidence, StatementRef, Unit
from .altering import CannotUndo
from .asides import THEIRS, refuse_followers
from .model import EXCLUSIVE, Keep

_GONE, _THEIRS = '"dbdeploy gone"', '"dbdeploy theirs"'


@dataclass(frozen=True, slots=True)
class KeptRows:
    """``first``: statements of the undo that run before any other; ``fills``: when the columns are what they were."""

    keep: Keep
    first: tuple[str, ...]
    fills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rehearsal knows of the plan."""

    before: Snapshot
    after: Snapshot
    relations: Catalogue
    evidence: Sequence[tuple[StatementRef, StatementEvidence]]
    units: Sequence[Unit]


def kept_rows(table: str, name: str, plan: Plan) -> KeptRows:
    """``table``: called so before and after; ``name``: of the copy. CannotUndo where rows could not be told apart."""
    return _KeptRows(table, name, plan).made()


class _KeptRows:
    def __init__(self, table: str, name: str, plan: Plan) -> None:
        self.table = table
        self.name = name
        self.plan = plan
        if table not in plan.after.objects.get("table", {}):
            raise CannotUndo(f"rows of {table} are changed, and it has another name or is gone afterwards")
        self.was = self._columns(plan.before)
        self.now = self._columns(plan.after)
        self.key = self._key()
        only = "" if plan.before.objects["table"][table].get("partition_key") else "ONLY "
        self.source = f"{only}{table}"
        self.kept, self.new, self.inserted = (
            f"{UNDO_SCHEMA}.{name}{suffix}" for suffix in ("", "_new", "_inserted")
        )

    def made(self) -> KeptRows:
        ref = self._when()
        keep = Keep(
            ref.migration, ref.index, f"{self.table} (rows that change)", self.name, self._before(), self._after(),
            (f"{self.name}_new", f"{self.name}_inserted"),
        )  # fmt: skip
        return KeptRows(keep, self._first(), self._fills())

    def _columns(self, snapshot: Snapshot) -> Mapping[str, Mapping[str, Any]]:
        """By the column's own name, as PostgreSQL prints it; generated ones aside."""
        found = snapshot.objects.get("column", {})
        mine = {n: p for n, p in found.items() if parent_name(n) == self.table and not p.get("generated")}
        ordered = sorted(mine, key=lambda n: mine[n]["position"])
        return {n[len(self.table) + 1 :]: mine[n] for n in ordered}

    def _key(self) -> list[str]:
        same = {c for c, p in self.was.items() if self.now.get(c, {}).get("type") == p["type"]}
        printed = {split_name(f"{self.table}.{c}")[-1]: c for c in same}
        relation = self.plan.relations.relations.get(self.table)
        for key in relation.keys if relation else ():
            if all(name in printed for name in key):
                return [printed[name] for name in key]
        raise CannotUndo(f"rows of {self.table} are changed, and it has no key that stays to tell them apart")

    def _when(self) -> StatementRef:
        """Before all that write to it, which must be one transaction, and before that one alters it: columns may go first."""
        writing = [
            (ref, one)
            for ref, one in self.plan.evidence
            if self.table in one.rows or self.table in one.truncated or self.table in one.rewritten
        ]
        units = {n for n, unit in enumerate(self.plan.units) for ref, _ in writing if ref in unit.statements}
        if len(units) != 1 or not all(one.transactional for _, one in writing):
            raise CannotUndo(f"rows of {self.table} are not changed in one transaction")
        together = self.plan.units[units.pop()].statements
        altering = [
            (ref, one)
            for ref, one in self.plan.evidence
            if ref in together
            and any(lock.relation == self.table and lock.mode == EXCLUSIVE for lock in one.locks)
        ]
        return min(altering[:1] + writing[:1], key=lambda found: together.index(found[0]))[0]

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(f"{one}.{c} = {self._value(other, c)}" for c in self.key)

    def _own_type(self, column: str) -> bool:
        return "." in str(self.was[column]["type"]).partition("(")[0]

    def _value(self, alias: str, column: str) -> str:
        """A kept value; one of the users' own types is kept as text."""
        cast = f"::{self.was[column]['type']}" if self._own_type(column) else ""
        return f"{alias}.{column}{cast}"

    def _copied(self, column: str) -> str:
        return f"t.{column}::text AS {column}" if self._own_type(column) else f"t.{column}"

    def _unchanged_type(self) -> list[str]:
        return [c for c in self.was if self.now.get(c, {}).get("type") == self.was[c]["type"]]

    # -- the deployment

    def _before(self) -> tuple[str, ...]:
        columns = ", ".join(map(self._copied, self.was))
        return (
            f"LOCK TABLE {self.source} IN SHARE ROW EXCLUSIVE MODE",  # nobody writes between the copy and the change
            f"CREATE TABLE {self.kept} AS SELECT {columns}, false AS {_GONE}, false AS {_THEIRS} FROM {self.source} t",
        )

    def _after(self) -> tuple[str, ...]:
        """Before the commit: only what was changed is kept, beside what it was changed to."""
        ours = "t.xmin::text = pg_current_xact_id()::xid::text"
        same, keys = self._same("t", "k"), ", ".join(map(self._copied, self.key))
        new = ", ".join(self._copied(c) for c in self._unchanged_type())
        return (
            f"DELETE FROM {self.kept} k USING {self.source} t WHERE {same} AND NOT ({ours})",
            f"UPDATE {self.kept} k SET {_GONE} = true WHERE NOT EXISTS (SELECT FROM {self.source} t WHERE {same})",
            f"CREATE TABLE {self.new} AS SELECT {new} FROM {self.source} t WHERE EXISTS (SELECT FROM {self.kept} k WHERE {same})",
            f"CREATE TABLE {self.inserted} AS SELECT {keys} FROM {self.source} t WHERE {ours}"
            f" AND NOT EXISTS (SELECT FROM {self.kept} k WHERE {same})",
        )

    # -- the undo

    def _first(self) -> tuple[str, ...]:
        """What only can be told before the table is altered: who wrote a row."""
        same = self._same("t", "k")
        refuse_followers(self.table, self.plan.after)
        return (
            f"UPDATE {self.kept} k SET {_THEIRS} = true FROM {self.source} t WHERE {same} AND {THEIRS}",
            *self._quiet(
                self.plan.after,
                f"DELETE FROM {self.source} t USING {self.inserted} k WHERE {same} AND NOT ({THEIRS})",
            ),
        )

    def _fills(self) -> tuple[str, ...]:
        changed = [c for c in self.was if c in self.now and c not in self.key]
        common = set(self._unchanged_type())
        names, values = ", ".join(self.was), ", ".join(self._value("k", c) for c in self.was)
        statements = []
        if changed:
            sets = ", ".join(f"{c} = {self._merged(c, c in common)}" for c in changed)
            statements.append(
                f"UPDATE {self.table} t SET {sets} FROM {self.kept} k LEFT JOIN {self.new} n ON {self._joined()}"
                f" WHERE {self._same('t', 'k')} AND NOT k.{_GONE}"
            )
        statements.append(
            f"INSERT INTO {self.table} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {self.kept} k WHERE k.{_GONE}"
            f" AND NOT EXISTS (SELECT FROM {self.table} t WHERE {self._same('t', 'k')})"
        )
        return tuple(self._quiet(self.plan.before, *statements))

    def _joined(self) -> str:
        return " AND ".join(f"n.{c} = k.{c}" for c in self.key)

    def _merged(self, column: str, comparable: bool) -> str:
        """What it was, unless somebody changed it after the deployment."""
        unchanged = f" OR t.{column}::text IS NOT DISTINCT FROM n.{column}::text" if comparable else ""
        return f"CASE WHEN NOT k.{_THEIRS}{unchanged} THEN {self._value('k', column)} ELSE t.{column} END"

    def _quiet(self, at: Snapshot, *statements: str) -> list[str]:
        """Without the users' triggers; those that are there before and after are set as ``at`` has them."""
        words = {None: "ENABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}
        both = {
            name: properties
            for name, properties in at.objects.get("trigger", {}).items()
            if parent_name(name) == self.table
            and name in self.plan.before.objects.get("trigger", {})
            and name in self.plan.after.objects.get("trigger", {})
        }
        enabled = [
            f"ALTER TABLE {self.table} {words[p.get('enabled')]} TRIGGER {n[len(self.table) + 1 :]}"
            for n, p in both.items()
            if p.get("enabled") in words
        ]
        return [f"ALTER TABLE {self.table} DISABLE TRIGGER USER", *statements, *enabled]
