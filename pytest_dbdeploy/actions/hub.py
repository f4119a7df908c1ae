"""The hub: a database on an embedded server beside the controller, in which several databases meet.

Each is a postgres_fdw server there: for ``dblink('<name>', sql)``, and as foreign tables. Read only twice over: the remote
sessions are (``default_transaction_read_only``), and the servers are (``updatable``). Passwords are in a passfile of the server's
own user: in a user mapping they would appear in logs and catalogues.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from ..db.connect import KEEPALIVE, Connection, connect, unreachable
from ..db.datadir import write_private
from ..db.url import DatabaseUrl
from ..db.watch import watched
from ..errors import CloneError, DbDeployError, TargetError
from ..secret import Secret, redactor
from .hub_tables import import_tables

DATABASE = "hub"
# Options of a connection that belong to us, that postgres_fdw refuses, or that only a newer libpq than the hub's may know.
_NOT_PASSED = frozenset(
    {
        "application_name",
        "fallback_application_name",
        "client_encoding",
        "options",
        "passfile",
        "connect_timeout",
        "sslcompression",
        "sslpassword",
        "min_protocol_version",
        "max_protocol_version",
    }
)
# What may come from the environment; no others, as each libpq reports defaults that an older one does not know.
_SECURITY = (
    "sslmode",
    "sslrootcert",
    "sslcrl",
    "sslcert",
    "sslkey",
    "gssencmode",
    "krbsrvname",
    "channel_binding",
    "require_auth",
)
# Files that the hub's server reads, as another system user than ours: parameter and the place where libpq looks for it.
_FILES = {
    "sslrootcert": "root.crt",
    "sslcrl": "root.crl",
    "sslcert": "postgresql.crt",
    "sslkey": "postgresql.key",
}


class HasAdminUrl(Protocol):
    """A sandbox, as far as the hub needs it."""

    @property
    def admin_url(self) -> DatabaseUrl: ...


@dataclass(frozen=True, slots=True)
class Hub:
    """``url``: the hub database, as its superuser. ``notes``: what is not visible in it, by name.

    Foreign servers are called as the databases (``dblink('target', 'select ...')`` works too), foreign schemas ``<name>__<schema>``.
    ``folder``: its passfile and certificates, in the server's data directory.
    """

    url: DatabaseUrl
    notes: tuple[str, ...]
    admin_url: DatabaseUrl
    folder: Path

    @property
    def passfile(self) -> Path:
        return self.folder / "pgpass"

    def close(self) -> None:
        """Drops the hub and its files; nothing when they, or the whole server, are gone."""
        try:
            with (
                suppress(DbDeployError, psycopg.Error),
                connect(self.admin_url, purpose="hub", autocommit=True) as admin,
            ):
                _drop(admin)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def open_hub(
    server: DatabaseUrl | HasAdminUrl,
    databases: Mapping[str, DatabaseUrl],
    *,
    tables: bool = True,
    connect_timeout: float = 10.0,
) -> Hub:
    """Makes database ``hub`` on an embedded server of this machine, with one foreign server for each of ``databases``.

    ``server``: the server's superuser URL, or the sandbox. ``tables``: the databases' tables are there as foreign tables.
    ``connect_timeout``: seconds; a database that goes silent is given up after about three times as many.
    TargetError when a database cannot be reached, or not from the hub; CloneError when the hub cannot be made. No secrets in them.
    """
    admin_url = server if isinstance(server, DatabaseUrl) else server.admin_url
    urls = {name: _as_opened(url, connect_timeout) for name, url in databases.items()}
    notes: list[str] = []
    with connect(admin_url, purpose="hub", autocommit=True) as admin:
        hub = Hub(admin_url.with_dbname(DATABASE), (), admin_url, _make_folder(admin))
        try:
            write_private(hub.passfile, "".join(map(_passfile_lines, urls.values())), owner=hub.folder.stat())
            _drop(admin)
            admin.execute("create database hub template template0 encoding 'UTF8'")
            with connect(hub.url, purpose="hub", autocommit=True) as conn:
                _prepare(conn)
                for name, url in urls.items():
                    _create_server(conn, name, url, hub, connect_timeout)
                    with watched(conn, url, connect_timeout=connect_timeout):
                        check(conn, name, url)
                        notes += import_tables(conn, name) if tables else ()
        except (psycopg.Error, OSError) as error:
            hub.close()
            text = redactor.redact(str(error).strip().splitlines()[0])
            raise CloneError(f"the hub cannot be made: {text}") from None
        except BaseException:
            hub.close()
            raise
    return replace(hub, notes=tuple(notes))


def check(conn: Connection, name: str, url: DatabaseUrl) -> None:
    """TargetError, with what to look at, when the hub does not reach the database ``name``. ``conn``: to the hub."""
    try:
        conn.execute("select from public.dblink(%s, 'select 1') as answer (one int)", [name])
    except psycopg.Error as error:
        text = "\n".join(filter(None, (error.diag.message_primary, error.diag.message_detail))) or str(error)
        raise unreachable(url, text, "the hub cannot reach") from None


def _as_opened(url: DatabaseUrl, connect_timeout: float) -> DatabaseUrl:
    """The URL with all that a connection of ours takes from elsewhere: the user's passfile, PGSSLMODE and the like.

    The hub's server, another process of another user, would connect without them, and perhaps without checking the certificate.
    """
    if url.params.get("sslpassword"):
        raise TargetError(
            f"the hub cannot connect to {url.name}: its key has a password (sslpassword), which would stand in the hub's catalogue",
            hint="Use a key without a password, or compare.transport: direct.",
        )
    with connect(url, purpose="hub", read_only=True, connect_timeout=connect_timeout) as conn:
        found = conn.info.get_parameters()
        password = conn.info.password
    security = {key: value for key, value in found.items() if key in _SECURITY}
    return replace(url, password=Secret(password), params={**security, **url.params})


def _drop(admin: Connection) -> None:
    admin.execute("drop database if exists hub with (force)")


def _make_folder(admin: Connection) -> Path:
    """In the server's data directory, which nobody else can enter; owned by whoever owns that."""
    row = admin.execute("show data_directory").fetchone()
    assert row is not None
    data = Path(str(row[0]))
    if not data.is_dir():
        raise CloneError(
            "the hub must be on an embedded server of this machine, whose data directory is not there"
        )
    folder = data / "dbdeploy-hub"
    shutil.rmtree(folder, ignore_errors=True)  # of a session that was killed
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, data.stat().st_uid, data.stat().st_gid)
    return folder


