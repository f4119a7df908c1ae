"""A schema in parts: what the deployment's row keeps of it, so that drift and promotion can say what differs."""

from __future__ import annotations

import copy

import pytest

from pytest_dbdeploy.compare.parts import changed_parts, parts_of, portable_differences
from pytest_dbdeploy.compare.snapshot import Snapshot

OBJECTS = {
    "schema": {"public": {"owner": "app"}},
    "table": {
        "public.users": {"owner": "app"},
        "public.events": {"owner": "app", "partition_key": "RANGE (at)"},
        "public.events_1": {"owner": "app", "partition_of": "public.events"},
    },
    "column": {
        "public.users.id": {"position": 1, "type": "integer"},
        "public.users.name": {"position": 2, "type": "text"},
        "public.events_1.at": {"position": 1, "type": "date"},
    },
    "constraint": {"public.users.users_pkey": {"type": "primary key"}},
    "index": {"public.users_name": {"table": "public.users", "definition": "CREATE INDEX ..."}},
    "materialized view": {"public.totals": {"owner": "app", "definition": "SELECT 1"}},
    "view column": {"public.totals.n": {"position": 1, "type": "integer"}},
    "function": {"public.f(integer, text)": {"owner": "app", "definition": "..."}},
    "text search configuration": {"public.german": {"owner": "app"}},
    "setting": {"search_path": {"value": "public"}},
}


def parts(change=lambda objects: None, version=170010, applied=("0001",)):
    objects = copy.deepcopy(OBJECTS)
    change(objects)
    return parts_of(Snapshot(version, objects), applied)


def told(change):
    return [(str(part), part.what) for part in changed_parts(parts(), parts(change))]


def test_what_belongs_to_a_table_is_in_its_part_and_each_other_object_is_one():
    assert set(parts()) == {
        "schema public",
        "table public.users",
        "table public.events",
        "partition public.events_1",
        "materialized view public.totals",
        "function public.f(integer, text)",
        "text search configuration public.german",
        "setting search_path",
        "server",
        "migration history",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda o: o["column"]["public.users.name"].update(type="varchar"),
            ("table public.users", "changed"),
        ),
        (lambda o: o["column"].pop("public.users.name"), ("table public.users", "changed")),
        (lambda o: o["index"].pop("public.users_name"), ("table public.users", "changed")),
        (lambda o: o["table"]["public.users"].update(owner="eve"), ("table public.users", "reassigned")),
        (
            lambda o: o["table"]["public.users"].update(privileges=["eve: SELECT"]),
            ("table public.users", "reassigned"),
        ),
        (
            lambda o: o["view column"]["public.totals.n"].update(type="text"),
            ("materialized view public.totals", "changed"),
        ),
        (lambda o: o["table"].update({"public.x": {}}), ("table public.x", "added")),
        (
            lambda o: o["function"].pop("public.f(integer, text)"),
            ("function public.f(integer, text)", "removed"),
        ),
        (
            lambda o: o["text search configuration"]["public.german"].update(parser="x"),
            ("text search configuration public.german", "changed"),
        ),
        (
            lambda o: o["column"]["public.events_1.at"].update(type="text"),
            ("partition public.events_1", "changed"),
        ),
        (lambda o: o["setting"]["search_path"].update(value="x"), ("setting search_path", "changed")),
    ],
)
def test_each_change_is_told_of_the_part_that_it_is_in(change, expected):
    assert told(change) == [expected]


def test_a_columns_position_and_a_hint_are_no_change():
    def moved(objects):
        objects["column"]["public.users.id"].update(position=2, _newest=True)
        objects["column"]["public.users.name"]["position"] = 1

    assert told(moved) == []


def test_the_migration_history_alone_is_no_change_of_the_schema():
    assert changed_parts(parts(), parts(applied=("0001", "0002"))) == ()


def test_of_another_major_version_only_what_came_and_went_is_told():
    def other(objects):
        objects["function"]["public.f(integer, text)"]["definition"] = "in other words"
        objects["table"]["public.x"] = {}

    found = changed_parts(parts(), parts(other, version=180001))
    assert [(str(part), part.what) for part in found] == [("table public.x", "added")]


def test_owners_privileges_and_settings_are_the_environments_own():
    def elsewhere(objects):
        for names in objects.values():
            for properties in names.values():
                if "owner" in properties:
                    properties.update(owner="other", privileges=["x"], tablespace="fast")
        objects["setting"] = {"work_mem": {"value": "1GB"}}

    assert portable_differences(parts(), parts(elsewhere)) == ()


def test_what_differs_between_environments_is_told_from_both_sides():
    def here(objects):
        objects["column"]["public.users.name"]["type"] = "varchar"
        objects["table"]["public.x"] = {}
        del objects["function"]["public.f(integer, text)"]

    assert portable_differences(parts(), parts(here, applied=())) == (
        "function public.f(integer, text) is only there",
        "migration history differs",
        "table public.users differs",
        "table public.x is only here",
    )
    (versions,) = portable_differences(parts(), parts(version=180001))
    assert "PostgreSQL 17 there, 18 here" in versions
