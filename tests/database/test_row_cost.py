"""What a comparison of rows asks of the servers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest

from pytest_dbdeploy.compare import digest
from pytest_dbdeploy.compare.row_pair import Pair
from pytest_dbdeploy.db.connect import connect
from tests.rowsides import compare, open_side
from tests.servers import execute, fetch

ROWS = 30_000


@pytest.mark.parametrize("server", ["postgres15", "postgres18"])
def test_all_rows_are_read_once_and_by_the_key_only_those_near_the_differing_ones(server, request):
    urls = [request.getfixturevalue(server).fresh_database() for _ in range(2)]
    for url, change in zip(urls, ("", "update t set v = 'y' where id in (7, 15000, 29999);"), strict=True):
        execute(
            url,
            f"create table t (id int primary key, v text); insert into t select n, 'x' from generate_series(1, {ROWS}) n;"
            f"{change} analyze t; select pg_stat_force_next_flush()",
        )
    before = [_read(url) for url in urls]
    result = compare(*urls)["public.t"]
    assert (result.changed, result.complete) == (3, True)
    for url, (all_before, by_key_before) in zip(urls, before, strict=True):
        every, by_key = _settled(url, all_before + ROWS)
        assert every - all_before == ROWS
        assert 0 < by_key - by_key_before < ROWS / 20


@pytest.mark.parametrize("key", ["int", "text"])
def test_buckets_are_made_without_sorting_the_rows(postgres17, key):
    url = postgres17.fresh_database()
    execute(
        url,
        f"create table t (id {key} primary key, v text); "
        "insert into t select n, repeat('x', 100) from generate_series(1, 50000) n; analyze t",
    )
    with ExitStack() as stack:
        side = open_side(stack, "a", url)
        (table, _) = Pair("public.t", side, side, "value", []).tables
    before = fetch(url, "select temp_files from pg_stat_database where datname = current_database()")
    with connect(url, purpose="test", autocommit=True) as conn:
        conn.execute("set work_mem = '1MB'")  # a sort of all rows would need a file
        found = digest.buckets(conn, replace(table, shift=10, buckets=64), exact=False)
        conn.execute("select pg_stat_force_next_flush()")
    assert (found.rows, len(found)) == (50000, 49 if key == "int" else 64)
    assert fetch(url, "select temp_files from pg_stat_database where datname = current_database()") == before


def _read(url):
    """(rows read by scans of all, rows read through the key)."""
    ((every, by_key),) = fetch(
        url, "select seq_tup_read, idx_tup_fetch from pg_stat_user_tables where relname = 't'"
    )
    return every, by_key


def _settled(url, expected):
    """As ``_read``, once the sessions that compared have reported, which they do as they end."""
    for _ in range(200):
        if (found := _read(url))[0] >= expected:
            break
        fetch(url, "select pg_sleep(0.05)")
    return found
