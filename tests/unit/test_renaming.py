"""Objects that have another name but are the same, and differences that a team ignores."""

from __future__ import annotations

import copy
import json

import pytest

from pytest_dbdeploy.compare.describe import changed_lines, describe
from pytest_dbdeploy.compare.diff import diff, differences
from pytest_dbdeploy.compare.ignore import Ignored, Wholes, without_ignored
from pytest_dbdeploy.compare.snapshot import Snapshot
from pytest_dbdeploy.model import ChangeType, NotCompared

ORDERS = {
    "table": {"public.orders": {"owner": "app", "replica_identity": "index orders_code_key"}},
    "column": {"public.orders.id": {"position": 1, "default": "nextval('public.orders_id_seq'::regclass)"}},
    "constraint": {
        "public.orders.orders_total_check": {"type": "check", "definition": "CHECK ((total > 0))"},
        "public.orders.orders_code_key": {"type": "unique", "definition": "UNIQUE (code)"},
    },
    "index": {
        "public.orders_at_idx": {
            "table": "public.orders",
            "definition": "CREATE INDEX orders_at_idx ON public.orders USING btree (at)",
        },
        "public.orders_2024_at_idx": {
            "table": "public.orders_2024",
            "definition": "CREATE INDEX orders_2024_at_idx ON public.orders_2024 USING btree (at)",
            "attached_to": "public.orders_at_idx",
        },
    },
    "statistics": {
        "public.orders_stat": {
            "table": "public.orders",
            "definition": "CREATE STATISTICS public.orders_stat ON a, b FROM public.orders",
        }
    },
    "sequence": {
        "public.orders_id_seq": {"type": "integer", "owned_by": "public.orders.id"},
        "public.numbers": {"type": "integer"},
    },
    "trigger": {"public.orders.touch": {"definition": "CREATE TRIGGER touch ..."}},
}


def snapshot(objects, not_compared=()):
    return Snapshot(170010, copy.deepcopy(objects), tuple(not_compared))


def renamed(old, new):
    """ORDERS with every mention of a name written anew."""
    return json.loads(json.dumps(ORDERS).replace(old, new))


def told(after, before=ORDERS):
    return [(c.kind, c.change, c.object, c.before, c.after) for c in diff(snapshot(before), snapshot(after))]


@pytest.mark.parametrize(
    ("kind", "object_", "old", "new"),
    [
        ("constraint", "public.orders.orders_total_check", "orders_total_check", "positive"),
        ("constraint", "public.orders.orders_code_key", "orders_code_key", "orders_code_key1"),
        ("index", "public.orders_at_idx", "orders_at_idx", "by_time"),
        ("index", "public.orders_2024_at_idx", "orders_2024_at_idx", "orders_2024_at_idx2"),
        ("statistics", "public.orders_stat", "orders_stat", "orders_stat1"),
        ("sequence", "public.orders_id_seq", "orders_id_seq", "orders_id_seq1"),
    ],
)
def test_an_object_that_has_only_another_name_is_one_change_of_its_name(kind, object_, old, new):
    assert told(renamed(old, new)) == [(kind, ChangeType.RENAMED, object_, {"name": old}, {"name": new})]
    (change,) = diff(snapshot(ORDERS), snapshot(renamed(old, new)))
    text = describe(change, before="a", after="b")
    assert text == f"{kind} {object_} has another name:\n  name: a {old}, b {new}"
    assert without_ignored([change], [Ignored(None, "name", None)], Wholes()) == ()


def test_another_definition_makes_it_another_object():
    after = renamed("orders_total_check", "positive")
    after["constraint"]["public.orders.positive"]["definition"] = "CHECK ((total >= 0))"
    assert [c[1] for c in told(after)] == [ChangeType.REMOVED, ChangeType.ADDED]


def test_a_trigger_and_a_sequence_of_nobody_have_the_name_that_somebody_gave_them():
    assert [c[1] for c in told(renamed("touch", "touched"))] == [ChangeType.REMOVED, ChangeType.ADDED]
    assert [c[1] for c in told(renamed("numbers", "tens"))] == [ChangeType.REMOVED, ChangeType.ADDED]


def test_an_index_of_the_same_name_in_another_schema_explains_nothing():
    before, after = copy.deepcopy(ORDERS), renamed("orders_at_idx", "by_time")
    before["table"]["other.t"] = {"replica_identity": "index orders_at_idx"}
    after["table"]["other.t"] = {"replica_identity": "index by_time"}
    assert ("table", "other.t") in {(c[0], c[2]) for c in told(after, before)}


