"""Statements that go in one message are measured as those that go one by one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.splitter import words
from pytest_dbdeploy.evidence import observer, own
from pytest_dbdeploy.evidence.known import Known, Relation
from pytest_dbdeploy.model import RelationSize, StatementRef, Unit
from tests.observing import migrations_of, rehearsed

SCHEMA = """
create table p (id int primary key, v text);
create table t (id serial primary key, a int, b varchar(10), p_id int references p on delete cascade);
create index t_a on t (a);
create table log (id int); create materialized view m as select 1 as x;
create table pond (id int);
create function emptied() returns trigger language plpgsql as $$ begin execute 'truncate pond'; return new; end $$;
create trigger empties after insert on log for each row execute function emptied();
create function again() returns trigger language plpgsql as $$ begin
    execute 'drop index t_a; create index t_a on t (a, id)'; return new; end $$;
create table loud (id int);
create trigger makes_again after insert on loud for each row execute function again();
insert into p select i, 'v' from generate_series(1, 20) i;
insert into t (a, b, p_id) select i, 'b', i from generate_series(1, 20) i;
insert into pond select i from generate_series(1, 5) i;
analyze;
"""
SCRIPTS = {
    "made and filled": "create table n (id serial primary key, p_id int references p); create index on n (p_id); insert into n (p_id) select id from p; alter table n add x int",
    "old tables": "alter table t add c int; update t set c = a where id < 5; alter table t add check (a > 0); create index k on t (c); delete from p where id > 15; alter table t drop column a",
    "the first of them alone": "set local work_mem = '8MB'; alter table t add c int; insert into p values (100, 'x'); comment on table t is 'x'",
    "some in the middle alone": "insert into p values (100, 'x'); alter table t alter b type varchar(5); update t set b = 'y'; alter table p rename v to vv; update p set vv = 'z'",
    "changes of type one after another": "alter table t alter a type bigint; alter table t alter b type text; insert into p values (100, 'x'); alter table t alter a type int; drop index t_a",
    "blocks that change the schema": "do $$ begin execute 'alter table loud rename to quiet'; end $$; insert into pond values (9); do $$ begin alter table t alter a type bigint; truncate pond; end $$; update t set a = 2",
    "names that go round": "create table n (id int); insert into n values (1); alter table n rename to m; create table n (id int); insert into n values (1), (2); insert into m values (1); alter table log rename to logged; alter index t_a rename to t_b",
    "queries that write": "select setval('t_id_seq', 100); with gone as (delete from t where id < 5 returning *) select * from gone; select * from t; values (1); do $$ begin perform 1; end $$; insert into p values (100, 'x')",
    "a block that commits": "insert into p values (100, 'x'); do $$ begin insert into p values (101, 'x'); commit; insert into p values (102, 'x'); end $$; insert into p values (103, 'x')",
    "a function empties": "create function away() returns void language plpgsql as $$ begin execute 'truncate pond'; end $$; select away(); insert into pond values (1)",
    "a value of an enum": "create type e as enum ('a'); create table n (v e); alter type e add value 'b'; insert into n values ('b'); select 1",
    "a table of an earlier unit": "create table n (id int); insert into n values (1); commit; insert into n values (2); alter table log rename to logged; insert into n values (3); commit; insert into n values (4); insert into p values (100, 'x')",
    "what no transaction takes": "alter table t add x int; insert into p values (100, 'x'); vacuum p; insert into p values (101, 'x'); truncate pond; refresh materialized view m",
    "dropped in between": "create table n (id int); insert into n values (1); drop table n; insert into p values (100, 'x'); drop table log, loud cascade",
    "a trigger empties": "insert into p values (100, 'x'); insert into log values (1); insert into pond values (1), (2)",
    "a trigger makes an index again": "insert into p values (100, 'x'); insert into loud values (1); update t set a = 0",
    "one fails": "insert into p values (100, 'x'); alter table t add check (a > 5); select 1",
    "one is no SQL": "insert into p values (100, 'x'); alter tabel t add c int",
    "an own temporary table": "create table n (id int); create temporary table tt (id int); insert into tt values (1); insert into n values (1)",
    "rules": "create table n (id int); create rule r as on insert to n do also insert into log values (new.id); insert into n values (1); update n set id = 2",
    "comments": "insert into p values (100, 'x') -- ; a\n; /* b; */ insert into p values (101, $$;$$); insert into p values (102, 'a;''b')",
}  # fmt: skip


def seen(server, script):
    database = server.fresh_database()
    found = rehearsed(database, SCHEMA, script, "insert into p values (1000, 'later')")
    with connect(database, purpose="test") as conn:
        values = conn.execute("select count(*), max(id), (select max(id) from t) from p").fetchall()
    return [
        replace(
            e,
            duration_seconds=0,
            held_seconds=e.held_seconds is not None,
            wal_bytes=None,
            sizes={},
            locks=e.locks if e.transactional else (),  # by chance, of those that are held for a moment
            rows={re.sub(r"pg_temp_\d+", "pg_temp", name): rows for name, rows in e.rows.items()},
        )
        for e in found.evidence
    ], (
        found.error,
        found.units,
        {re.sub(r"pg_temp_\d+", "pg_temp", name): rows for name, rows in found.written.items() if rows},
        values,
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_evidence_is_the_same_as_one_by_one(server, monkeypatch, name):
    together = seen(server, SCRIPTS[name])
    monkeypatch.setattr(observer, "SMALL", -1)
    alone = seen(server, SCRIPTS[name])
    assert together == alone


LONG = {
    "drizzle": """create table "n" ("id" serial primary key, "v" text, "p_id" int);
