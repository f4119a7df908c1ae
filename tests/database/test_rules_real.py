"""Rules on a real server: what a migration does to a filled database is found, and what is harmless raises nothing."""

from __future__ import annotations

import pytest
from psycopg import sql

from pytest_dbdeploy.compare.renames import diff_with_renames, made_again
from pytest_dbdeploy.compare.rows import count_rows, user_tables
from pytest_dbdeploy.compare.snapshot import read_identities, read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.evidence.facts import clone_facts, filling, parents
from pytest_dbdeploy.evidence.values import changed_values, columns_made_again, values_lost
from pytest_dbdeploy.model import Facts
from pytest_dbdeploy.rehearsal import rehearse
from pytest_dbdeploy.rules import Seen, findings_of
from pytest_dbdeploy.units import initial_units
from tests.observing import migrations_of

SCHEMA = """
create type mood as enum ('sad', 'ok');
create domain amount as int;
create table p (id int primary key, v text);
create table keyed (id int primary key, v text not null default 'x'); create unique index keyed_v on keyed (v);
create table t (
    id int primary key, a int, b varchar(10), c text, p_id int references p, n numeric(10, 2), m mood, d amount,
    u int not null unique default 0, constraint ab check (a > 0 or c = 'x'), constraint bp check (u >= 0)
);
create index t_a on t (a); create index t_ac on t (a, c); create statistics t_st on a, c from t;
create table child (id serial primary key, t_id int references t on delete cascade, who text default 'x');
create view v as select id, a from t; grant select on v to public;
create materialized view mv as select v from p;
create function f() returns bigint language sql as 'select count(*) from t where a > 0';
create function g() returns int language sql as 'select 1'; revoke execute on function g() from public;
create function two(int) returns int language sql as 'select 1'; create function one() returns int language sql as 'select two(1)';
create function tf() returns trigger language plpgsql as 'begin return new; end';
create trigger tr before insert on t for each row execute function tf();
create table audit (id int, v text);
create function log() returns trigger language plpgsql as 'begin insert into public.audit values (new.id, old.v); return new; end';
create trigger audited after update on p for each row execute function log();
create table closed (id serial primary key, v varchar(9) unique default null, "User" text unique check ("User" <> 'v')); alter table closed enable row level security; insert into closed values (1600000000);
select setval('closed_id_seq', 1500000000); create function closed_rows() returns bigint language sql as 'select count(*) from closed';
create table guarded (id int); alter table guarded enable row level security; create policy y on guarded using (true);
create table parts (id int, k int) partition by list (k);
create table parts_1 partition of parts for values in (1); create table parts_rest partition of parts default;
create schema attic; create table attic.old (id int primary key); insert into attic.old values (7), (8);
create schema store; create table store.kept (id int primary key, n numeric); insert into store.kept values (1, 1.5);
create sequence numbers; create extension citext; create type place as (street text, zip text);
create procedure moves() language plpgsql as 'begin alter table attic.old rename column id to key; end';
insert into p select i, 'v' || i from generate_series(1, 100) i;
insert into t select i, i, 'b', 'c', i, i, 'ok', i, i from generate_series(1, 100) i;
insert into child (t_id) select i from generate_series(1, 100) i;
insert into parts select i, i % 3 from generate_series(1, 100) i;
analyze;
"""


@pytest.fixture(scope="module")
def template(request):
    """major -> a database with the schema above, of which others are copies."""
    made = {}

    def of(server):
        if server.major not in made:
            made[server.major] = server.fresh_database()
            with connect(made[server.major], purpose="test", autocommit=True) as conn:
                conn.execute(SCHEMA)
        return made[server.major]

    return of


