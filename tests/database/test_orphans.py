"""Rows that refer to nothing, on real servers."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from pytest_dbdeploy.compare.orphans import configured, describe_orphans, find_orphans, read_references
from tests.rowsides import open_side
from tests.servers import execute

ORDERS = """
create table users (id int primary key, area text, unique (id, area));
create table orders (id int primary key, user_id int, area text);
insert into users values (1, 'n'), (2, 's');
insert into orders values (1, 1, 'n'), (2, 2, 'n'), (3, 9, 'n'), (4, null, 'n'), (5, null, null);
"""


def orphans(url, reference=None):
    """(reference, Orphans) of the only foreign key, or of a configured one."""
    with ExitStack() as stack:
        side = open_side(stack, "dev", url)
        if reference is None:
            (reference,) = side.reader.submit(read_references).result().values()
        return reference, find_orphans(side, reference)


def keys(found):
    return [dict(row)["id"] for row in found.rows]


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("foreign key (user_id) references users", ["3"]),
        ("foreign key (user_id, area) references users (id, area)", ["2", "3"]),
        ("foreign key (user_id, area) references users (id, area) match full", ["2", "3", "4"]),
    ],
)
def test_orphans_of_a_constraint_that_was_never_validated_are_found(server, constraint, expected):
    url = server.fresh_database()
    execute(url, ORDERS + f"alter table orders add constraint fk {constraint} not valid")
    reference, found = orphans(url)
    assert reference.name == "public.orders.fk"
    assert (found.count, keys(found), found.problem) == (len(expected), expected, None)


def test_a_foreign_key_that_holds_has_no_orphans(server):
    url = server.fresh_database()
    execute(
        url,
        ORDERS
        + "delete from orders where id = 3; alter table orders add foreign key (user_id) references users",
    )
    assert orphans(url)[1].count == 0


def test_rows_written_while_triggers_were_off_are_found_in_partitions_and_in_a_table_itself(server):
    url = server.fresh_database()
    execute(
        url,
        """
        create table nodes (id int, parent int, primary key (id)) partition by range (id);
        create table nodes1 partition of nodes for values from (0) to (10);
        create table nodes2 partition of nodes for values from (10) to (20);
        alter table nodes add constraint up foreign key (parent) references nodes;
        set session_replication_role = replica;
        insert into nodes values (1, null), (11, 1), (12, 99)
        """,
    )
    reference, found = orphans(url)
    assert (reference.name, found.count, keys(found)) == ("public.nodes.up", 1, ["12"])


def test_a_key_that_is_not_enforced_and_one_of_periods_are_checked(postgres18):
    url = postgres18.fresh_database()
    execute(url, ORDERS + "alter table orders add foreign key (user_id) references users not enforced")
    assert keys(orphans(url)[1]) == ["3"]
    url = postgres18.fresh_database()
    execute(
        url,
        """
        create extension btree_gist;
        create table prices (id int, at daterange, primary key (id, at without overlaps));
        create table sales (id int, at daterange, foreign key (id, period at) references prices (id, period at));
        insert into prices values (1, '[2024-01-01,2024-02-01)'), (1, '[2024-02-01,2024-03-01)');
        insert into sales values (1, '[2024-01-15,2024-02-15)');
        set session_replication_role = replica; insert into sales values (1, '[2024-02-15,2024-04-01)')
        """,
    )
    _, found = orphans(url)
    assert (found.count, dict(found.rows[0])["at"]) == (1, "[2024-02-15,2024-04-01)")


def test_a_reference_that_only_the_settings_name_is_checked(server):
    url = server.fresh_database()
    execute(
        url,
        'create extension citext; create table "Users" (name citext primary key); create table posts ("who Is" citext);'
        "insert into \"Users\" values ('Ann'); insert into posts select 'ANN' union all select 'bob' || n from generate_series(1, 30) n",
    )
    reference, found = orphans(url, configured('public.posts."who Is"', "public.Users.name"))
    assert found.count == 30
    text = describe_orphans(reference, found, "keys")
    assert text.startswith(
        'dev: 30 rows refer by who Is to a row of public."Users" that is not there; the first 20\n  who Is=\'bob'
    )
    assert describe_orphans(reference, found, "none").endswith("that is not there")


@pytest.mark.parametrize(
    ("from_", "to", "why"),
    [
        ("public.orders.user", "public.users.id", "has no column user"),
        ("public.order.user_id", "public.users.id", "there is no table"),
        ("public.orders.user_id", "public.users.area", "operator does not exist: text = integer"),
    ],
)
def test_a_reference_with_a_wrong_name_or_type_is_a_problem_and_not_no_orphans(postgres17, from_, to, why):
    url = postgres17.fresh_database()
    execute(url, ORDERS)
    reference, found = orphans(url, configured(from_, to))
    assert why in found.problem
    assert f"{from_} -> {to}: not checked in dev" in describe_orphans(reference, found, "keys")


def test_a_table_that_may_not_be_read_is_a_problem(postgres17):
    url, role = postgres17.fresh_database(), postgres17.role()
    execute(url, ORDERS)
    _, found = orphans(role.with_dbname(url.dbname), configured("public.orders.user_id", "public.users.id"))
    assert "permission denied" in found.problem
