"""Are a table's rows what they were, and those that were written meanwhile what their writers made them?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from ..compare.names import parent_name, split_name
from ..compare.relations import Catalogue, Relation
from ..compare.rows import family, pin
from ..compare.snapshot import Snapshot
from ..db.state import UNDO_SCHEMA
from .altering import CannotUndo
from .filler import Written

Connection = psycopg.Connection[Any]


class RowsChange(CannotUndo):
    """The migrations change rows of tables that stay; what they were was not kept aside."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(f"the rows of {', '.join(tables)} would not be what they were")
        self.tables = tuple(tables)


def changed_tables(
    before: Connection, after: Connection, was: Catalogue, now: Catalogue, names: Collection[str]
) -> tuple[str, ...]:
    """Those of ``names`` whose rows are others once migrated, in the columns that stay as they are. Two digests cost less than a proof in vain."""
    changed = []
    for name in sorted(names):
        old, new = was.relations.get(name), now.relations.get(name)
        if old is None or new is None or old.kind not in ("r", "p"):
            continue
        types = {column.name: column.type for column in new.columns}
        same = replace(old, columns=tuple(c for c in old.columns if types.get(c.name) == c.type))
        if _digest(before, same, None) != _digest(after, same, None):
            changed.append(name)
    return tuple(changed)


class RowProof:
    """Made before the undo runs: it remembers the rows that were written. ``tables``: as they were; ``after``: once migrated.

    ``giving_way``: by table, columns whose value may not stay, then the row is put aside.
    """

    def __init__(
        self,
        original: Connection,
        copy: Connection,
        tables: Sequence[Relation],
        written: Sequence[Written],
        after: Snapshot,
        giving_way: Mapping[str, Collection[str]],
    ) -> None:
        self.original = original
        self.copy = copy
        self.tables = [relation for relation in tables if relation.kind in ("r", "p")]
        self.written = {one.table: one for one in written if one.key}
        self.after = after
        self.giving_way = giving_way
        self.families = {r.name: family(original, r.name) for r in self.tables if r.kind == "p"}
        self.theirs = {one.table: self._rows(copy, one) for one in self.written.values() if one.keys}

    def check(self) -> None:
        """RowsChange names the tables whose earlier rows differ; CannotUndo where one that was written meanwhile does."""
        changed = []
        for relation in self.tables:
            one = self.written.get(relation.name)
            if one is not None and one.key not in relation.keys:
                raise CannotUndo(
                    f"table {relation.name} has another key than before: its rows cannot be compared"
                )
            apart = self._apart(relation)
            if _digest(self.original, relation, apart) != _digest(self.copy, relation, apart):
                changed.append(relation.name)
            elif one is not None and one.table in self.theirs:
                self._check_writes(relation, one)
        if changed:
            raise RowsChange(changed)

    def _apart(self, relation: Relation) -> Written | None:
        """The rows that were written to it, and, as they are its rows too, to its partitions or the table that it is a partition of."""
        name = relation.name
        related = {
            name,
            *self.families.get(name, ()),
            *(p for p, names in self.families.items() if name in names),
        }
        written = [self.written[one] for one in (name, *sorted(related - {name})) if one in self.written]
        if not written or written[0].key not in relation.keys:
            return self.written.get(name)
        keys = (key for one in written if one.key == written[0].key for key in one.keys)
        return replace(written[0], keys=tuple(dict.fromkeys(keys)))

    def _rows(self, conn: Connection, one: Written) -> dict[str, Any]:
        """The written rows as they are now, by key."""
        statement = sql.SQL("select {}, to_jsonb(t) from {} t where {} = any(%s)").format(
            _key(one.key), sql.Identifier(*split_name(one.table)), _key(one.key)
        )
        return dict(conn.execute(statement, [list(one.keys)]).fetchall())

    def _check_writes(self, relation: Relation, one: Written) -> None:
        now, was, theirs = self._rows(self.copy, one), self._rows(self.original, one), self.theirs[one.table]
        types = {c.name: c.type for c in relation.columns}
        same = {
            split_name(name)[-1]
            for name, properties in self.after.objects["column"].items()
            if parent_name(name) == one.table and types.get(split_name(name)[-1]) == properties["type"]
        }
        giving_way = self.giving_way.get(one.table, ())
        aside = self._put_aside(one) if giving_way else {}
        for key in {*now, *theirs}:
            old, new, original = theirs.get(key), now.get(key), was.get(key)
            columns = same
            if giving_way and old is not None and aside.get(key) == old:
                if new is None:
                    continue
                columns = same - set(giving_way)
            there = old is not None and new is not None
            if not there or not _kept(columns, old, new, original, one.changed.get(key, ())):
                raise CannotUndo(f"a row of {one.table} that was written meanwhile would be lost or changed")

    def _put_aside(self, one: Written) -> dict[str, Any]:
        """Whole rows of users, by key."""
        key = sql.SQL(", ").join(sql.SQL("row_data -> {}").format(sql.Literal(name)) for name in one.key)
        statement = sql.SQL(
            "select jsonb_build_array({})::text, row_data from {} where relation = %s"
        ).format(key, sql.Identifier(UNDO_SCHEMA, "rows"))
        return dict(self.copy.execute(statement, [one.table]).fetchall())


def _kept(columns: Collection[str], old: Any, new: Any, original: Any, changed: Collection[str]) -> bool:
    """Whether a row has what users wrote (``old``, ``changed``: the columns), and else that or what it had before the deployment."""
    return all(
        new[name] == old[name]
        or (name not in changed and original is not None and new[name] == original[name])
        for name in columns
        if name in old
    )


def _key(columns: Sequence[str]) -> sql.Composable:
    return sql.SQL("jsonb_build_array({})::text").format(sql.SQL(", ").join(map(sql.Identifier, columns)))


def _digest(conn: Connection, relation: Relation, written: Written | None) -> tuple[int, str]:
    """Number and digest of the rows that were not written meanwhile."""
    columns = sorted(column.name for column in relation.columns)
    row = sql.SQL("row({})::text").format(
        sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in columns)
    )
    statement = sql.SQL(
        "select count(*), coalesce(sum(hashtextextended({row}, 0)), 0)::text || '/' || coalesce(sum(hashtextextended({row}, 1)), 0)::text"
        " from {table} t"
    ).format(row=row, table=sql.Identifier(*split_name(relation.name)))
    parameters: list[Any] = []
    if written is not None and written.keys:
        statement += sql.SQL(" where {} <> all(%s)").format(_key(written.key))
        parameters = [list(written.keys)]
    with conn.transaction():
        pin(conn)
        found = conn.execute(statement, parameters).fetchone()
    assert found is not None
    return found[0], found[1]
