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
do $$ begin create role undo_reader; exception when duplicate_object then null; end $$;
do $$ begin create role "Undo Writer"; exception when duplicate_object then null; end $$;
create type address as (street text, city text);
create table homes (id int primary key, moods mood[], rooms positive default 3, m mood not null default 'sad');
insert into homes select i, array['sad', 'happy']::mood[], i from generate_series(1, 9) i;
create index homes_happy on homes (id) where m = 'happy';
alter table homes add constraint homes_m check (m <> 'happy' or rooms > 0);
create view happy as select * from homes where m = 'happy';
create function mood_of(mood) returns text language sql as 'select $1::text';
create table required (id int primary key, code text not null, n int not null);
insert into required select i, 'c' || i, i from generate_series(1, 9) i;
create table plain (id int primary key, v text);
insert into plain select i, 'v' || i from generate_series(1, 9) i;
create sequence loose;
grant select (name), update (legacy) on users to undo_reader;
grant select, insert on orders to undo_reader with grant option;
alter default privileges in schema public grant select on tables to undo_reader;
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
    "new routines with odd names": """create type app."Odd t" as (a int, "b c" text);
        create function app."Fu (n"(a int, "b b" app."Odd t"[]) returns int language sql as 'select 1';
        create procedure app."Pr c"(a app."Odd t") language sql as 'select 1';
        create aggregate app."Ag g"(int) (sfunc = int4pl, stype = int)""",
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
    "alter table users rename constraint users_pkey to people_pkey; "
    "alter trigger touched on orders rename to felt; alter policy mine on orders rename to yours; alter rule no_delete on sums_log rename to none",
    "a table that moves to another schema": 'alter table "Odd ""Name" set schema app',
    "an enum value": "alter type mood add value 'angry' before 'happy'",
    "an enum that was made anew": "drop view happy; drop function mood_of(mood); drop index homes_happy; alter table homes drop constraint homes_m; "
    "alter type mood rename to mood_old; create type mood as enum ('sad', 'happy', 'angry'); alter table homes alter m drop default, "
    "alter m type mood using m::text::mood, alter m set default 'sad', alter moods type mood[] using moods::text[]::mood[]; "
    "alter table users alter mood type mood using mood::text::mood; drop type mood_old",
    "a text that becomes an enum": "alter table required alter code type mood using 'sad'::mood",
    "a domain": "alter domain positive drop constraint positive_check; alter domain positive set default 5; "
    "alter domain positive add constraint small check (value < 1000); alter domain positive set not null",
    "a composite type": "alter type address add attribute zip text; alter type address alter attribute city type varchar(9)",
    "an identity that is new, and one with other options": "alter table plain alter id add generated always as identity; "
    "alter table users alter id set generated by default, alter id set increment by 5 set cache 10",
    "an identity that is gone": "alter table users alter id drop identity",
    "a removed table with an identity": "drop table users cascade",
    "a serial that becomes an identity": "alter table orders alter id drop default; drop sequence orders_id_seq; alter table orders alter id add generated always as identity",
    "privileges of columns": 'grant select (age), update (name) on users to "Undo Writer" with grant option; revoke select (name) on users from undo_reader',
    "privileges of tables, schemas, sequences, functions": 'revoke select on orders from undo_reader cascade; grant all on users to "Undo Writer" with grant option; '
    "grant usage on schema app to undo_reader; grant usage on sequence loose to undo_reader; revoke execute on function twice(int) from public; grant usage on type mood to undo_reader",
    "default privileges": "alter default privileges in schema public revoke select on tables from undo_reader; alter default privileges in schema public "
    'grant update on sequences to "Undo Writer"; alter default privileges revoke execute on functions from public',
    "owners": "alter table orders owner to undo_reader; alter schema app owner to undo_reader; alter sequence loose owner to undo_reader; "
    "alter view happy owner to undo_reader; alter function twice(int) owner to undo_reader; alter type mood owner to undo_reader",
    "an extension and what is made of it": "create extension hstore; alter table plain add h hstore; create index on plain using gin (h)",
    "a column that every row had to have": "alter table required drop column code",
    "a partition that is detached": "alter table app.parts detach partition app.parts_1",
    "a partition that is attached": "create table app.parts_9 (day date, v int); alter table app.parts attach partition app.parts_9 for values from ('2026-01-01') to ('2027-01-01')",
    "an expression that is dropped": "alter table users alter up drop expression",
    "storage": "alter table orders alter note set storage external, alter note set compression pglz",
    "foreign things": "create extension postgres_fdw; create server s foreign data wrapper postgres_fdw; create foreign table far (a int) server s; create user mapping for public server s",
    "an operator and a cast": "create function same(address, address) returns boolean language sql as 'select true'; create operator === (leftarg = address, rightarg = address, "
    "procedure = same); create function number_of(mood) returns int language sql as 'select 1'; create cast (mood as int) with function number_of(mood)",
    "a policy that is altered and comments": "alter policy mine on orders to undo_reader using (user_id > 9); comment on policy mine on orders is 'p'; comment on trigger touched on orders is 't'; "
    "comment on constraint small on orders is 'c'; comment on index orders_total is 'i'; comment on type mood is 'm'; comment on sequence loose is 's'",
    "a changed sequence": "alter sequence orders_id_seq increment 5 maxvalue 100000",
}
IMPOSSIBLE = {
    "a table in the place of a renamed one": (
        "alter table sums_log rename to sums_old; create table sums_log (id int primary key, more text)",
        "a new table stands where public.sums_log was",
    ),
    "an enum value with another name": (
        "alter type mood rename value 'happy' to 'glad'",
        "the values of type public.mood have other names",
    ),
    "a removed extension": ("drop extension plpgsql cascade", "cannot be made again"),
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
        "new routines with odd names",
        "a replaced view with a view above it",
        "a removed column",
        "a removed trigger, policy and statistics",
        "a removed table with an odd name",
        "comments, privileges, owner",
        "an enum value",
        "a domain",
        "an identity that is new, and one with other options",
        "privileges of columns",
        "default privileges",
        "a column that every row had to have",
    )
)


