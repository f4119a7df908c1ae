"""Rows that others wrote since a backup: counted by the transactions that wrote them, while nobody can write."""

from __future__ import annotations

import pytest

from pytest_dbdeploy.actions.dump import consistent, dump
from pytest_dbdeploy.actions.restore_writes import Writes, rows_written_since
from pytest_dbdeploy.compare.rows import count_rows, user_tables
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.tools import tools_for
from tests.servers import RealServer, execute, fetch

BEFORE = """
create table plain (id int primary key, "the name" text);
create table keyless (i int);
create table "Dated" (at timestamptz, kind text, n int, primary key (kind, at));
create table parted (i int primary key) partition by range (i);
create table parted_1 partition of parted for values from (0) to (100);
insert into plain select i, 'n' from generate_series(1, 50) i;
insert into keyless select i from generate_series(1, 50) i;
insert into "Dated" select timestamptz '2026-01-01 00:00+00' + i * interval '1 hour 1 ms', E'a\\tb', i from generate_series(1, 50) i;
insert into parted select i from generate_series(1, 50) i;
"""
#: What others do, what is counted, and whether that is exact.
CASES = {
    "nothing": ("", {}, True),
    "rows are inserted": ("insert into plain values (101, 'x'), (102, 'x')", {"public.plain": 2}, True),
    "rows are deleted": ("delete from plain where id < 4", {"public.plain": 3}, True),
    "rows are updated": ('update plain set "the name" = id::text where id < 6', {"public.plain": 5}, True),
    "all of these": (
        "insert into plain values (101, 'x'); update plain set \"the name\" = 'y' where id < 6; delete from plain where id in (2, 30, 101)",
        {"public.plain": 6},  # 5 updated, one of which was deleted then; one more deleted; what came and went left nothing
        True,
    ),
    "a row is updated twice": ("update plain set id = id + 0 where id = 1; update plain set \"the name\" = 'z' where id = 1", {"public.plain": 1}, True),
    "a key of two odd columns": ("update \"Dated\" set n = 0 where n < 8; insert into \"Dated\" values (now(), 'k', 1)", {'public."Dated"': 8}, True),
    "there is no key": ("update keyless set i = 0 where i < 4", {"public.keyless": 3}, False),
    "a partitioned table": ("insert into parted values (77); delete from parted where i = 1", {"public.parted": 1}, False),
    "it is rolled back": ("begin; insert into plain values (101, 'x'); rollback", {}, True),
    "all is frozen": ("insert into plain values (101, 'x'); vacuum freeze plain", {"public.plain": 1}, True),
    "a table that the deployment made": ("create table made (i int); insert into made values (1), (2)", {"public.made": 2}, True),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_rows_of_others_are_counted(postgres17: RealServer, tmp_path, case):
    statements, expected, exact = CASES[case]
    url = postgres17.owner_database()
    execute(url, BEFORE)
    with consistent(url, "test") as (conn, exported):
        snapshot = str(fetch_one(conn, "select pg_current_snapshot()::text"))
        rows = count_rows(conn, user_tables(conn))
        archive = dump(url, tmp_path / "backup.dump", tools=tools_for(17), snapshot=exported).path
    with connect(url, purpose="test", autocommit=True) as conn:
        for statement in filter(None, statements.split("; ")):
            conn.execute(statement)
    tables = [
        name
        for (name,) in fetch(
            url,
            "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname = 'public'",
        )
    ]
    with connect(url, purpose="test", read_only=True) as conn:
        found = rows_written_since(conn, tables, Writes(snapshot, rows, (), backup=(archive, 17)))
    assert dict(found.tables) == expected
    assert found.exact is exact


def test_what_the_migrations_wrote_is_not_counted_and_what_others_wrote_before_a_rewrite_is(
    postgres17: RealServer,
):
    url = postgres17.owner_database()
    execute(url, BEFORE)
    with connect(url, purpose="test", read_only=True) as conn:
        snapshot = str(fetch_one(conn, "select pg_current_snapshot()::text"))
        rows = count_rows(conn, user_tables(conn))
    execute(url, "insert into plain values (101, 'by a user')")
    with connect(url, purpose="test") as conn:
        own = str(fetch_one(conn, "select pg_current_xact_id()::text"))
        conn.execute("alter table plain alter id type bigint")
        conn.execute("insert into plain values (201, 'by the migration')")
    execute(url, "insert into plain values (102, 'by a user')")
    writes = Writes(snapshot, rows, [own], {"public.plain": 1})
    with connect(url, purpose="test", read_only=True) as conn:
        found = rows_written_since(conn, ["public.plain", "public.keyless"], writes)
    assert dict(found.tables) == {"public.plain": 2}
    assert found.exact is False


def fetch_one(conn, statement):
    return conn.execute(statement).fetchone()[0]


def test_what_another_rollback_put_there_counts_and_is_no_exact_number(postgres17: RealServer):
    url = postgres17.owner_database()
    execute(url, BEFORE)
    with connect(url, purpose="test", read_only=True) as conn:
        snapshot = str(fetch_one(conn, "select pg_current_snapshot()::text"))
        rows = count_rows(conn, user_tables(conn))
    with connect(url, purpose="test") as conn:
        restored = str(fetch_one(conn, "select pg_current_xact_id()::text"))
        conn.execute(
            "create table copied as table plain; truncate plain; insert into plain table copied; drop table copied"
        )
    writes = Writes(snapshot, rows, (), restored=[restored])
    with connect(url, purpose="test", read_only=True) as conn:
        found = rows_written_since(conn, ["public.plain"], writes)
    assert (dict(found.tables), found.exact) == ({"public.plain": 50}, False)
