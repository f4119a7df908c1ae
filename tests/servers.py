"""Real servers for tests: PostgreSQL 15, 17 and 18, each started once per process when a test first asks for it."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.installation import choose_installation
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import ServerError
from pytest_dbdeploy.secret import Secret

MAJORS = (15, 17, 18)


class RealServer:
    """A running server. Databases and roles made here have random names, and go with the server."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.embedded = server
        self.url = server.url
        self.major = server.major
        self.log_path = server.log_path

    def fresh_database(self, *, owner: str | None = None) -> DatabaseUrl:
        """An empty database; the URL is the superuser's."""
        name = f"t_{secrets.token_hex(6)}"
        statement = sql.SQL("create database {}").format(sql.Identifier(name))
        if owner is not None:
            statement += sql.SQL(" owner {}").format(sql.Identifier(owner))
        self.execute(statement)
        return self.url.with_dbname(name)

    def role(self, name: str | None = None, *, options: str = "") -> DatabaseUrl:
        """A role that can log in and is no superuser (``options`` such as ``createdb``): its URL, to database postgres."""
        name = name or f"role_{secrets.token_hex(6)}"
        password = secrets.token_urlsafe(16)
        self.execute(
            sql.SQL("create role {} login password {} ").format(sql.Identifier(name), sql.Literal(password))
            + sql.SQL(options)  # type: ignore[arg-type]  # a test's own words
        )
        url = self.url
        return DatabaseUrl(url.host, url.port, name, Secret(password), "postgres", url.params, f"role {name}")

    def owner_database(self, *, options: str = "") -> DatabaseUrl:
        """A fresh database whose owner, and the owner of its schema public, is a role that is no superuser: that role's URL."""
        role = self.role(options=options)
        database = self.fresh_database(owner=role.user)
        with connect(database, purpose="test", autocommit=True) as connection:
            connection.execute(sql.SQL("alter schema public owner to {}").format(sql.Identifier(role.user)))
        return role.with_dbname(database.dbname)

    def reload(self) -> None:
        """After its files of settings were changed."""
        self.execute(sql.SQL("select pg_reload_conf()"))

    def execute(self, statement: sql.Composable) -> None:
        with connect(self.url, purpose="test", autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]  # Composable, and so a query


def missing(what: str) -> None:
    """Skips the test here, fails it in CI, where everything must be there."""
    if os.environ.get("DBDEPLOY_TEST_REQUIRE") == "1":
        pytest.fail(f"{what} (DBDEPLOY_TEST_REQUIRE=1)", pytrace=False)
    pytest.skip(what)


@contextmanager
def running(major: int, **settings: str) -> Iterator[RealServer]:
    """A server of exactly this major version."""
    try:
        choose_installation(major, exactly=True)
    except ServerError as error:
        missing(str(error))
    with EmbeddedServer.temporary(minimum_major=major, settings=settings) as server:
        yield RealServer(server)


@contextmanager
def enterable_folder() -> Iterator[Path]:
    """A folder that the server's user can enter, unlike pytest's own when run by root."""
    with tempfile.TemporaryDirectory(prefix="dbdeploy-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def fetch(url: DatabaseUrl, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of one statement in a connection of its own."""
    with connect(url, purpose="test", autocommit=True) as connection:
        return connection.execute(query, parameters or None).fetchall()  # type: ignore[call-overload,no-any-return]


def execute(url: DatabaseUrl, script: str) -> None:
    """Runs a script of any number of statements."""
    with connect(url, purpose="test", autocommit=True) as connection:
        connection.execute(script)  # type: ignore[call-overload]
