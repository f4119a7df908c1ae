"""The hub: all databases side by side, read only, without a password where it could be seen."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pytest_dbdeploy.actions.hub import Hub, check, open_hub
from pytest_dbdeploy.compare.snapshot import read_snapshot
from pytest_dbdeploy.compare.transport import ThroughHub
from pytest_dbdeploy.db.access import server_user
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.sql import query
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import CloneError, TargetError
from pytest_dbdeploy.secret import Secret
from tests import rich
from tests.proxy import Proxy
from tests.servers import RealServer, enterable_folder, execute, fetch, running


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


def test_a_hub_on_any_version_reads_a_target_of_its_version(server: RealServer):
    """As in a deployment, where it is on the sandbox's server."""
    target = rich.database(server)
    with (
        hub_of(server.embedded, target=target) as hub,
        connect(hub.url, purpose="test", autocommit=True) as through,
        connect(target, purpose="test", read_only=True) as direct,
    ):
        assert hub.notes == ()
        assert fetch(hub.url, "select count(*) from target__public.vehicle") == [(3,)]
        assert read_snapshot(ThroughHub(through, "target", name="target")) == read_snapshot(direct)


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
    assert "create server" in log
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


def test_columns_of_users_own_types_come_as_text_and_are_compared_here(server: RealServer, hub_server):
    target = rich.database(server)
    with hub_of(hub_server, target=target) as hub:
        assert hub.notes == ()
        assert fetch(hub.url, "select count(*) from target__public.vehicle") == [(3,)]
        assert fetch(hub.url, "select count(*) from target__shop.events") == [(1000,)]
        assert fetch(hub.url, 'select count(*) from "target__Odd Names"."Table; DROP ""x"""') == [(3,)]
        own = "select id, mood{0}, email{0}, home{0} from {1} order by id"
        users = fetch(target, own.format("::text", "users"))
        assert fetch(hub.url, own.format("", "target__public.users")) == users
        mood = users[0][1]
        same = [(len([user for user in users if user[1] == mood]),)]
        count = "select count(*) from target__public.users where mood"
        assert fetch(hub.url, f"{count} = '{mood}'") == same
        assert fetch(hub.url, f"{count} in ('{mood}', 'none')") == same
        assert fetch(hub.url, f"{count} like '{mood[:2]}%'") == same
        joined = "select count(*) from target__public.users a join target__public.users b using (id) where a.mood = b.mood"
        assert fetch(hub.url, joined) == [(len(users),)]


def test_types_of_every_sort_can_be_read(server: RealServer, hub_server):
    target = server.owner_database()
    execute(
        target,
        "create domain d as numeric(8,2); create domain dd as d; create type e as enum ('b', 'a'); create domain de as e;"
        "create type r as range (subtype = int8); create type c as (i int, t text);"
        "create table t (d d, dd dd, e e, de de, es e[], r r, mr r_multirange, c c, cs c[], k regtype, m money, q int4range,"
        ' v varchar(3), n name, x xml, j jsonb, iv interval day to second(2), b bit(3), a aclitem, l pg_lsn, "Odd; name" int);'
        "insert into t values (1.5, 2.5, 'a', 'b', '{a,b}', '[1,3)', '{[1,3)}', '(1,x)', '{\"(1,x)\"}', 'integer', 3, '[1,3)',"
        " 'abc', 'n', null, '{\"a\": 1}', '1 day 2s', '101', null, '0/16', 7); create table nothing ()",
    )
    with hub_of(hub_server, target=target) as hub:
        assert hub.notes == ()
        there, here = "select t::text from t", "select t::text from target__public.t"
        assert fetch(hub.url, here) == fetch(target, there)
        assert fetch(hub.url, "select count(*) from target__public.nothing") == [(0,)]
        assert fetch(hub.url, "select d + 1 from target__public.t where d = 1.5") == [(2.5,)]


def test_a_table_that_cannot_be_shown_is_named_and_costs_no_other(postgres17, hub_server, monkeypatch):
    target = postgres17.owner_database()
    long = "s" * 60
    execute(target, f"create table t (i int); create schema {long}; create table {long}.t (i int)")
    with hub_of(hub_server, target=target) as hub:
        assert fetch(hub.url, "select count(*) from target__public.t") == [(0,)]
        (note,) = hub.notes
        assert note.startswith(f"schema {long} of target is not in the hub: ")
    # what a hub of another version may not have: a type
    text = query("hub_relations").replace("json_build_array(a.attname", "json_build_array(a.attname || ''")
    monkeypatch.setattr(
        "pytest_dbdeploy.actions.hub_tables.query",
        lambda name: text.replace("t.oid, a.atttypmod)", "t.oid, a.atttypmod) || 'x'"),
    )
    execute(
        target,
        "create table public.u (e text, f xml); create domain int8d as int8; create table ok (d int8d)",
    )
    with hub_of(hub_server, target=target) as hub:
        assert fetch(hub.url, "select count(*) from target__public.ok") == [(0,)]
        named = [note for note in hub.notes if "does not exist" in note]
        assert [note.partition(" ")[0] for note in named] == ["public.t", "public.u"]


