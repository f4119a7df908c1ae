"""The deployment's row and the deployment lock on a real server."""

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.deployment_lock import check_lock, lock_holder, take_lock
from pytest_dbdeploy.db.state import State, StateTable
from pytest_dbdeploy.errors import LockError, StateError
from pytest_dbdeploy.history import outcome_of


@pytest.fixture
def database(server):
    return server.fresh_database()


@pytest.fixture
def conn(database):
    with connect(database, purpose="test", autocommit=True) as conn:
        yield conn


@pytest.fixture
def table(conn):
    table = StateTable("dbdeploy")
    table.create(conn)
    return table


def test_a_target_without_the_table_knows_of_nothing(conn):
    table = StateTable("dbdeploy")
    assert not table.exists(conn)
    assert table.unfinished(conn) == []
    assert table.last(conn, "dev") is None
    assert table.find(conn, "x") is None


def test_a_row_is_unfinished_until_it_is_kept_rolled_back_or_aborted(conn, table):
    table.insert(conn, "deploy-dev-1", "dev", migrations=[{"name": "m", "checksum": "c"}], plan_hash="h")
    (row,) = table.unfinished(conn)
    assert (row.state, row.migrations, row.finished) == (
        State.STARTED,
        [{"name": "m", "checksum": "c"}],
        None,
    )
    table.update(conn, "deploy-dev-1", State.KEPT, fingerprint_after="f")
    assert table.unfinished(conn) == []
    assert table.find(conn, "deploy-dev-1").finished is not None


def test_the_last_deployment_is_the_newest_that_changed_the_target(conn, table):
    for number, state in ((1, State.KEPT), (2, State.KEPT), (3, State.ABORTED)):
        table.insert(conn, f"deploy-dev-{number}", "dev")
        table.update(conn, f"deploy-dev-{number}", state)
    assert table.last(conn, "dev").id == "deploy-dev-2"
    assert [r.id for r in table.later_than(conn, table.find(conn, "deploy-dev-1"))] == ["deploy-dev-2"]


def test_a_state_inside_a_transaction_goes_away_with_it(conn, table):
    table.insert(conn, "deploy-dev-1", "dev")

    class Stop(Exception): ...

    def fail_after_update():
        with conn.transaction():
            table.update(conn, "deploy-dev-1", State.APPLIED)
            raise Stop

    with pytest.raises(Stop):
        fail_after_update()
    assert table.find(conn, "deploy-dev-1").state is State.STARTED


def test_a_row_that_is_gone_is_an_error(conn, table):
    with pytest.raises(StateError, match="is gone"):
        table.update(conn, "deploy-dev-1", State.KEPT)


def test_a_role_without_privileges_is_told_what_lacks(server):
    url = server.owner_database()
    with connect(url, purpose="test", autocommit=True) as conn:
        table = StateTable("pg_nope")
        with pytest.raises(StateError, match="schema pg_nope"):
            table.create(conn)


def test_one_deployment_at_a_time_holds_the_lock_and_the_other_learns_who(database, conn):
    take_lock(conn)
    check_lock(conn)
    with connect(database, purpose="lock deploy-dev-2", autocommit=True) as other:
        with pytest.raises(LockError, match="pytest-dbdeploy test"):
            take_lock(other)
        assert "pytest-dbdeploy test" in lock_holder(other)
    assert lock_holder(conn) is None, "one's own lock is not somebody else's"


def test_a_lost_connection_is_a_lost_lock(server, database, conn):
    take_lock(conn)
    with connect(database, purpose="test", autocommit=True) as killer:
        killer.execute("select pg_terminate_backend(%s)", [conn.info.backend_pid])
    with pytest.raises(LockError, match="lost"):
        check_lock(conn)


def test_a_lock_that_was_given_away_is_noticed(conn):
    take_lock(conn)
    conn.execute("select pg_advisory_unlock_all()")
    with pytest.raises(LockError, match="was lost"):
        check_lock(conn)