@pytest.fixture
def judged(template):
    """(server, migrations) -> findings; thresholds as given."""

    def go(server, *scripts, transaction=True, policy=None, **thresholds):
        before = template(server)
        after = before.with_dbname(f"{before.dbname}_{len(made)}_{abs(hash(scripts)) % 10**8}")
        made.append(after)
        server.execute(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(after.dbname), sql.Identifier(before.dbname)
            )
        )
        migrations = migrations_of(*scripts, transaction=transaction)
        units = [unit for one in migrations.values() for unit in initial_units([[one]])]
        with (
            connect(after, purpose="test", autocommit=True) as conn,
            connect(after, purpose="monitor", autocommit=True) as monitor,
        ):
            rehearsal = rehearse(conn, monitor, units, migrations, Recorder())
        with connect(before, purpose="before") as was, connect(after, purpose="after") as now:
            old, new = read_snapshot(was), read_snapshot(now)
            identities = read_identities(was), read_identities(now)
            changes, again = diff_with_renames(old, new, *identities), made_again(*identities)
            columns = old.objects["column"], new.objects["column"]
            facts = Facts(
                rows=count_rows(was, user_tables(was)),
                rows_after=count_rows(now, user_tables(now)),
                parents=parents(old.objects["table"]),
                filling=filling(new.objects["column"]),
                made_again=frozenset(again.get("table", ())),
                **clone_facts(was, now, rehearsal.evidence, changes, user_tables(was), everything=False),
                values=changed_values(was, now, changes, columns_made_again(again, *columns, changes)),
                values_lost=values_lost(was, changes),
                **{"lock_seconds": 30.0, **thresholds},
            )
        go.rehearsal, go.changes = rehearsal, changes
        found = findings_of(Seen(changes, rehearsal.evidence, facts), policy or {})
        server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(after.dbname)))
        return found.findings

    made = []
    return go


class Recorder:
    def record(self, conn, migration):
        pass