def test_what_the_role_may_not_read_is_there_and_refused_by_its_own_server(postgres17, hub_server):
    owner = postgres17.owner_database()
    execute(owner, "create table t (i int); create schema s; create table s.t (i int)")
    nobody = postgres17.role().with_dbname(owner.dbname)
    with hub_of(hub_server, target=nobody) as hub:
        assert hub.notes == ()
        for table, what in (("target__public.t", "table t"), ("target__s.t", "schema s")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"permission denied for {what}"):
                fetch(hub.url, f"select * from {table}")


def test_a_closed_hub_leaves_nothing(postgres17, hub_server):
    hub = open_hub(hub_server.url, {"target": postgres17.owner_database()})
    hub.close()
    assert fetch(hub_server.url, "select count(*) from pg_database where datname = 'hub'") == [(0,)]
    assert not hub.passfile.exists()


def wrong(target: DatabaseUrl, **changes: object) -> DatabaseUrl:
    return replace(target, **changes)  # type: ignore[arg-type]  # the test's own


def reasons(target: DatabaseUrl) -> dict[str, tuple[DatabaseUrl, str, str]]:
    """What a person would look at: the URL that shows it, what the message holds, what the hint says."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return {
        "host": (
            wrong(target, host="no-such-host.invalid"),
            "no-such-host.invalid",
            "check its spelling",
        ),
        "port": (wrong(target, port=port), "Connection refused", f"Nothing listens at 127.0.0.1:{port}"),
        "password": (
            wrong(target, password=Secret("not-the-password")),
            "password authentication failed",
            "Check user name",
        ),
        "database": (wrong(target, dbname="no_such_db"), "does not exist", "Check the database's name"),
        "tls": (
            wrong(target, params={"sslmode": "require"}),
            "does not support SSL",
            "The server has no TLS",
        ),
    }


@pytest.mark.parametrize("why", ["host", "port", "password", "database", "tls"])
def test_a_database_that_cannot_be_reached_is_an_error_that_says_what_to_look_at(why, postgres17, hub_server):
    target, message, hint = reasons(postgres17.owner_database())[why]
    with pytest.raises(TargetError) as caught:
        open_hub(hub_server.url, {"target": target})
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
    assert "not-the-password" not in str(caught.value)
    assert fetch(hub_server.url, "select count(*) from pg_database where datname = 'hub'") == [(0,)]


@pytest.mark.parametrize("why", ["host", "port", "password", "database", "tls", "mapping"])
def test_what_only_the_hub_cannot_reach_is_told_in_the_same_words(why, postgres17, hub_server):
    """As when the hub's server resolves names otherwise, or a firewall lets only us through."""
    target = postgres17.owner_database()
    with hub_of(hub_server, target=target) as hub:
        if why == "mapping":
            execute(hub.url, "drop user mapping for public server target")
            broken, message, hint = target, "user mapping not found", "somebody changed the hub"
        else:
            broken, message, hint = reasons(target)[why]
            options = {
                "host": broken.host,
                "port": str(broken.port),
                "dbname": broken.dbname,
                **broken.params,
            }
            hub.passfile.write_text(f"*:*:*:*:{broken.password.reveal()}\n")
            for name, value in options.items():
                verb = "add" if name == "sslmode" and "sslmode" not in target.params else "set"
                execute(hub.url, f"alter server target options ({verb} {name} '{value}')")
        with connect(hub.url, purpose="test", autocommit=True) as conn, pytest.raises(TargetError) as caught:
            check(conn, "target", broken)
        assert caught.value.message.startswith("the hub cannot reach ")
        assert message in caught.value.message
        assert hint in str(caught.value.hint)