def _passfile_lines(url: DatabaseUrl) -> str:
    """libpq looks for the socket in its default folder under the name localhost."""
    if not url.password:
        return ""
    hosts = (url.host, "localhost") if url.host.startswith("/") else (url.host,)
    lines = ((host, str(url.port), url.dbname, url.user, url.password.reveal()) for host in hosts)
    return "".join(
        ":".join(part.replace("\\", "\\\\").replace(":", "\\:") for part in line) + "\n" for line in lines
    )


def _prepare(conn: Connection) -> None:
    conn.execute("create extension postgres_fdw")
    conn.execute("create extension dblink")
    conn.execute("create domain public.remote_text as text")
    # A merge join would take the order of each server's own collation for the same order.
    conn.execute("alter database hub set enable_mergejoin = off")


def _create_server(conn: Connection, name: str, url: DatabaseUrl, hub: Hub, connect_timeout: float) -> None:
    own = url.params.get("options", "")
    options = {
        **KEEPALIVE,
        "host": url.host,
        "port": str(url.port),
        "dbname": url.dbname,
        "passfile": str(hub.passfile),
        "connect_timeout": str(max(1, math.ceil(connect_timeout))),
        "application_name": "pytest-dbdeploy hub",
        "options": f"{own} -c default_transaction_read_only=on".strip(),
        "updatable": "false",
        "truncatable": "false",
        **{key: value for key, value in url.params.items() if key not in _NOT_PASSED},
        **_copied_files(name, url, hub.folder),
    }
    conn.execute(
        sql.SQL("create server {} foreign data wrapper postgres_fdw options ({})").format(
            sql.Identifier(name),
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(key), sql.Literal(value))
                for key, value in options.items()
            ),
        )
    )
    conn.execute(
        sql.SQL("create user mapping for public server {} options (user {})").format(
            sql.Identifier(name), sql.Literal(url.user)
        )
    )


def _copied_files(name: str, url: DatabaseUrl, folder: Path) -> dict[str, str]:
    """Copies of the certificates and keys that a connection of ours would read, for the user that the hub's server runs as.

    What is no text (a key may be DER) or cannot be read stays where it is; the hub's own message says then what is wrong.
    """
    copies = {}
    for parameter, default in _FILES.items():
        given = url.params.get(parameter) or f"~/.postgresql/{default}"
        if given == "system":
            continue
        with suppress(OSError, UnicodeDecodeError, RuntimeError):  # the last one: a user without a home
            text = Path(given).expanduser().read_text("utf-8")
            copy = folder / f"{name}-{default}"
            write_private(copy, text, owner=folder.stat())
            copies[parameter] = str(copy)
    return copies
