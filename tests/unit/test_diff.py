"""The comparator's arithmetic: what differs, what is folded, and what a target lacks or has too much."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_dbdeploy.compare.describe import describe
from pytest_dbdeploy.compare.diff import diff, differences, unexpected, verify
from pytest_dbdeploy.compare.names import parent_name, split_name
from pytest_dbdeploy.compare.privileges import all_letters, grants, privileges
from pytest_dbdeploy.compare.snapshot import Snapshot
from pytest_dbdeploy.model import ChangeType, NotCompared


def snapshot(objects, version=170010):
    return Snapshot(version, copy.deepcopy(objects))


USERS = {
    "table": {"public.users": {"owner": "app"}},
    "column": {
        "public.users.id": {"position": 1, "type": "integer", "not_null": True},
        "public.users.name": {"position": 2, "type": "text"},
        "public.users.legacy": {"position": 3, "type": "text"},
    },
    "constraint": {"public.users.users_pkey": {"type": "primary key", "definition": "PRIMARY KEY (id)"}},
    "index": {"public.users_name": {"table": "public.users", "definition": "CREATE INDEX ..."}},
}


def changed(objects, kind, name, **properties):
    """A copy with one object's properties set (or taken away, where None), or the object removed when none are given."""
    objects = copy.deepcopy(objects)
    if not properties:
        del objects[kind][name]
        return objects
    found = objects.setdefault(kind, {}).setdefault(name, {})
    for key, value in properties.items():
        found[key] = value
        if value is None:
            del found[key]
    return objects


# -- differences -----------------------------------------------------------------------------------------------------


def test_a_changed_property_is_one_modified_change_with_only_that_property():
    after = changed(USERS, "column", "public.users.name", type="character varying(20)")
    (change,) = differences(snapshot(USERS), snapshot(after))
    assert (change.kind, change.change, change.object) == ("column", ChangeType.MODIFIED, "public.users.name")
    assert change.before == {"type": "text"}
    assert change.after == {"type": "character varying(20)"}


def test_dropping_a_column_in_the_middle_does_not_move_the_columns_behind_it():
    after = changed(USERS, "column", "public.users.name")
    after["column"]["public.users.legacy"]["position"] = 2
    assert [(c.change, c.object) for c in differences(snapshot(USERS), snapshot(after))] == [
        (ChangeType.REMOVED, "public.users.name")
    ]


def test_swapped_columns_differ_in_position_unless_it_is_ignored():
    after = changed(USERS, "column", "public.users.name", position=3)
    after = changed(after, "column", "public.users.legacy", position=2)
    found = differences(snapshot(USERS), snapshot(after))
    assert {(c.object, c.before["position"], c.after["position"]) for c in found} == {
        ("public.users.name", 2, 3),
        ("public.users.legacy", 3, 2),
    }
    assert differences(snapshot(USERS), snapshot(after), ignore_position=True) == ()


def test_a_removed_table_is_one_change_that_holds_its_parts():
    (change,) = diff(snapshot(USERS), snapshot({}))
    assert (change.kind, change.change, change.object, change.after) == (
        "table",
        ChangeType.REMOVED,
        "public.users",
        None,
    )
    assert list(change.before["columns"]) == ["public.users.id", "public.users.legacy", "public.users.name"]
    assert list(change.before["constraints"]) == ["public.users.users_pkey"]
    assert list(change.before["indexes"]) == ["public.users_name"]
    assert len(differences(snapshot(USERS), snapshot({}))) == 6


def test_parts_of_a_table_that_stays_are_listed_on_their_own():
    after = changed(USERS, "index", "public.users_name")
    assert [c.kind for c in diff(snapshot(USERS), snapshot(after))] == ["index"]


def test_a_kind_that_diff_does_not_know_is_compared_all_the_same():
    assert [c.kind for c in diff(snapshot({}), snapshot({"surprise": {"x": {}}}))] == ["surprise"]


# -- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("public.users", ("public", "users")),
        ('"My Schema"."a.b"."c""d"', ("My Schema", "a.b", 'c"d')),
        ("users", ("users",)),
    ],
)
def test_a_name_is_split_where_postgresql_joined_it(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize("name", ["", "a..b", 'a"b', "a.", '"a'])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError, match="not a name"):
        split_name(name)