def test_a_server_that_does_not_let_the_hub_in_is_told_with_its_pg_hba(postgres17, hub_server):
    target = postgres17.owner_database()
    hba = postgres17.embedded.folder / "data" / "pg_hba.conf"
    with hub_of(hub_server, target=target) as hub, connect(hub.url, purpose="test", autocommit=True) as conn:
        before = hba.read_text()
        hba.write_text(f"host all {target.user} all reject\n{before}")
        try:
            execute(postgres17.url, "select pg_reload_conf()")
            deadline = time.monotonic() + 20
            while True:
                try:
                    check(conn, "target", target)
                except TargetError as error:
                    message, hint = error.message, str(error.hint)
                    break
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            hba.write_text(before)
            execute(postgres17.url, "select pg_reload_conf()")
    assert message.startswith("the hub cannot reach ")
    assert "pg_hba.conf rejects connection" in message
    assert "allow it in pg_hba.conf" in hint


def test_a_server_far_away_is_refused(postgres17, hub_server, monkeypatch):
    monkeypatch.setattr("pytest_dbdeploy.actions.hub.Path.is_dir", lambda self: False)
    with pytest.raises(CloneError, match="must be on an embedded server of this machine"):
        open_hub(hub_server.url, {})


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    """An authority, and the certificate of a server called localhost."""
    with enterable_folder() as folder:
        run = partial(subprocess.run, cwd=folder, check=True, capture_output=True)
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        run([*new, "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.crt"])
        extra = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost"]
        run([*new, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.crt", *extra])
        run([*new, "-subj", "/CN=other authority", "-keyout", "other.key", "-out", "other.crt"])
        user = server_user()
        if user is not None:
            os.chown(folder / "server.key", user.uid, user.gid)
        (folder / "server.crt").chmod(0o644)
        yield folder


@pytest.fixture(scope="module")
def tls_server(certificates: Path) -> Iterator[RealServer]:
    files = {"ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}
    paths = {setting: str(certificates / name) for setting, name in files.items()}
    with running(17, ssl="on", listen_addresses="localhost", **paths) as server:
        yield server


def test_the_hub_connects_with_the_urls_tls_parameters(tls_server, hub_server, certificates, tmp_path):
    """The authority's file is one that the hub's server itself could not enter: it reads a copy."""
    root = tmp_path / "closed" / "ca.crt"
    root.parent.mkdir(mode=0o700)
    root.write_bytes((certificates / "ca.crt").read_bytes())
    target = tls_server.owner_database()
    params = {"sslmode": "verify-full", "sslrootcert": str(root)}
    with hub_of(hub_server, target=replace(target, host="localhost", params=params)) as hub:
        remote = "select * from dblink('target', 'select ssl from pg_stat_ssl where pid = pg_backend_pid()') as t (a bool)"
        assert fetch(hub.url, remote) == [(True,)]
        copied = list(hub.folder.glob("*root.crt"))
        assert [stat.S_IMODE(path.stat().st_mode) for path in copied] == [0o600]
    assert not hub.folder.exists()
    params["sslrootcert"] = str(certificates / "other.crt")
    with pytest.raises(TargetError) as caught:
        open_hub(hub_server.url, {"target": replace(target, host="localhost", params=params)})
    assert "certificate" in caught.value.message
    assert "Check sslmode and sslrootcert" in str(caught.value.hint)


def test_the_hub_checks_certificates_as_the_environment_says_where_the_url_does_not(
    tls_server, hub_server, certificates, monkeypatch
):
    target = replace(tls_server.owner_database(), host="localhost", params={})
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(certificates / "ca.crt"))
    with hub_of(hub_server, target=target) as hub:
        ((options,),) = fetch(hub.url, "select srvoptions::text from pg_foreign_server")
        assert "sslmode=verify-full" in options
        assert str(hub.folder) in options
        assert fetch(hub.url, "select * from dblink('target', 'select 1') as t (i int)") == [(1,)]


def test_a_password_of_the_users_own_passfile_is_found(postgres17, hub_server, tmp_path, monkeypatch):
    target = postgres17.owner_database()
    passfile = tmp_path / "pgpass"
    passfile.write_text(f"127.0.0.1:{target.port}:*:{target.user}:{target.password.reveal()}\n")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    with hub_of(hub_server, target=replace(target, password=Secret(""))) as hub:
        assert fetch(hub.url, "select * from dblink('target', 'select 1') as t (i int)") == [(1,)]


def test_a_key_with_a_password_is_refused_rather_than_written_into_a_catalogue(postgres17, hub_server):
    target = replace(postgres17.owner_database(), params={"sslpassword": "of-the-key"})
    with pytest.raises(TargetError, match="its key has a password"):
        open_hub(hub_server.url, {"target": target})


def test_a_hub_whose_server_is_gone_is_closed_without_an_error(postgres17):
    with EmbeddedServer.temporary(minimum_major=17) as server:
        hub = open_hub(server.url, {"target": postgres17.owner_database()})
    hub.close()
    assert not hub.folder.exists()


def test_the_hub_never_renders_a_remote_definition_itself(server: RealServer, hub_server):
    """``pg_get_...def`` of a remote oid gives NULL on the hub: nothing that the hub is sent may hold one outside a dblink."""
    target = rich.database(server)
    log = hub_server.log_path
    with hub_of(hub_server, target=target) as hub:
        start = log.stat().st_size
        with connect(hub.url, purpose="test", autocommit=True) as conn:
            read_snapshot(ThroughHub(conn, "target", name="target"))
        said = log.read_text("utf-8")[start:]
    statements = re.split(r"LOG:  (?:statement|execute [^:]*): ", said)[1:]
    rendering = [statement for statement in statements if "pg_get_" in statement]
    assert len(rendering) > 5
    for statement in rendering:
        before, _, _ = statement.partition("pg_get_")
        assert before.startswith("select row from public.dblink('compared', ")


def test_both_transports_give_the_same_snapshot(server: RealServer, hub_server):
    target = rich.database(server)
    with (
        hub_of(hub_server, target=target) as hub,
        connect(hub.url, purpose="test", autocommit=True) as through,
        connect(target, purpose="test", read_only=True) as direct,
    ):
        one, two = read_snapshot(direct), read_snapshot(ThroughHub(through, "target", name="target"))
        assert one == two
        assert one.fingerprint() == two.fingerprint()
        assert sum(map(len, one.objects.values())) > 100
        execute(target, "alter table orders add more int")
        assert (
            "public.orders.more" in read_snapshot(ThroughHub(through, "target", name="t")).objects["column"]
        )
    left = "select count(*) from pg_stat_activity where application_name = 'pytest-dbdeploy hub' and datname = %s"
    assert fetch(server.url, left, target.dbname) == [(0,)]


def test_a_hub_without_room_for_an_answer_is_an_error_that_says_so(postgres17, hub_server):
    """As when its disk is full; that nothing is taken for an empty catalogue is what matters."""
    target = postgres17.owner_database()
    execute(target, "".join(f"create table t{i} (a int primary key, b text);" for i in range(300)))
    with hub_of(hub_server, target=target) as hub:
        execute(
            hub.url, "alter database hub set work_mem = '64kB'; alter database hub set temp_file_limit = 0"
        )
        with connect(hub.url, purpose="test", autocommit=True) as conn, pytest.raises(TargetError) as caught:
            read_snapshot(ThroughHub(conn, "target", name="dev"))
    assert caught.value.message.startswith("the catalogue of dev could not be read: temporary file size")


@pytest.mark.parametrize("logins", [1, 2], ids=["at once", "after the login"])
def test_a_way_to_the_database_that_is_silent_for_the_hub_is_given_up(logins, postgres17, hub_server):
    """The first login is ours, which looks at the address before the hub does."""
    target = postgres17.owner_database()
    proxy = Proxy(target.port, 1 << 40, lambda: None)
    try:
        connect(replace(target, port=proxy.port), purpose="hub", read_only=True).close()
        answer = (1 << 40) - proxy.left
        proxy.left = logins * answer - 100  # within the last part of it, which is sent as a whole
        started = time.monotonic()
        with pytest.raises(TargetError) as caught:
            open_hub(hub_server.url, {"dev": replace(target, port=proxy.port)}, connect_timeout=2)
        assert time.monotonic() - started < 20
    finally:
        proxy.close()
    assert proxy.ended.is_set()
    assert "does not answer" in str(caught.value.hint)
    assert fetch(hub_server.url, "select count(*) from pg_database where datname = 'hub'") == [(0,)]


def test_a_database_that_stops_answering_in_the_middle_is_an_error(hub_server):
    with running(17) as server:
        target = server.owner_database()
        with (
            hub_of(hub_server, target=target) as hub,
            connect(hub.url, purpose="test", autocommit=True) as conn,
        ):
            transport = ThroughHub(conn, "target", name="dev")
            with transport.transaction():
                server.execute(
                    sql.SQL(
                        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pytest-dbdeploy hub'"
                    )
                )
                with pytest.raises(psycopg.Error, match="terminating connection"):
                    list(transport.rows(["select 1 as one"], {}))
            assert "schema" in read_snapshot(transport).objects, "the connection to the hub goes on"
