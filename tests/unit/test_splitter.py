"""Splitting and markers, without psql: tests/database/test_splitter_psql.py compares with the real one."""

import json
from pathlib import Path

import pytest

from pytest_dbdeploy.db.script import ScriptMode, runs_in_transaction, scan_script
from pytest_dbdeploy.db.splitter import scan, split

CASES = json.loads((Path(__file__).parents[1] / "cases/splitting.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_case_is_split_as_it_says(case):
    found = scan_script(case["sql"], ScriptMode(case["mode"])).statements
    assert len(found) == case["statements"]
    assert [statement.line for statement in found] == case["lines"]
    if "columns" in case:
        assert [statement.column for statement in found] == case["columns"]
    assert all(runs_in_transaction(s.sql) for s in found) == case["can_run_in_transaction"]


def test_a_statement_comes_without_semicolon_and_without_comments_around_it():
    (statement,) = split("-- before\n  SELECT 1 -- inside\n + 2 /* after */ ; -- behind\n")
    assert statement.sql == "SELECT 1 -- inside\n + 2"
    assert (statement.line, statement.column) == (2, 3)


def test_commands_of_psql_are_reported_with_their_place():
    script = scan("SELECT 1;\n  \\i other.sql\n\\echo 'a;b' \\\\ SELECT 2;\n")
    assert [(m.name, m.arguments, m.line, m.column) for m in script.meta] == [
        ("i", "other.sql", 2, 3),
        ("echo", "'a;b'", 3, 1),
    ]
    assert [s.sql for s in script.statements] == ["SELECT 1", "SELECT 2"]


def test_quitting_ends_the_script():
    assert [s.sql for s in split("SELECT 1;\n\\q\nSELECT 2;")] == ["SELECT 1"]


def test_a_forgotten_statement_is_dropped_by_a_reset():
    assert [s.sql for s in split("SELECT (\n\\r\nSELECT 2;")] == ["SELECT 2"]


def test_places_after_copy_data_are_those_of_the_file():
    script = scan("COPY t FROM STDIN; SELECT '\na;\n\\.\n';\nSELECT 2;")
    assert [s.sql for s in script.statements] == ["COPY t FROM STDIN", "SELECT '\n'", "SELECT 2"]
    assert [(s.line, s.column) for s in script.statements] == [(1, 1), (1, 20), (5, 1)]
    assert [s.data for s in script.statements] == ["a;\n", None, None]


def test_data_of_a_client_side_copy_is_no_sql():
    assert [s.sql for s in split("\\copy t from stdin\n1;2\n\\.\nSELECT 1;")] == ["SELECT 1"]


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT 1;\n  'abc;", ("'", 2, 3)),
        ("SELECT E'a\\';", ("'", 1, 8)),
        ('SELECT "a;', ('"', 1, 8)),
        ("DO $x$ ; $y$;", ("$x$", 1, 4)),
        ("/* /* */ ;", ("/*", 1, 1)),
        ("SELECT (1;", ("(", 1, 8)),
        ("CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END;", ("BEGIN", 1, 21)),
        ("SELECT 1;", None),
    ],
)
def test_what_is_left_open_is_named_with_its_place(sql, what):
    assert scan(sql).unterminated == what


@pytest.mark.parametrize(
    "sql",
    [
        "create index concurrently i on t(a)",
        "/* why */ CREATE UNIQUE INDEX CONCURRENTLY i ON t(a)",
        "drop index concurrently i",
        "reindex table concurrently t",
        "reindex (concurrently) table t",
        "vacuum t",
        "alter system set a = 1",
        "create database d",
        "alter table p detach partition q concurrently",
    ],
)
def test_statements_for_outside_a_transaction_are_known(sql):
    assert not runs_in_transaction(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "create index i on t(a)",
        "comment on table t is 'vacuum concurrently'",
        "create index concurrently_used on t(a)",
        "insert into t values ('create index concurrently')",
        "reindex table t",
        "create table vacuum_log ()",
    ],
)
def test_other_statements_run_in_a_transaction(sql):
    assert runs_in_transaction(sql)


def test_ten_thousand_statements_are_split_in_linear_time():
    text = "INSERT INTO t (a, b) VALUES (1, 'x;y');\n-- c\n" * 10_000
    found = split(text)
    assert len(found) == 10_000
    assert found[-1].line == 19_999
