"""Each kind of change is taken back: proven on a copy, and by pg_dump as the judge."""

import re
import subprocess

import psycopg
import pytest

from pytest_dbdeploy.compare.snapshot import read_snapshot
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.undo.altering import CannotUndo
from pytest_dbdeploy.undo.carrying import UndoFailed
from tests.undoing import OWN, carrying, database, deployed, prove

BEFORE = """
create schema app;
create type mood as enum ('sad', 'happy');
create domain positive as int check (value > 0);
create table users (id int generated always as identity primary key, name text not null, legacy varchar(20) default 'x', age int check (age > 0),
    mood mood, up text generated always as (upper(name)) stored);
insert into users (name, legacy, age, mood) select 'user ' || i, 'legacy ' || i, i, 'sad' from generate_series(1, 50) i;
create table orders (id serial primary key, user_id int not null references users, total numeric(10, 2) not null default 0, note text,
    constraint small check (total < 1000000));
insert into orders (user_id, total, note) select i, i * 1.25, 'note ' || i from generate_series(1, 50) i;
create index orders_total on orders (total) where total > 10;
create unique index orders_note on orders (note);
create view big as select id, total from orders where total > 20;
comment on view big is 'the big ones';
create view bigger as select id from big where total > 40;
create materialized view sums as select user_id, sum(total) as total from orders group by 1;
create index sums_user on sums (user_id);
create function twice(int) returns int language sql as 'select 2 * $1';
create function touch() returns trigger language plpgsql as 'begin new.note := coalesce(new.note, ''none''); return new; end';
create trigger touched before insert on orders for each row execute function touch();
create statistics orders_stats on user_id, total from orders;
alter table orders enable row level security;
create policy mine on orders using (user_id > 0);
create rule no_delete as on delete to sums_log do instead nothing;
comment on column users.legacy is 'old';
create table app.parts (day date, v int) partition by range (day);
create table app.parts_1 partition of app.parts for values from ('2024-01-01') to ('2025-01-01');
insert into app.parts select '2024-01-01'::date + i, i from generate_series(1, 20) i;
create table "Odd ""Name" ("select" int primary key, "weiß" text);
insert into "Odd ""Name" values (1, 'a'), (2, 'b'), (3, 'c');
""".replace("create rule no_delete", "create table sums_log (id int primary key);\ncreate rule no_delete")

