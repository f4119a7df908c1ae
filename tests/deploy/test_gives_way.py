"""Users who queue behind a migration that waits itself are let go on; whoever it waits for keeps the lock."""

import contextlib
import threading

import pytest

from pytest_dbdeploy.db.connect import connect

from .conftest import until
from .test_failing_apply import log_of, settings
from .test_killed import whole

TWO_TABLES = (
    "set local lock_timeout = 0;\nalter table users add phone text;\nalter table orders add note text;\n"
)


@contextlib.contextmanager
def working(url, statement):
    """A user's statement under way; yields whether it has ended."""
    with connect(url, purpose="a user", autocommit=True) as conn:
        thread = threading.Thread(target=conn.execute, args=[statement], daemon=True)
        thread.start()
        yield lambda: not thread.is_alive()
        thread.join(60)


@pytest.fixture
def user(deployed, postgres17):
    """The URL of a role of its own, which may read and write."""
    deployed.sql("grant usage on schema public to public")
    deployed.sql("grant all on all tables in schema public to public")
    return postgres17.role().with_dbname(deployed.url.dbname)


def test_users_who_queue_behind_a_migration_that_waits_are_let_go_on(deployed, user):
    settings(deployed, "policy: {schema-drift: ignore}\ntimeouts: {lock: 500ms, lock_retries: 100}")
    deployed.migration("0002_change", TWO_TABLES)
    with deployed.holding("lock table orders in access share mode") as holder:
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: deployed.waiting("deploy"))
        with working(user, "insert into users values (1000, 'new')") as served:
            until(served, what=lambda: "users wait for a migration that waits for somebody else")
        holder.execute("select count(*) from orders")  # nobody ended its session
        run.until(lambda: "others were let go on" in log_of(run))
        holder.commit()
        result = run.result()
    assert result.ended == (0, "deployed")
    (line, *_) = [line for line in log_of(run).splitlines() if "others were let go on" in line]
    assert "pytest-dbdeploy a user, role role_" in line, "whom we blocked"
    assert "pytest-dbdeploy a user of the target" in line, "who blocked us"
    assert deployed.sql("select count(*) from users where id = 1000") == [(1,)]


def test_a_migration_that_has_to_give_way_every_time_is_a_plain_rollback_that_says_for_whom(deployed, user):
    settings(deployed, "policy: {schema-drift: ignore}\ntimeouts: {lock: 500ms, lock_retries: 0}")
    deployed.migration("0002_change", TWO_TABLES)
    with deployed.holding("lock table orders in access share mode"):
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: deployed.waiting("deploy"))
        with working(user, "select count(*) from users"):
            result = run.result()
    assert result.ended == (11, "rolled_back")
    assert result.report["rollback"]["strategy"] == "rollback"
    message = result.report["decision"]["reasons"][0]["message"]
    assert "migrations/0002_change.sql:3: ALTER TABLE orders add note text".lower() in message.lower()
    assert "others were let go on: process" in message
    assert "it waited for process" in message
    whole(deployed)


def test_an_index_build_gives_way_to_those_whom_it_blocks_and_is_tried_again(deployed):
    settings(deployed, "timeouts: {lock: 500ms, lock_retries: 100}")
    deployed.migration("0002_change", "create index concurrently orders_total on orders (total);\n")
    with deployed.holding("set transaction isolation level repeatable read", "select 1") as holder:
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: deployed.waiting("deploy"))
        with connect(deployed.url, purpose="a user", autocommit=True) as conn:
            conn.execute("vacuum orders")
        run.until(lambda: "others were let go on" in log_of(run))
        holder.commit()
        result = run.result()
    assert result.ended == (0, "deployed")
    assert deployed.sql("select indisvalid from pg_index where indexrelid = 'orders_total'::regclass") == [
        (True,)
    ]


def test_an_index_that_could_not_be_dropped_at_once_is_dropped_by_the_next_attempt(deployed):
    settings(deployed, "policy: {schema-drift: ignore}\ntimeouts: {lock: 200ms, lock_retries: 2}")
    deployed.sql("create index concurrently orders_total on orders (total)")
    deployed.migration("0002_change", "drop index concurrently orders_total;\n")
    with deployed.holding("lock table orders in access share mode") as holder:
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: "gave way" in log_of(run))
        holder.commit()
        result = run.result()
    assert result.ended == (0, "deployed")
    assert deployed.sql("select to_regclass('orders_total')::text") == [(None,)]


@pytest.mark.parametrize(
    "statement", ["update users set name = upper(name)", pytest.param("vacuum users", marks=pytest.mark.slow)]
)
def test_a_statement_outside_a_transaction_is_tried_again_when_it_left_nothing(deployed, statement):
    settings(deployed, "timeouts: {lock: 200ms, lock_retries: 100}")
    deployed.migration("0002_change", f"-- dbdeploy: no-transaction\n{statement};\n")
    with deployed.holding("lock table users in share row exclusive mode") as holder:
        run = deployed.start("--dbdeploy-env=dev")
        run.until(lambda: "gave way" in log_of(run))
        holder.commit()
        result = run.result()
    assert result.ended == (0, "deployed")


def test_a_deployment_that_lost_its_lock_does_not_commit(deployed):
    here = f"if current_database() = '{deployed.url.dbname}' then perform pg_sleep(3); end if;"
    deployed.migration("0002_change", f"alter table users add phone text;\ndo $$ begin {here} end $$;\n")
    run = deployed.start("--dbdeploy-env=dev")
    run.until(lambda: deployed.sql("select 1 from pg_stat_activity where wait_event = 'PgSleep'"))
    ours = "where application_name like 'pytest-dbdeploy lock%%' and datname = current_database()"
    assert deployed.sql(f"select pg_terminate_backend(pid) from pg_stat_activity {ours}", []) == [(True,)]
    result = run.result()
    assert result.ended == (11, "rolled_back")
    assert "the deployment lock was lost" in result.report["decision"]["reasons"][0]["message"]
    assert result.report["rollback"]["strategy"] == "rollback"
    whole(deployed)