# What blocks: migration -> (rule, object) of every blocking finding.
BLOCKED = {
    "drop table child": {("table-removed", "public.child")},
    "drop table t cascade": {
        ("table-removed", "public.t"),
        ("view-removed", "public.v"),
        ("object-dropped-implicitly", "public.v"),
        ("object-dropped-implicitly", "public.child.child_t_id_fkey"),
        ("routine-broken", "public.f()"),
    },
    "do $$ begin execute 'drop ta' || 'ble child'; end $$": {("table-removed", "public.child")},
    "alter table t drop column m": {("column-removed", "public.t.m")},
    "alter table t drop column c": {
        ("column-removed", "public.t.c"),
        ("object-dropped-implicitly", "public.t_ac"),
        ("object-dropped-implicitly", "public.t.ab"),
        ("object-dropped-implicitly", "public.t_st"),
    },
    "alter table child drop constraint child_pkey": {("primary-key-removed", "public.child")},
    "drop schema attic cascade": {
        ("schema-removed", "attic"),
        ("table-removed", "attic.old"),
        ("object-dropped-implicitly", "attic.old"),
    },
    "drop view v": {("view-removed", "public.v")},
    "drop function f()": {("function-removed", "public.f()")},
    "alter table t drop column d; drop domain amount": {("column-removed", "public.t.d"), ("type-removed", "public.amount")},
    "alter type mood rename value 'sad' to 'bad'": {("enum-value-removed", "public.mood")},
    "alter table p rename to parent": {("table-renamed", "public.p")},
    "alter table attic.old set schema public": {("table-renamed", "attic.old")},
    "alter table t rename column b to bb": {("column-renamed", "public.t.b")},
    "alter table t rename column a to aa": {("column-renamed", "public.t.a"), ("routine-broken", "public.f()")},
    "alter schema attic rename to cellar": {("table-renamed", "attic")},
    "alter schema store rename to shop; alter table shop.kept alter n type int": {
        ("table-renamed", "store"),
        ("column-type-incompatible", "shop.kept.n"),
    },
    "alter table child add column z int not null default 1; alter table child alter z drop default": {
        ("not-null-added-without-default", "public.child.z"),
    },
    "alter table child alter who set not null; alter table child alter who drop default": {
        ("not-null-added-without-default", "public.child.who"),
    },
    "alter table t add constraint k check (a > 5)": {("constraint-fails-on-data", "public.t")},
    "alter table t alter n set not null; update t set n = null; alter table p alter v set not null": {("constraint-fails-on-data", "public.t")},
    "alter table t add unique (c)": {("unique-fails-on-data", "public.t")},
    "alter table child add foreign key (id) references attic.old": {("foreign-key-orphans", "public.child")},
    "alter table t alter b type int using c::int": {("column-type-incompatible", "public.t")},
    "update t set n = 1.5 where id < 4; alter table t alter n type int": {("column-type-incompatible", "public.t.n")},
    "drop table child; create table child (id serial primary key, t_id int references t on delete cascade, who text default 'x')": {
        ("table-removed", "public.child"),
    },
    "alter table t drop column d, add column d amount": {("column-removed", "public.t.d")},
    "alter table attic.old add x int; commit; alter table attic.old rename to older; create table attic.old (id int primary key)": {
        ("table-renamed", "attic.old"),
    },
    "drop table attic.old; create table attic.old (id int primary key)": {("table-removed", "attic.old")},
    "alter table child rename to gone; create table child (id serial primary key, t_id int references t on delete cascade, who text default 'x'); "
    "drop table gone": {("table-removed", "public.child"), ("table-renamed", "public.child_id_seq")},
    "alter table child rename who to gone; alter table child add who text default 'y'; alter table child drop gone": {
        ("column-removed", "public.child.who")
    },
    "alter table child rename to kid; alter table kid rename who to gone; alter table kid add who text default 'y'; alter table kid drop gone": {
        ("table-renamed", "public.child"),
        ("column-removed", "public.kid.who"),
    },
    "alter table attic.old rename id to gone; alter table attic.old add id text; update attic.old set id = 'n' || gone; alter table attic.old drop gone; "
    "alter table attic.old add primary key (id)": {("column-removed", "attic.old.id")},
    "alter table attic.old rename to older; update attic.older set id = id + 100; delete from attic.older where id = 107": {
        ("table-renamed", "attic.old")
    },
    "alter table child rename to kid; update kid set who = 'y'; drop table kid": {("table-removed", "public.child")},
    "drop view v; create view v as select id from t; grant select on v to public": {("view-removed", "public.v.a")},
    "alter table guarded disable row level security": {("rls-disabled", "public.guarded")},
    "alter table t enable row level security": {("rls-enabled-without-policy", "public.t")},
    "revoke select on v from public": {("privilege-lost", "public.v")},
    "drop view v; create view v as select id, a from t": {("privilege-lost", "public.v")},
    "grant all on t to public": {("privilege-widened", "public.t")},
    "drop function g(); create function g() returns int language sql as 'select 2'": {("privilege-widened", "public.g()")},
    "alter sequence child_id_seq restart": {("sequence-behind-max", "public.child_id_seq")},
    "insert into child (id) values (1000)": {("sequence-behind-max", "public.child_id_seq")},
    "create sequence s owned by child.id; alter table child alter id set default nextval('s')": {("sequence-behind-max", "public.s")},
    "create sequence s; alter table child alter id set default nextval('s')": {("sequence-behind-max", "public.s")},
    "drop table parts": {("table-removed", "public.parts")},
    "alter table parts drop column id": {("column-removed", "public.parts.id")},
    "alter table parts rename column id to key": {("column-renamed", "public.parts.id")},
    "drop sequence numbers": {("table-removed", "public.numbers")},
    "drop extension citext": {("function-removed", "citext")},
    "alter type place drop attribute zip": {("column-removed", "public.place.zip")},
    "alter type place rename attribute zip to code": {("column-renamed", "public.place.zip")},
    "call moves()": {("column-renamed", "attic.old.id")},
    "create table other (id int primary key); insert into other select id + 1 from attic.old; drop table attic.old; "
    "alter table other rename to old; alter table old set schema attic": {("table-removed", "attic.old")},
    "delete from t where id < 5": {("rows-changed-unexpectedly", "public.child")},
    "truncate t cascade": {("rows-changed-unexpectedly", "public.child")},
}  # fmt: skip

