"""A few connections in one snapshot: consistent, and gone when the work ends, however it does."""

from __future__ import annotations

import time

import pytest

from pytest_dbdeploy.compare.reader import Reader
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.errors import TargetError
from tests.servers import execute, fetch

SECONDS = 30


def reader(url, connections=3, **options):
    return Reader("dev", lambda: connect(url, purpose="reader", read_only=True), connections, **options)


def busy(url):
    return fetch(
        url,
        "select pid from pg_stat_activity where datname = current_database() and query like '%%pg_sleep%%' and state = 'active'"
        " and pid <> pg_backend_pid()",
    )


def until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_connections_see_what_the_first_saw(server):
    url = server.fresh_database()
    execute(url, "create table t (a int)")
    with reader(url) as opened:
        execute(url, "insert into t values (1)")
        work = [
            opened.submit(
                lambda conn: conn.execute(
                    "select pg_backend_pid(), (select count(*) from public.t), pg_sleep(0.2)"
                ).fetchone()[:2]
            )
            for _ in range(6)
        ]
        found = [future.result() for future in work]
    assert len({pid for pid, _ in found}) == 3
    assert {count for _, count in found} == {0}


def test_what_a_piece_of_work_sets_locks_or_breaks_ends_with_it(server):
    url = server.fresh_database()
    execute(url, "create table t (a int)")
    with reader(url, connections=1) as opened:
        opened.submit(lambda conn: conn.execute("set local enable_sort = off")).result()
        with pytest.raises(TargetError, match=r"dev: relation .* does not exist"):
            opened.submit(lambda conn: conn.execute("select from public.gone")).result()
        opened.submit(lambda conn: conn.execute("select from public.t")).result()
        assert opened.submit(lambda conn: conn.execute("show enable_sort").fetchone()).result() == ("on",)
        execute(url, "set lock_timeout = '5s'; drop table t")


def test_what_still_runs_at_the_end_is_ended_on_the_server(server):
    url = server.fresh_database()
    with reader(url) as opened:
        for _ in range(3):
            opened.submit(lambda conn: conn.execute("select pg_sleep(60)"))
        until(lambda: len(busy(url)) == 3)
        began = time.monotonic()
    assert time.monotonic() - began < SECONDS
    until(lambda: not busy(url))


def test_a_connection_that_is_cut_is_an_error_with_a_name(server):
    url = server.fresh_database()
    with reader(url, connections=1) as opened:
        work = opened.submit(lambda conn: conn.execute("select pg_sleep(60)"))
        until(lambda: busy(url))
        fetch(url, "select pg_terminate_backend(%s)", busy(url)[0][0])
        with pytest.raises(TargetError, match="dev: "):
            work.result(SECONDS)
        with pytest.raises(TargetError, match="dev: "):
            opened.submit(lambda conn: conn.execute("select 1")).result(SECONDS)


def test_a_role_that_may_have_one_connection_is_enough(server):
    url = server.fresh_database()
    role = server.role(options="connection limit 1").with_dbname(url.dbname)
    with reader(role) as opened:
        work = [opened.submit(lambda conn: conn.execute("select 1").fetchone()) for _ in range(5)]
        assert [future.result(SECONDS) for future in work] == [(1,)] * 5


def test_a_statement_takes_no_longer_than_the_settings_say(postgres17):
    with (
        reader(postgres17.fresh_database(), statement_timeout=0.1) as opened,
        pytest.raises(TargetError, match="statement timeout"),
    ):
        opened.submit(lambda conn: conn.execute("select pg_sleep(60)")).result()
