"""A snapshot of a database's schema: what its server says of every object, by name.

The server renders the definitions, with ``search_path`` pinned so that every name is qualified, in one repeatable-read,
read-only transaction. Nothing here is an oid or an attribute number, so that two databases of the same content are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors as pg_errors
from psycopg import pq
from psycopg.rows import tuple_row

from ..db.sql import query
from ..errors import TargetError
from ..model import NotCompared
from .privileges import COLUMN_PRIVILEGES, all_letters, grants, privileges

Properties = Mapping[str, Any]

QUERIES = (
    "schema",
    "extension",
    "table",
    "column",
    "constraint",
    "index",
    "view",
    "sequence",
    "function",
    "aggregate",
    "trigger",
    "event_trigger",
    "type",
    "policy",
    "rule",
    "statistics",
    "collation",
    "publication",
    "foreign_server",
    "user_mapping",
    "default_privileges",
    "setting",
)
"""One file ``db/sql/catalogue_<name>.sql`` each; each row is kind, name, and one column a property."""

# What decides how the server prints expressions and definitions; jit would cost more than these queries.
PINNED = """
set local search_path = pg_catalog, pg_temp;
set local timezone = 'UTC';
set local datestyle = 'ISO, MDY';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local lc_monetary = 'C';
set local quote_all_identifiers = off;
set local jit = off
"""

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``objects``: kind -> name -> property -> value (text, number, true, or a list of text; what is unset or default is absent).

    ``server_version_num``: of the server that rendered it, such as 170010. ``not_compared``: what is there but was not read.
    """

    server_version_num: int
    objects: Mapping[str, Mapping[str, Properties]]
    not_compared: tuple[NotCompared, ...] = ()

    @property
    def major(self) -> int:
        return self.server_version_num // 10000

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content; the same wherever and whenever the content is the same."""
        content = {
            "objects": {kind: names for kind, names in self.objects.items() if names},
            "notCompared": sorted([item.kind, item.object] for item in self.not_compared),
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """For the artifacts; ``from_json`` reads it back."""
        return {
            "serverVersionNum": self.server_version_num,
            "objects": {kind: {n: dict(p) for n, p in names.items()} for kind, names in self.objects.items()},
            "notCompared": [[item.kind, item.object, item.reason] for item in self.not_compared],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Snapshot:
        return cls(
            int(data["serverVersionNum"]),
            data["objects"],
            tuple(NotCompared(*item) for item in data["notCompared"]),
        )


def read_snapshot(
    conn: psycopg.Connection[Any],
    *,
    exclude_schemas: Sequence[str] = (),
    schemas: Sequence[str] | None = None,
) -> Snapshot:
    """Reads the schema of the database that ``conn`` is connected to.

    ``exclude_schemas``: plain names left out, such as the state schema. ``schemas``: only these, without what has no schema
    (extensions, publications, ...); None: all but the system's. Inside a transaction of the caller it sees what that sees,
    and leaves its settings as they were; else it opens a transaction of its own. TargetError when the catalogue cannot be read.
    """
    own = conn.info.transaction_status == pq.TransactionStatus.IDLE
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _read(conn, own, list(exclude_schemas), None if schemas is None else list(schemas))
        except (pg_errors.InternalError_, pg_errors.UndefinedTable, pg_errors.UndefinedObject) as error:
            # The rendering functions see the newest catalogue: an object dropped since our transaction began is an error.
            if not own or attempt == _ATTEMPTS:
                raise _unreadable(conn, error) from error
        except psycopg.Error as error:
            raise _unreadable(conn, error) from error
    raise AssertionError("unreachable")


def read_identities(conn: psycopg.Connection[Any]) -> dict[tuple[str, int, int], tuple[str, str]]:
    """What ``renames`` tells renamed objects by: (catalogue, oid, column) -> (kind, name)."""
    rows = conn.cursor(row_factory=tuple_row).execute(query("identities")).fetchall()
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


def _unreadable(conn: psycopg.Connection[Any], error: psycopg.Error) -> TargetError:
    where = "" if conn.closed else f" of {conn.info.dbname}"
    message = error.diag.message_primary or str(error)
    return TargetError(
        f"the catalogue{where} could not be read: {message}",
        hint="Run it again; if it stays, look at the server's log and at the role's right to read pg_catalog.",
    )


def _read(
    conn: psycopg.Connection[Any], own: bool, exclude: list[str], schemas: list[str] | None
) -> Snapshot:
    # Rolled back in any case: a caller's transaction gets its own search_path back with the savepoint.
    with conn.transaction(force_rollback=True):
        if own:
            conn.execute("set transaction isolation level repeatable read, read only")
        for setting in PINNED.split(";"):
            conn.execute(setting)
        namespaces = _run(conn, "namespaces", {"exclude": exclude, "schemas": schemas})
        parameters = {
            "namespaces": [row[0] for row in namespaces.fetchall()],
            "everything": schemas is None,
        }
        objects: dict[str, dict[str, Properties]] = {}
        not_compared: list[NotCompared] = []
        with conn.pipeline():  # one round trip for all
            cursors = [_run(conn, name, parameters) for name in (*QUERIES, "not_compared")]
        for cursor in cursors[:-1]:
            _collect(cursor, objects, not_compared)
        not_compared += [
            NotCompared(kind, name, "the comparison does not know this kind of object yet")
            for kind, name in cursors[-1]
        ]
        version = conn.info.server_version
    return Snapshot(version, objects, tuple(sorted(not_compared, key=lambda item: (item.kind, item.object))))


def _run(
    conn: psycopg.Connection[Any], name: str, parameters: Mapping[str, Any]
) -> psycopg.Cursor[tuple[Any, ...]]:
    # whatever rows the caller's connection makes
    return conn.cursor(row_factory=tuple_row).execute(query(f"catalogue_{name}"), parameters)


def _collect(
    cursor: psycopg.Cursor[Any], objects: dict[str, dict[str, Properties]], not_compared: list[NotCompared]
) -> None:
    columns = [column.name for column in cursor.description or ()][2:]
    with_acl = "acl" in columns
    for row in cursor:
        kind, name = row[0], row[1]
        found = {
            column: value
            for column, value in zip(columns, row[2:], strict=True)
            if value is not None and value != []
        }
        if with_acl:
            _settle_privileges(kind, found)
        named = objects.setdefault(kind, {})
        if name in named:
            not_compared.append(NotCompared(kind, name, "the catalogue has two objects of this name"))
        named[name] = found


def _settle_privileges(kind: str, found: dict[str, Any]) -> None:
    """Replaces the raw acl columns by ``privileges``, or by nothing where they are the default."""
    acl, default, everything = (
        found.pop("acl", None),
        found.pop("acl_default", []),
        found.pop("acl_all", None),
    )
    if everything is not None:  # default privileges: there is no default of the default
        found["privileges"] = grants(acl or [], all_letters(everything), found.get("owner_role"))
        found.pop("owner_role", None)
    elif acl is not None and kind in ("column", "view column"):
        found["privileges"] = grants(acl, COLUMN_PRIVILEGES)
    elif acl is not None or default:
        # An empty acl (everything revoked) arrives as absent, beside the default that only goes with a written acl.
        settled = privileges(acl or [], default, found.get("owner"))
        if settled is not None:
            found["privileges"] = settled
