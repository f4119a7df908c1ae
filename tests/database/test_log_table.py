"""The log table on a real server: created once, written in one batch, and never a reason to fail."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.model import Level, LogPhase
from pytest_dbdeploy.reports.log import LogEntry
from pytest_dbdeploy.reports.log_table import write
from pytest_dbdeploy.secret import redactor

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def server():
    with EmbeddedServer.temporary(minimum_major=15, settings={}) as running:
        yield running


@pytest.fixture
def conn(server, request):
    """A connection to a new database."""
    name = f"log_{abs(hash(request.node.nodeid))}"
    with psycopg.connect(**server.url.conninfo(), autocommit=True) as admin:
        admin.execute(f'create database "{name}"')
    with psycopg.connect(**server.url.with_dbname(name).conninfo()) as connection:
        yield connection


def entry(message="hello", **values):
    return LogEntry(NOW, LogPhase.DEPLOY, Level.SUCCESS, message, **values)


def test_entries_become_rows(conn):
    note = write(
        conn,
        "dbdeploy",
        "deploy-dev-1",
        [entry(metadata={"a": [1]}, duration=1.2345), entry("b", stack_trace="Traceback")],
    )
    assert note is None
    conn.rollback()
    rows = conn.execute(
        "select deployment_id, timestamp, phase, level, message, metadata, duration, stack_trace "
        "from dbdeploy.deployment_logs order by id"
    ).fetchall()
    assert rows == [
        ("deploy-dev-1", NOW, "DEPLOY", "SUCCESS", "hello", {"a": [1]}, 1234, None),
        ("deploy-dev-1", NOW, "DEPLOY", "SUCCESS", "b", {}, None, "Traceback"),
    ]


def test_the_table_has_its_two_indexes_and_a_second_batch_is_added(conn):
    assert write(conn, "My Schema", "a", [entry()]) is None
    assert write(conn, "My Schema", "b", [entry()]) is None
    assert conn.execute('select count(*) from "My Schema".deployment_logs').fetchone() == (2,)
    indexes = conn.execute(
        "select indexname from pg_indexes where schemaname = 'My Schema' and indexname not like '%pkey' order by 1"
    ).fetchall()
    assert indexes == [("deployment_logs_deployment_id_idx",), ("deployment_logs_timestamp_idx",)]


def test_a_role_that_may_only_insert_needs_no_more(conn):
    assert write(conn, "dbdeploy", "a", [entry()]) is None
    conn.execute("drop role if exists only_insert")
    conn.execute("create role only_insert")
    conn.execute("grant usage on schema dbdeploy to only_insert")
    conn.execute("grant insert on dbdeploy.deployment_logs to only_insert")
    conn.execute("set session authorization only_insert")
    conn.commit()
    assert write(conn, "dbdeploy", "b", [entry()]) is None


def test_a_missing_privilege_is_a_note(conn):
    conn.execute("drop role if exists may_nothing")
    conn.execute("create role may_nothing")
    conn.execute("set session authorization may_nothing")
    conn.commit()
    note = write(conn, "dbdeploy", "a", [entry()])
    assert note is not None
    assert note.startswith(
        "the log was not written to dbdeploy.deployment_logs on the target: permission denied"
    )


def test_a_lost_connection_is_a_note(conn):
    conn.close()
    assert "closed" in (write(conn, "dbdeploy", "a", [entry()]) or "")


def test_a_failed_transaction_is_a_note(conn):
    with pytest.raises(psycopg.Error):
        conn.execute("select 1/0")
    assert "transaction" in (write(conn, "dbdeploy", "a", [entry()]) or "")


def test_no_secret_and_no_character_that_the_server_refuses_gets_in(conn):
    redactor.register("gr33n-eggs")
    odd = entry("gr33n-eggs\x00 \udcff", metadata={"\x00": "gr33n-eggs\x00"}, stack_trace="gr33n-eggs\x00")
    assert write(conn, "dbdeploy", "a", [odd]) is None
    row = conn.execute("select message || metadata || stack_trace from dbdeploy.deployment_logs").fetchone()
    assert "gr33n" not in row[0]
