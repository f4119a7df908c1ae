"""Reverse statements are a pure function of the changes, what was there, and the dump's list."""

import json

import pytest

from pytest_dbdeploy.actions.toc import parse
from pytest_dbdeploy.compare.diff import differences
from pytest_dbdeploy.compare.snapshot import Snapshot
from pytest_dbdeploy.model import StatementEvidence, StatementRef, Unit
from pytest_dbdeploy.undo.altering import CannotUndo
from pytest_dbdeploy.undo.asides import asides
from pytest_dbdeploy.undo.derive import derive
from pytest_dbdeploy.undo.granting import of_column
from pytest_dbdeploy.undo.keeping import with_cost
from pytest_dbdeploy.undo.model import Aside, Keep, Touched, Undo, not_undone
from pytest_dbdeploy.undo.renaming import renames

COLUMN = {"position": 1, "type": "integer"}
TABLE = {"owner": "shop"}
DUMP = parse(
    "220; 1259 16390 TABLE public users shop\n"
    "221; 1259 16391 VIEW public big shop\n"
    "3333; 0 0 COMMENT public VIEW big shop\n"
    "3334; 0 0 ACL public TABLE big shop\n"
    "300; 1255 16400 FUNCTION public twice(integer) shop\n"
    "3200; 1259 16410 INDEX public users_name shop\n"
    "3201; 2606 16411 CONSTRAINT public users users_pkey shop\n",
    schemas=["public"],
    roles=["shop"],
)


def snapshot(**kinds):
    return Snapshot(170000, {kind.replace("_", " "): named for kind, named in kinds.items()})


def undo(before, after, fills=()):
    """The statements; an entry of the dump stands as its label."""
    made = derive(differences(before, after, ignore_position=True), before, DUMP, dict(fills))
    return made.statements(lambda entries: [entry.label for entry in entries])


USERS = {"table": {"public.users": TABLE}, "column": {"public.users.id": COLUMN}}


def test_what_was_added_is_dropped_and_its_parts_with_it():
    after = snapshot(
        table={"public.users": TABLE, "public.notes": TABLE},
        column={
            "public.users.id": COLUMN,
            "public.users.phone": {"position": 2, "type": "text"},
            "public.notes.id": COLUMN,
        },
        constraint={"public.notes.notes_pkey": {"type": "primary key", "definition": "PRIMARY KEY (id)"}},
        trigger={"public.users.t": {"definition": "..."}},
        function={"public.f(integer, text)": {"definition": "..."}},
    )
    assert undo(snapshot(**USERS), after) == [
        "DROP TABLE IF EXISTS public.notes CASCADE",
        "ALTER TABLE public.users DROP COLUMN IF EXISTS phone CASCADE",
        "DROP FUNCTION IF EXISTS public.f(integer, text) CASCADE",
        "DROP TRIGGER IF EXISTS t ON public.users CASCADE",
    ]


def test_a_removed_column_comes_back_with_its_values_before_it_is_not_null():
    name = {"position": 2, "type": "text", "not_null": True, "default": "'x'::text", "comment": "it's"}
    before = snapshot(table=USERS["table"], column={"public.users.id": COLUMN, "public.users.name": name})
    fills = {("column", "public.users.name"): ["FILL"]}
    assert undo(before, snapshot(**USERS), fills) == [
        "ALTER TABLE public.users ADD COLUMN name text DEFAULT 'x'::text",
        "FILL",
        "ALTER TABLE public.users ALTER COLUMN name SET NOT NULL",
        "COMMENT ON COLUMN public.users.name IS 'it''s'",
    ]


def test_rows_that_nobody_kept_are_a_reason_against_it():
    before = snapshot(table=USERS["table"], column={"public.users.id": COLUMN, "public.users.name": COLUMN})
    with pytest.raises(CannotUndo, match=r"column public\.users\.name would come back without its rows"):
        undo(before, snapshot(**USERS))
    with pytest.raises(CannotUndo, match=r"table public\.users would come back without its rows"):
        undo(snapshot(**USERS), snapshot())


def test_a_changed_view_is_made_again_from_the_dump_with_comment_and_privileges():
    before = snapshot(view={"public.big": {"definition": "SELECT 1", "owner": "shop"}})
    after = snapshot(view={"public.big": {"definition": "SELECT 2", "owner": "shop"}})
    assert undo(before, after) == [
        "DROP VIEW IF EXISTS public.big CASCADE",
        "view public.big",
        "comment public.VIEW big",
        "acl public.TABLE big",
    ]


@pytest.mark.parametrize(
    ("result", "statements"),
    [
        ("integer", ["CREATE OR REPLACE FUNCTION twice\n RETURNS integer\nas old"]),
        (
            "bigint",
            ["DROP FUNCTION IF EXISTS public.twice(integer) CASCADE", "function public.twice(integer)"],
        ),
    ],
)
def test_a_function_is_replaced_in_place_where_its_result_is_the_same(result, statements):
    def functions(result, body):
        text = f"CREATE OR REPLACE FUNCTION twice\n RETURNS {result}\nas {body}"
        return snapshot(function={"public.twice(integer)": {"definition": text, "owner": "shop"}})

    assert undo(functions("integer", "old"), functions(result, "new")) == statements


