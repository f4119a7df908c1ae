"""Relations that existed before the plan, by oid: what they are called now, their kinds, sizes and files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from ..db.splitter import words
from ..db.sql import query
from ..model import RelationSize

_TABLES = "rpmvf"


@dataclass(frozen=True, slots=True)
class Relation:
    """``kind``: as in pg_class."""

    name: str
    kind: str
    size: RelationSize


class Known:
    """``filenodes``: of each, as the last commit left it. ``made``: names of tables that the plan itself has made. ``index_names``: of
    indexes that the transaction has altered."""

    def __init__(self) -> None:
        self._relations: dict[int, Relation] = {}
        self.filenodes: dict[int, int | None] = {}
        self.made: dict[int, str] = {}
        self.index_names: dict[int, str] = {}
        self._youngest = 0
        self._words: frozenset[str] | None = None

    def look(self, monitor: psycopg.Connection[Any]) -> None:
        """What is there before anything is changed."""
        for oid, name, kind, filenode, rows, size in monitor.execute(query("evidence_relations")):
            self._relations[oid] = Relation(name, kind, RelationSize(rows if rows >= 0 else None, size))
            self.filenodes[oid] = filenode
        self._youngest = max(self._relations, default=0)

    def __getitem__(self, oid: int) -> Relation:
        return self._relations[oid]

    def __contains__(self, oid: object) -> bool:
        return oid in self._relations

    def youngest(self) -> int:
        """The largest oid; 0 where there is none."""
        return self._youngest

    def words(self) -> frozenset[str]:
        """What a statement that names one of them has among its words."""
        if self._words is None:
            self._words = frozenset(word for one in self._relations.values() for word in _words_of(one.name))
        return self._words

    def total_bytes(self) -> int:
        return sum(one.size.bytes for one in self._relations.values())

    def name(self, oid: int) -> str | None:
        """Of a table, one that the plan has made too; None when that is not known."""
        return self._relations[oid].name if oid in self else self.made.get(oid)

    def names(self, oids: Iterable[int], kinds: str) -> tuple[str, ...]:
        """Sorted, of those of these kinds."""
        return tuple(sorted(self[oid].name for oid in oids if self[oid].kind in kinds))

    def sizes(self, oids: Iterable[int]) -> dict[str, RelationSize]:
        """Of tables and the like."""
        known = (self[oid] for oid in oids)
        return {one.name: one.size for one in known if one.kind in _TABLES}

    def names_query(self, oids: Iterable[int]) -> bytes:
        """Asks what these are called: rows for ``name_again``."""
        return query("evidence_names").replace("{oids}", ",".join(map(str, oids))).encode()

    def ask(self, conn: psycopg.Connection[Any], oids: Iterable[int]) -> list[tuple[int, str, int | None]]:
        """Oid, name and file node of those of the relations that the session sees."""
        return conn.execute(self.names_query(oids), prepare=False).fetchall()

    def name_again(self, names: Iterable[tuple[int, str, int | None]]) -> None:
        """After a commit that may have renamed these."""
        self.made.clear()
        self._words = None
        for oid, name, _ in names:
            self._relations[oid] = replace(self[oid], name=name)

    def name_made(self, conn: psycopg.Connection[Any], oids: Iterable[int]) -> None:
        """Asks for the names of tables that the plan has made."""
        self.made.update((oid, name) for oid, name, _ in self.ask(conn, oids))

    def made_again(self, conn: psycopg.Connection[Any], indexes: Iterable[int]) -> dict[int, bool]:
        """Of indexes that are gone, those that are there again under their name, by their new oid, and whether with a new file."""
        old = {self.index_names.get(oid) or self[oid].name: oid for oid in indexes}
        rebuilt = {}
        for oid, name, filenode in conn.execute(query("evidence_indexes"), {"names": list(old)}).fetchall():
            self._relations[oid] = self[old[name]]
            self.index_names[oid] = name
            self._youngest = max(self._youngest, oid)
            rebuilt[oid] = filenode != self.filenodes.get(old[name])
            self.filenodes[oid] = filenode
        return rebuilt


def _words_of(name: str) -> frozenset[str]:
    """Of its last part; any one of them is enough to look closer."""
    return words(name.rsplit(".", 1)[-1])
