"""What the rehearsal knows of statements beyond locks: objects, rows, errors with the rows at fault, and that nothing is changed by looking."""

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.evidence.observer import Observer
from pytest_dbdeploy.model import DroppedObject, RowCounts, StatementEvidence, TouchedObject, Violation
from tests.observing import rehearsed

SCHEMA = """
create table p (id int primary key);
insert into p select generate_series(1, 10);
create table t (id int primary key, a int, b text, p_id int, r int4range, c int generated always as identity, s serial);
insert into t (id, a, b, p_id, r) select i, i % 3, case when i > 5 then 'x' end, i + 5, int4range(i, i + 2) from generate_series(1, 10) i;
create index t_ab on t (a, b);
create statistics t_st on a, b from t;
alter table t add constraint ab check (a >= 0 or b = 'x');
create view v as select id, a from t;
create view vv as select id from v;
"""


@pytest.fixture
def database(server):
    return server.fresh_database()


@pytest.fixture
def run(database):
    """Rehearses a script as one migration, or several."""

    return lambda *scripts, transaction=True: rehearsed(database, SCHEMA, *scripts, transaction=transaction)


def rows(database, statement):
    with connect(database, purpose="test") as conn:
        return conn.execute(statement).fetchall()


# -- objects


def test_what_goes_with_a_dropped_column_is_known(run):
    (found,) = run("alter table t drop column b").evidence
    assert DroppedObject("column", "public.t.b", False) in found.dropped
    assert {(d.kind, d.object) for d in found.dropped if d.implicit} == {
        ("index", "public.t_ab"),
        ("statistics", "public.t_st"),
        ("constraint", "public.t.ab"),
    }


def test_what_a_cascade_takes_is_known_from_inside_a_block_too(run):
    (found,) = run("do $$ begin execute 'drop view v cascade'; end $$").evidence
    assert set(found.dropped) == {
        DroppedObject("view", "public.v", False),
        DroppedObject("view", "public.vv", True),
    }


def test_what_goes_with_a_dropped_table_is_what_a_user_knows_of(run):
    (found,) = run("drop table t cascade").evidence
    assert DroppedObject("view", "public.vv", True) in found.dropped
    assert [one for one in found.dropped if "toast" in one.object] == []


def test_created_and_altered_objects_are_known_with_those_that_come_along(run):
    create, alter = run("create table n (id serial primary key, x text); alter table t add y int").evidence
    assert set(create.created) == {
        TouchedObject("sequence", "public.n_id_seq"),
        TouchedObject("table", "public.n"),
        TouchedObject("index", "public.n_pkey"),
    }
    assert alter.altered == (TouchedObject("table", "public.t"),)


def test_rows_are_counted_by_table_also_those_of_triggers_and_of_new_tables(run):
    script = """
    create table log (id int);
    create function f() returns trigger language plpgsql as $$ begin insert into log values (new.id); return new; end $$;
    create trigger g after update on t for each row execute function f();
    do $$ begin update t set a = a + 1 where id <= 4; delete from t where id = 9; end $$;
    """
    found = run(script)
    assert found.evidence[-1].rows == {
        "public.t": RowCounts(updated=4, deleted=1),
        "public.log": RowCounts(inserted=4),
    }
    assert found.written == {"public.t": 5, "public.log": 4, "public.history": 1}


def test_a_truncation_is_no_rewrite(run):
    named, hidden = run("truncate t; do $$ begin execute 'trunc' || 'ate p'; end $$").evidence
    assert (named.truncated, named.rewritten, named.rebuilt) == (("public.t",), (), ())
    assert (hidden.truncated, hidden.rewritten) == (("public.p",), ())


def test_what_the_same_plan_has_made_is_of_no_interest(run):
    found = run(
        "create table n (id int); insert into n values (1);",
        "alter table n alter id type bigint; create index on n (id)",
    )
    assert [(e.locks, e.rewritten, e.scanned) for e in found.evidence[2:]] == [((), (), ())] * 2


def test_a_renamed_table_is_known_by_its_new_name_in_the_next_migration(run):
    found = run("alter table p rename to parent; commit", "alter table parent add x int")
    (lock,) = found.evidence[1].locks
    assert (lock.relation, lock.named) == ("public.parent", True)


@pytest.mark.parametrize(
    "rename", ["alter index t_ab rename to other", "do $$ begin alter index t_ab rename to other; end $$"]
)
def test_an_index_that_is_renamed_and_built_anew_is_seen_under_the_name_that_it_had(run, rename):
    found = run(f'{rename}; alter table t alter b type text collate "C"')
    assert [e.rebuilt for e in found.evidence] == [(), ("public.t_ab",)]