@pytest.mark.parametrize(
    ("was", "now", "statements"),
    [
        ("integer", "bigint", ["ALTER TABLE public.users ALTER COLUMN id TYPE integer"]),
        (
            "integer",
            "text",
            ["ALTER TABLE public.users ALTER COLUMN id TYPE integer USING id::text::integer"],
        ),
        (
            "character varying(5)",
            "text",
            ["ALTER TABLE public.users ALTER COLUMN id TYPE character varying(5)"],
        ),
    ],
)
def test_a_type_goes_back_without_cutting_anything_off(was, now, statements):
    def columns(type_):
        return snapshot(table=USERS["table"], column={"public.users.id": {"position": 1, "type": type_}})

    assert undo(columns(was), columns(now)) == statements


def test_privileges_go_back_to_the_default_from_which_the_dump_starts():
    before = snapshot(view={"public.big": {"owner": "shop"}})
    after = snapshot(view={"public.big": {"owner": "shop", "privileges": ["PUBLIC: SELECT", "bob: ALL"]}})
    assert undo(before, after) == [
        'REVOKE ALL ON TABLE public.big FROM "bob"',
        "REVOKE ALL ON TABLE public.big FROM PUBLIC",
        'GRANT ALL ON TABLE public.big TO "shop"',
        "acl public.TABLE big",
    ]


@pytest.mark.parametrize(
    ("kind", "name"), [("type", "public.mood"), ("extension", "citext"), ("privileges", "x")]
)
def test_what_no_statement_takes_back_is_named(kind, name):
    changed = {kind: {name: {"labels": ["a"]}}}, {kind: {name: {"labels": ["a", "b"]}}}
    with pytest.raises(CannotUndo, match=name):
        undo(*(Snapshot(170000, side) for side in changed))


def test_rows_are_put_aside_of_new_tables_and_columns_that_hold_more_than_the_default():
    after = snapshot(
        table={
            "public.users": TABLE,
            "public.notes": TABLE,
            "public.notes_1": {"partition_of": "public.notes"},
        },
        column={"public.users.phone": {"position": 2, "type": "text", "default": "''::text"}},
    )
    found = asides("d", differences(snapshot(table=USERS["table"]), after), after)
    assert [one.relation for one in found] == ["public.notes", "public.users"], (
        "a partition's rows are its table's"
    )
    assert found[1].sql.endswith("(t.phone IS DISTINCT FROM (''::text))")


def test_renamed_objects_get_their_names_back_from_the_outside_in():
    was = {
        ("class", 1, 0): ("table", "app.users"),
        ("class", 1, 1): ("column", "app.users.name"),
        ("proc", 5, 0): ("function", "app.f(integer)"),
        ("namespace", 9, 0): ("schema", "app"),
    }
    now = {
        ("class", 1, 0): ("table", 'shop."People"'),
        ("class", 1, 1): ("column", 'shop."People".called'),
        ("proc", 5, 0): ("function", "shop.g(integer)"),
        ("namespace", 9, 0): ("schema", "shop"),
    }
    assert renames(was, now).statements == (
        "ALTER SCHEMA shop RENAME TO app",
        'ALTER TABLE app."People" RENAME TO users',
        "ALTER FUNCTION app.g(integer) RENAME TO f",
        "ALTER TABLE app.users RENAME COLUMN called TO name",
    )
    assert renames(was, was).statements == ()


def test_after_an_undo_touched_objects_are_what_they_were_and_others_what_they_are():
    undone = Undo("d", ("m",), touched=(Touched("table", "a", {"x": 1}), Touched("table", "new", None)))
    now = snapshot(table={"a": {"x": 2}, "new": {}, "theirs": {"y": 1}})
    good = snapshot(table={"a": {"x": 1, "position": 5, "_hint": 1}, "theirs": {"y": 1}})
    assert not_undone(undone, now, good) == []
    assert not_undone(undone, now, snapshot(table={"a": {"x": 2}, "new": {}})) == [
        "table a is not what it was",
        "table new is not what it was",
        "table theirs, which the deployment did not touch, would be changed",
    ]


def test_a_plan_travels_as_json():
    plan = Undo(
        "d",
        ("m",),
        ("public.t",),
        (Aside("t", "INSERT"),),
        ("DROP",),
        (Keep("m", 0, "t (all rows)", "kept_1", ("LOCK", "CREATE")),),
        (Touched("table", "t", {"owner": "x"}),),
        "down script",
    )
    assert Undo.from_json(json.loads(json.dumps(plan.as_json()))) == plan
    target = Snapshot(150000, {"table": {"t": {"owner": "y"}}})
    assert plan.for_target(target).touched == (Touched("table", "t", {"owner": "y"}),)


def test_what_keeping_rows_takes_is_part_of_the_evidence_of_the_locks_that_are_held_meanwhile():
    refs = [StatementRef("m", number) for number in range(4)]
    units = [Unit(tuple(refs[:3]), True, ("m",)), Unit(tuple(refs[3:]), True, ())]
    evidence = [
        (ref, StatementEvidence("m", "m.sql", 1, "x", None, 0.1, True, held_seconds=1.0)) for ref in refs
    ]
    found = with_cost(evidence, units, {refs[1]: 0.5})
    assert [one.held_seconds for one in found] == [1.5, 1.5, 1.0, 1.0]
    assert [one.kept_aside_seconds for one in found] == [0.0, 0.5, 0.0, 0.0]


def test_what_others_granted_on_a_column_stays_when_something_else_is_given_back():
    others = "bob: SELECT by eve"
    assert of_column("public.users", "name", ["eve: SELECT (grantable)", others], [others]) == [
        'GRANT SELECT (name) ON public.users TO "eve" WITH GRANT OPTION'
    ]
    with pytest.raises(CannotUndo):
        of_column("public.users", "name", [others], [])
