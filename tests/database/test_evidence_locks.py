"""Locks, rewrites and scans of single statements: what pg_locks shows to another session, and what PostgreSQL documents."""

from __future__ import annotations

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.splitter import split
from tests.observing import observed

SCHEMA = """
create type mood as enum ('sad', 'ok');
create schema attic;
create domain small as int;
create table p (id int primary key, v text);
create table t (
    id int primary key, a int, b varchar(10), c text, p_id int references p, n numeric(10, 2), ts timestamp, m mood, d small,
    u int not null unique, x int, constraint a_positive check (a > 0) not valid
);
create index t_b on t (b); create index t_lower on t (lower(c)); create index t_part on t (id) where b = 'x';
create unique index t_x on t (x); create unique index t_id2 on t (id);
create table lone (id int, a int, b text, c varchar(10));
create unique index lone_id on lone (id);
create table child (id int primary key, p_id int constraint child_fk references p on delete cascade);
alter table child add constraint child_later foreign key (id) references p not valid;
create table parts (id int, k int) partition by list (k);
create table parts_1 partition of parts for values in (1);
create table parts_rest partition of parts default;
create table loose (id int, k int);
create view v as select id, a from lone;
create materialized view mv as select id, v from p; create unique index mv_id on mv (id);
create unlogged table u (id int);
create table writer (id int generated always as identity primary key, s serial);
create function tf() returns trigger language plpgsql as 'begin return new; end';
create trigger tr before insert on lone for each row execute function tf();
create statistics st on a, b from lone;
create role dbdeploy_reader;
insert into p select i, 'v' || i from generate_series(1, 50) i;
insert into p values (99, 'nobody refers to it');
insert into t select i, i, 'b', 'c', i, i, now(), 'ok', i, i, i from generate_series(1, 50) i;
insert into lone select i, i, 'b', 'c' from generate_series(1, 50) i;
insert into child select i, i from generate_series(1, 50) i;
insert into parts select i, i % 3 from generate_series(1, 50) i;
insert into loose select i, 7 from generate_series(1, 50) i;
refresh materialized view mv;
"""
AE, E, SRE, S, SUE, RE, RS, AS = (
    f"{name}Lock"
    for name in (
        "AccessExclusive",
        "Exclusive",
        "ShareRowExclusive",
        "Share",
        "ShareUpdateExclusive",
        "RowExclusive",
        "RowShare",
        "AccessShare",
    )
)
#: statement; the strongest lock of each table, by the documentation (None: the versions differ); what is rewritten, rebuilt, scanned under a lock.
CASES = [
    # -- columns
    ("alter table lone add column z int", {"lone": AE}, "", "", ""),
    ("alter table lone add column z int default 7", {"lone": AE}, "", "", ""),
    ("alter table lone add column z int not null default 7", {"lone": AE}, "", "", ""),
    ("alter table lone add column z timestamptz default now()", {"lone": AE}, "", "", ""),
    ("alter table lone add column z timestamptz default clock_timestamp()", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table lone add column z uuid default gen_random_uuid()", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table lone add column z serial", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table lone add column z int generated always as identity", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table lone add column z int generated always as (a + 1) stored", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table lone add column z int check (z > 0)", {"lone": AE}, "", "", "lone"),
    ("alter table lone add column z int unique", {"lone": AE}, "", "", "lone"),
    ("alter table lone add column z int references p", {"lone": AE, "p": SRE}, "", "", None),
    ("alter table lone drop column c", {"lone": AE}, "", "", ""),
    ("alter table lone rename column c to cc", {"lone": AE}, "", "", ""),
    ("alter table lone rename to alone", {"lone": AE}, "", "", ""),
    ("alter table lone alter a set default 1", {"lone": AE}, "", "", ""),
    ("alter table writer alter s drop default", {"writer": AE}, "", "", ""),
    ("alter table lone alter a set not null", {"lone": AE}, "", "", "lone"),
    ("alter table t alter u drop not null", {"t": AE}, "", "", ""),
    ("alter table lone alter b set storage external", {"lone": AE}, "", "", ""),
    ("alter table lone alter a set statistics 100", {"lone": SUE}, "", "", ""),
    ("alter table lone alter c type varchar(20)", {"lone": AE}, "", "", ""),
    ("alter table lone alter c type text", {"lone": AE}, "", "", ""),
    ("alter table lone alter c type varchar(5)", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table lone alter b type varchar(5)", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table loose alter id type bigint", {"loose": AE}, "loose", "", ""),
    ("alter table t alter b type varchar(20)", {"t": AE}, "", "t_part", "t"),
    ("alter table t alter c type varchar(100)", {"t": AE}, "t", None, ""),
    ("alter table t alter n type numeric(12, 2)", {"t": AE}, "", "", ""),
    ("alter table t alter n type numeric(12, 3)", {"t": AE}, "t", None, ""),
    ("alter table t alter ts type timestamptz", {"t": AE}, "", "", ""),
    ("alter table t alter ts type date", {"t": AE}, "t", None, ""),
    ("alter table t alter m type text", {"t": AE}, "t", None, ""),
    ("alter table child alter p_id type bigint", {"child": AE, "p": AE}, "child", None, None),
    # -- constraints
    ("alter table lone add constraint k check (a > 0)", {"lone": AE}, "", "", "lone"),
    ("alter table lone add constraint k check (a > 0) not valid", {"lone": AE}, "", "", ""),
    ("alter table t validate constraint a_positive", {"t": SUE}, "", "", ""),
    ("alter table child validate constraint child_later", {"child": SUE, "p": RS}, "", "", ""),
    ("alter table lone add constraint k unique (a)", {"lone": AE}, "", "", "lone"),
    ("alter table lone add primary key (a)", {"lone": AE}, "", "", "lone"),
    ("alter table lone add constraint k primary key using index lone_id", {"lone": AE}, "", "", "lone"),
    ("alter table lone add constraint k unique using index lone_id", {"lone": AE}, "", "", ""),
    ("alter table t add constraint k unique using index t_id2", {"t": AE}, "", "", ""),
    ("alter table lone add constraint k exclude (a with =)", {"lone": AE}, "", "", "lone"),
    ("alter table lone add constraint k foreign key (a) references p", {"lone": SRE, "p": SRE}, "", "", None),
    ("alter table lone add constraint k foreign key (a) references p not valid", {"lone": SRE, "p": SRE}, "", "", ""),
    ("alter table child drop constraint child_fk", {"child": AE, "p": AE}, "", "", ""),
    ("alter table t drop constraint t_u_key", {"t": AE}, "", "", ""),
    ("alter table t rename constraint a_positive to positive", {"t": AE}, "", "", ""),
    ("alter table child alter constraint child_fk deferrable", {"child": AE}, "", "", ""),
    # -- indexes
    ("create index i on lone (a)", {"lone": S}, "", "", "lone"),
    ("create unique index i on lone (a)", {"lone": S}, "", "", "lone"),
    ("create index i on parts (id)", {"parts": S, "parts_1": S, "parts_rest": S}, "", "", "parts_1 parts_rest"),
    ("drop index t_b", {"t": AE}, "", "", ""),
    ("reindex table lone", {"lone": S}, "", "lone_id", "lone"),
    ("reindex index t_b", {"t": S}, "", "t_b", "t"),
    ("alter index t_b rename to t_bb", {}, "", "", ""),
    ("alter index t_b set (fillfactor = 80)", {}, "", "", ""),
    ("create statistics s2 on a, c from lone", {"lone": SUE}, "", "", ""),
    # -- tables
    ("create table n (id int)", {}, "", "", ""),
    ("create table n (id int references p)", {"p": SRE}, "", "", ""),
    ("create table n (like lone including all)", {"lone": AS}, "", "", ""),
    ("create table n as select * from lone", {"lone": AS}, "", "", ""),
    ("create table n () inherits (lone)", {"lone": SUE}, "", "", ""),
    ("create table parts_2 partition of parts for values in (9)", {"parts": AE, "parts_rest": AE}, "", "", "parts_rest"),
    ("alter table parts attach partition loose for values in (7)", {"parts": SUE, "loose": AE, "parts_rest": AE}, "", "", "loose parts_rest"),
    ("alter table parts detach partition parts_1", {"parts": AE, "parts_1": AE, "parts_rest": AE}, "", "", ""),
    ("drop table lone cascade", {"lone": AE, "v": AE}, "", "", ""),
    ("drop table child", {"child": AE, "p": AE}, "", "", ""),
    ("drop table parts_1", {"parts": AE, "parts_1": AE, "parts_rest": AE}, "", "", ""),
    ("alter table lone set schema attic", {"lone": AE}, "", "", ""),
    ("alter table lone set unlogged", {"lone": AE}, "lone", "lone_id", ""),
    ("alter table u set logged", {"u": AE}, "u", "", ""),
    ("alter table lone set (fillfactor = 80)", {"lone": SUE}, "", "", ""),
    ("alter table lone set (autovacuum_enabled = off)", {"lone": SUE}, "", "", ""),
    ("alter table lone cluster on lone_id", {"lone": SUE}, "", "", ""),
    ("alter table lone replica identity full", {"lone": AE}, "", "", ""),
    ("alter table lone enable row level security", {"lone": AE}, "", "", ""),
    ("alter table lone disable trigger tr", {"lone": SRE}, "", "", ""),
    ("alter table lone owner to dbdeploy_reader", {"lone": AE}, "", "", ""),
    ("cluster lone using lone_id", {"lone": AE}, "lone", "lone_id", ""),
    ("lock table lone", {"lone": AE}, "", "", ""),
    ("lock table lone in share mode", {"lone": S}, "", "", ""),
    ("comment on table lone is 'x'", {"lone": SUE}, "", "", ""),
    ("comment on column lone.a is 'x'", {"lone": SUE}, "", "", ""),
    ("grant select on lone to dbdeploy_reader", None, "", "", ""),
    # -- rows
    ("select count(*) from lone", {"lone": AS}, "", "", ""),
    ("select * from lone for update", {"lone": RS}, "", "", ""),
    ("insert into lone values (100)", {"lone": RE}, "", "", ""),
    ("update lone set a = 1", {"lone": RE}, "", "", ""),
    ("delete from lone", {"lone": RE}, "", "", ""),
    ("delete from p where id = 99", {"p": RE, "child": RE, "t": RS}, "", "", ""),
    ("truncate loose", {"loose": AE}, "", "", ""),
    ("truncate p cascade", {"p": AE, "child": AE, "t": AE}, "", "", ""),
    ("copy lone to '/dev/null'", {"lone": AS}, "", "", ""),
    # -- views, functions, types, others
    ("create view w as select * from lone", {"lone": AS}, "", "", ""),
    ("create or replace view v as select id, a from lone where a > 1", {"lone": AS, "v": AE}, "", "", ""),
    ("drop view v", {"v": AE}, "", "", ""),
    ("alter view v rename to w", {"v": AE}, "", "", ""),
    ("create materialized view mv2 as select * from lone", {"lone": AS}, "", "", ""),
    ("refresh materialized view mv", {"mv": AE, "p": AS}, "mv", "mv_id", ""),
    ("refresh materialized view concurrently mv", {"mv": E, "p": AS}, "", "", "mv"),
    ("create trigger tr2 before insert on lone for each row execute function tf()", {"lone": SRE}, "", "", ""),
    ("drop trigger tr on lone", {"lone": AE}, "", "", ""),
    ("create rule r as on delete to lone do nothing", {"lone": AE}, "", "", ""),
    ("create policy y on lone using (true)", {"lone": AE}, "", "", ""),
    ("create function f() returns int language sql as 'select count(*)::int from lone'", {"lone": AS}, "", "", ""),
    ("alter type mood add value 'good'", {}, "", "", ""),
    ("alter domain small add check (value > 0)", {"t": S}, "", "", "t"),
    ("alter domain small set not null", {"t": S}, "", "", "t"),
    ("alter domain small add check (value > 0) not valid", {}, "", "", ""),
    ("alter sequence writer_s_seq restart with 100", {}, "", "", ""),
    ("create sequence sq owned by lone.a", {"lone": AS}, "", "", ""),
    ("drop statistics st", {"lone": SUE}, "", "", ""),
    ("create publication pub for table lone", {"lone": SUE}, "", "", ""),
    # -- what no text shows
    ("do $$ begin execute 'alter ta' || 'ble lone add zz int'; end $$", {"lone": AE}, "", "", ""),
    ("do $$ begin execute 'alter ta' || 'ble loose alter id type bigint'; end $$", {"loose": AE}, "loose", "", ""),
    ("do $$ begin execute 'trunc' || 'ate loose'; end $$", {"loose": AE}, "", "", ""),
]  # fmt: skip
WEIGHT = {mode: rank for rank, mode in enumerate((AS, RS, RE, SUE, S, SRE, E, AE))}
TABLES = {"p", "t", "lone", "child", "parts", "parts_1", "parts_rest", "loose", "v", "mv", "u", "writer"}


@pytest.fixture(scope="module")
def sessions(request):
    """major -> (the migrating session, another one) on a database with the schema above."""
    opened = {}

    def of(server):
        if server.major not in opened:
            url = server.fresh_database()
            conn = connect(url, purpose="test", autocommit=True)
            for statement in split(SCHEMA):
                if not (
                    "create role" in statement.sql
                    and conn.execute("select 1 from pg_roles where rolname = 'dbdeploy_reader'").fetchone()
                ):
                    conn.execute(statement.sql.encode())
            opened[server.major] = (conn, connect(url, purpose="monitor", autocommit=True))
        return opened[server.major]

    yield of
    for pair in opened.values():
        for conn in pair:
            conn.close()


def short(names):
    return " ".join(sorted(name.removeprefix("public.") for name in names))


EACH = pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])


@EACH
def test_locks_rewrites_and_scans_are_what_the_server_did(sessions, postgres17, case):
    as_the_server_did(*sessions(postgres17), *case)


@pytest.mark.slow
@EACH
def test_locks_rewrites_and_scans_are_what_any_version_did(sessions, server, case):
    as_the_server_did(*sessions(server), *case)


def as_the_server_did(conn, monitor, statement, locks, rewritten, rebuilt, scanned):
    found, oracle = observed(conn, monitor, statement)
    assert {(lock.relation, lock.mode) for lock in found.locks} == oracle
    strongest = {}
    for lock in sorted(found.locks, key=lambda lock: WEIGHT[lock.mode]):
        strongest[lock.relation.removeprefix("public.")] = lock.mode
    if locks is not None:
        assert {name: mode for name, mode in strongest.items() if name in TABLES} == locks
    assert short(found.rewritten) == rewritten
    if rebuilt is not None:
        assert short(found.rebuilt) == rebuilt
    if scanned is not None:
        assert short(found.scanned) == scanned
