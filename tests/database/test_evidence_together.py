"""Statements that go in one message are measured as those that go one by one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.evidence import observer
from tests.observing import rehearsed

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
