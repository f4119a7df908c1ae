"""Statements measured on a real server: what the server refuses in a transaction is split off, and evidence is what happened."""

import pytest

from pytest_dbdeploy.actions.apply import StatementFailed, run_unit, run_unit_with_retries
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.splitter import split
from pytest_dbdeploy.evidence.gathering import Gathering
from pytest_dbdeploy.evidence.sequences import put_back, sequence_states
from pytest_dbdeploy.model import Migration
from pytest_dbdeploy.units import initial_units
from tests.observing import Recorder, rehearsed
from tests.servers import execute, fetch


@pytest.fixture
def database(server):
    return server.fresh_database()


@pytest.fixture
def run(database):
    """Rehearses scripts, one migration each, in one group; the database holds table ``t`` with 1,000 rows."""

    before = "create table t (id int primary key, a text); insert into t select i, 'x' from generate_series(1, 1000) i"
    return lambda *scripts: rehearsed(database, before, *scripts)


def rows(database, statement):
    with connect(database, purpose="test") as conn:
        return conn.execute(statement).fetchall()


def test_locks_seconds_tags_rewrites_and_rows_are_what_the_server_did(run):
    found = run(
        "alter table t add column b int; update t set b = 1 where id <= 10; alter table t alter column id type bigint;"
    )
    add, update, retype = found.evidence
    assert [e.tag for e in found.evidence] == ["ALTER TABLE", "UPDATE 10", "ALTER TABLE"]
    assert [(lock.relation, lock.mode, lock.named) for lock in add.locks] == [
        ("public.t", "AccessExclusiveLock", True)
    ]
    assert update.rows["public.t"].updated == 10
    assert retype.rewritten == ("public.t",)
    assert add.rewritten == ()
    assert all(e.duration_seconds > 0 for e in found.evidence)
    assert found.error is None


