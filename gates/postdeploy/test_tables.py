"""Do the target's tables still have rows?"""

import pytest

from pytest_dbdeploy import not_applicable
from pytest_dbdeploy.compare.rows import empty_tables, user_tables


def test_no_table_is_emptied(dbdeploy_target, _dbdeploy_checks):
    before = _dbdeploy_checks["rows_before"]
    if not any(before.values()):
        not_applicable("no table had rows before the deployment")
    meant = set(_dbdeploy_checks["expected_empty"])
    with dbdeploy_target.connect() as conn:
        # A table that is gone is the business of the schema gates.
        there = [table for table in user_tables(conn) if before.get(table) and table not in meant]
        empty = empty_tables(conn, there)
    if empty:
        lines = [
            f"{table} had {before[table]} rows before the deployment, and has none now" for table in empty
        ]
        pytest.fail("\n".join([*lines, "On the clone the same migrations left rows in them."]), pytrace=False)