@pytest.mark.parametrize("change", [pytest.param(c, marks=pytest.mark.slow) for c in CHANGES])
def test_a_change_is_taken_back(postgres17, before17, change, tmp_path):
    _, copy = prove(postgres17, before17, CHANGES[change], tmp_path)
    assert schema_of(copy, 17) == schema_of(before17, 17)


def test_many_changes_at_once_are_taken_back_and_users_writes_stay(server, before, tmp_path):
    proof, copy = prove(server, before, TOGETHER, tmp_path)
    assert schema_of(copy, server.major) == schema_of(before, server.major)
    assert {"insert", "update", "delete", "new value"} == set(proof.writes["public.orders"]) | set(
        proof.writes["public.users"]
    )


@pytest.mark.parametrize("why", IMPOSSIBLE)
def test_what_cannot_be_taken_back_is_named(postgres17, before17, why, tmp_path):
    migration, message = IMPOSSIBLE[why]
    with pytest.raises(CannotUndo, match=message):
        prove(postgres17, before17, migration, tmp_path)


@pytest.mark.parametrize("concurrently", ["", " concurrently"])
def test_a_partition_with_rows_is_attached_again_with_what_users_wrote_to_it_meanwhile(
    server, tmp_path, concurrently
):
    before = database(
        server,
        "create table events (id int primary key, text text) partition by range (id);"
        "create table events_old partition of events for values from (0) to (100);"
        "create table events_new partition of events for values from (100) to (200);"
        "insert into events select i, i from generate_series(0, 149) i",
    )
    # Named, so that it is known as touched on every version.
    change = "comment on table events_old is 'old';\nalter table events detach partition events_old"
    proof, _ = prove(server, before, change + concurrently, tmp_path)
    assert "public.events_old" in proof.writes


def test_more_than_may_be_kept_aside_is_no_undo(postgres17, before17, tmp_path):
    with pytest.raises(CannotUndo, match="keep_aside_max"):
        prove(postgres17, before17, CHANGES["a removed column"], tmp_path, keep_aside_max=0)


PETS = (
    "create type mood as enum ('sad'); create table pets (id int primary key, may mood, usual mood not null default 'sad', must mood not null, code text not null);"
    "insert into pets select i, 'sad', 'sad', 'sad', 'c' || i from generate_series(1, 5) i"
)
NO_MORE = "alter type mood add value 'angry'; alter table pets drop column code"


def test_users_rows_that_the_old_schema_does_not_take_are_put_aside(server, tmp_path):
    before = database(server, PETS)
    undo = prove(server, before, NO_MORE, tmp_path)[0].undo
    with psycopg.connect(deployed(server, before, NO_MORE, undo).reveal(), autocommit=True) as conn:
        conn.execute("update pets set may = 'angry' where id = 1")
        conn.execute("update pets set usual = 'angry' where id = 2")
        conn.execute("update pets set must = 'angry' where id = 3")
        conn.execute("insert into pets values (6, 'sad', 'sad', 'sad')")
        assert carrying(conn).run(conn).aside == {"public.pets": 4}
        assert conn.execute("select id, may::text, usual::text, must::text, code from pets order by id").fetchall() == [
            (1, None, "sad", "sad", "c1"), (2, "sad", "sad", "sad", "c2"), (4, "sad", "sad", "sad", "c4"), (5, "sad", "sad", "sad", "c5"),
        ]  # fmt: skip
        aside = conn.execute("select row_data->'id', row_data->>'must' from dbdeploy_undo.rows order by 1")
        assert aside.fetchall() == [(1, "sad"), (2, "sad"), (3, "angry"), (6, "sad")]


@pytest.mark.parametrize("change", NO_MORE.split("; "))
def test_no_row_goes_aside_that_takes_rows_of_others_along(postgres17, tmp_path, change):
    before = database(postgres17, f"{PETS}; create table toys (id int references pets on delete cascade)")
    with pytest.raises(CannotUndo, match=r"toys_id_fkey has rows of others follow"):
        prove(postgres17, before, change, tmp_path)


def test_values_of_a_composite_type_are_not_lost(postgres17, tmp_path):
    before = database(
        postgres17,
        "create type a as (x int); create table t (id int primary key, a a); insert into t values (1, row(1))",
    )
    with pytest.raises(CannotUndo, match="columns hold values of it"):
        prove(postgres17, before, "alter type a add attribute y int", tmp_path)


@pytest.mark.parametrize("written", [0, 40])
def test_an_identity_goes_on_where_it_was_or_after_what_users_wrote(postgres17, tmp_path, written):
    before = database(
        postgres17,
        "create table t (id int generated always as identity primary key, v int); insert into t (v) select 1 from generate_series(1, 20); delete from t where id > 10",
    )
    change = "alter table t alter id drop identity"
    undo = prove(postgres17, before, change, tmp_path)[0].undo
    with psycopg.connect(deployed(postgres17, before, change, undo).reveal(), autocommit=True) as conn:
        conn.execute("insert into t select i, i from generate_series(1001 - %s, 1000) i", [written])
        carrying(conn).run(conn)
        row = conn.execute("insert into t (v) values (1) returning id").fetchone()
    assert row == (1001 if written else 21,)


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
