"""Changes of type: what the server did with the values, and whether it says so. The rules are those of PostgreSQL's documentation."""

from __future__ import annotations

import pytest

from pytest_dbdeploy.compare.diff import diff
from pytest_dbdeploy.compare.snapshot import read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.evidence.values import changed_values

# type before, value, type after, USING, changed without an error
SILENT = [
    ("numeric", "1.5", "int", "", True),
    ("numeric(10,2)", "2.00", "int", "", False),
    ("numeric(10,3)", "1.234", "numeric(10,2)", "", True),
    ("numeric(10,2)", "1.20", "numeric(12,4)", "", False),
    ("double precision", "1.23456789012345", "real", "", True),
    ("double precision", "0.5", "real", "", False),
    ("double precision", "2.5", "int", "", True),
    ("int", "16777217", "real", "", True),
    ("bigint", "9007199254740993", "double precision", "", True),
    ("int", "7", "bigint", "", False),
    ("int", "7", "text", "", False),
    ("int", "-1", "oid", "", True),
    ("int", "5", "boolean", "c::boolean", True),
    ("int", "1", "boolean", "c::boolean", False),
    ("timestamp", "2024-01-02 03:04:05.678", "timestamp(0)", "", True),
    ("timestamp", "2024-01-02 03:04:05", "date", "", True),
    ("timestamp", "2024-01-02", "date", "", False),
    ("date", "2024-01-02", "timestamp", "", False),
    ("interval", "1.5 seconds", "interval(0)", "", True),
    ("inet", "10.0.0.1/24", "cidr", "c::cidr", True),
    ("inet", "10.0.0.0/24", "cidr", "c::cidr", False),
    ("cidr", "10.0.0.0/24", "inet", "", False),
    ("text", "x" * 70, "name", "", True),
    ("text", "abc", "name", "", False),
    ("json", '{"a": 1, "a": 2}', "jsonb", "", True),
    ("json", '{"b": 1,  "a": [1, 2]}', "jsonb", "", False),
    ("varchar(10)", "abc   ", "varchar(4)", "", True),
    ("varchar(10)", "abcdefgh", "varchar(4)", "c::varchar(4)", True),
    ("varchar(10)", "abc", "varchar(20)", "", False),
    ("varchar(10)", "abc", "text", "", False),
    ("varchar(10)", "abc", "char(5)", "", False),
    ("text", "12", "int", "c::int", False),
    ("text", "2024-01-02", "timestamp", "c::timestamp", False),
    ("text", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "uuid", "c::uuid", False),
    ("int", "7", "int", "c + 1", None),
    ("int", "7", "bigint", "c + 1", True),
]


@pytest.fixture(scope="module")
def pair(postgres17):
    """Two databases of one server."""
    return postgres17.fresh_database(), postgres17.fresh_database()


def compared(pair, kind, values, new, using, *, key="id int primary key"):
    with (
        connect(pair[0], purpose="test", autocommit=True) as one,
        connect(pair[1], purpose="test", autocommit=True) as other,
    ):
        for conn in (one, other):
            conn.execute(f"drop table if exists t; create table t ({key}, c {kind})")
            for number, value in enumerate(values):
                conn.execute("insert into t values (%s, %s)", [number, value])
        other.execute(f"alter table t alter c type {new}" + (f" using {using}" if using else ""))
        changes = diff(read_snapshot(one), read_snapshot(other))
        return changed_values(one, other, changes, {})


@pytest.mark.parametrize(
    ("kind", "value", "new", "using", "changes"),
    SILENT,
    ids=[f"{c[0]} {c[1][:20]} to {c[2]} {c[3]}" for c in SILENT],
)
def test_a_value_that_changes_without_an_error_is_found_and_no_other(pair, kind, value, new, using, changes):
    found = compared(pair, kind, [value, None], new, using)
    if changes is None:
        assert found == (), "the type is the same: the digests of the rows tell"
        return
    (column,) = found
    assert column.problem is None
    assert (column.changed, column.changed + column.normalised + column.unchanged) == (int(changes), 2)
    assert [key for key, _, _ in column.samples] == ["0"] * changes


def test_a_moment_in_the_gap_of_summer_time_is_shifted(pair, postgres17):
    with connect(pair[1], purpose="test", autocommit=True) as conn:
        conn.execute(
            "do $$ begin execute format('alter database %I set timezone to ''Europe/Berlin''', current_database()); end $$"
        )
    (column,) = compared(pair, "timestamp", ["2024-03-31 02:30:00", "2024-03-31 04:30:00"], "timestamptz", "")
    with connect(pair[1], purpose="test", autocommit=True) as conn:
        conn.execute(
            "do $$ begin execute format('alter database %I reset timezone', current_database()); end $$"
        )
    assert (column.changed, [sample[0] for sample in column.samples]) == (1, ["0"])


def test_counts_and_samples_are_of_all_rows(pair):
    (column,) = compared(pair, "numeric", [f"{n}.{n % 2 * 5}" for n in range(30)], "int", "")
    assert (column.changed, column.normalised + column.unchanged, len(column.samples)) == (15, 15, 5)
    assert column.samples[0] == ("1", "1.5", "2")


def test_a_table_without_a_key_says_that_it_was_not_compared(pair):
    (column,) = compared(pair, "numeric", ["1.5"], "int", "", key="id int")
    assert "no primary key" in column.problem