def test_the_parent_of_a_quoted_column_is_its_table():
    assert parent_name('public."Order.Items"."a.b"') == 'public."Order.Items"'


# -- privileges ------------------------------------------------------------------------------------------------------


def test_a_written_down_default_is_no_privilege_of_its_own():
    assert privileges(["app=arwdDxt/app"], ["app=arwdDxt/app"], "app") is None
    assert privileges(None, [], "app") is None


def test_grants_do_not_depend_on_order_or_on_what_the_version_calls_all():
    old = privileges(["bob=r/app", "app=arwdDxt/app"], ["app=arwdDxt/app"], "app")
    new = privileges(["app=arwdDxtm/app", "bob=r/app"], ["app=arwdDxtm/app"], "app")
    assert old == new == ["app: ALL", "bob: SELECT"]


def test_grant_options_public_and_foreign_grantors_are_told_apart():
    found = grants(["=r/app", "bob=r*w/eve"], all_letters(["app=arwdDxt/app"]), "app")
    assert found == ["PUBLIC: SELECT", "bob: SELECT (grantable) by eve", "bob: UPDATE by eve"]


def test_a_role_called_public_is_not_everybody():
    assert grants(["=r/app", "PUBLIC=w/app"], "rw", "app") == ['"PUBLIC": UPDATE', "PUBLIC: SELECT"]


def test_an_owner_whose_name_is_quoted_is_no_foreign_grantor_and_versions_may_quote_as_they_like():
    printed = ['"Odd ""Role.x"=r/"Odd ""Role.x"', '"Odd ""Role.x"=a/bob']
    assert grants(printed, "ra", 'Odd "Role.x') == ['"Odd ""Role.x": INSERT by bob', '"Odd ""Role.x": SELECT']
    assert grants(["café=r/café"], "ra", "café") == grants(['"café"=r/"café"'], "ra", "café")


def test_everything_revoked_is_not_the_default():
    assert privileges([], ["=X/app", "app=X/app"], "app") == ["nobody"]


# -- fingerprint -----------------------------------------------------------------------------------------------------


def test_the_fingerprint_does_not_depend_on_order_version_or_empty_kinds():
    backwards = {kind: dict(reversed(names.items())) for kind, names in reversed(USERS.items())}
    assert snapshot(USERS).fingerprint() == snapshot({**backwards, "view": {}}, 150018).fingerprint()


def test_the_fingerprint_sees_what_was_not_compared():
    assert (
        snapshot(USERS).fingerprint()
        != Snapshot(170010, USERS, (NotCompared("cast", "(a AS b)", "why"),)).fingerprint()
    )


def test_a_snapshot_survives_its_json_form():
    one = Snapshot(170010, USERS, (NotCompared("cast", "(a AS b)", "why"),))
    assert Snapshot.from_json(one.as_json()) == one


# -- verify ----------------------------------------------------------------------------------------------------------

AFTER = changed(changed(USERS, "column", "public.users.legacy"), "column", "public.users.name", not_null=True)


def test_a_target_that_went_the_same_way_is_clean():
    assert verify(snapshot(USERS), snapshot(USERS), snapshot(AFTER), snapshot(AFTER)).clean


def test_across_versions_rendered_text_is_not_held_against_each_other():
    def view(text):
        return {"view": {"public.v": {"definition": text}}}

    found = verify(
        snapshot(view("SELECT old as 15 prints it"), 150018),
        snapshot(view("SELECT old as 17 prints it")),
        snapshot(view("SELECT new as 17 prints it")),
        snapshot(view("SELECT new as 15 prints it"), 150018),
    )
    assert found.clean


def test_across_versions_a_definition_that_did_not_change_is_missing():
    found = verify(
        snapshot({"view": {"public.v": {"definition": "old"}}}, 150018),
        snapshot({"view": {"public.v": {"definition": "old"}}}),
        snapshot({"view": {"public.v": {"definition": "new"}}}),
        snapshot({"view": {"public.v": {"definition": "old"}}}, 150018),
    )
    assert [c.object for c in found.missing] == ["public.v"]


