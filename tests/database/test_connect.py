"""Connecting to real servers, and what users read when it fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import psycopg
import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import TargetError
from pytest_dbdeploy.secret import Secret
from tests.servers import RealServer


def test_a_connection_says_who_it_is_and_for_what(server: RealServer) -> None:
    with connect(server.url, purpose="plan") as connection:
        assert connection.execute("show application_name").fetchone() == ("pytest-dbdeploy plan",)
        assert connection.prepare_threshold is None


def test_a_read_only_connection_refuses_writes_in_and_outside_of_transactions(server: RealServer) -> None:
    url = server.fresh_database()
    for autocommit in (False, True):
        with connect(url, purpose="plan", read_only=True, autocommit=autocommit) as connection:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("create table t (a int)")
            connection.rollback()
            assert connection.execute("show default_transaction_read_only").fetchone() == ("on",)
            assert connection.execute("show default_transaction_deferrable").fetchone() == ("off",)


def test_timeouts_hold_for_the_session(postgres17: RealServer) -> None:
    with connect(postgres17.url, purpose="x", statement_timeout=0.05, lock_timeout=2.5) as connection:
        assert connection.execute("show lock_timeout").fetchone() == ("2500ms",)
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(30)")


def test_options_of_the_url_are_kept_beside_ours(postgres17: RealServer) -> None:
    url = replace(postgres17.url, params={**postgres17.url.params, "options": "-c work_mem=7MB"})
    with connect(url, purpose="x", read_only=True) as connection:
        assert connection.execute("show work_mem").fetchone() == ("7MB",)
        assert connection.execute("show default_transaction_read_only").fetchone() == ("on",)


def test_variables_of_the_environment_do_not_lead_elsewhere(
    postgres17: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PGHOSTADDR", "192.0.2.1"), ("PGHOST", "h"), ("PGPORT", "1"), ("PGDATABASE", "d")):
        monkeypatch.setenv(name, value)
    with connect(postgres17.url, purpose="x", connect_timeout=2) as connection:
        assert connection.info.dbname == "postgres"


@contextmanager
def pooler(server: RealServer) -> Iterator[DatabaseUrl]:
    """In front of a server, refuses startup options as pgbouncer does (no pooler can be installed everywhere)."""
    words = b"unsupported startup parameter: options"
    refusal = b"SFATAL\0VFATAL\0C08P01\0M" + words + b"\0\0"

    def serve(client: socket.socket) -> None:
        with client:
            length = client.recv(4, socket.MSG_WAITALL)
            body = client.recv(int.from_bytes(length, "big") - 4, socket.MSG_WAITALL)
            if b"\0options\0" in body:
                client.sendall(b"E" + (len(refusal) + 4).to_bytes(4, "big") + refusal)
                return
            with socket.create_connection((server.url.host, server.url.port)) as real:
                real.sendall(length + body)
                back = threading.Thread(target=pump, args=(real, client))
                back.start()
                pump(client, real)
                back.join()

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listening.accept()[0],)))
                threads[-1].start()

    threads: list[threading.Thread] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        accepting = threading.Thread(target=accept)
        accepting.start()
        yield replace(server.url, port=listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for thread in threads:
            thread.join()


def test_behind_a_pooler_reading_works_and_nothing_is_set_for_other_clients(postgres17: RealServer) -> None:
    with pooler(postgres17) as url:
        with connect(url, purpose="plan", read_only=True, statement_timeout=60) as connection:
            assert connection.execute("show transaction_read_only").fetchone() == ("on",)
            assert connection.execute("show default_transaction_read_only").fetchone() == ("off",)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("create table t (a int)")
        with pytest.raises(TargetError, match="unsupported startup parameter") as caught:
            connect(url, purpose="deploy", lock_timeout=1)
        assert "direct (not pooled) URL" in str(caught.value.hint)


def refused(url: DatabaseUrl, **options: float) -> TargetError:
    with pytest.raises(TargetError) as caught:
        connect(url, purpose="plan", **options)  # type: ignore[arg-type]
    assert caught.value.hint
    assert url.name in caught.value.message
    if url.password:
        assert url.password.reveal() not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_wrong_password_is_told_with_what_to_check(server: RealServer) -> None:
    error = refused(replace(server.url, password=Secret("n0t-the-passw0rd"), name="DEV_POSTGRES_URL"))
    assert "password authentication failed" in error.message
    assert "user postgres" in str(error.hint)


def test_an_unknown_database_is_told(server: RealServer) -> None:
    error = refused(server.url.with_dbname("nosuch"))
    assert 'database "nosuch" does not exist' in error.message
    assert "name at the end" in str(error.hint)


def test_an_unknown_user_is_told(server: RealServer) -> None:
    assert "user nobody_here" in str(refused(replace(server.url, user="nobody_here")).hint)


def test_a_port_where_nothing_listens_is_told() -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        error = refused(
            DatabaseUrl(
                "127.0.0.1", probe.getsockname()[1], "u", Secret("pa55word-x"), "d", {}, "DEV_POSTGRES_URL"
            )
        )
    assert "Nothing listens" in str(error.hint)


def test_an_unknown_host_is_told() -> None:
    error = refused(
        DatabaseUrl("no-such-host.invalid", 5432, "u", Secret("pa55word-x"), "d"), connect_timeout=3.0
    )
    assert "no-such-host.invalid is unknown" in str(error.hint)


def test_a_server_that_never_answers_is_given_up() -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = DatabaseUrl("127.0.0.1", silent.getsockname()[1], "u", Secret("pa55word-x"), "d")
        assert "does not answer" in str(refused(url, connect_timeout=1.0).hint)


def test_a_server_without_tls_is_told(server: RealServer) -> None:
    error = refused(replace(server.url, params={"sslmode": "require"}))
    assert "sslmode=prefer" in str(error.hint)


def test_a_role_that_may_not_log_in_to_a_full_database_is_told(postgres17: RealServer) -> None:
    url = postgres17.role(options="connection limit 1")
    with connect(url, purpose="first"):
        assert "no free connection" in str(refused(url).hint)
