"""Which statements and history rows commit together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_dbdeploy.errors import LayoutError
from pytest_dbdeploy.model import Migration, Statement, StatementRef, Unit
from pytest_dbdeploy.units import initial_units, split_before, split_off


def migration(name, *statements, transaction=True):
    return Migration(
        name,
        f"{name}.sql",
        "0",
        tuple(Statement(s, i + 1) for i, s in enumerate(statements)),
        transaction=transaction,
    )


def refs(name, *indexes):
    return tuple(StatementRef(name, i) for i in indexes)


def test_a_group_is_one_transaction_with_its_history_rows():
    units = initial_units([[migration("a", "select 1", "select 2"), migration("b", "select 3")]])
    assert units == [Unit((*refs("a", 0, 1), *refs("b", 0)), True, ("a", "b"))]


def test_a_migration_without_transaction_is_cut_into_single_statements_and_its_row_follows_the_last():
    units = initial_units(
        [
            [
                migration("a", "select 1"),
                migration("b", "vacuum", "vacuum", transaction=False),
                migration("c", "select 1"),
            ]
        ]
    )
    assert units == [
        Unit(refs("a", 0), True, ("a",)),
        Unit(refs("b", 0), False, ()),
        Unit(refs("b", 1), False, ("b",)),
        Unit(refs("c", 0), True, ("c",)),
    ]


def test_a_migration_of_comments_only_still_gets_its_history_row():
    assert initial_units([[migration("a")]]) == [Unit((), True, ("a",))]


def test_a_script_with_its_own_begin_and_commit_keeps_its_history_row_in_its_transaction():
    units = initial_units(
        [
            [
                migration("a", "BEGIN;", "create table t()", "COMMIT;"),
                migration("b", "begin", "select 1", "end transaction"),
            ]
        ]
    )
    assert units == [Unit(refs("a", 1), True, ("a",)), Unit(refs("b", 1), True, ("b",))]


def test_a_commit_inside_a_migration_ends_the_unit_as_it_would_for_the_tool():
    units = initial_units([[migration("a", "alter type e add value 'x'", "COMMIT", "select 'x'::e")]])
    assert units == [Unit(refs("a", 0), True, ()), Unit(refs("a", 2), True, ("a",))]


def test_a_refused_statement_is_split_off_and_the_row_waits_for_the_last_statement():
    (unit,) = initial_units(
        [
            [
                migration("a", "select 1"),
                migration("b", "select 2", "create index concurrently i on t(a)", "select 3"),
            ]
        ]
    )
    assert split_off(unit, StatementRef("b", 1)) == [
        Unit((*refs("a", 0), *refs("b", 0)), True, ("a",)),
        Unit(refs("b", 1), False, ()),
        Unit(refs("b", 2), True, ("b",)),
    ]


def test_the_row_of_a_migration_that_ends_with_a_refused_statement_commits_after_it():
    (unit,) = initial_units(
        [[migration("a", "create index concurrently i on t(a)"), migration("b", "select 1")]]
    )
    assert split_off(unit, StatementRef("a", 0)) == [
        Unit(refs("a", 0), False, ("a",)),
        Unit(refs("b", 0), True, ("b",)),
    ]


def test_a_commit_before_a_statement_leaves_the_row_with_the_second_half():
    (unit,) = initial_units([[migration("a", "alter type e add value 'x'", "insert into t values ('x')")]])
    assert split_before(unit, StatementRef("a", 1)) == [
        Unit(refs("a", 0), True, ()),
        Unit(refs("a", 1), True, ("a",)),
    ]


migrations = st.lists(st.integers(0, 4), min_size=1, max_size=5).map(
    lambda sizes: [migration(f"m{i}", *["select 1"] * size) for i, size in enumerate(sizes)]
)


@given(migrations, st.lists(st.integers(0, 50), max_size=6))
def test_however_units_are_split_order_and_completeness_stay(found, cuts):
    units = initial_units([found])
    wanted = [ref for m in found for ref in refs(m.name, *range(len(m.statements)))]
    for cut in cuts:
        at = cut % len(units)
        unit = units[at]
        if unit.transactional and unit.statements:
            split = split_off if cut % 2 else split_before
            units[at : at + 1] = split(unit, unit.statements[cut % len(unit.statements)])
    assert [ref for unit in units for ref in unit.statements] == wanted
    assert [name for unit in units for name in unit.records] == [m.name for m in found]
    done: set[StatementRef] = set()
    for unit in units:
        done |= set(unit.statements)
        for name in unit.records:
            assert {ref for ref in wanted if ref.migration == name} <= done, (
                "a history row before its migration's last statement"
            )


@pytest.mark.parametrize(
    "text",
    [
        "ROLLBACK",
        "rollback work;",
        "abort",
        "commit and chain",
        "end transaction and chain;",
        "prepare transaction 'x'",
        "COMMIT PREPARED 'x'",
    ],
)
def test_a_statement_that_would_end_the_deployments_transaction_is_refused_with_its_place(text):
    with pytest.raises(LayoutError, match=r"a.sql:2: "):
        initial_units([[migration("a", "select 1", text)]])


@pytest.mark.parametrize(
    "text",
    [
        "create database other",
        "DROP DATABASE IF EXISTS other",
        "create tablespace fast location '/fast'",
        "Alter  System set work_mem = '1GB'",
        "create subscription s connection 'host=h password=geheim' publication p",
        "drop subscription s",
    ],
)
def test_a_statement_that_reaches_beyond_the_database_is_refused_with_its_place(text):
    with pytest.raises(LayoutError, match=r"a.sql:2: .* reaches beyond the database") as refused:
        initial_units([[migration("a", "select 1", text)]])
    assert "geheim" not in str(refused.value)


def test_a_rollback_to_a_savepoint_is_the_migrations_own_business():
    (unit,) = initial_units(
        [[migration("a", "savepoint s", "rollback to s", "rollback to savepoint s", "abort_me()")]]
    )
    assert len(unit.statements) == 4


def test_a_rollback_after_the_scripts_own_commit_has_nothing_to_end():
    (unit,) = initial_units([[migration("a", "begin", "x", "commit", "rollback")]])
    assert [ref.index for ref in unit.statements] == [1]
    with pytest.raises(LayoutError, match="rollback"):
        initial_units([[migration("a", "begin", "x", "commit", "y", "rollback")]])