# What only warns, and nothing blocks.
WARNED = {
    "alter table child alter who set not null": {("scanned-under-lock", "public.child")},
    "alter table child alter t_id set default 1; alter table child alter t_id set not null": {("scanned-under-lock", "public.child")},
    "alter table child alter who drop default": {("default-removed", "public.child.who")},
    "alter table t disable trigger tr": {("trigger-disabled", "public.t.tr")},
    "drop trigger tr on t": {("trigger-disabled", "public.t.tr")},
    "alter table t drop constraint bp": {("constraint-removed", "public.t.bp")},
    "alter table t alter u drop not null": {("constraint-removed", "public.t.u")},
    "alter table child add constraint k check (id > 0) not valid": {("constraint-not-valid-left", "public.child.k")},
    "alter table keyed drop constraint keyed_pkey, add primary key (id, v)": {
        ("constraint-removed", "public.keyed.keyed_pkey"),
        ("index-rebuilt", "public.keyed_pkey"),
        ("scanned-under-lock", "public.keyed"),
    },
    "drop index concurrently keyed_v": {("constraint-removed", "public.keyed_v")},
    "drop index concurrently keyed_v; create unique index concurrently keyed_v on keyed (v) where id > 5": {("constraint-removed", "public.keyed_v")},
    "create index k on t (b)": {("index-not-concurrent", "public.k"), ("scanned-under-lock", "public.t")},
    "drop index t_a": {("index-not-concurrent", "public.t_a")},
    "delete from child": {("many-rows-written", "public.child")},
    "truncate child; insert into child (t_id) values (1)": {("many-rows-written", "public.child")},
    "alter table t add column z int; drop index t_a": {("index-not-concurrent", "public.t_a")},
    "alter table child add constraint k check (id > 0)": {("scanned-under-lock", "public.child")},
    "alter table p alter id type bigint": {
        ("table-rewritten", "public.p"),
        ("column-type-rewrites", "public.p.id"),
        ("statistics-lost", "public.p.id"),
        ("lock-on-unnamed-relation", "public.t"),
        ("scanned-under-lock", "public.t"),
    },
    "alter table child alter id type bigint; analyze child": {
        ("table-rewritten", "public.child"),
        ("column-type-rewrites", "public.child.id"),
        ("serial-sequence-still-int", "public.child_id_seq"),
    },
    "alter table parts alter id type bigint; analyze": {
        ("table-rewritten", "public.parts_1"),
        ("table-rewritten", "public.parts_rest"),
        ("column-type-rewrites", "public.parts_1.id"),
        ("column-type-rewrites", "public.parts_rest.id"),
    },
    "create table parts_2 partition of parts for values in (9)": {("scanned-under-lock", "public.parts_rest")},
    "alter domain amount add check (value > 0)": {
        ("scanned-under-lock", "public.t"),
        ("lock-on-unnamed-relation", "public.t"),
    },
    'alter table t alter c type text collate "C"': {
        ("index-rebuilt", "public.t_ac"),
        ("scanned-under-lock", "public.t"),
    },
    "reindex index t_a": {("index-rebuilt", "public.t_a"), ("scanned-under-lock", "public.t")},
    "drop function g(); create function g() returns text language sql as 'select ''x'''; revoke execute on function g() from public": {
        ("function-removed", "public.g()"),
    },
    "update p set v = 'y' where id < 4": {("rows-changed-unexpectedly", "public.audit")},
    "select setval('child_id_seq', 1500000000)": {("int4-key-headroom", "public.child.id")},
}  # fmt: skip

