"""A renamed object is one change; what is different of it besides stands under its new name."""

from pytest_dbdeploy.compare.renames import diff_with_renames, made_again
from pytest_dbdeploy.compare.snapshot import Snapshot


def snapshot(table="public.orders", column="total", *, index="public.orders_total", kind="integer"):
    _, _, bare = table.partition(".")
    return Snapshot(
        170000,
        {
            "table": {table: {"owner": "me"}},
            "column": {f"{table}.{column}": {"type": kind, "position": 1}},
            "index": {index: {"table": table, "definition": f"CREATE INDEX {index.partition('.')[2]} ON {table} USING btree ({column})"}},
            "trigger": {f"{table}.audit": {"definition": f"CREATE TRIGGER audit AFTER INSERT ON {table}"}},
            "view": {"public.v": {"definition": f"SELECT {bare}.{column} FROM {table}"}},
        },
    )  # fmt: skip


def identities(table="public.orders", column="total", *, index="public.orders_total", oid=1):
    return {
        ("class", oid, 0): ("table", table),
        ("class", oid, 1): ("column", f"{table}.{column}"),
        ("class", 2, 0): ("index", index),
    }


def told(changes):
    return [(c.kind, str(c.change), c.object, (c.after or {}).get("name")) for c in changes]


def test_a_renamed_table_takes_its_parts_along():
    found = diff_with_renames(
        snapshot(), snapshot("public.purchases"), identities(), identities("public.purchases")
    )
    assert told(found)[0] == ("table", "renamed", "public.orders", "public.purchases")
    assert {c.kind for c in found[1:]} <= {"view"}, "the view's text names the table's columns by its name"


def test_a_renamed_column_is_followed_into_the_indexes_of_its_table():
    found = diff_with_renames(snapshot(), snapshot(column="sum"), identities(), identities(column="sum"))
    assert told(found)[0] == ("column", "renamed", "public.orders.total", "public.orders.sum")
    assert "index" not in {c.kind for c in found}


def test_a_renamed_index_alone_is_one_change():
    found = diff_with_renames(
        snapshot(), snapshot(index="public.i"), identities(), identities(index="public.i")
    )
    assert told(found) == [("index", "renamed", "public.orders_total", "public.i")]


def test_what_else_is_changed_stands_under_the_new_name():
    found = diff_with_renames(
        snapshot(), snapshot(column="sum", kind="bigint"), identities(), identities(column="sum")
    )
    assert ("column", "modified", "public.orders.sum", None) in told(found)


def test_another_object_of_another_identity_is_removed_and_added():
    found = diff_with_renames(
        snapshot(), snapshot("public.purchases"), identities(), identities("public.purchases", oid=9)
    )
    assert {(c.kind, str(c.change)) for c in found if c.kind == "table"} == {
        ("table", "removed"),
        ("table", "added"),
    }


def test_without_renames_it_is_the_plain_difference():
    assert diff_with_renames(snapshot(), snapshot(), identities(), identities()) == ()


def test_what_has_the_name_of_something_that_is_gone_was_made_again():
    was = {
        ("class", 1, 0): ("table", "public.a"),
        ("class", 1, 1): ("column", "public.a.x"),
        ("class", 2, 0): ("table", "public.b"),
    }
    was |= {("class", 2, 1): ("column", "public.b.y"), ("class", 3, 0): ("table", "public.c")}
    now = {
        ("class", 1, 0): ("table", "public.a"),
        ("class", 1, 2): ("column", "public.a.x"),
        ("class", 4, 0): ("table", "public.b"),
    }
    now |= {("class", 4, 1): ("column", "public.b.y")}
    assert made_again(was, now) == {"column": {"public.a.x"}, "table": {"public.b"}}


def test_what_was_made_again_in_a_renamed_table_has_its_new_name():
    was = {("class", 1, 0): ("table", "public.a"), ("class", 1, 1): ("column", "public.a.x")}
    now = {("class", 1, 0): ("table", "public.b"), ("class", 1, 2): ("column", "public.b.x")}
    assert made_again(was, now) == {"column": {"public.b.x"}}