def test_across_versions_an_index_that_became_invalid_is_found():
    found = verify(
        snapshot(USERS, 150018),
        snapshot(USERS),
        snapshot(changed(USERS, "index", "public.i", table="public.users", definition="as 17 prints it")),
        snapshot(
            changed(USERS, "index", "public.i", table="public.users", definition="as 15", invalid=True),
            150018,
        ),
    )
    assert [(c.object, c.before, c.after) for c in found.missing] == [
        ("public.i", {"invalid": True}, {"invalid": None})
    ]


def test_within_a_version_another_new_value_is_missing():
    other = changed(AFTER, "column", "public.users.name", type="text", not_null=None, default="'x'")
    found = verify(snapshot(USERS), snapshot(USERS), snapshot(AFTER), snapshot(other))
    assert [(c.object, c.before, c.after) for c in found.missing] == [
        ("public.users.name", {"not_null": None}, {"not_null": True})
    ]
    assert [(c.object, c.after) for c in found.unexpected] == [("public.users.name", {"default": "'x'"})]


def test_who_owns_a_new_object_depends_on_who_made_it():
    on_sandbox = changed(USERS, "table", "public.new", owner="postgres")
    on_target = changed(USERS, "table", "public.new", owner="deployer", privileges=["x: ALL"])
    assert verify(snapshot(USERS), snapshot(USERS), snapshot(on_sandbox), snapshot(on_target)).clean


def test_a_partition_that_a_job_made_meanwhile_is_reported_and_no_failure():
    now = changed(AFTER, "table", "public.orders_2027", partition_of="public.orders")
    now = changed(now, "column", "public.orders_2027.id", type="integer", position=1)
    now = changed(now, "index", "public.orders_2027_id", table="public.orders_2027", definition="...")
    found = verify(snapshot(USERS), snapshot(USERS), snapshot(AFTER), snapshot(now))
    assert found.clean
    assert {c.object for c in found.meanwhile} == {
        "public.orders_2027",
        "public.orders_2027.id",
        "public.orders_2027_id",
    }


def test_a_column_that_somebody_added_to_a_table_of_before_is_unexpected():
    now = changed(AFTER, "column", "public.users.sneaked", type="text", position=4)
    rehearsed = differences(snapshot(USERS), snapshot(AFTER))
    assert [c.object for c in unexpected(snapshot(USERS), rehearsed, snapshot(now))] == [
        "public.users.sneaked"
    ]


# -- properties ------------------------------------------------------------------------------------------------------

names = st.sampled_from(["public.a", "public.b", "public.c", 's."D"'])
properties = st.dictionaries(
    st.sampled_from(["definition", "type", "not_null", "owner", "options"]),
    st.one_of(
        st.sampled_from(["x", "y", "z"]),
        st.booleans(),
        st.lists(st.sampled_from("pq"), min_size=1, max_size=2),
    ),
    max_size=3,
)
contents = st.dictionaries(
    st.sampled_from(["schema", "function", "type", "sequence"]),
    st.dictionaries(names, properties, max_size=3),
    max_size=3,
)


def opposite(change):
    swap = {ChangeType.ADDED: ChangeType.REMOVED, ChangeType.REMOVED: ChangeType.ADDED}
    return (
        change.kind,
        swap.get(change.change, change.change),
        change.object,
        repr(change.after),
        repr(change.before),
    )


def shape(change):
    return (change.kind, change.change, change.object, repr(change.before), repr(change.after))


@given(contents)
def test_nothing_differs_from_itself(objects):
    assert differences(snapshot(objects), snapshot(objects)) == ()


@given(contents, contents)
def test_there_is_a_difference_exactly_where_the_fingerprints_differ(one, other):
    a, b = snapshot(one), snapshot(other)
    assert bool(differences(a, b)) == (a.fingerprint() != b.fingerprint())


@given(contents, contents)
def test_the_way_back_is_the_opposite(one, other):
    there, back = differences(snapshot(one), snapshot(other)), differences(snapshot(other), snapshot(one))
    # the order of the properties follows the side that is read first
    assert len(there) == len(back)
    assert [opposite(c)[:3] for c in there] == [shape(c)[:3] for c in back]
    assert all(a.before == b.after and a.after == b.before for a, b in zip(there, back, strict=True))


@given(contents, contents)
def test_a_change_carried_out_as_rehearsed_is_clean(before, after):
    found = verify(snapshot(before), snapshot(before), snapshot(after), snapshot(after))
    assert found.clean
    assert found.meanwhile == ()


