"""Rows and references by whole runs of ``--dbdeploy-compare``: what is found, what is shown, and what could not be compared."""

import signal

import pytest

from tests.deploy.test_compare import TABLES, compare, compared, owned
from tests.servers import execute, fetch

__all__ = ["compared"]  # a fixture

ROWS = "test_rows_are_equal[public.users]"


def settings(project, compare="{rows: checksum}", samples="keys", more=""):
    project.write(
        "dbdeploy.yaml",
        f"environments: {{dev: {{}}, local: {{}}}}\ncompare: {compare}\nreports: {{samples: {samples}}}\n{more}",
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_the_rows_that_differ_are_named_by_their_keys(compared, workers):
    settings(compared)
    compared.sql("update users set name = 'secret' where id = 2; insert into users values (3, 'c')")
    found = compare(compared, "--dbdeploy-compare=dev,local", "-n", workers)
    assert found.ended == (10, "different")
    assert found.gate(ROWS)["message"] == (
        "public.users: 2 rows in dev, 3 in local\n"
        "  1 row only in local, 1 row changed; columns: name\n"
        "    id='2': name\n"
        "    id='3': only in local"
    )
    assert "secret" not in (found.folder / "report.json").read_text()
    settings(compared, samples="values")
    found = compare(compared, "--dbdeploy-compare=dev,local", "-n", workers)
    assert "id='2': name is 'b' in dev, 'secret' in local" in found.gate(ROWS)["message"]


def test_each_other_database_is_held_against_the_first(compared, postgres17):
    settings(compared)
    third, local = owned(postgres17, "one_owner"), compared.other
    compared.url = third
    compared.sql(TABLES + "delete from users where id = 1; create table extra (i int)")
    compared.url = local
    found = compared.run(
        "--dbdeploy-compare=dev,local,third",
        DEV_POSTGRES_URL=compared.first.reveal(),
        LOCAL_POSTGRES_URL=local.reveal(),
        THIRD_POSTGRES_URL=third.reveal(),
    )
    assert found.status == 10
    message = found.gate(ROWS)["message"]
    assert "public.users: 2 rows in dev, 1 in third" in message
    assert "local" not in message
    (extra,) = (
        line
        for line in found.gate(ROWS.replace("users", "extra"))["message"].splitlines()
        if "public.extra" in line
    )
    assert extra == "public.extra: is only in third", "dev and local are told apart in nothing"


def test_orphans_on_either_side_and_references_of_the_settings_are_failed_gates(compared):
    orders = (
        "create table orders (id int primary key, user_id int); insert into orders values (1, 1), (2, 7);"
    )
    compared.sql(orders)
    compared.url = compared.first
    compared.sql(orders)
    settings(compared, "{foreign_keys: [{from: public.orders.user_id, to: public.users.id}]}")
    found = compare(compared, "--dbdeploy-compare=dev,local")
    assert found.ended == (10, "different")
    message = found.gate("test_no_row_is_orphaned[public.orders.user_id -> public.users.id]")["message"]
    for label in ("dev", "local"):
        assert (
            f"{label}: 1 row refers by user_id to a row of public.users that is not there\n  id='2', user_id='7'"
            in message
        )
    settings(compared, "{rows: none, foreign_keys: [{from: public.orders.user, to: public.users.id}]}")
    wrong = compare(compared, "--dbdeploy-compare=dev,local")
    assert wrong.ended == (10, "different")
    assert "has no column user" in wrong.gate("test_no_row_is_orphaned")["message"]


def test_a_table_that_the_settings_ignore_is_not_compared_and_says_so(compared):
    settings(
        compared, "{rows: checksum, ignore: [{kind: table, object: public.users}, {kind: materialized view}]}"
    )
    for url in (compared.first, compared.other):
        execute(url, "create materialized view seen as select * from users")
    compared.sql("delete from users; refresh materialized view seen")
    found = compare(compared, "--dbdeploy-compare=dev,local")
    assert found.ended == (0, "equal")
    for gate in (found.gate(ROWS), found.gate(ROWS.replace("users", "seen"))):
        assert gate["outcome"] == "not_applicable"
        assert "compare.ignore" in gate["message"]
    assert not [note for note in found.report["notes"] if "nothing matches" in note]


def test_a_column_that_the_settings_ignore_is_left_out_of_the_rows(compared):
    settings(compared, "{rows: checksum, ignore: [{kind: column, object: public.users.seen}]}")
    compared.sql("alter table users add seen int; update users set seen = id")
    assert compare(compared, "--dbdeploy-compare=dev,local").ended == (0, "equal")
    compared.sql("update users set name = 'z' where id = 1")
    assert compare(compared, "--dbdeploy-compare=dev,local").ended == (10, "different")


def test_a_table_that_somebody_has_locked_is_not_compared(compared):
    settings(compared, more="timeouts: {lock: 100ms, lock_retries: 1}\n")
    with compared.holding("lock table users"):
        found = compare(compared, "--dbdeploy-compare=dev,local")
    assert found.ended == (10, "different")
    assert "not compared: local: canceling statement due to lock timeout" in found.gate(ROWS)["message"]


def test_an_interrupt_ends_what_the_servers_do(compared):
    settings(compared, more="timeouts: {lock: 1h}\n")
    with compared.holding("lock table users"):
        run = compared.start(
            "--dbdeploy-compare=dev,local",
            DEV_POSTGRES_URL=compared.first.reveal(),
            LOCAL_POSTGRES_URL=compared.other.reveal(),
        )
        run.until(lambda: compared.waiting("compare rows"))
        servers = run.servers()
        run.process.send_signal(signal.SIGINT)
        result = run.result()
        assert result.status == 2
        left = "select application_name from pg_stat_activity where application_name like 'pytest-dbdeploy compare%%'"
        assert fetch(compared.other, left + " and datname = current_database()") == []
    assert run.left(servers) == []
