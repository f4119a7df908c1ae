"""The hub: a database beside the sandbox in which all databases of a deployment meet as postgres_fdw foreign schemas.

Read only twice over: the remote sessions are (``default_transaction_read_only``), and the servers are (``updatable``).
Passwords are in a passfile of the server's own user: in a user mapping they would appear in logs and catalogues.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from ..db.connect import Connection, connect
from ..db.datadir import write_private
from ..db.sql import query
from ..db.url import DatabaseUrl
from ..errors import CloneError
from ..secret import redactor

DATABASE = "hub"
# Options of a connection that belong to us, or that postgres_fdw refuses on a server.
_NOT_PASSED = (
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "options",
    "passfile",
    "connect_timeout",
)
# postgres_fdw takes these from a user mapping only.
_OF_MAPPING = ("sslpassword",)
_LONGEST_NAME = 63


class HasAdminUrl(Protocol):
    """A sandbox, as far as the hub needs it."""

    @property
    def admin_url(self) -> DatabaseUrl: ...


@dataclass(frozen=True, slots=True)
class Hub:
    """``url``: the hub database, as its superuser. ``notes``: what is not visible in it, by name.

    Foreign servers are called as the databases (``dblink('target', 'select ...')`` works too), foreign schemas ``<name>__<schema>``.
    """

    url: DatabaseUrl
    notes: tuple[str, ...]
    admin_url: DatabaseUrl
    passfile: Path

    def close(self) -> None:
        """Drops the hub and its passfile; nothing when they are gone."""
        try:
            with connect(self.admin_url, purpose="hub", autocommit=True) as admin:
                _drop(admin)
        finally:
            self.passfile.unlink(missing_ok=True)


def open_hub(
    server: DatabaseUrl | HasAdminUrl, databases: Mapping[str, DatabaseUrl], workdir: Path | None = None
) -> Hub:
    """Makes database ``hub`` on an embedded server of this machine, with one foreign server for each of ``databases``.

    ``server``: the server's superuser URL, or the sandbox. ``workdir`` is not used: the passfile must be the server's own.
    CloneError, without secrets, when the hub cannot be made or a database cannot be reached from it.
    """
    admin_url = server if isinstance(server, DatabaseUrl) else server.admin_url
    with connect(admin_url, purpose="hub", autocommit=True) as admin:
        passfile = _write_passfile(admin, databases.values())
        hub = Hub(admin_url.with_dbname(DATABASE), (), admin_url, passfile)
        try:
            _drop(admin)
            admin.execute("CREATE DATABASE hub TEMPLATE template0 ENCODING 'UTF8'")
            notes = _fill(hub, databases)
        except psycopg.Error as error:
            hub.close()
            raise CloneError(f"the hub cannot be made: {_text(error)}") from None
        except BaseException:
            hub.close()
            raise
    return Hub(hub.url, tuple(notes), admin_url, passfile)


def _drop(admin: Connection) -> None:
    admin.execute("DROP DATABASE IF EXISTS hub WITH (FORCE)")


def _write_passfile(admin: Connection, urls: Iterable[DatabaseUrl]) -> Path:
    """In the server's data directory, which nobody else can enter; owned by whoever owns that."""
    row = admin.execute("SHOW data_directory").fetchone()
    assert row is not None
    folder = Path(str(row[0]))
    if not folder.is_dir():
        raise CloneError(
            "the hub must be on an embedded server of this machine, whose data directory is not there"
        )
    path = folder / "dbdeploy-hub.pgpass"
    lines = [_passfile_line(url) for url in urls if url.password]
    write_private(path, "".join(lines), owner=folder.stat())
    return path


def _passfile_line(url: DatabaseUrl) -> str:
    parts = (url.host, str(url.port), url.dbname, url.user, url.password.reveal())
    return ":".join(part.replace("\\", "\\\\").replace(":", "\\:") for part in parts) + "\n"


def _fill(hub: Hub, databases: Mapping[str, DatabaseUrl]) -> list[str]:
    notes: list[str] = []
    with connect(hub.url, purpose="hub", autocommit=True) as conn:
        conn.execute("CREATE EXTENSION postgres_fdw")
        conn.execute("CREATE EXTENSION dblink")
        for name, url in databases.items():
            _create_server(conn, name, url, hub.passfile)
            notes += _import(conn, name, url)
    return notes


def _create_server(conn: Connection, name: str, url: DatabaseUrl, passfile: Path) -> None:
    own = url.params.get("options", "")
    options = {
        "host": url.host,
        "port": str(url.port),
        "dbname": url.dbname,
        "passfile": str(passfile),
        "connect_timeout": "10",
        "application_name": "pytest-dbdeploy hub",
        "options": f"{own} -c default_transaction_read_only=on".strip(),
        "updatable": "false",
        "truncatable": "false",
    }
    options |= {key: value for key, value in url.params.items() if key not in (*_NOT_PASSED, *_OF_MAPPING)}
    conn.execute(
        sql.SQL("CREATE SERVER {} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({})").format(
            sql.Identifier(name),
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(key), sql.Literal(value))
                for key, value in options.items()
            ),
        )
    )
    conn.execute(
        sql.SQL("CREATE USER MAPPING FOR PUBLIC SERVER {} OPTIONS (user {})").format(
            sql.Identifier(name), sql.Literal(url.user)
        )
    )


def _import(conn: Connection, name: str, url: DatabaseUrl) -> list[str]:
    """Imports each schema whole; where that fails, relation by relation, so that one of them does not cost the others."""
    notes: list[str] = []
    with connect(url, purpose="hub", read_only=True) as remote:
        rows = remote.execute(query("hub_relations")).fetchall()
    for schema, relations in groupby(rows, key=lambda row: str(row[0])):
        local = f"{name}__{schema}"
        if len(local.encode()) > _LONGEST_NAME:
            notes.append(f"schema {schema} of {name} is not in the hub: {local} is too long for a name")
            continue
        conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(local)))
        try:
            conn.execute(_import_statement(name, schema, local))
            continue
        except psycopg.Error as error:
            if _unreachable(error):
                raise
        notes += _import_one_by_one(conn, name, schema, local, [str(row[1]) for row in relations])
    return notes


def _import_one_by_one(
    conn: Connection, name: str, schema: str, local: str, relations: Sequence[str]
) -> list[str]:
    notes = []
    for relation in relations:
        try:
            conn.execute(_import_statement(name, schema, local, relation))
        except psycopg.Error as error:
            if _unreachable(error):
                raise
            notes.append(f"{schema}.{relation} of {name} is not in the hub: {_text(error)}")
    return notes


def _import_statement(server: str, schema: str, local: str, relation: str | None = None) -> sql.Composed:
    only = sql.SQL("") if relation is None else sql.SQL("LIMIT TO ({}) ").format(sql.Identifier(relation))
    return sql.SQL("IMPORT FOREIGN SCHEMA {} {}FROM SERVER {} INTO {}").format(
        sql.Identifier(schema), only, sql.Identifier(server), sql.Identifier(local)
    )


def _unreachable(error: psycopg.Error) -> bool:
    return (error.sqlstate or "08").startswith("08")


def _text(error: psycopg.Error) -> str:
    return redactor.redact(str(error).strip().splitlines()[0])
