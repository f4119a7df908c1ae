"""A snapshot of a database's schema: what its server says of every object, by name.

The server renders the definitions, with ``search_path`` pinned so that every name is qualified, in one repeatable-read,
read-only transaction. Nothing here is an oid or an attribute number, so that two databases of the same content are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors as pg_errors

from ..db.sql import query
from ..errors import TargetError
from ..model import NotCompared
from ..secret import redactor
from .privileges import COLUMN_PRIVILEGES, all_letters, grants, privileges
from .transport import Direct, Transport

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
    "conversion",
    "operator",
    "operator_class",
    "cast",
    "text_search",
    "access_method",
    "publication",
    "foreign_server",
    "user_mapping",
    "default_privileges",
    "privileges",
    "setting",
)
"""One file ``db/sql/catalogue_<name>.sql`` each; each row is kind, name, and one column a property (of columns: a table's in a row)."""

Known = dict[str, tuple[str, dict[str, Properties]]]
"""Rows that were read before, by their text: kind, then properties by name. Threads may share one."""

_ATTEMPTS = 3
_CHUNK = 2000
_ACLS = ("acl", "identity_acl", "row_type_acl")  # each beside its default, such as acl_default


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``objects``: kind -> name -> property -> value (text, number, true, or a list of text; what is unset or default is absent;
    one that begins with ``_`` is a hint for comparing majors, and never a difference).

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
            "objects": {kind: _public(names) for kind, names in self.objects.items() if names},
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


def _public(names: Mapping[str, Properties]) -> Mapping[str, Properties]:
    """Without what a server only says of itself (``_newest``)."""
    return {n: {key: value for key, value in p.items() if key[0] != "_"} for n, p in names.items()}


def read_snapshot(
    source: psycopg.Connection[Any] | Transport,
    *,
    exclude_schemas: Sequence[str] = (),
    schemas: Sequence[str] | None = None,
    known: Known | None = None,
) -> Snapshot:
    """Reads the schema of the database that ``source`` is connected to, or is a way to.

    ``exclude_schemas``: plain names left out, such as the state schema. ``schemas``: only these, without what has no schema
    (extensions, publications, ...); None: all but the system's. ``known``: shared by the readings of databases that are much
    the same, so that what is equal in them is made once. Inside a transaction of the caller it sees what that sees,
    and leaves its settings as they were; else it opens a transaction of its own. TargetError when the catalogue cannot be read.
    """
    if isinstance(source, psycopg.Connection) and source.closed:
        raise TargetError("the catalogue could not be read: the connection is closed")
    transport = Direct(source) if isinstance(source, psycopg.Connection) else source
    scope = {"exclude": list(exclude_schemas), "schemas": None if schemas is None else list(schemas)}
    known = {} if known is None else known
    hidden: dict[str, str] = {}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with transport.transaction():
                return _read(transport, scope, hidden, known)
        except pg_errors.InsufficientPrivilege as error:
            hidden = _hidden(transport, scope) if transport.repeats else {}
            if not hidden or attempt == _ATTEMPTS:
                raise _unreadable(transport, error) from error
        except (pg_errors.InternalError_, pg_errors.UndefinedTable, pg_errors.UndefinedObject) as error:
            # The rendering functions see the newest catalogue: an object dropped since our transaction began is an error.
            if not transport.repeats or attempt == _ATTEMPTS:
                raise _unreadable(transport, error) from error
        except psycopg.Error as error:
            raise _unreadable(transport, error) from error
    raise AssertionError("unreachable")


def read_identities(conn: psycopg.Connection[Any]) -> dict[tuple[str, int, int], tuple[str, str]]:
    """What ``renames`` tells renamed objects by: (catalogue, oid, column) -> (kind, name)."""
    rows = conn.execute(query("identities")).fetchall()
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


def _unreadable(transport: Transport, error: psycopg.Error) -> TargetError:
    message = error.diag.message_primary or str(error).partition("\n")[0]
    detail = f": {error.diag.message_detail}" if (error.sqlstate or "").startswith("08") else ""
    return TargetError(
        redactor.redact(f"the catalogue of {transport.name} could not be read: {message}{detail}"),
        hint="Run it again; if it stays, look at the server's log and at the role's right to read pg_catalog.",
    )


def _parameters(transport: Transport, scope: Mapping[str, Any]) -> dict[str, Any]:
    (namespaces,) = transport.rows([query("catalogue_namespaces")], scope)
    return {
        "namespaces": [json.loads(row)["oid"] for row in namespaces],
        "everything": scope["schemas"] is None,
    }


def _hidden(transport: Transport, scope: Mapping[str, Any]) -> dict[str, str]:
    """The queries that the role may not run, and why: somebody took the right to read a catalogue from it."""
    found = {}
    for name in (*QUERIES, "not_compared"):
        try:
            with transport.transaction():
                list(transport.rows([query(f"catalogue_{name}")], _parameters(transport, scope)))
        except pg_errors.InsufficientPrivilege as error:
            found[name] = error.diag.message_primary or str(error)
    return found


def _absent(transport: Transport) -> set[str]:
    """The queries that would find nothing."""
    (names,) = transport.rows([query("catalogue_absent")], {})
    return {json.loads(row)["name"] for row in names}


def _read(
    transport: Transport, scope: Mapping[str, Any], hidden: Mapping[str, str], known: Known
) -> Snapshot:
    objects: dict[str, dict[str, Properties]] = {}
    not_compared = [NotCompared(name.replace("_", " "), "*", why) for name, why in hidden.items()]
    left_out = hidden or _absent(transport)  # what finds the absent reads all the catalogues
    names = [name for name in (*QUERIES, "not_compared") if name not in left_out]
    statements = [query(f"catalogue_{name}") for name in names]
    parameters = _parameters(transport, scope)
    with closing(transport.rows(statements, parameters)) as results:
        for name, rows in zip(names, results, strict=True):
            if name == "not_compared":
                found = [json.loads(row) for row in rows]
                not_compared += [NotCompared(row["kind"], row["name"], row["reason"]) for row in found]
            else:
                _collect(rows, objects, not_compared, known)
    return Snapshot(
        transport.server_version_num(),
        objects,
        tuple(sorted(not_compared, key=lambda item: (item.kind, item.object))),
    )


def _collect(
    rows: list[str],
    objects: dict[str, dict[str, Properties]],
    not_compared: list[NotCompared],
    known: Known,
) -> None:
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        _learn([row for row in chunk if row not in known], known)
        for row in chunk:
            kind, found = known[row]
            named = objects.setdefault(kind, {})
            if not named.keys().isdisjoint(found):
                twice = named.keys() & found.keys()
                why = "the catalogue has two objects of this name"
                not_compared += [NotCompared(kind, name, why) for name in twice]
            named.update(found)


def _learn(rows: list[str], known: Known) -> None:
    """Thousands of rows as one document take a third of the time that one a row would; all of them too much memory."""
    alike: dict[tuple[Any, ...], Properties] = {}
    for text, row in zip(rows, json.loads(f"[{','.join(rows)}]"), strict=True):
        kind = row.pop("kind")
        known[text] = kind, _columns(row, alike) if "within" in row else {row.pop("name"): _properties(row)}


def _columns(row: dict[str, Any], alike: dict[tuple[Any, ...], Properties]) -> dict[str, Properties]:
    """Those of one table or view, which has a list for each property. They are most of a snapshot, and many are ``alike``."""
    within, names, more = (row.pop(key) for key in ("within", "name", "more"))
    found: dict[str, Properties] = {}
    columns = zip(names, more, zip(*row.values(), strict=True), strict=True)
    for position, (name, rare, values) in enumerate(columns, 1):
        column = alike.get((position, values))
        if column is None:
            given = {key: value for key, value in zip(row, values, strict=True) if value is not None}
            column = alike[position, values] = given | {"position": position}
        found[within + name] = {**column, **_properties(rare)} if rare else column
    return found


def _properties(row: dict[str, Any]) -> Properties:
    found = {column: value for column, value in row.items() if value is not None and value != []}
    for column in _ACLS:
        if column in row:
            _settle_privileges(column.removesuffix("acl"), found)
    found.pop("owner_role", None)
    return found


def _settle_privileges(prefix: str, found: dict[str, Any]) -> None:
    """Replaces the raw acl columns by ``privileges``, or by nothing where they are the default."""
    acl, default, everything = (
        found.pop(f"{prefix}{name}", None) for name in ("acl", "acl_default", "acl_all")
    )
    owner = found.get("owner", found.get("owner_role"))
    settled: list[str] | None = None
    if everything is not None:  # default privileges and the like: there is no default of the default
        settled = grants(acl or [], all_letters(everything), owner)
    elif acl is not None and default is None:
        settled = grants(acl, COLUMN_PRIVILEGES, owner)
    elif default is not None:
        # An empty acl (everything revoked) arrives as absent, beside the default that only goes with a written acl.
        settled = privileges(acl or [], default, owner)
    if settled is not None:
        found[f"{prefix}privileges"] = settled