@given(contents, contents, st.data())
def test_a_rehearsed_change_that_the_target_lacks_is_missing(before, after, data):
    rehearsed = differences(snapshot(before), snapshot(after))
    if not rehearsed:
        return
    left_out = data.draw(st.sampled_from(rehearsed))
    now = copy.deepcopy(after)
    if left_out.change is ChangeType.ADDED:
        del now[left_out.kind][left_out.object]
    else:
        now.setdefault(left_out.kind, {})[left_out.object] = copy.deepcopy(
            before[left_out.kind][left_out.object]
        )
    found = verify(snapshot(before), snapshot(before), snapshot(after), snapshot(now))
    assert [(c.kind, c.object) for c in found.missing] == [(left_out.kind, left_out.object)]
    assert found.unexpected == ()


@given(contents, contents, st.data())
def test_whatever_else_happens_to_what_was_there_is_unexpected(before, after, data):
    untouched = [
        (kind, name)
        for kind, names_of_kind in before.items()
        for name, found in names_of_kind.items()
        if after.get(kind, {}).get(name) == found
    ]
    if not untouched:
        return
    kind, name = data.draw(st.sampled_from(untouched))
    now = copy.deepcopy(after)
    if data.draw(st.booleans()):
        del now[kind][name]
    else:
        now[kind][name]["comment"] = "changed by somebody"
    for version in (170010, 150018):
        found = verify(snapshot(before, version), snapshot(before), snapshot(after), snapshot(now, version))
        assert [(c.kind, c.object) for c in found.unexpected] == [(kind, name)]


# -- words -----------------------------------------------------------------------------------------------------------


def test_a_change_is_described_by_its_sides():
    before, after = snapshot(USERS), snapshot(AFTER)
    texts = [describe(c, before="dev", after="local") for c in diff(before, after)]
    assert texts == [
        "column public.users.legacy is in dev, but not in local: text",
        "column public.users.name differs:\n  not null: dev no, local yes",
    ]


def test_a_long_definition_is_shown_as_a_diff():
    def function(body):
        return snapshot({"function": {"public.f()": {"definition": f"CREATE FUNCTION\n{body}\nend"}}})

    (change,) = diff(function("select 1"), function("select 2"))
    text = describe(change)
    assert "    -select 1" in text
    assert "    +select 2" in text


@pytest.mark.parametrize(
    ("kind", "old", "new", "lines"),
    [
        (
            "constraint",
            {"definition": "CHECK ((state = ANY (ARRAY['new'::text, 'paid'::text])))"},
            {"definition": "CHECK ((state = ANY (ARRAY['new'::text, 'sent'::text])))"},
            [
                "-CHECK ((state = ANY (ARRAY['new'::text, 'paid'::text])))",
                "+CHECK ((state = ANY (ARRAY['new'::text, 'sent'::text])))",
            ],
        ),
        (
            "type",
            {"labels": [f"label {i}" for i in range(9)]},
            {"labels": [f"label {i}" for i in range(9) if i != 4]},
            [" label 3", "-label 4", " label 5"],
        ),
    ],
)
def test_a_long_value_of_one_line_and_a_long_list_are_shown_as_a_diff_too(kind, old, new, lines):
    (change,) = diff(snapshot({kind: {"x": old}}), snapshot({kind: {"x": new}}))
    text = describe(change, before="dev", after="local").splitlines()
    assert text[2:4] == ["    --- dev", "    +++ local"]
    assert text[5:] == [f"    {line}" for line in lines]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ({"unlogged": True}, {}, "  unlogged: dev yes, local no"),
        ({}, {"privileges": ["r: SELECT"]}, "  privileges: dev (default), local [r: SELECT]"),
        ({"comment": "x"}, {}, "  comment: dev x, local (none)"),
        ({"statistics": 1}, {}, "  statistics: dev 1, local (none)"),
    ],
)
def test_what_is_absent_is_told_by_what_that_means(before, after, line):
    one, two = (snapshot({"table": {"t": properties}}) for properties in (before, after))
    (change,) = diff(one, two)
    assert describe(change, before="dev", after="local").splitlines()[1:] == [line]
