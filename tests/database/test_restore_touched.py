"""A restore of what was touched: the rest of the database is not replaced, and what depends on the touched comes back with it."""

from __future__ import annotations

import pytest

from pytest_dbdeploy.actions.dump import dump
from pytest_dbdeploy.actions.restore import restore
from pytest_dbdeploy.actions.restore_touched import NotPossible, touched_by
from pytest_dbdeploy.compare.diff import differences
from pytest_dbdeploy.compare.rows import digest_rows, user_tables
from pytest_dbdeploy.compare.snapshot import read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.errors import RestoreError
from tests.servers import RealServer, execute, fetch

BEFORE = """
create type mood as enum ('good', 'bad');
create domain percent as int check (value between 0 and 100);
create table customers (id serial primary key, name text not null, mood mood, share percent default 50, check (name <> ''));
create table "Order Lines" (id int generated always as identity primary key, customer int references customers, price numeric(9, 2));
create table untouched (id int primary key, customer int, note text);
create index untouched_note on untouched (note);
create index lines_price on "Order Lines" (price);
create statistics lines_both on customer, price from "Order Lines";
create table readings (at int not null, value int) partition by range (at);
create table readings_1 partition of readings for values from (0) to (10);
create table readings_2 partition of readings for values from (10) to (20);
create index on readings (value);
create view rich_customers as select c.id, c.name, sum(l.price) as total from customers c join "Order Lines" l on l.customer = c.id group by c.id;
create materialized view totals as select id, total from rich_customers;
create unique index totals_id on totals (id);
create function loud(t text) returns text language sql immutable as 'select upper(t)';
create function stamp() returns trigger language plpgsql as 'begin new.note := loud(new.note); return new; end';
create trigger stamp before insert on untouched for each row execute function stamp();
create index untouched_loud on untouched (loud(note));
create policy mine on untouched using (customer in (select id from customers));
create sequence tickets;
create schema side;
create table side.things (id int primary key, mood mood);
create function how_many() returns bigint begin atomic select count(*) from customers; end;
create procedure nothing(a int, b text default 'x') language sql as 'select 1';
create aggregate product (int) (sfunc = int4mul, stype = int);
comment on table customers is 'who buys';
grant select on customers to public;
grant select (price) on "Order Lines" to public;
create publication feed for table customers, untouched;
insert into customers (name, mood) select 'c' || i, 'good' from generate_series(1, 20) i;
insert into "Order Lines" (customer, price) select i, i * 1.5 from generate_series(1, 20) i;
insert into untouched select i, i, 'n' || i from generate_series(1, 20) i;
insert into readings select i, i from generate_series(0, 19) i;
insert into side.things values (1, 'bad');
select nextval('tickets');
refresh materialized view totals;
"""
#: What a migration does, and the tables that a restore then replaces.
CASES = {
    "a column is added": ("alter table customers add phone text", {"customers"}),
    "a column is dropped with what depends on it": ("alter table customers drop name cascade", {"customers"}),
    "a type is changed": ('drop view rich_customers cascade; alter table "Order Lines" drop constraint "Order Lines_customer_fkey", alter customer type bigint', {'"Order Lines"'}),
    "rows are changed": ("update customers set name = name || '!'; delete from side.things", {"customers", "side.things"}),
    "a table is emptied": ("truncate customers cascade", {"customers", '"Order Lines"'}),
    "a table is renamed": ("alter table customers rename to clients", {"customers"}),
    "a column is renamed": ('alter table "Order Lines" rename price to cost', {'"Order Lines"'}),
    "a table is dropped": ("drop table customers cascade", {"customers"}),
    "a table is made": ("create table made (id int primary key, c int references customers)", {"made"}),
    "an identity column is made": ("alter table customers add number int generated always as identity", {"customers"}),
    "an index is made": ("create index on untouched (customer)", set()),
    "an index is dropped": ("drop index lines_price; drop index totals_id", set()),
    "an index of a partitioned table is made": ("create index on readings (at)", set()),
    "a foreign key is made": ("alter table untouched add foreign key (customer) references customers", set()),
    "a foreign key is dropped": ('alter table "Order Lines" drop constraint "Order Lines_customer_fkey"', set()),
    "a primary key is dropped": ("alter table customers drop constraint customers_pkey cascade", set()),
    "a check is dropped": ("alter table customers drop constraint customers_name_check", {"customers"}),
    "statistics are dropped": ("drop statistics lines_both", set()),
    "a trigger is dropped": ("drop trigger stamp on untouched", set()),
    "a policy is changed": ("alter policy mine on untouched using (true)", set()),
    "a view is changed": ("create or replace view rich_customers as select c.id, c.name, 0::numeric as total from customers c", set()),
    "a view is dropped": ("drop view rich_customers cascade", set()),
    "a function is changed": ("create or replace function stamp() returns trigger language plpgsql as 'begin return null; end'", set()),
    "a function that an index uses is dropped": ("drop function loud cascade", set()),
    "a procedure and an aggregate are dropped": ("drop procedure nothing; drop aggregate product (int)", set()),
    "a function of SQL is dropped": ("drop function how_many", set()),
    "a value is added to an enum": ("alter type mood add value 'so so'", {"customers", "side.things"}),
    "a domain is changed": ("alter domain percent drop constraint percent_check", {"customers"}),
    "a partition is dropped": ("drop table readings_2", {"readings_2"}),
    "a partition is added": ("create table readings_3 partition of readings for values from (20) to (30)", {"readings_3"}),
    "a partition is detached": ("alter table readings detach partition readings_1", {"readings_1"}),
    "a partitioned table gets a column": ("alter table readings add unit text", {"readings", "readings_1", "readings_2"}),
    "a sequence is changed": ("alter sequence tickets increment 5", set()),
    "a schema is made": ("create schema more; create table more.t (i int); create view more.v as select * from more.t", {"more.t"}),
    "a schema is dropped": ("drop schema side cascade", {"side.things"}),
    "a schema's privileges are changed": ("grant usage on schema side to public; comment on schema side is 'x'", set()),
    "an extension is made": ("create extension citext; drop view rich_customers cascade; alter table customers alter name type citext using name::citext", {"customers"}),
    "a publication is made and one is dropped": ("create publication more for table untouched; drop publication feed", set()),
    "default privileges are changed": ("alter default privileges in schema side grant select on tables to public", set()),
    "a comment and a privilege are changed": ("comment on table customers is 'x'; revoke select on customers from public", {"customers"}),
}  # fmt: skip


