"""What is there to compare row by row: relations, their columns with what decides how values are compared, and their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ..db.sql import query


@dataclass(frozen=True, slots=True)
class Column:
    """``type``: as PostgreSQL prints it. ``innermost``: names of the base types in it, domains, arrays, ranges and composites taken apart.

    ``holds_values``: it is an array, range, multirange or composite. ``collation``: None where `=` compares bytes, else what
    decides which texts are equal, version included.
    """

    name: str
    type: str
    modifier: int
    holds_values: bool
    innermost: frozenset[str]
    collation: str | None = None

    @property
    def base(self) -> str:
        """The base type's name when it is a plain value of one, else an empty text."""
        return next(iter(self.innermost)) if len(self.innermost) == 1 and not self.holds_values else ""


@dataclass(frozen=True, slots=True)
class Relation:
    """``kind``: pg_class.relkind (r, p, m, f). ``size``: bytes, as last estimated, its partitions' too. ``keys``: the primary key first."""

    name: str
    kind: str
    partition: bool
    populated: bool
    size: int
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One database's relations by name, with what decides how its texts are stored and compared."""

    relations: dict[str, Relation]
    encoding: str
    locale: str
    version: int


def read_catalogue(
    conn: psycopg.Connection[Any], exclude_schemas: Sequence[str] = (), schemas: Sequence[str] | None = None
) -> Catalogue:
    """In the caller's transaction. ``schemas`` None: all but the system's. psycopg.Error when it cannot be read."""
    parameters = {
        "exclude": list(exclude_schemas),
        "schemas": None if schemas is None else list(schemas),
    }
    found = conn.execute(query("row_tables"), parameters).fetchall()
    oids = {"relations": [row[2] for row in found]}
    columns: dict[int, list[Column]] = {}
    for oid, name, type_, modifier, holds_values, innermost, collation in conn.execute(
        query("row_columns"), oids
    ):
        columns.setdefault(oid, []).append(
            Column(name, type_, modifier, holds_values, frozenset(innermost), collation)
        )
    keys: dict[int, list[tuple[str, ...]]] = {}
    for oid, names in conn.execute(query("row_keys"), oids):
        keys.setdefault(oid, []).append(tuple(names))
    encoding, locale = conn.execute(query("database_locale")).fetchone() or ("", "")
    return Catalogue(
        {
            name: Relation(
                name, kind, partition, populated, size, tuple(columns.get(oid, ())), tuple(keys.get(oid, ()))
            )
            for name, kind, oid, partition, populated, size in found
        },
        encoding,
        locale,
        conn.info.server_version,
    )
