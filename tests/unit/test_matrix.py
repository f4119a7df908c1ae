"""Several databases held against each other, object by database."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import pytest

from pytest_dbdeploy.compare.diff import diff
from pytest_dbdeploy.compare.matrix import matrix
from pytest_dbdeploy.reports.record import Comparison
from pytest_dbdeploy.reports.schema_comparison import matrix_lines


def snapshot(**tables):
    return SimpleNamespace(
        objects={"table": {name: {"comment": text} for name, text in tables.items()}},
        server_version_num=170000,
        major=17,
        not_compared=(),
    )


def changes(sides):
    return {(i, j): diff(sides[i], sides[j]) for i, j in combinations(range(len(sides)), 2)}


@pytest.mark.parametrize(
    ("comments", "letters"),
    [
        (["x", "x", "y"], "AAB"),
        (["x", "y", "x"], "ABA"),
        (["x", "y", "z"], "ABC"),
        ([None, "x", "y"], "-AB"),
        (["x", None, None], "A--"),
        ([None, "x", None, "x"], "-A-A"),
        (["x", "x", "x"], None),
    ],
)
def test_the_same_letter_is_the_same_definition(comments, letters):
    sides = [snapshot(**({} if comment is None else {"t": comment})) for comment in comments]
    rows = matrix(sides, changes(sides))
    assert ["".join(row.letters) for row in rows] == ([] if letters is None else [letters])


def test_a_column_of_a_table_that_one_database_lacks_is_shown_where_it_differs():
    sides = [snapshot(t="x"), snapshot(), snapshot(t="x")]
    for side, kind in ((sides[0], "text"), (sides[2], "int")):
        side.objects["column"] = {"t.c": {"type": kind, "position": 1}}
    assert {(row.kind, row.letters) for row in matrix(sides, changes(sides))} == {
        ("table", ("A", "-", "A")),
        ("column", ("A", "-", "B")),
    }


def test_rows_are_in_the_order_of_kinds_and_names_whichever_database_has_them():
    sides = [snapshot(b="x"), snapshot(b="y"), snapshot(a="x", b="x")]
    sides[1].objects["view"] = {"v": {}}
    assert [(row.kind, row.object) for row in matrix(sides, changes(sides))] == [
        ("table", "a"),
        ("table", "b"),
        ("view", "v"),
    ]


def test_a_terminal_of_80_columns_holds_long_names_and_many_databases():
    names = [f"database-{number}.example.org:5432/shop" for number in range(12)]
    sides = [snapshot(**{f"s.{'t' * 60}{n % 2}": "x" for n in range(i % 3)}) for i in range(12)]
    found = Comparison("hub", [{"name": name} for name in names], {}, matrix(sides, changes(sides)), [])
    lines = list(matrix_lines(found))
    assert len(found.matrix) == 2
    assert all(len(line) <= 76 for line in lines), "four more are the section's indentation"
    assert lines[11] == f"12 = {names[11]}"
    assert lines[12].split() == [str(number) for number in range(1, 13)]
    assert lines[13].split()[-3:] == ["-", "A", "A"]
    assert lines[14].split()[-3:] == ["-", "-", "A"]