CHANGES = {
    "a column": "alter table users add phone text not null default ''",
    "a column with an index and a check": "alter table users add n int default 1; create index on users (n); alter table users add check (n > 0)",
    "a table": "create table notes (id serial primary key, user_id int references users, body text)",
    "a table of a new type": "create type kind as enum ('a'); create table kinds (id int primary key, kind kind)",
    "a partition": "create table app.parts_2 partition of app.parts for values from ('2025-01-01') to ('2026-01-01')",
    "a schema with things in it": "create schema more; create table more.t (id int primary key); create view more.v as select * from more.t",
    "an index": "create index on orders (user_id)",
    "a constraint": "alter table orders add constraint positive check (total >= 0)",
    "a foreign key": "create table t (id int references orders)",
    "a view": "create view small as select * from orders where total < 5",
    "a function, a trigger and a policy": "create function f() returns trigger language plpgsql as 'begin return new; end'; "
    "create trigger t after update on users execute function f(); alter table users enable row level security; create policy p on users using (true)",
    "a default": "alter table orders alter note set default 'n', alter total drop default",
    "a not null": "alter table orders alter note set not null",
    "a dropped not null": "alter table users alter name drop not null",
    "a replaced function": "create or replace function twice(int) returns int language sql as 'select $1 + $1'",
    "a replaced trigger function": "create or replace function touch() returns trigger language plpgsql as 'begin return new; end'",
    "a function with another result": "drop function twice(int); create function twice(int) returns bigint language sql as 'select 2::bigint * $1'",
    "a replaced view with a view above it": "create or replace view big as select id, total, note from orders where total > 20",
    "a removed view": "drop view big cascade",
    "a removed materialized view": "drop materialized view sums",
    "a removed index": "drop index orders_note, orders_total",
    "a changed index": "drop index orders_total; create index orders_total on orders (total)",
    "a removed constraint": "alter table orders drop constraint small; alter table users drop constraint users_age_check",
    "a removed primary key": "alter table orders drop constraint orders_user_id_fkey; alter table users drop constraint users_pkey",
    "a removed trigger, policy and statistics": "drop trigger touched on orders; drop policy mine on orders; drop statistics orders_stats; "
    "alter table orders disable row level security; drop rule no_delete on sums_log",
    "a removed column": "alter table users drop column legacy",
    "a removed generated column": "alter table users drop column up",
    "a removed column that a view shows": "alter table orders drop column total cascade",
    "a removed table": "drop table orders cascade",
    "a removed partitioned table": "drop table app.parts",
    "a removed schema": "drop schema app cascade",
    "a removed type with its column": "drop type mood cascade",
    "a removed table with an odd name": 'drop table "Odd ""Name"',
    "a removed column with an odd name": 'alter table "Odd ""Name" drop column "weiß"',
    "a wider type": "alter table users alter legacy type text; alter table users alter age type bigint",
    "another type": "alter table sums_log alter id type text",
    "comments, privileges, owner": "comment on table users is 'people'; grant select on users to public; comment on column users.name is 'theirs'; "
    "revoke execute on function twice(int) from public",
    "storage and options": "alter table users set (fillfactor = 50); alter table orders alter note set statistics 50; alter table orders replica identity full",
    "changed rows": "update orders set note = note || '!' where id % 2 = 0; delete from orders where id > 45; "
    "insert into orders (id, user_id, total, note) values (900, 1, 1, 'ours')",
    "changed rows and types": "update orders set total = total * 2; drop view big cascade; drop materialized view sums; alter table orders alter total type int; alter table orders drop column note",
    "a truncated table": "truncate orders",
    "values of a type of the users": "update users set mood = 'happy', name = upper(name)",
    "a type under a view": "drop materialized view sums; drop view big cascade; alter table orders alter total type int; create view big as select id, total from orders "
    "where total > 20; comment on view big is 'the big ones'; create view bigger as select id from big where total > 40",
    "a renamed column": "alter table users rename legacy to inherited",
    "a renamed table": "alter table orders rename to purchases",
    "a renamed table with a renamed and a new column": "alter table orders rename to purchases; alter table purchases rename note to remark; "
    "alter table purchases add column more int; alter table purchases drop column total cascade",
    "a renamed schema, constraint, index, function, type": "alter schema app rename to application; alter table orders rename constraint small to little; "
    "alter index orders_note rename to note_of_orders; alter function twice(int) rename to double; alter type mood rename to humour; "
    "alter table users rename constraint users_pkey to people_pkey",
    "a table that moves to another schema": 'alter table "Odd ""Name" set schema app',
    "a changed sequence": "alter sequence orders_id_seq increment 5 maxvalue 100000",
}
IMPOSSIBLE = {
    "a table in the place of a renamed one": (
        "alter table sums_log rename to sums_old; create table sums_log (id int primary key, more text)",
        "a new table stands where public.sums_log was",
    ),
    "an enum value": ("alter type mood add value 'angry'", "type public.mood was changed"),
    "a removed column of a table without a key": (
        "create table k (a int, b int); drop table k; alter table app.parts drop column v",
        "no key",
    ),
}