def test_a_statement_that_cannot_run_in_a_transaction_is_split_off(run, database):
    found = run(
        "select 1;",
        "alter table t add column b int; create index concurrently i on t (b); insert into t values (0, 'y');",
    )
    assert [unit.transactional for unit in found.units] == [True, False, True]
    assert [unit.records for unit in found.units] == [("m0",), (), ("m1",)]
    assert [e.transactional for e in found.evidence] == [True, True, False, True]
    assert rows(database, "select name from history") == [("m0",), ("m1",)]
    assert rows(database, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [(True,)]


@pytest.mark.parametrize(
    "last",
    [
        "create index concurrently k_v on k (v)",
        "alter type e add value 'b'; insert into f values ('b')",
        "create temporary table n as select * from k; insert into n values (7); update n set id = 8; drop table n",
    ],
)
def test_what_is_run_again_gets_the_numbers_of_the_first_time(database, last):
    before = """create table k (id serial primary key, v text, of_k int references k); create type e as enum ('a'); create table f (e e)"""
    found = rehearsed(
        database, before, f"insert into k (v) values ('a'); insert into k (v, of_k) values ('b', 1); {last}"
    )
    assert found.error is None
    with connect(database, purpose="test") as conn:
        assert conn.execute("select id, of_k from k order by id").fetchall() == [(1, None), (2, 1)]
        assert conn.execute("select last_value from k_id_seq").fetchone() == (2,)


def test_sequences_that_the_role_may_not_set_are_left_alone_and_more_than_one_query_can_hold_are_put_back(
    server,
):
    theirs = server.fresh_database()
    execute(theirs, "create sequence others")
    url = server.owner_database().with_dbname(theirs.dbname)
    execute(theirs, f'create schema own authorization "{url.user}"')
    each = "do $$ begin for i in 1..600 loop execute format('create sequence own.s%s', i); end loop; end $$"
    execute(url, each)
    with connect(url, purpose="test", autocommit=True) as conn:
        before = sequence_states(conn)
        conn.execute("select nextval('own.s1'), nextval('own.s600'), nextval('own.s600')")
        put_back(conn, before)
        assert sequence_states(conn) == before
    assert len(before) == 600
    assert fetch(url, "select nextval('own.s600')") == [(1,)]


def test_a_new_enum_value_is_committed_before_its_first_use(run, database):
    found = run(
        "create type e as enum ('a'); create table u (e e); commit;",
        "alter type e add value 'b';",
        "insert into u values ('b');",
    )
    assert found.error is None
    assert rows(database, "select e::text from u") == [("b",)]
    assert [unit.records for unit in found.units] == [("m0",), ("m1",), ("m2",)]


def test_a_failing_statement_is_evidence_with_the_servers_words_and_nothing_stays(run, database):
    found = run("create table u (i int);", "alter table t add constraint positive check (id > 1);")
    last = found.evidence[-1]
    assert (last.file, last.line) == ("m1.sql", 1)
    assert last.error.sqlstate == "23514"
    assert "violated by some row" in last.error.message
    assert rows(database, "select to_regclass('u')::text") == [(None,)]
    assert rows(database, "select count(*) from history") == [(0,)]


def test_a_migration_that_begins_with_set_transaction_works(run):
    found = run("set transaction isolation level serializable; insert into t values (0, 'y');")
    assert found.error is None
    assert found.evidence[-1].rows["public.t"].inserted == 1


def test_a_failure_at_the_commit_says_so(run):
    found = run(
        "create table p (id int primary key); create table c (p int references p deferrable initially deferred); insert into c values (1);"
    )
    assert found.error.startswith("the commit of m0")


def test_an_unlogged_failure_of_the_history_row_names_the_migration(database):
    migrations = {"m": Migration("m", "m.sql", "0", tuple(split("select 1")))}
    (unit,) = initial_units([list(migrations.values())])
    with (
        connect(database, purpose="test", autocommit=True) as conn,
        pytest.raises(StatementFailed, match="the history row of m"),
    ):
        run_unit(conn, unit, migrations, Recorder())


def test_a_lock_that_is_not_to_be_had_is_tried_again_until_it_is(database):
    migrations = {"m": Migration("m", "m.sql", "0", tuple(split("alter table t add column b int")))}
    (unit,) = initial_units([list(migrations.values())])
    with (
        connect(database, purpose="test", autocommit=True) as conn,
        connect(database, purpose="blocker") as blocker,
    ):
        conn.execute("create table t (id int)")
        Recorder().ensure(conn)
        blocker.execute("select * from t")
        attempts = []

        def give_way(attempt, failure):
            attempts.append(failure.error.sqlstate)
            blocker.rollback()

        run_unit_with_retries(
            lambda: run_unit(conn, unit, migrations, Recorder(), lock_timeout=0.05),
            retries=3,
            on_retry=give_way,
            again=lambda failure: True,
        )
        assert attempts == ["55P03"]


def test_passwords_in_statements_are_not_in_the_evidence(run):
    found = run(
        "do $$ begin perform 1; end $$; create role dbdeploy_test_role password 'hunter2hunter2'; drop role dbdeploy_test_role;"
    )
    assert "hunter2" not in repr(found.evidence)


def test_rows_that_stand_in_the_file_are_sent_with_their_copy(run, database):
    found = run(
        "copy t (id, a) from stdin with (delimiter '|');\n2001|%s\n2002|\\N\n\\.\nupdate t set a = 'é' where id = 2002;"
    )
    assert found.error is None
    assert [e.tag for e in found.evidence] == ["COPY 2", "UPDATE 1"]
    assert found.evidence[0].rows["public.t"].inserted == 2
    assert rows(database, "select a from t where id > 2000 order by id") == [("%s",), ("é",)]


def test_rows_in_the_file_that_do_not_fit_are_a_failed_statement(run, database):
    found = run("insert into t values (5000, 'z');\ncopy t from stdin;\nnone\tx\n\\.\n")
    assert (found.evidence[-1].line, found.evidence[-1].error.sqlstate) == (2, "22P02")
    assert rows(database, "select count(*) from t") == [(1000,)]


def test_a_lock_is_not_held_for_the_time_that_measuring_takes(run, monkeypatch):
    read = Gathering.of_reading

    def slowly(self, conn, *arguments, **more):
        conn.execute("select pg_sleep(1)")
        return read(self, conn, *arguments, **more)

    monkeypatch.setattr(Gathering, "of_reading", slowly)
    found = run("alter table t add column b int; select 1;")
    assert all(e.duration_seconds <= e.held_seconds < 1 for e in found.evidence)