# What costs nothing and breaks nothing.
HARMLESS = [
    "alter table t alter b type varchar(20)",
    "alter table t alter b type varchar(20); update t set b = 'written' where id = 1",
    "alter table child alter who type text",
    "alter table t alter n type numeric(12, 2)",
    "alter table t add column z int",
    "alter table t add column z int default 7",
    "alter table t add column z int not null default 7",
    "alter table t add column z timestamptz default now()",
    "alter table child add constraint k check (id > 0) not valid; commit; alter table child validate constraint k",
    "alter table child add constraint k foreign key (id) references t not valid; commit; alter table child validate constraint k",
    "create index concurrently k on t (b)",
    "drop index concurrently t_a",
    "create unique index concurrently keyed_v2 on keyed (v desc); drop index concurrently keyed_v; alter index keyed_v2 rename to keyed_v",
    "alter table keyed add unique using index keyed_v",
    "reindex index concurrently t_a",
    "create table n (id serial primary key, x int not null); insert into n (x) select 1 from generate_series(1, 20) i; "
    "alter table n alter x type bigint; create index on n (x); alter table n drop column x; drop table n",
    "create table n (id int primary key, p_id int not null references p)",
    "create table n (id serial primary key); insert into n values (5); alter table n enable row level security",
    "create or replace view v as select id, a, b from t",
    "alter type mood add value 'good'",
    "create function h(x int) returns int language sql as 'select x'",
    "update t set c = 'y' where id = 1",
    "insert into p values (1000, 'x')",
    "create table other (id int primary key); insert into other select id from attic.old; drop table attic.old; "
    "alter table other rename to old; alter table old set schema attic",
    "update v set a = a + 1 where id = 1; update v set a = a + 1 where id = 2; insert into v values (1000, 1); delete from v where id = 1000",
    "create view w as select * from t; drop view w",
    "comment on table t is 'x'",
    "alter table p rename to parent; create view p as select * from parent",
    "alter table t alter column a set statistics 500",
    "create sequence s owned by t.a; alter table t alter a set default nextval('s')",
    "create sequence s owned by p.id",
    "alter sequence numbers owned by p.id",
    "analyze t",
    "alter table child add column n text; commit; update child set n = who; commit; alter table child drop column who; alter table child rename column n to who; "
    "alter table child alter who set default 'x'",
    "alter trigger tr on t rename to renamed",
    "alter table closed alter v drop default",
    "alter table t add column z int; update t set c = 'y' where id = 1",
    "delete from parts where id = 1; update parts set id = 7 where id = 2",
]

# What was so before, under another name.
RENAMED = {
    "alter table closed rename to shut": {("table-renamed", "public.closed"), ("routine-broken", "public.closed_rows()")},
    "alter table closed set schema attic": {
        *(("table-renamed", name) for name in ("public.closed", "public.closed_id_seq")),
        ("routine-broken", "public.closed_rows()"),
    },
    "alter table closed rename column id to key": {("column-renamed", "public.closed.id")},
    'alter table closed rename column "User" to login; alter table closed rename column v to "V"': {
        ("column-renamed", 'public.closed."User"'),
        ("column-renamed", "public.closed.v"),
    },
    "alter sequence closed_id_seq rename to shut": {("table-renamed", "public.closed_id_seq")},
}  # fmt: skip


def found(findings, severity):
    return {(f.rule, f.object) for f in findings if f.severity == severity}


@pytest.mark.parametrize("migration", BLOCKED)
def test_what_breaks_something_is_found(judged, postgres17, migration):
    assert found(judged(postgres17, migration), "block") == BLOCKED[migration]


@pytest.mark.parametrize("migration", WARNED)
def test_what_may_hurt_is_warned_of(judged, postgres17, migration):
    findings = judged(postgres17, migration)
    assert (found(findings, "block"), found(findings, "warn")) == (set(), WARNED[migration])


@pytest.mark.parametrize("migration", RENAMED)
def test_what_was_so_before_is_no_finding_under_another_name(judged, postgres17, migration):
    assert {(f.rule, f.object) for f in judged(postgres17, migration)} == RENAMED[migration]


@pytest.mark.parametrize("migration", HARMLESS)
def test_what_is_harmless_raises_nothing(judged, postgres17, migration):
    raises_nothing(judged, postgres17, migration)