def test_a_table_of_an_earlier_version_gets_the_columns_that_it_lacks(conn, table):
    table.insert(conn, "deploy-dev-1", "dev")
    table.update(conn, "deploy-dev-1", State.KEPT)
    conn.execute(
        "alter table dbdeploy.deployments drop objects_before, drop objects_after, drop position, drop git_to"
    )
    assert table.last_kept(conn).position is None
    assert table.objects(conn, "deploy-dev-1") == (None, None)
    table.create(conn)
    assert table.find(conn, "deploy-dev-1").state is State.KEPT
    table.insert(conn, "deploy-dev-2", "dev", objects_before={"table public.x": "a b"})
    assert table.objects(conn, "deploy-dev-2") == ({"table public.x": "a b"}, None)


def test_the_table_has_the_columns_that_the_interface_names(conn, table):
    rows = conn.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = 'dbdeploy' and table_name = 'deployments' order by ordinal_position"
    ).fetchall()
    assert [name for name, _ in rows][:15] == [
        "id",
        "environment",
        "state",
        "plan_hash",
        "fingerprint_before",
        "fingerprint_after",
        "migrations",
        "git_from",
        "git_to",
        "backup",
        "host",
        "user",
        "started",
        "updated",
        "finished",
    ]
    assert dict(rows)["migrations"] == "jsonb"


def test_a_role_that_may_only_write_rows_needs_no_more(server):
    url = server.owner_database()
    table = StateTable("dbdeploy")
    with connect(server.url.with_dbname(url.dbname), purpose="test", autocommit=True) as admin:
        table.create(admin)
        admin.execute(f'grant usage on schema dbdeploy to "{url.user}"')
        admin.execute(f'grant select, insert, update on dbdeploy.deployments to "{url.user}"')
    with connect(url, purpose="test", autocommit=True) as conn:
        table.create(conn)
        table.insert(conn, "deploy-dev-1", "dev")
        table.update(conn, "deploy-dev-1", State.KEPT)
        assert table.last(conn, "dev").state is State.KEPT


def test_a_column_that_cannot_be_added_is_a_clear_error(server):
    url = server.owner_database()
    table = StateTable("dbdeploy")
    with connect(server.url.with_dbname(url.dbname), purpose="test", autocommit=True) as admin:
        table.create(admin)
        admin.execute("alter table dbdeploy.deployments drop objects_after")
        admin.execute(f'grant usage on schema dbdeploy to "{url.user}"')
        admin.execute(f'grant select, insert, update on dbdeploy.deployments to "{url.user}"')
    with (
        connect(url, purpose="test", autocommit=True) as conn,
        pytest.raises(StateError, match="must be owner"),
    ):
        table.create(conn)


def test_several_schemas_on_one_target_know_nothing_of_each_other(conn):
    one, two = StateTable("dbdeploy"), StateTable("Other State")
    for table in (one, two):
        table.create(conn)
    one.insert(conn, "deploy-dev-1", "dev")
    assert (len(one.unfinished(conn)), two.unfinished(conn), two.newest(conn)) == (1, [], None)


def test_a_rollback_on_request_leaves_the_time_that_the_deployment_took(conn, table):
    table.insert(conn, "deploy-dev-1", "dev")
    table.update(conn, "deploy-dev-1", State.KEPT)
    kept = table.find(conn, "deploy-dev-1")
    table.update(conn, "deploy-dev-1", State.ROLLED_BACK)
    back = table.find(conn, "deploy-dev-1")
    assert back.finished == kept.finished
    assert back.updated > kept.updated
    assert outcome_of(back) == "rolled_back_on_request"


def test_an_end_that_is_said_twice_is_not_taken_for_a_rollback_on_request(conn, table):
    table.insert(conn, "deploy-dev-1", "dev")
    table.update(conn, "deploy-dev-1", State.ROLLED_BACK)
    first = table.find(conn, "deploy-dev-1")
    table.update(conn, "deploy-dev-1", State.ROLLED_BACK)
    assert table.find(conn, "deploy-dev-1") == first
    assert outcome_of(first) == "rolled_back"
