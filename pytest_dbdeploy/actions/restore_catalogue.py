"""What is in a database before it is restored in place: objects, schemas, default privileges, and what this role may do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql
from psycopg.rows import class_row

from ..db.connect import Connection
from ..db.sql import query


@dataclass(frozen=True, slots=True)
class Present:
    """An object of the database as it is now; see ``restore_objects.sql``. ``identity``: as SQL, quoted by the server."""

    key: str
    kind: str
    schema: str | None
    name: str
    identity: str
    owner: str
    ours: bool
    extension: bool
    internal: bool


@dataclass(frozen=True, slots=True)
class PresentSchema:
    """A schema; see ``restore_schemas.sql``."""

    name: str
    owner: str
    ours: bool
    extension: bool
    extensions: Sequence[str]
    grantees: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class DefaultPrivilege:
    role: str
    schema: str | None
    objtype: str
    grantees: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is there now. ``roles``: all; ``member_of``: those in whose name this role may act. ``available``: extensions."""

    role: str
    superuser: bool
    objects: Sequence[Present]
    schemas: Sequence[PresentSchema]
    defaults: Sequence[DefaultPrivilege]
    roles: Collection[str]
    member_of: Collection[str]
    available: Collection[str]


def read_catalogue(conn: Connection) -> Catalogue:
    """Reads what is there; names come out fully qualified."""
    conn.execute("SET LOCAL search_path = ''")
    row = conn.execute(
        "SELECT rolname::text, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    ).fetchone()
    assert row is not None
    with (
        conn.cursor(row_factory=class_row(Present)) as objects,
        conn.cursor(row_factory=class_row(PresentSchema)) as schemas,
        conn.cursor(row_factory=class_row(DefaultPrivilege)) as defaults,
    ):
        return Catalogue(
            role=str(row[0]),
            superuser=bool(row[1]),
            objects=objects.execute(query("restore_objects")).fetchall(),
            schemas=schemas.execute(query("restore_schemas")).fetchall(),
            defaults=defaults.execute(query("restore_default_privileges")).fetchall(),
            roles=_names(conn, "SELECT rolname FROM pg_roles"),
            member_of=_names(conn, "SELECT rolname FROM pg_roles WHERE pg_has_role(oid, 'MEMBER')"),
            available=_names(conn, "SELECT name FROM pg_available_extensions"),
        )


def _names(conn: Connection, statement: LiteralString) -> frozenset[str]:
    return frozenset(str(row[0]) for row in conn.execute(sql.SQL(statement)))