@pytest.mark.slow
@pytest.mark.parametrize("migration", HARMLESS)
def test_what_is_harmless_raises_nothing_on_any_version(judged, server, migration):
    raises_nothing(judged, server, migration)


def raises_nothing(judged, server, migration):
    findings = judged(server, migration)
    assert judged.rehearsal.error is None
    assert [(f.rule, f.object) for f in findings] == []


@pytest.mark.parametrize(
    ("migration", "expected"),
    [
        ("alter table t alter n type int", {("lock-blocks-reads", "public.t")}),
        ("alter table t add constraint k check (a > 0)", {("lock-blocks-reads", "public.t")}),
        ("create index k on t (b)", {("lock-blocks-writes", "public.t")}),
        ("alter table t add column z int", set()),
        ("create index concurrently k on t (b)", set()),
    ],
)
def test_work_on_many_rows_under_a_lock_blocks(judged, postgres17, migration, expected):
    findings = judged(postgres17, migration, lock_rows=99)
    assert {one for one in found(findings, "block") if one[0].startswith("lock")} == expected


def test_a_lock_that_is_held_long_blocks_and_says_since_when(judged, postgres17):
    findings = judged(postgres17, "alter table p add column z int;\nselect pg_sleep(0.3)", lock_seconds=0.3)
    (blocks,) = [f for f in findings if f.rule == "lock-blocks-reads"]
    assert (blocks.object, blocks.place) == ("public.p", "m0.sql:1")
    assert "ACCESS EXCLUSIVE about 0." in blocks.message
    assert "100 rows" in blocks.message
    assert ("lock-held-across-statements", "public.p") in found(findings, "warn")


# Others touch the same objects before and after the statement that is to be named.
PLACES = {
    ("privilege-widened", "public.p"): (
        "grant insert on p to public",
        "alter table p alter v set default 'x'",
    ),
    ("privilege-widened", "attic"): (
        "grant usage on schema attic to public",
        "grant select on attic.old to pg_monitor",
    ),
    ("int4-key-headroom", "public.child.id"): (
        "select setval('child_id_seq', 1500000000)",
        "update t set u = id + 1 where id < 3",
    ),
    ("serial-sequence-still-int", "public.child_id_seq"): (
        "alter table child alter id type bigint",
        "alter table child alter t_id type bigint",
    ),
    ("sequence-behind-max", "public.child_id_seq"): (
        "insert into child (id) values (1000)",
        "update child set who = 'y' where id = 1",
    ),
    ("routine-broken", "public.one()"): (
        "create function two(int, text default 'x') returns int language sql as 'select 1'",
        "create function three() returns int language sql as 'select 1'",
    ),
    ("routine-broken", "public.f()"): ("alter table t rename column a to aa", "alter table t add z int"),
    ("rls-enabled-without-policy", "public.t"): (
        "alter table t enable row level security",
        "alter table t add z int",
    ),
}


@pytest.mark.parametrize("finding", PLACES, ids=lambda finding: finding[0])
def test_the_statement_that_makes_it_so_is_named_and_not_another_that_touches_the_same(
    judged, postgres17, finding
):
    of, other = PLACES[finding]
    findings = judged(postgres17, "alter table child add y int; alter table p add y int", of, other)
    (one,) = (f for f in findings if (f.rule, f.object) == finding)
    assert one.place == "m1.sql:1"
    assert one.message.endswith(f": {of}")


def test_what_goes_with_a_table_under_another_name_is_said_of_the_statement_that_drops_it(judged, postgres17):
    migration = "lock table p;\nalter table p rename to q;\ncreate table p (id int primary key, v text);\ndrop table q cascade"
    places = {(f.rule, f.object): f.place for f in judged(postgres17, f"{migration};\ndrop table keyed")}
    assert places["trigger-disabled", "public.p.audited"] == "m0.sql:4"
    assert places["table-removed", "public.p"] == "m0.sql:4"