def test_an_index_that_is_rebuilt_twice_is_seen_twice(run):
    found = run(
        "alter table t alter b type varchar(50); create table n (id int); commit",
        "alter table t alter b type varchar(40)",
    )
    assert [e.rebuilt for e in found.evidence] == [
        ("public.t_ab", "public.t_pkey"),
        (),
        ("public.t_ab", "public.t_pkey"),
    ]


@pytest.mark.parametrize(
    "script", ["deallocate all", "do $$ begin execute 'deallocate all'; end $$", "select unprepare()"]
)
def test_statements_that_end_prepared_ones_are_measured_too(database, run, script):
    with connect(database, purpose="test", autocommit=True) as conn:
        conn.execute(
            "create function unprepare() returns void language plpgsql as $$ begin execute 'deallocate all'; end $$"
        )
    found = run("prepare x as select 1", f"{script}; update p set id = id + 100 where id = 1")
    assert found.error is None
    assert found.evidence[-1].rows == {"public.p": RowCounts(updated=1)}


def test_a_trigger_that_logs_its_query_logs_what_the_migration_says(database, run):
    with connect(database, purpose="test", autocommit=True) as conn:
        conn.execute(
            "create table said (what text);"
            "create function say() returns trigger language plpgsql as $$ begin insert into said values (current_query()); return new; end $$;"
            "create table loud (id int); create trigger say before insert on loud for each row execute function say()"
        )
    found = run("insert into loud values (1)", "select 2")
    assert found.error is None
    assert rows(database, "select what from said") == [("insert into loud values (1)",)]


# -- locks over time


def test_a_lock_is_held_until_the_commit(run):
    add, slow = run("alter table p add x int; select pg_sleep(0.2)").evidence
    assert add.held_seconds >= 0.2
    assert add.held_seconds - add.duration_seconds >= 0.2
    assert slow.locks == ()
    assert add.sizes["public.p"].bytes > 0


def test_statements_that_no_transaction_takes_are_watched_from_outside(run):
    found = run("vacuum full t; reindex table concurrently t; alter table t add z int", transaction=False)
    vacuum, reindex, alter = found.evidence
    assert (vacuum.transactional, reindex.transactional, alter.transactional) == (False, False, True)
    assert vacuum.rewritten == ("public.t",)
    assert ("public.t", "AccessExclusiveLock") in {(k.relation, k.mode) for k in vacuum.locks}
    assert "public.t" not in {k.relation for k in reindex.locks if k.mode == "AccessExclusiveLock"}
    assert [(k.relation, k.mode) for k in alter.locks] == [("public.t", "AccessExclusiveLock")]
    assert [unit.transactional for unit in found.units] == [False, False, False]


def test_what_a_command_does_is_seen_from_outside(database):
    with (
        connect(database, purpose="test", autocommit=True) as other,
        connect(database, purpose="monitor", autocommit=True) as monitor,
    ):
        other.execute(SCHEMA + "analyze")
        other.execute("select pg_stat_force_next_flush()")
        observer = Observer(monitor, {})
        observer.others_started()
        with other.transaction():
            other.execute(
                "alter table t alter s type bigint; delete from p where id > 7; alter table t add check (s > 0)"
            )
            other.execute("select pg_sleep(0.2)")
        with other.transaction():
            other.execute("lock table p")
        other.execute("select pg_stat_force_next_flush()")
        found = observer.others_ended(
            StatementEvidence("command", "dbdeploy.yaml", 1, "make migrate", None, 9.0, False)
        )
    assert found.rewritten == ("public.t",)
    assert found.rows == {"public.p": RowCounts(deleted=3)}
    assert ("public.t", "AccessExclusiveLock", False) in {(k.relation, k.mode, k.named) for k in found.locks}
    assert found.sizes["public.t"].rows == 10
    assert 0.2 <= found.lock_seconds["public.t"] < 9, "what a command does before and after is no lock"
    assert found.lock_seconds.get("public.p", 0) < 9, "a short one may not be seen"


# -- errors

