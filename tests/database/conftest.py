"""A database with an object of every kind, one a server and module."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_dbdeploy.db.connect import connect

SCHEMA = (Path(__file__).parents[1] / "cases" / "comparison" / "before.sql").read_text("utf-8")


def make_roles(conn):
    for role in ("reader", "writer"):
        if not conn.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            conn.execute(f"create role {role}")


def rich_database(server):
    url = server.fresh_database()
    with connect(url, purpose="test", autocommit=True) as conn:
        make_roles(conn)
        conn.execute(SCHEMA)
    return url


@pytest.fixture(scope="module")
def databases():
    return {}


@pytest.fixture
def rich(server, databases):
    """A connection to a database with an object of every kind; whatever a test does in a transaction is rolled back."""
    if server.major not in databases:
        databases[server.major] = rich_database(server)
    with connect(databases[server.major], purpose="test") as conn:
        yield conn
        conn.rollback()
