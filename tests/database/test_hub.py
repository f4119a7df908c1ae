"""The hub: all databases side by side, read only, without a password where it could be seen."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pytest_dbdeploy.actions.hub import Hub, open_hub
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import CloneError, DbDeployError
from pytest_dbdeploy.secret import Secret
from tests import rich
from tests.servers import RealServer, execute, fetch


@pytest.fixture(scope="module")
def hub_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer.temporary(minimum_major=17, settings={"log_statement": "all"}) as server:
        yield server


@contextmanager
def hub_of(server: EmbeddedServer, **databases: DatabaseUrl) -> Iterator[Hub]:
    opened = open_hub(server.url, databases)
    try:
        yield opened
    finally:
        opened.close()


def test_databases_of_several_servers_are_joined_in_one_statement(
    postgres15, postgres17, postgres18, hub_server
):
    urls = {}
    for number, server in enumerate((postgres15, postgres17, postgres18)):
        urls[f"db{number}"] = server.owner_database()
        execute(
            urls[f"db{number}"],
            f"create schema s; create table t (i int); insert into t values ({number}); create view s.v as select i from t",
        )
    with hub_of(hub_server, **urls) as hub:
        rows = fetch(hub.url, "select a.i, b.i, c.i from db0__public.t a, db1__s.v b, db2__public.t c")
        assert rows == [(0, 1, 2)]
        assert fetch(hub.url, "select * from dblink('db2', 'select current_user::text') as t (u text)") == [
            (urls["db2"].user,)
        ]
        assert hub.notes == ()


def test_nothing_can_be_written_through_the_hub(server: RealServer, hub_server):
    target = server.owner_database()
    execute(target, "create table t (i int); insert into t values (1)")
    with hub_of(hub_server, target=target) as hub:
        with pytest.raises(psycopg.Error, match="does not allow updates"):
            execute(hub.url, "update target__public.t set i = 2")
        with pytest.raises(psycopg.Error, match="does not allow truncates"):
            execute(hub.url, "truncate target__public.t")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            execute(hub.url, "select dblink_exec('target', 'update t set i = 2')")
        execute(hub.url, "alter server target options (set updatable 'true')")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            execute(hub.url, "update target__public.t set i = 2")
    assert fetch(target, "select i from t") == [(1,)]


def test_no_password_is_in_the_hubs_catalogues_or_its_log(server: RealServer, hub_server):
    target = server.owner_database()
    execute(target, "create table t (i int)")
    with hub_of(hub_server, target=target) as hub:
        assert fetch(hub.url, "select count(*) from target__public.t") == [(0,)]
        options = fetch(
            hub.url,
            "select (select array_agg(srvoptions::text) from pg_foreign_server), (select array_agg(umoptions::text) from pg_user_mapping)",
        )
        assert target.password.reveal() not in str(options)
        assert target.user in str(options)
        status, folder = hub.passfile.stat(), hub.passfile.parent.stat()
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_uid == folder.st_uid
    log = hub_server.log_path.read_text("utf-8")
    assert "CREATE SERVER" in log
    assert target.password.reveal() not in log


def test_a_password_with_special_characters_and_options_of_the_url_work(postgres17, hub_server):
    role = postgres17.role().user
    password = "pa:ss\\wo'rd %@/"  # invented for this test
    execute(postgres17.url, f"alter role {role} password 'pa:ss\\wo''rd %@/'")
    base = postgres17.url
    params = {"options": "-c work_mem=7MB", "sslmode": "prefer", "application_name": "mine"}
    target = DatabaseUrl(base.host, base.port, role, Secret(password), "postgres", params, "target")
    with hub_of(hub_server, target=target) as hub:
        remote = "select * from dblink('target', 'select current_setting(''work_mem''), current_setting(''transaction_read_only'')') as t (a text, b text)"
        assert fetch(hub.url, remote) == [("7MB", "on")]


def test_a_table_that_cannot_be_imported_is_named_and_costs_no_other(server: RealServer, hub_server):
    target = rich.database(server)
    with hub_of(hub_server, target=target) as hub:
        assert fetch(hub.url, "select count(*) from target__public.vehicle") == [(3,)]
        assert fetch(hub.url, "select count(*) from target__shop.events") == [(1000,)]
        assert fetch(hub.url, 'select count(*) from "target__Odd Names"."Table; DROP ""x"""') == [(3,)]
        assert [note for note in hub.notes if note.startswith("public.users of target is not in the hub: ")]


def test_a_closed_hub_leaves_nothing(postgres17, hub_server):
    hub = open_hub(hub_server.url, {"target": postgres17.owner_database()})
    hub.close()
    assert fetch(hub_server.url, "select count(*) from pg_database where datname = 'hub'") == [(0,)]
    assert not hub.passfile.exists()


def test_a_database_that_cannot_be_reached_is_an_error_without_secrets(postgres17, hub_server):
    target = postgres17.owner_database()
    wrong = DatabaseUrl(
        target.host, target.port, target.user, Secret("not-the-password"), target.dbname, {}, "target"
    )
    with pytest.raises(DbDeployError) as caught:
        open_hub(hub_server.url, {"target": wrong})
    assert "not-the-password" not in str(caught.value)
    assert fetch(hub_server.url, "select count(*) from pg_database where datname = 'hub'") == [(0,)]


def test_a_server_far_away_is_refused(postgres17, hub_server, monkeypatch):
    monkeypatch.setattr("pytest_dbdeploy.actions.hub.Path.is_dir", lambda self: False)
    with pytest.raises(CloneError, match="must be on an embedded server of this machine"):
        open_hub(hub_server.url, {})