#: The tables whose rows a migration writes, as the evidence would say.
WRITTEN = {
    CASES["rows are changed"][0]: ("public.customers", "side.things"),
    CASES["a table is emptied"][0]: ("public.customers", 'public."Order Lines"'),
}


def snapshot(url):
    with connect(url, purpose="test", read_only=True) as conn:
        return read_snapshot(conn)


def digests(url):
    with connect(url, purpose="test", read_only=True) as conn:
        return digest_rows(conn, user_tables(conn))


def oids(url):
    return dict(
        fetch(
            url, "select oid::regclass::text, oid from pg_class where relkind in ('r', 'p') and oid >= 16384"
        )
    )


class Migrated:
    """The database, a migration of it, and what is needed to put it back."""

    def __init__(self, server: RealServer, url, tmp_path, migration):
        self.server, self.url = server, url
        execute(url, BEFORE)
        self.backup = dump(url, tmp_path / "backup.dump", tools=tools_for(server.major))
        self.snapshot, self.rows = snapshot(url), digests(url)
        execute(url, f"set client_min_messages = error; {migration}")
        self.touched = touched_by(differences(self.snapshot, snapshot(url)), WRITTEN.get(migration, ()))

    def put_back(self, **options):
        return restore(self.url, self.backup, server_major=self.server.major, touched=self.touched, **options)


@pytest.fixture
def migrated(postgres17, tmp_path):
    return lambda migration: Migrated(postgres17, postgres17.owner_database(), tmp_path, migration)


@pytest.mark.parametrize("case", CASES)
def test_what_is_touched_comes_back_and_no_other_table_is_replaced(migrated, case):
    migration, replaced = CASES[case]
    found = migrated(migration)
    execute(
        found.url,
        "alter table untouched disable trigger user; insert into untouched values (99, 1, 'meanwhile'); alter table untouched enable trigger user",
    )
    before = oids(found.url)
    report = found.put_back()
    assert not report.whole
    assert differences(found.snapshot, snapshot(found.url)) == ()
    assert fetch(found.url, "select count(*) from untouched where id = 99") == [(1,)]
    execute(found.url, "delete from untouched where id = 99")
    assert digests(found.url) == found.rows
    gone = {name for name, oid in before.items() if oids(found.url).get(name) != oid}
    assert {name.removeprefix("public.") for name in report.tables} | gone <= {*replaced, "clients"}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("major", [15, 18])
def test_the_same_on_other_versions(request, tmp_path, major, case):
    server = request.getfixturevalue(f"postgres{major}")
    found = Migrated(server, server.owner_database(), tmp_path, CASES[case][0])
    assert not found.put_back().whole
    assert differences(found.snapshot, snapshot(found.url)) == ()
    assert digests(found.url) == found.rows


def test_what_cannot_be_put_back_by_itself_is_said_before_anything_is_done(migrated):
    found = migrated("alter table customers add phone text; alter publication feed set (publish = 'insert')")
    with pytest.raises(NotPossible, match="changes publication feed"):
        found.put_back()


def test_what_somebody_made_meanwhile_on_a_touched_table_stops_the_restore_unchanged(migrated):
    found = migrated("alter table customers add phone text")
    execute(found.url, "create view meanwhile as select name from customers; update customers set name = 'x'")
    with pytest.raises(RestoreError, match="is unchanged") as caught:
        found.put_back()
    assert "view public.meanwhile" in caught.value.message
    assert fetch(found.url, "select count(*) from meanwhile where name = 'x'") == [(20,)]


def test_rows_of_an_untouched_table_that_refer_to_rows_that_go_stop_the_restore_unchanged(migrated):
    found = migrated("alter table customers add phone text")
    execute(
        found.url,
        "insert into customers (id, name) values (50, 'new'); insert into \"Order Lines\" (customer) values (50)",
    )
    with pytest.raises(RestoreError, match="foreign key") as caught:
        found.put_back()
    assert "is unchanged" in caught.value.message
    assert fetch(found.url, "select count(*) from customers where id = 50") == [(1,)]
