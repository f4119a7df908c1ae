"""Rows and references of the compared databases: what there is before gates are collected, and what was found of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol

import psycopg

from ..compare.ignore import Ignored, leaves_out
from ..compare.names import as_on_any_version
from ..compare.orphans import Orphans, Reference, configured, find_orphans, read_references, reference_name
from ..compare.reader import Reader
from ..compare.relations import read_catalogue
from ..compare.row_pair import Side
from ..compare.row_result import TableResult, Verdict
from ..compare.row_tables import CONNECTIONS, Tell, at_once, compare_tables
from ..db.sql import query
from ..db.url import DatabaseUrl
from ..db.watch import watched
from ..errors import TargetError
from .workspace import Workspace

#: What has rows of its own, by pg_class.relkind.
WITH_ROWS = {"r": "table", "p": "table", "m": "materialized view", "f": "foreign table"}


class Database(Protocol):
    """One side: its name and address."""

    @property
    def label(self) -> str: ...

    @property
    def url(self) -> DatabaseUrl: ...


@dataclass(frozen=True, slots=True)
class OrphanResult:
    """``found``: of each database that has the reference, or its tables."""

    reference: Reference
    found: tuple[Orphans, ...]


class RowReading:
    """Opened on the databases of a comparison, the first of which is the one that the others are held against."""

    def __init__(self, workspace: Workspace, databases: Sequence[Database]) -> None:
        self.workspace = workspace
        self.databases = databases
        self.compare = workspace.settings.compare
        self.parameters: dict[str, Any] = {
            "exclude": list(workspace.settings.state.own_schemas),
            "schemas": None if self.compare.schemas is None else list(self.compare.schemas),
        }

    def names(self) -> tuple[list[str], list[str]]:
        """Names of the tables, and of the references, for which there is a gate. TargetError when they cannot be read.

        Partitions count with their tables, unless they are tables of their own somewhere else.
        """
        tables: set[str] = set()
        references = {reference_name(key.from_, key.to) for key in self.compare.foreign_keys}
        if self.compare.rows == "none":
            return [], sorted(references)
        for database in self.databases:
            with self._connect(database.url) as conn, self._watched(conn, database):
                try:
                    found = conn.execute(query("row_tables"), self.parameters).fetchall()
                    references |= {
                        as_on_any_version(row[0])
                        for row in conn.execute(query("row_references"), self.parameters)
                    }
                except psycopg.Error as error:
                    why = error.diag.message_primary or error
                    raise TargetError(f"the tables of {database.label} cannot be read: {why}") from error
            tables |= {as_on_any_version(name) for name, _, _, partition, *_ in found if not partition}
        return sorted(tables), sorted(references)

    def read(
        self, tables: Sequence[str], references: Sequence[str], ignored: Sequence[Ignored], tell: Tell
    ) -> tuple[dict[str, tuple[TableResult, ...]], dict[str, OrphanResult]]:
        """What was found of these. Each database is read in one snapshot; ``tell`` hears how far it is."""
        if not tables and not references:
            return {}, {}
        with ExitStack() as stack:
            sides = [self._side(stack, database) for database in self.databases]
            left_out = {name for name in tables if _is_left_out(name, sides, ignored)}
            rows: dict[str, tuple[TableResult, ...]] = {
                name: (
                    TableResult(
                        name, ("", ""), Verdict.SKIPPED, "not compared: compare.ignore leaves the table out"
                    ),
                )
                for name in left_out
            }
            if self.compare.rows != "none":
                wanted = [name for name in tables if name not in left_out]
                rows |= compare_tables(
                    [_without_columns(side, ignored) for side in sides],
                    wanted,
                    mode=self.compare.rows,
                    equality=self.compare.equality,
                    tell=tell,
                )
            known = [self._references(side) for side in sides]
            orphans = at_once(
                [[name] for name in references],
                lambda names: {name: self._orphans(name, sides, known) for name in names},
                tell,
                "foreign keys",
            )
        return rows, orphans

    def _side(self, stack: ExitStack, database: Database) -> Side:
        reader = stack.enter_context(
            Reader(
                database.label,
                lambda: self._connect(database.url),
                CONNECTIONS,
                watch=lambda conn: self._watched(conn, database),
                statement_timeout=self.workspace.settings.timeouts.statement or 0,
            )
        )
        # All relations: a reference may lead out of the schemas that are compared.
        exclude = self.parameters["exclude"]
        catalogue = reader.submit(lambda conn: read_catalogue(conn, exclude)).result()
        relations = {as_on_any_version(name): relation for name, relation in catalogue.relations.items()}
        return Side(reader, replace(catalogue, relations=relations))

    def _references(self, side: Side) -> dict[str, Reference]:
        exclude, schemas = self.parameters["exclude"], self.parameters["schemas"]
        found = side.reader.submit(lambda conn: read_references(conn, exclude, schemas)).result()
        return found | {
            reference_name(key.from_, key.to): configured(key.from_, key.to)
            for key in self.compare.foreign_keys
        }

    def _orphans(
        self, name: str, sides: Sequence[Side], known: Sequence[dict[str, Reference]]
    ) -> OrphanResult:
        """A database that lacks the constraint is held to the first one's that has it, if it has the tables."""
        first = next((references[name] for references in known if name in references), None)
        if first is None:
            gone = Reference(name, "", (), "", ())
            return OrphanResult(
                gone, tuple(Orphans(side.label, problem="the foreign key is gone") for side in sides)
            )
        found = [
            find_orphans(side, references.get(name, first))
            for side, references in zip(sides, known, strict=True)
            if name in references or {first.table, first.target} <= side.catalogue.relations.keys()
        ]
        return OrphanResult(first, tuple(found))

    def _watched(self, conn: psycopg.Connection[Any], database: Database) -> AbstractContextManager[object]:
        return watched(conn, database.url, connect_timeout=self.workspace.settings.timeouts.connect)

    def _connect(self, url: DatabaseUrl) -> psycopg.Connection[Any]:
        timeouts = self.workspace.settings.timeouts
        # Whoever waits for a lock makes others wait behind him.
        patience = timeouts.lock * max(1, timeouts.lock_retries)
        return self.workspace.connect(url, "compare rows", read_only=True, lock_timeout=patience)


def _is_left_out(name: str, sides: Sequence[Side], ignored: Sequence[Ignored]) -> bool:
    """Whether ``compare.ignore`` leaves out what has these rows, as a whole, on any side."""
    found = {side.catalogue.relations[name].kind for side in sides if name in side.catalogue.relations}
    return any(leaves_out(ignored, WITH_ROWS[kind], name) for kind in found or WITH_ROWS)


def _without_columns(side: Side, ignored: Sequence[Ignored]) -> Side:
    """The side without the columns that ``compare.ignore`` leaves out as a whole."""
    if not ignored:
        return side

    def counts(table: str, column: str) -> bool:
        names = f"{table}.{column}", f'{table}."{column}"'
        return not any(leaves_out(ignored, "column", name) for name in names)

    relations = {
        name: replace(relation, columns=tuple(c for c in relation.columns if counts(name, c.name)))
        for name, relation in side.catalogue.relations.items()
    }
    return replace(side, catalogue=replace(side.catalogue, relations=relations))
