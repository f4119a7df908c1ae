"""Counts and digests of rows on real servers."""

from __future__ import annotations

import pytest
from psycopg.rows import dict_row

from pytest_dbdeploy.compare.rows import count_rows, digest_rows, empty_tables, family, user_tables
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.errors import TargetError

TYPES = """
create table public.kinds (
    i int, f float8, n numeric, t text, ts timestamptz, iv interval, b bytea, j json, jb jsonb, m money, p point, bits bit(4),
    a int[], u uuid, v tsvector, r int4range, d date, g int generated always as (i * 2) stored
);
insert into public.kinds select
    n, n / 3.0, n / 7.0, repeat('é', n), '2024-03-10 02:30:00+00'::timestamptz + n * interval '1 hour', n * interval '1 day 1 second',
    decode(lpad(n::text, 4, '0'), 'hex'), json_build_object('n', n), jsonb_build_object('n', n), n::numeric::money, point(n, 1.5),
    n::bit(4), array[n, null], md5(n::text)::uuid, to_tsvector('english', 'word ' || n), int4range(n, n + 5), '-infinity'
from generate_series(1, 50) n;
insert into public.kinds (i) values (null), (null)
"""


@pytest.fixture
def conn(server):
    with connect(server.fresh_database(), purpose="test", autocommit=True) as conn:
        yield conn


def digest(conn, table="public.t"):
    return digest_rows(conn, [table])[table]


def test_equal_contents_have_equal_digests_on_every_version_and_setting(postgres15, postgres17, postgres18):
    digests = set()
    for server, setting in (
        (postgres15, "timezone = 'Asia/Kolkata'"),
        (postgres17, "datestyle = 'German'"),
        (postgres18, "bytea_output = 'escape'"),
    ):
        with connect(server.fresh_database(), purpose="test", autocommit=True) as conn:
            conn.execute(TYPES)
            for name in (setting, "extra_float_digits = -5", "intervalstyle = 'iso_8601'"):
                conn.execute(f"set {name}")
            digests.add(digest(conn, "public.kinds"))
    assert len(digests) == 1
    assert digests.pop()[0] == 52


def test_the_order_of_the_rows_does_not_matter(conn):
    conn.execute("create table public.t as select n from generate_series(1, 100) n")
    one = digest(conn)
    conn.execute("create table public.u as select n from public.t order by n desc")
    assert digest(conn, "public.u") == one


@pytest.mark.parametrize(
    "change",
    [
        "update public.t set b = 'y' where a = 1",
        "update public.t set b = null where a = 1",
        "delete from public.t where a = 1",
        "insert into public.t values (1, 'x')",
        "insert into public.t values (5, 'x'), (5, 'x')",
        "update public.t set a = case a when 1 then 2 when 2 then 1 else a end, b = b || a",
        "update public.t set c = 1.00 where a = 1",
    ],
)
def test_any_change_of_a_row_changes_the_digest(conn, change):
    conn.execute(
        "create table public.t (a int, b text, c numeric); insert into public.t values (1, 'x', 1.0), (2, 'x', 2), (3, null, null)"
    )
    before = digest(conn)
    conn.execute(change)
    assert digest(conn) != before


def test_a_pair_of_equal_rows_does_not_cancel_out(conn):
    conn.execute("create table public.t (a int); insert into public.t values (1)")
    conn.execute("create table public.u (a int); insert into public.u values (2), (2), (1)")
    assert digest(conn) != digest(conn, "public.u")


def test_an_empty_table_and_one_without_columns_have_a_digest(conn):
    conn.execute(
        "create table public.t (a int); create table public.u (); insert into public.u default values"
    )
    assert digest(conn) == (0, "0/0")
    assert digest(conn, "public.u")[0] == 1


def test_awkward_names_are_only_names(conn):
    conn.execute('create schema "A.b"; create table "A.b"."t; drop table ""x""" (t int, "t.*" text)')
    conn.execute('insert into "A.b"."t; drop table ""x""" values (1, \'x\'), (2, \'x\')')
    (name,) = user_tables(conn)
    assert name == '"A.b"."t; drop table ""x"""'
    assert count_rows(conn, [name]) == {name: 2}
    one = digest(conn, name)
    conn.execute('update "A.b"."t; drop table ""x""" set "t.*" = \'y\'')
    assert digest(conn, name) != one


def test_the_tables_with_rows_are_those_of_users(conn):
    conn.execute(
        """
        create schema dbdeploy; create table dbdeploy.deployments (id int);
        create table public.p (id int) partition by range (id);
        create table public.p1 partition of public.p for values from (0) to (10);
        create table public.plain (id int); create unlogged table public.fast (id int); create temp table mine (id int);
        create view public.v as select 1; create materialized view public.m as select 1
        """
    )
    assert user_tables(conn, ["dbdeploy"]) == ["public.fast", "public.p", "public.plain"]
    assert "dbdeploy.deployments" in user_tables(conn)


def test_partitions_and_heirs_are_family(conn):
    conn.execute(
        """
        create table public.p (id int) partition by range (id);
        create table public.p1 partition of public.p for values from (0) to (10) partition by range (id);
        create table public.p11 partition of public.p1 for values from (0) to (5);
        create table public.a (id int); create table public.b () inherits (public.a)
        """
    )
    assert family(conn, "public.p") == {"public.p", "public.p1", "public.p11"}
    assert family(conn, "public.a") == {"public.a", "public.b"}
    assert family(conn, "public.nowhere") == set()


def test_many_tables_are_counted_whatever_rows_the_connection_makes(conn):
    conn.row_factory = dict_row
    for number in range(120):
        conn.execute(f"create table public.t{number} as select generate_series(1, {number})")
    tables = user_tables(conn)
    assert count_rows(conn, tables) == {f"public.t{n}": n for n in range(120)}
    assert empty_tables(conn, tables) == ["public.t0"]


def test_rows_that_row_security_hides_are_an_error_and_not_fewer_rows(server):
    database = server.fresh_database()
    role = server.role()
    with connect(database, purpose="test", autocommit=True) as conn:
        conn.execute("create table public.t (a int); insert into public.t values (1)")
        conn.execute(
            f"alter table public.t enable row level security; grant select on public.t to {role.user}"
        )
    with (
        connect(role.with_dbname(database.dbname), purpose="test") as conn,
        pytest.raises(TargetError, match="row-level security") as caught,
    ):
        count_rows(conn, ["public.t"])
    assert "BYPASSRLS" in caught.value.hint


def test_a_table_that_may_not_be_read_or_is_gone_is_a_clear_error(server):
    database = server.fresh_database()
    role = server.role()
    with connect(database, purpose="test", autocommit=True) as conn:
        conn.execute("create table public.t (a int)")
    with connect(role.with_dbname(database.dbname), purpose="test") as conn:
        with pytest.raises(TargetError, match=r"public\.t.*permission denied"):
            count_rows(conn, ["public.t"])
        with pytest.raises(TargetError, match="does not exist"):
            count_rows(conn, ["public.gone"])


def test_the_caller_keeps_its_transaction_and_settings(conn):
    conn.execute("create table public.t (a int)")
    with conn.transaction():
        conn.execute("set local timezone = 'Asia/Tokyo'")
        conn.execute("insert into public.t values (1)")
        assert count_rows(conn, ["public.t"]) == {"public.t": 1}
        assert conn.execute("show timezone").fetchone() == ("Asia/Tokyo",)
    assert count_rows(conn, ["public.t"]) == {"public.t": 1}