def test_a_broken_routine_is_told_of_the_table_that_it_asks_and_not_of_another_with_such_a_column(
    judged, postgres17
):
    findings = judged(
        postgres17,
        "alter table t rename column a to aa",
        "create table other (id int, a int)",
        "alter table other alter a type bigint",
        "alter table other drop column a",
    )
    (one,) = (f for f in findings if f.rule == "routine-broken")
    assert one.place == "m0.sql:1"


def test_an_index_that_is_dropped_before_its_table_is_no_finding_of_its_own(judged, postgres17):
    findings = judged(postgres17, "drop index keyed_v; drop table keyed")
    assert found(findings, "block") == {("table-removed", "public.keyed")}
    assert found(findings, "warn") == set()


def test_a_removed_column_says_how_many_values_go_with_it(judged, postgres17):
    findings = judged(
        postgres17, "update t set c = null where id < 4; alter table t drop constraint ab, drop column c"
    )
    (one,) = (f for f in findings if f.rule == "column-removed")
    assert one.message.startswith("column public.t.c (text) is removed, with its 100 values: ")
    findings = judged(
        postgres17, "alter table attic.old rename to older; alter table attic.older drop column id"
    )
    (one,) = (f for f in findings if f.rule == "column-removed")
    assert one.message.startswith("column attic.older.id (integer) is removed, with its 2 values: ")


def test_many_written_rows_are_told(judged, postgres17):
    findings = judged(postgres17, "update t set c = 'y'", lock_rows=99)
    assert found(findings, "warn") == {("many-rows-written", "public.t")}
    assert "100 updated rows" in findings[0].message


def test_rows_that_triggers_add_are_one_warning_a_table_with_their_number_and_place(judged, postgres17):
    findings = judged(
        postgres17, "select 1;\nupdate p set v = 'y' where id < 4;\nupdate p set v = 'z' where id < 3;"
    )
    (finding,) = [f for f in findings if f.rule == "rows-changed-unexpectedly"]
    assert (finding.object, finding.place, finding.severity) == ("public.audit", "m0.sql:2", "warn")
    assert "5 rows added to public.audit, written by a trigger" in finding.message
    ignored = judged(postgres17, "update p set v = 'y'", policy={"rows-changed-unexpectedly": "ignore"})
    assert "rows-changed-unexpectedly" not in {f.rule for f in ignored}


@pytest.mark.parametrize("rename", ["alter table kept rename to held", "alter schema store rename to shop"])
def test_a_table_that_is_renamed_first_is_written_anew_all_the_same(judged, postgres17, rename):
    migration = f"set search_path = store; {rename}; set search_path = store, shop; alter table "
    table, new = ("held", "store.held") if "held" in rename else ("kept", "shop.kept")
    findings = judged(postgres17, f"{migration} {table} alter n type numeric(20, 9)")
    assert ("column-type-rewrites", f"{new}.n") in found(findings, "warn")


def test_a_rename_is_one_change(judged, postgres17):
    judged(
        postgres17,
        "alter table t rename to tt; alter table tt rename column a to aa; alter index t_a rename to tt_aa",
    )
    assert {(c.kind, str(c.change), c.object, (c.after or {}).get("name")) for c in judged.changes} == {
        ("table", "renamed", "public.t", "public.tt"),
        ("column", "renamed", "public.t.a", "public.tt.aa"),
        ("index", "renamed", "public.t_a", "public.tt_aa"),
        ("view", "modified", "public.v", None),
    }


def test_a_function_that_is_removed_is_found_with_its_statement_however_it_goes(judged, postgres17):
    findings = judged(
        postgres17,
        "create function h(mood, text[], bigint) returns int language sql as 'select 1'",
        "select 1;\ndrop function g()",
        "drop type mood cascade",
    )
    places = {f.object: f.place for f in findings if f.rule == "function-removed"}
    assert places == {"public.g()": "m1.sql:2"}
    assert "public.h(public.mood, text[], bigint)" in {
        d.object for e in judged.rehearsal.evidence for d in e.dropped
    }