create unique index "n_v" on "n" using btree ("v"); alter table "n" add column "w" int;
insert into "n" ("v") values ('a'), ('b'); create table m (id int references n); alter table "m" add constraint m_n foreign key (id) references "n";
insert into public.m values (1); alter table "n" add constraint "n_p" foreign key ("p_id") references "p"; insert into n (v, p_id) values ('c', 1);
alter table n alter column v type varchar(10); update n set v = 'x' || id; create index on m (id); insert into p values (100, 'x')""",
    "the same name in another schema": """create schema s; create table s.t (id int); insert into s.t values (1); alter table s.t add x int;
create table s.u (id int); insert into s.u values (1); alter table s.u add x int; insert into t (a) values (1)""",
    "names that need quotes": """create table "A b" (id int); insert into "A b" values (1); alter table "A b" add x int; create table "it's" (id int);
insert into "it's" values (1), (2); create index on "it's" (id); insert into p values (100, 'x')""",
    "filled as it is made": """create table n as select * from p; insert into n values (100, 'x'); create table k as values (1), (2);
alter table n add c int; insert into n select id + 200, v from n; alter table n drop column c; drop table k; insert into p values (100, 'x')""",
}


@pytest.mark.parametrize("name", [*SCRIPTS, *LONG])
def test_evidence_is_the_same_as_with_whole_readings(server, monkeypatch, name):
    """What surely touches only what the unit has made is read otherwise."""
    script = {**SCRIPTS, **LONG}[name]
    found = seen(server, script)
    monkeypatch.setattr(own.OwnWork, "written", lambda work, ref: None)
    monkeypatch.setattr(observer, "SMALL", -1)
    assert found == seen(server, script)


@pytest.mark.parametrize(
    ("statement", "written"),
    [
        ("create table k (id int references n)", ""),
        ("create table k (id int references p)", None),
        ("create table k as select 1", None),
        ('alter table only public."n" add x int', ""),
        ("alter table n drop x", None),
        ("alter table t add x int", None),
        ("create index if not exists i on n using gin (v)", ""),
        ("/* n */ insert into public.n (v) select 1", "public.n"),
        ("insert into n select * from t", None),
        ("with x as (select 1) insert into n select * from x", None),
        ("update n set v = 1", None),
        ("do $$ begin end $$", None),
    ],
)
def test_which_statements_touch_only_what_their_unit_has_made(statement, written):
    known = Known()
    known._relations = {
        1: Relation("public.t", "r", RelationSize(0, 0)),
        2: Relation("public.p", "r", RelationSize(0, 0)),
    }
    migrations = migrations_of("create table n (v int)", statement, "select 1")
    refs = tuple(StatementRef(name, 0) for name in migrations)
    of = {ref: words(migrations[ref.migration].statements[0].sql) for ref in refs}
    work = own.OwnWork(known, migrations, of)
    work.unit_started(Unit(refs, True, ()))
    assert [work.written(ref) for ref in refs] == ["", written, None]
