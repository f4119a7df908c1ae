"""Snapshots of different major versions, held against each other as the older one would have them."""

from __future__ import annotations

import pytest

from pytest_dbdeploy.compare.diff import differences
from pytest_dbdeploy.compare.snapshot import Snapshot


def differ(kind, old, new, majors):
    one, two = (
        Snapshot(major * 10000, {kind: {"s.x": side}}) for major, side in zip(majors, (old, new), strict=True)
    )
    there, back = differences(one, two), differences(two, one)
    assert bool(there) == bool(back)
    return bool(there)


@pytest.mark.parametrize(
    ("kind", "old", "new", "majors"),
    [
        ("column", {}, {"not_null_name": "must", "not_null_comment": "c", "not_null_inherited": True}, (17, 18)),
        ("type", {"not_null": True}, {"not_null": True, "not_null_name": "must"}, (15, 17)),
        ("table", {"owner": "a"}, {"owner": "a", "privileges": ["a: ALL", "b: MAINTAIN"]}, (15, 17)),
        ("table", {"privileges": ["b: ALL"]}, {"privileges": [
            "b: DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE"]}, (15, 18)),
        ("view", {"privileges": ["b: SELECT (grantable)"]}, {"privileges": ["b: MAINTAIN, SELECT (grantable)"]}, (15, 17)),
        ("table", {"privileges": ["nobody"]}, {"privileges": ["b: MAINTAIN"]}, (15, 17)),
        ("extension", {"version": "1.5", "_newest": True}, {"version": "1.6", "_newest": True}, (15, 17)),
        ("view", {"definition": " SELECT t.a,\n    lower(t.b)\n   FROM s.t\n  WHERE t.b <> 't.b';"},
         {"definition": " SELECT a,\n    lower(b)\n   FROM s.t\n  WHERE b <> 't.b';"}, (15, 16)),
        ("materialized view", {"definition": ' SELECT "T".a FROM s."T";'}, {"definition": ' SELECT a FROM s."T";'}, (15, 18)),
        ("constraint", {"definition": "CHECK (json IS NOT NULL)"}, {"definition": 'CHECK ("json" IS NOT NULL)'}, (15, 17)),
        ("index", {"keys": ["json", "t.system_user"]}, {"keys": ['"json"', 't."system_user"']}, (15, 16)),
        ("view", {"definition": " SELECT XMLSERIALIZE(CONTENT t.x AS text) AS x\n   FROM s.t;"},
         {"definition": " SELECT XMLSERIALIZE(CONTENT x AS text NO INDENT) AS x\n   FROM s.t;"}, (15, 17)),
    ],
)  # fmt: skip
def test_what_only_the_newer_one_says_is_no_difference(kind, old, new, majors):
    assert not differ(kind, old, new, majors)


@pytest.mark.parametrize(
    ("kind", "old", "new", "majors"),
    [
        ("column", {}, {"not_null_name": "must"}, (18, 18)),
        ("column", {}, {"not_null_not_valid": True}, (17, 18)),
        ("table", {"owner": "a"}, {"owner": "a", "privileges": ["a: ALL", "b: MAINTAIN"]}, (17, 18)),
        ("table", {"owner": "a"}, {"owner": "a", "privileges": ["a: ALL", "b: MAINTAIN, SELECT"]}, (15, 17)),
        ("table", {"privileges": ["b: SELECT"]}, {"privileges": ["b: MAINTAIN, SELECT (grantable)"]}, (15, 17)),
        ("extension", {"version": "1.5", "_newest": True}, {"version": "1.6", "_newest": True}, (17, 17)),
        ("extension", {"version": "1.5", "_newest": True}, {"version": "1.4"}, (15, 17)),
        ("view", {"definition": "SELECT t.a FROM s.t"}, {"definition": "SELECT a FROM s.t"}, (16, 16)),
        ("view", {"definition": "SELECT t.a FROM s.t"}, {"definition": "SELECT b FROM s.t"}, (15, 17)),
        ("column", {"default": "'json'::text"}, {"default": "'\"json\"'::text"}, (15, 17)),
        ("constraint", {"definition": "CHECK (json IS NULL)"}, {"definition": 'CHECK ("json" IS NULL)'}, (17, 18)),
        ("view", {"definition": "SELECT t.a FROM s.t WHERE t.a = 't.a'"}, {"definition": "SELECT a FROM s.t WHERE a = 'a'"}, (15, 17)),
        ("view", {"definition": "SELECT t.a, u.b FROM s.t, s.u"}, {"definition": "SELECT u.a, t.b FROM s.t, s.u"}, (15, 17)),
    ],
)  # fmt: skip
def test_what_both_can_say_is_one(kind, old, new, majors):
    assert differ(kind, old, new, majors)


def test_a_name_that_became_a_keyword_is_the_same_name():
    one = Snapshot(
        150000, {"table": {"s.system_user": {}}, "column": {"s.system_user.json": {"type": "json"}}}
    )
    two = Snapshot(
        170000, {"table": {'s."system_user"': {}}, "column": {'s."system_user"."json"': {"type": "json"}}}
    )
    assert differences(one, two) == differences(two, one) == ()


def test_the_snapshots_stay_as_they_are():
    one = Snapshot(150000, {"view": {"v": {"definition": "SELECT t.a FROM s.t"}}})
    two = Snapshot(170000, {"view": {"v": {"definition": "SELECT a FROM s.t"}}})
    before = one.fingerprint(), two.fingerprint()
    assert differences(one, two) == ()
    assert (one.fingerprint(), two.fingerprint()) == before


def test_what_a_server_says_of_itself_is_in_no_fingerprint():
    one, two = (
        Snapshot(170000, {"extension": {"x": {"version": "1.0", **more}}}) for more in ({}, {"_newest": True})
    )
    assert one.fingerprint() == two.fingerprint()
    assert differences(one, two) == ()
