"""Changes -> the statements that take them back. Pure; the server then says what is still not as it was, and so on until nothing is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..actions.toc import Entry
from ..compare.diff import parent_of
from ..compare.names import parent_name
from ..compare.snapshot import Snapshot
from ..model import Change, ChangeType
from .altering import (
    CannotUndo,
    altered_column,
    altered_sequence,
    altered_table,
    column_definition,
    column_details,
    literal,
    role,
)
from .dropping import ON_TABLE, drop
from .entries import acl, entries_of, stage
from .granting import by_default, grantee, of_column
from .retyping import type_back

_COMMON = frozenset({"owner", "comment", "privileges"})
_IN_PLACE = frozenset({"table", "column", "sequence", "schema"})
_HELD_ROWS = frozenset({"table", "column"})
_VIEWS = frozenset({"view", "materialized view"})
_WITH_TABLE = frozenset({"table", "foreign table", *_VIEWS})


@dataclass(slots=True)
class Round:
    """The statements of one round. ``fills``: bring kept rows back. Entries are text of the dump, by ``stage``."""

    drops: list[str] = field(default_factory=list)
    alters: list[str] = field(default_factory=list)
    fills: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)

    def statements(self, text: Callable[[Sequence[Entry]], Sequence[str]]) -> list[str]:
        """In the order in which they run; ``text`` renders entries of the dump."""
        staged: list[list[Entry]] = [[], [], []]
        for entry in self.entries.values():
            staged[stage(entry)].append(entry)
        early, middle, post = (text(part) for part in staged)
        return [
            *self.drops,
            *early,
            *self.alters,
            *middle,
            *self.fills,
            *self.late,
            *post,
            *self.last,
        ]


def derive(
    changes: Sequence[Change],
    was: Snapshot,
    entries: Sequence[Entry],
    fills: Mapping[tuple[str, str], Sequence[str]],
    rows: Sequence[str] = (),
) -> Round:
    """``changes``: unfolded differences from what it was to what it is. ``was``: as the target itself renders it.

    ``fills``: for a table or column that comes back, the statements that bring its rows; ``rows``: those that put back rows of
    tables that stay. CannotUndo says why there is none.
    """
    made = _Deriving(changes, was, entries, fills).run()
    made.fills += rows
    return made


class _Deriving:
    def __init__(
        self,
        changes: Sequence[Change],
        was: Snapshot,
        entries: Sequence[Entry],
        fills: Mapping[tuple[str, str], Sequence[str]],
    ) -> None:
        self.changes = changes
        self.was = was
        self.dump = entries
        self.fills = fills
        self.round = Round()
        self.order = {entry.line: place for place, entry in enumerate(entries)}
        self.added = {c.object for c in changes if c.change is ChangeType.ADDED and c.kind in _WITH_TABLE}
        self.removed = {c.object for c in changes if c.change is ChangeType.REMOVED and c.kind in _WITH_TABLE}
        self.remade: set[str] = set()
        self.attached: set[str] = set()
        self.last_alters: list[str] = []

    def run(self) -> Round:
        views = {
            c.object
            for c in self.changes
            if c.kind in _VIEWS and c.change is ChangeType.MODIFIED and set(c.before or ()) - _COMMON
        }
        views |= {
            parent_name(c.object)
            for c in self.changes
            if c.kind == "view column" and parent_name(c.object) not in self.added | self.removed
        }
        for name in sorted(views):
            self._remake(self._kind_of_view(name), name)
        self.remade |= views
        self.attached = {
            c.object
            for c in self.changes
            if c.kind == "table" and "partition_of" in (c.before or {}) and c.after
        }
        for change in self.changes:
            if not self._goes_with_another(change):
                self._one(change)
        self.round.alters += self.last_alters
        self.round.entries = dict(
            sorted(self.round.entries.items(), key=lambda item: self.order[item[1].line])
        )
        return self.round

    def _kind_of_view(self, name: str) -> str:
        return "view" if name in self.was.objects.get("view", {}) else "materialized view"

    def _goes_with_another(self, change: Change) -> bool:
        """What comes and goes with its table, its parent's partition, or its view."""
        if change.kind == "view column" or (change.object in self.remade and change.kind in _VIEWS):
            return True
        if parent_of(change) in self.attached:
            return True  # what a partition has of its parent's is seen in the next round
        properties = change.before or change.after or {}
        if properties.get("inherited") or (properties.get("attached_to") and change.kind == "index"):
            return change.change is not ChangeType.MODIFIED
        parent = parent_of(change)
        if change.change is ChangeType.ADDED:
            return parent in self.added
        return change.change is ChangeType.REMOVED and parent in self.removed and change.kind == "column"

    def _one(self, change: Change) -> None:
        match change.change:
            case _ if change.kind == "default privileges":
                before, after = ((p or {}).get("privileges") for p in (change.before, change.after))
                self.round.late += by_default(change.object, before, after)
            case ChangeType.ADDED:
                self.round.drops.append(drop(change.kind, change.object, change.after or {}))
            case ChangeType.REMOVED:
                self._bring_back(change.kind, change.object)
            case _:
                self._modified(change)

    def _properties(self, kind: str, name: str) -> Mapping[str, Any]:
        found = self.was.objects.get(kind, {}).get(name)
        if found is None:
            raise CannotUndo(f"{kind} {name} is not known to have been there")
        return found

    def _bring_back(self, kind: str, name: str) -> None:
        table = parent_name(name)
        if kind == "column":
            self._bring_back_column(table, name)
        elif kind == "constraint" and not entries_of(kind, name, self.dump):
            if table not in self.removed:
                self._constraint(table, name)
        else:
            found = entries_of(kind, name, self.dump)
            if not found:
                raise CannotUndo(f"{kind} {name} cannot be made again")
            self.round.entries |= {entry.line: entry for entry in found}
            if kind == "table":
                self.round.fills += self._rows(kind, name)
            elif kind == "sequence":
                self.round.fills += self.fills.get((kind, name), ())

    def _rows(self, kind: str, name: str) -> Sequence[str]:
        if (kind, name) not in self.fills:
            raise CannotUndo(f"{kind} {name} would come back without its rows")
        return self.fills[kind, name]

    def _bring_back_column(self, table: str, name: str) -> None:
        was = self._properties("column", name)
        column = name[len(table) + 1 :]
        self.round.alters.append(f"ALTER TABLE {table} ADD COLUMN {column_definition(column, was)}")
        if not was.get("generated"):
            self.round.fills += self._rows("column", name)
        self.round.late += column_details(table, column, was)
        self.round.late += self.fills.get(("identity", name), ())

    def _constraint(self, table: str, name: str) -> None:
        """Checks stand in CREATE TABLE: the dump has no entry of theirs."""
        was = self._properties("constraint", name)
        self.round.late.append(
            f"ALTER TABLE {table} ADD CONSTRAINT {name[len(table) + 1 :]} {was['definition']}"
        )
        if was.get("comment"):
            self.round.last.append(
                f"COMMENT ON CONSTRAINT {name[len(table) + 1 :]} ON {table} IS {literal(was['comment'])}"
            )

    def _modified(self, change: Change) -> None:
        kind, name = change.kind, change.object
        before, after = dict(change.before or {}), dict(change.after or {})
        if kind in ("function", "procedure") and "definition" in before and self._replaces(change):
            self.round.alters.append(str(self._properties(kind, name)["definition"]))
            before.pop("definition")
        if kind == "type" and set(before) - _COMMON:
            self._type(name, before, after)
        elif kind not in _IN_PLACE and set(before) - _COMMON:
            self._remake(kind, name)
            return
        common = {key: before.pop(key) for key in _COMMON & set(before) if kind != "column"}
        self._common(kind, name, common, after)
        if not before or kind == "type":
            return
        was = self._properties(kind, name)
        if kind == "column":
            self._altered_column(name, was, before, after)
        elif kind == "table":
            self._partition(name, was, before, after)
            self.round.alters += altered_table(name, {k: was.get(k) for k in before}, after)
        elif kind == "sequence":
            self.round.alters += altered_sequence(name, was, before)
        else:
            raise CannotUndo(f"{', '.join(before)} of {kind} {name} cannot be set back")

    def _altered_column(
        self, name: str, was: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        table = parent_name(name)
        before = {key: was.get(key) for key in before}
        column = name[len(table) + 1 :]
        if {"generated", "expression"} & set(before) and was.get("generated"):
            self.round.drops.append(drop("column", name, {}))
            self._bring_back_column(table, name)
            return
        if "privileges" in before:
            before.pop("privileges")
            self.round.last += of_column(table, column, was.get("privileges"), after.get("privileges"))
        statements = altered_column(table, column, was, before, after)
        late = [text for text in statements if text.endswith("SET NOT NULL")]
        late += [text for text in statements if " ADD GENERATED " in text]  # which asks for NOT NULL
        first = [
            text for text in statements if " DROP IDENTITY " in text
        ]  # its sequence may have an old one's name
        self.round.drops += first
        self.round.alters += [text for text in statements if text not in (*late, *first)]
        self.round.fills += self.fills.get(("column", name), ())
        self.round.late += late
        self.round.late += self.fills.get(("identity", name), ())

    def _type(self, name: str, before: dict[str, Any], after: Mapping[str, Any]) -> None:
        keys = set(before) - _COMMON
        made = type_back(name, self.was, {k: before[k] for k in keys}, {k: after.get(k) for k in keys})
        self.round.drops += made.drops
        self.last_alters += made.alters
        if made.again:
            self._bring_back("type", name)
            before.clear()  # owner, comment and privileges come along

    def _partition(
        self, name: str, was: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """DETACH and ATTACH."""
        if "partition_of" not in before:
            if "partition_bound" in before:
                raise CannotUndo(f"partition bound of table {name} cannot be set back")
            return
        if after.get("partition_of"):
            self.round.alters.append(f"ALTER TABLE {after['partition_of']} DETACH PARTITION {name}")
        if was.get("partition_of"):
            self.round.late.append(
                f"ALTER TABLE {was['partition_of']} ATTACH PARTITION {name} {was['partition_bound']}"
            )

    def _replaces(self, change: Change) -> bool:
        """Whether CREATE OR REPLACE takes the old definition: name, arguments and result are the same."""
        old = str(self._properties(change.kind, change.object)["definition"]).splitlines()
        new = str((change.after or {})["definition"]).splitlines()
        return old[:2] == new[:2]

    def _remake(self, kind: str, name: str) -> None:
        self.round.drops.append(drop(kind, name, self._properties(kind, name)))
        self._bring_back(kind, name)

    def _common(self, kind: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Owner, comment, privileges."""
        if kind in ON_TABLE or kind == "constraint":
            table = parent_name(name)
            on = f"{kind.upper()} {name[len(table) + 1 :]} ON {table}"
        else:
            on = f"{kind.upper()} {name}"
        if "owner" in before:
            self.round.late.append(f"ALTER {on} OWNER TO {role(str(before['owner']))}")
        if "comment" in before:
            self.round.last.append(f"COMMENT ON {on} IS {literal(before['comment'])}")
        if "privileges" in before:
            self._privileges(kind, name, after.get("privileges") or ())

    def _privileges(self, kind: str, name: str, now: Collection[str]) -> None:
        """Back to the default of its kind, from which the dump's grants start."""
        on = f"{'TABLE' if kind in _WITH_TABLE else kind.upper()} {name}"
        if kind == "privileges":
            raise CannotUndo(f"privileges on {name} cannot be set back")
        owner = role(str(self._properties(kind, name)["owner"]))
        grantees = {grantee(line.rpartition(": ")[0]) for line in now if ":" in line} - {"PUBLIC"}
        self.round.late += [f"REVOKE ALL ON {on} FROM {grantee}" for grantee in sorted({*grantees, "PUBLIC"})]
        self.round.late.append(f"GRANT ALL ON {on} TO {owner}")
        if kind in ("function", "procedure", "aggregate"):
            self.round.late.append(f"GRANT EXECUTE ON {on} TO PUBLIC")
        if kind == "type":
            self.round.late.append(f"GRANT USAGE ON {on} TO PUBLIC")
        self.round.entries |= {entry.line: entry for entry in acl(kind, name, self.dump)}