def schema_of(url, major):
    """``pg_dump -s``, columns in no order, without what is ours."""
    tools = tools_for(major)
    text = subprocess.run(
        [tools.path("pg_dump"), "-s", "-N", "dbdeploy_undo", url.reveal()],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [
        line.strip().rstrip(",")
        for line in text.splitlines()
        if not re.match(r"--|\\|SET |SELECT pg_catalog.set", line)
    ]
    return sorted(line for line in lines if line)


@pytest.fixture(scope="module")
def made():
    return {}


@pytest.fixture
def before(server, made):
    """A database with an object of most kinds; nobody changes it."""
    if server.major not in made:
        made[server.major] = database(server, BEFORE)
    return made[server.major]


@pytest.fixture
def before17(postgres17, made):
    if 17 not in made:
        made[17] = database(postgres17, BEFORE)
    return made[17]


#: One of them is in the default suite of each version; all of them are for 17, and for those who ask.
TOGETHER = "; ".join(
    CHANGES[name]
    for name in (
        "a column with an index and a check",
        "a table of a new type",
        "a partition",
        "a replaced function",
        "a replaced view with a view above it",
        "a removed column",
        "a removed trigger, policy and statistics",
        "a removed table with an odd name",
        "comments, privileges, owner",
    )
)


@pytest.mark.parametrize("change", [pytest.param(c, marks=pytest.mark.slow) for c in CHANGES])
def test_a_change_is_taken_back(postgres17, before17, change, tmp_path):
    _, copy = prove(postgres17, before17, CHANGES[change], tmp_path)
    assert schema_of(copy, 17) == schema_of(before17, 17)


def test_many_changes_at_once_are_taken_back_and_users_writes_stay(server, before, tmp_path):
    proof, copy = prove(server, before, TOGETHER, tmp_path)
    assert schema_of(copy, server.major) == schema_of(before, server.major)
    assert {"insert", "update", "delete"} == set(proof.writes["public.orders"]) | set(
        proof.writes["public.users"]
    )


@pytest.mark.parametrize("why", IMPOSSIBLE)
def test_what_cannot_be_taken_back_is_named(postgres17, before17, why, tmp_path):
    migration, message = IMPOSSIBLE[why]
    with pytest.raises(CannotUndo, match=message):
        prove(postgres17, before17, migration, tmp_path)


def test_more_than_may_be_kept_aside_is_no_undo(postgres17, before17, tmp_path):
    with pytest.raises(CannotUndo, match="keep_aside_max"):
        prove(postgres17, before17, CHANGES["a removed column"], tmp_path, keep_aside_max=0)


@pytest.fixture(scope="module")
def undos():
    return {}


@pytest.fixture
def target(postgres17, before17, undos, tmp_path):
    """A database to which a change of rows and columns was deployed, with its undo."""
    change = "update orders set note = note || '!', total = total + 1; alter table orders add more text; alter table users drop legacy"
    if not undos:
        undos[17] = prove(postgres17, before17, change, tmp_path)[0].undo
    with psycopg.connect(deployed(postgres17, before17, change, undos[17]).reveal(), autocommit=True) as conn:
        yield conn


def test_an_undo_keeps_each_value_that_users_changed_since(target, before17):
    target.execute("update orders set note = 'theirs' where id = 7")
    target.execute("update orders set more = 'wrote' where id = 8")
    target.execute("delete from orders where id = 9")
    target.execute("insert into orders (id, user_id, total, note, more) values (500, 1, 5, 'new', 'x')")
    done = carrying(target).run(target)
    assert done.aside == {"public.orders": 2}
    rows = target.execute(
        "select id, total, note from orders where id in (6, 7, 8, 9, 500) order by id"
    ).fetchall()
    assert [(i, float(total), note) for i, total, note in rows] == [
        (6, 7.5, "note 6"),
        (7, 8.75, "theirs"),
        (8, 10.0, "note 8"),
        (500, 5.0, "new"),
    ]
    assert target.execute("select count(*) from users where legacy = 'legacy ' || id").fetchone() == (50,)


def test_an_undo_gives_way_to_writers_and_tries_again_until_it_holds(target):
    with psycopg.connect(target.info.dsn, password=target.info.password) as writer:
        writer.execute("update orders set note = 'held' where id = 1")
        attempts = []

        def on_retry(text):
            attempts.append(text)
            if len(attempts) == 2:
                writer.commit()

        carrying(target, lock_timeout=0.05, on_retry=on_retry).run(target)
    assert len(attempts) == 2
    assert target.execute("select note from orders where id = 1").fetchone() == ("held",)


def test_an_undo_that_never_gets_its_locks_changes_nothing(target):
    now = read_snapshot(target, exclude_schemas=OWN)
    with psycopg.connect(target.info.dsn, password=target.info.password) as writer:
        writer.execute("update orders set note = 'held' where id = 1")
        with pytest.raises(UndoFailed, match="lock timeout"):
            carrying(target, lock_timeout=0.05, patience=0.1).run(target)
    assert read_snapshot(target, exclude_schemas=OWN).objects == now.objects
    carrying(target).run(target)


def test_an_undo_takes_nothing_along_that_others_made(target):
    target.execute("create view mine as select more from orders")
    with pytest.raises(UndoFailed, match=r"view public\.mine, which the deployment did not touch"):
        carrying(target).run(target)
    assert target.execute("select count(more) from mine").fetchone() == (0,)