def test_of_several_that_are_alike_each_has_one_partner():
    before = {"constraint": {f"s.t.a{n}": {"type": "check", "definition": "CHECK (true)"} for n in range(3)}}
    after = {"constraint": {f"s.t.b{n}": {"type": "check", "definition": "CHECK (true)"} for n in range(2)}}
    assert [(c[1], c[2]) for c in told(after, before)] == [
        (ChangeType.RENAMED, "s.t.a0"),
        (ChangeType.RENAMED, "s.t.a1"),
        (ChangeType.REMOVED, "s.t.a2"),
    ]


def test_what_one_side_did_not_compare_is_no_difference():
    hidden = [NotCompared("user mapping", "reader on far", "hidden")]
    one = {"user mapping": {"reader on far": {"server_options": ["user=x"]}}}
    two = {"user mapping": {"reader on far": {}}}
    assert differences(snapshot(one), snapshot(two, hidden)) == ()
    assert len(differences(snapshot(one), snapshot(two))) == 1


@pytest.mark.parametrize(
    ("ignored", "properties"),
    [
        ("comment", {"comment", "index_comment", "not_null_comment"}),
        ("comments", {"comment", "index_comment", "not_null_comment"}),
        ("privileges", {"privileges", "identity_privileges"}),
        ("owners", {"owner"}),
        ("name", {"constraint_names", "not_null_name", "identity_sequence"}),
        ("identity_*", {"identity_sequence", "identity_privileges"}),
    ],
)
def test_one_word_ignores_all_properties_of_its_sort(ignored, properties):
    every = (
        "comment",
        "index_comment",
        "not_null_comment",
        "privileges",
        "identity_privileges",
        "owner",
        "constraint_names",
        "not_null_name",
        "identity_sequence",
        "type",
    )
    before, after = ({"table": {"t": dict.fromkeys(every, side)}} for side in "ab")
    (left,) = without_ignored(
        diff(snapshot(before), snapshot(after)), [Ignored(None, ignored, None)], Wholes()
    )
    assert set(every) - set(left.before) == properties


PARTS = {
    "table": {"s.t": {}, "s.u": {}},
    "view": {"s.v": {}},
    "materialized view": {"s.m": {}},
    "column": {"s.t.a": {}, "s.u.a": {}},
    "view column": {"s.v.a": {}, "s.m.a": {}},
    "constraint": {"s.t.k": {}},
    "index": {"s.t_a_idx": {"table": "s.t"}, "s.m_a_idx": {"table": "s.m"}},
    "trigger": {"s.v.g": {}},
}


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        (Ignored("view", None, None), {"s.t", "s.u", "s.m", "s.t.a", "s.u.a", "s.m.a", "s.t.k", "s.t_a_idx", "s.m_a_idx"}),
        (Ignored("table", None, "s.t"), {"s.u", "s.v", "s.m", "s.u.a", "s.v.a", "s.m.a", "s.m_a_idx", "s.v.g"}),
        (Ignored("*view", None, None), {"s.t", "s.u", "s.t.a", "s.u.a", "s.t.k", "s.t_a_idx"}),
        (Ignored("view", "comment", None), {name for names in PARTS.values() for name in names} - {"s.v"}),
    ],
)  # fmt: skip
def test_what_is_ignored_as_a_whole_is_with_all_that_belongs_to_it(rule, left):
    before, after = (
        snapshot(
            {kind: {n: {**p, "comment": side} for n, p in names.items()} for kind, names in PARTS.items()}
        )
        for side in "ab"
    )
    found = without_ignored(diff(before, after), [rule], Wholes(before, after))
    assert {change.object for change in found} == left


def test_long_definitions_are_told_line_by_line():
    before, after = (
        {"view": {"v": {"definition": f" SELECT a,\n    {column}\n   FROM t;", "owner": column}}}
        for column in "bc"
    )
    (change,) = diff(snapshot(before), snapshot(after))
    assert changed_lines(change, before="dev", after="prod") == {
        "definition": [
            "--- dev",
            "+++ prod",
            "@@ -1,3 +1,3 @@",
            "  SELECT a,",
            "-    b",
            "+    c",
            "    FROM t;",
        ]
    }