FAILURES = {
    "unique": ("alter table t add constraint k unique (a)", "23505", 10, "id=1"),
    "unique index over an expression": ("create unique index k on t ((a + 1)) where id > 3", "23505", 7, "id=4"),
    "unique index concurrently": ("create unique index concurrently k on t (a)", "23505", 10, "id=1"),
    "check": ("alter table t add constraint k check (a > 0)", "23514", 3, "id=3"),
    "not null": ("alter table t alter b set not null", "23502", 5, "id=1"),
    "foreign key": ("alter table t add constraint k foreign key (p_id) references p", "23503", 5, "id=6"),
    "exclusion": ("alter table t add constraint k exclude using gist (r with &&)", "23P01", 10, "id=1"),
    "validate": ("alter table t add constraint k check (a > 0) not valid; alter table t validate constraint k", "23514", 3, "id=3"),
    "after a change in the same transaction": ("update t set a = id; update t set a = 1 where id = 2; alter table t add unique (a)", "23505", 2, "id=1"),
    "values too long for a new type": ("alter table t alter b type varchar(10); update t set b = repeat('y', id); alter table t alter b type varchar(4)", "22001", 6, "id=5"),
    "values that are no numbers": ("alter table t add w text; update t set w = case when id < 4 then id::text when id > 5 then 'x' end; alter table t alter column w set data type int using (w || '')::int", "22P02", 5, "id=6"),
    "numbers out of range": ("update t set s = 40000 where id > 8; alter table t alter s type smallint", "22003", 2, "id=9"),
    "values that a domain refuses": ("create domain short as text check (length(value) < 3); update t set b = repeat('y', id) where id > 7; alter table t alter b type short", "23514", 3, "id=8"),
    "no value where a domain wants one": ("create domain named as text not null; alter table t alter b type named", "23502", 5, "id=1"),
    "inside a block": ("do $$ begin alter table t add constraint k unique (a); end $$", "23505", 10, "id=1"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_on_data_says_how_many_rows_and_which(run, database, name):
    script, sqlstate, count, first = FAILURES[name]
    failed = run(script).evidence[-1]
    assert (failed.error.sqlstate, failed.violation.relation) == (sqlstate, "public.t")
    assert (failed.error.violating_rows, failed.violation.keys[0]) == (count, first)
    assert len(failed.violation.keys) == count
    assert rows(database, "select count(*), count(b) from t") == [(10, 5)]


def test_rows_that_the_failed_statement_itself_would_have_written_are_not_counted(run):
    reference = (
        "update t set p_id = 1; commit; alter table t add constraint f foreign key (p_id) references p"
    )
    failed = run(f"{reference}; insert into t (id, p_id) values (1000, -1)").evidence[-1]
    assert (failed.error.sqlstate, failed.violation) == ("23503", Violation("public.t"))
    assert failed.error.violating_rows is None


def test_at_most_twenty_keys_are_given(run):
    script = "create table n as select i, 1 as a from generate_series(1, 100) i; alter table n add unique (a)"
    failed = run(script).evidence[-1]
    assert (failed.error.violating_rows, len(failed.violation.keys)) == (100, 20)


DEFERRED = """
update t set p_id = 1; commit;
alter table t add constraint f foreign key (p_id) references p deferrable initially deferred;
alter table t add constraint u unique (c) deferrable initially deferred;
alter table t add constraint x exclude using gist ((int4range(id, id + 1)) with &&) where (a < 9) deferrable initially deferred;
commit;
"""
# statements; the one at fault, SQLSTATE, rows and first key
AT_THE_COMMIT = {
    "foreign key": ("update t set b = 'z'; update t set p_id = 90 + id where id > 7; update t set b = 'y'", 1, "23503", 3, "id=8"),
    "a referenced row that goes": ("update t set p_id = 10; delete from p where id = 10; update t set b = 'y' where id = 1", 1, "23503", 10, "id=1"),
    "unique": ("alter table t alter c drop identity; update t set c = 7 where id > 6; update t set b = 'y'", 1, "23505", 4, "id=7"),
    "exclusion, an expression and a condition": ("update t set a = 9 where id = 4; insert into t (id, a) select -1, 1 where false; alter table t drop constraint t_pkey; update t set id = 5 where id in (4, 6)", 3, "23P01", 2, "row"),
    "asked for in the middle": ("update t set p_id = 90 where id = 1; set constraints all immediate; update t set b = 'y'", 1, "23503", 1, "id=1"),
}  # fmt: skip


@pytest.mark.parametrize("name", AT_THE_COMMIT)
def test_a_deferred_constraint_that_fails_says_how_many_rows_which_and_by_what_statement(run, name):
    script, index, sqlstate, count, first = AT_THE_COMMIT[name]
    found = run(DEFERRED, script)
    at_fault = [e for e in found.evidence if e.migration == "m1" and e.error]
    assert [(e.statement, e.error.sqlstate) for e in at_fault] == [(script.split("; ")[index], sqlstate)]
    (failed,) = at_fault
    assert ("the commit of m1: " in failed.error.message) == (name != "asked for in the middle")
    assert (failed.violation.relation, failed.error.violating_rows) == ("public.t", count)
    assert failed.violation.keys[0].startswith(first)
    assert len(failed.violation.keys) == count
    assert found.error is not None


@pytest.mark.parametrize("name", [n for n in AT_THE_COMMIT if AT_THE_COMMIT[n][1] == 1 and "middle" not in n])
def test_a_deferred_constraint_that_fails_outside_a_transaction_says_so_too(run, name):
    script, index, sqlstate, count, first = AT_THE_COMMIT[name]
    failed = run(DEFERRED.replace("commit;", ""), script, transaction=False).evidence[-1]
    assert (failed.statement, failed.transactional) == (script.split("; ")[index], False)
    assert (failed.error.sqlstate, failed.error.violating_rows) == (sqlstate, count)
    assert failed.violation.relation == "public.t"
    assert failed.violation.keys[0].startswith(first)


def test_what_fails_at_the_commit_for_another_reason_is_the_last_statements_error(run):
    script = """
    create function f() returns trigger language plpgsql as $$ begin raise 'not like this'; end $$;
    create constraint trigger g after insert on p deferrable initially deferred for each row execute function f();
    insert into p values (11); select 1"""
    *_, insert, last = run(script).evidence
    assert (insert.error, last.error.sqlstate, last.error.violating_rows) == (None, "P0001", None)
    assert last.tag == "SELECT 1"


# -- looking changes nothing


@pytest.mark.parametrize(
    "first",
    [
        "set transaction isolation level serializable",
        "set lock_timeout = '5s'; set transaction isolation level repeatable read",
        "lock table t; set transaction isolation level repeatable read",
        "savepoint a; release savepoint a; set transaction isolation level serializable",
    ],
)
def test_a_transaction_may_still_choose_its_isolation_level(run, first):
    found = run(f"{first}; update t set a = 0 where id = 1")
    assert found.error is None
    assert found.evidence[-1].rows == {"public.t": RowCounts(updated=1)}


def test_a_lock_before_the_isolation_level_is_seen(run):
    (lock,) = run("lock table t; set transaction isolation level repeatable read; select 1").evidence[0].locks
    assert (lock.relation, lock.mode) == ("public.t", "AccessExclusiveLock")


def test_settings_sequences_and_transaction_ids_are_as_without_looking(run, database):
    script = """
    set client_min_messages = error;
    set search_path = nowhere;
    create table public.seen (what text, value text);
    insert into public.seen select 'path', current_setting('search_path');
    insert into public.seen select 'messages', current_setting('client_min_messages');
    insert into public.seen select 'sequence', nextval('public.t_s_seq')::text;
    insert into public.seen select 'last', lastval()::text;
    do $$ begin raise debug 'unseen'; end $$;
    reset all;
    """
    found = run("select 1", script)
    assert found.error is None
    assert dict(rows(database, "select what, value from seen")) == {
        "path": "nowhere", "messages": "error", "sequence": "11", "last": "11",
    }  # fmt: skip


def test_a_read_only_transaction_has_no_transaction_id(run, database):
    found = run("set transaction read only; select id from t")
    assert "read-only" in found.error, "the history row cannot be written, all else went well"
    assert found.evidence[-1].tag == "SELECT 10"
    assert found.evidence[-1].error.message.startswith("the history row of m0: "), "or the gate would pass"


def test_a_migration_that_changes_its_role_is_still_measured(run, database):
    rows(database, "select 1")
    found = run(
        "do $$ begin if not exists (select from pg_roles where rolname = 'dbdeploy_poor') then create role dbdeploy_poor; end if; end $$;"
        "grant all on schema public to dbdeploy_poor; grant all on p to dbdeploy_poor; set local role dbdeploy_poor;"
        "create table mine (id int); insert into p values (11); reset role"
    )
    assert found.error is None
    assert [e.rows for e in found.evidence if e.rows] == [{"public.p": RowCounts(inserted=1)}]
    assert found.evidence[4].created == (TouchedObject("table", "public.mine"),)


def test_nothing_of_ours_stays_in_the_clone(run, database):
    run("create table n (id int)", "create tabel broken ()")
    assert rows(database, "select evtname from pg_event_trigger") == []
    assert rows(database, "select proname from pg_proc where proname like 'dbdeploy%'") == []
