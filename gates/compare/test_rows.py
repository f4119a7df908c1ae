"""Do the databases hold the same rows? One gate a table of any of them."""

import pytest

from pytest_dbdeploy import facts, not_applicable
from pytest_dbdeploy.compare.row_result import Verdict, describe


def pytest_generate_tests(metafunc):
    tables = facts(metafunc.config)["tables"]
    metafunc.parametrize("table", tables or [pytest.param(None, id="no tables")])


def test_rows_are_equal(table, _dbdeploy_checks):
    compared = _dbdeploy_checks["compare"]
    if table is None:
        not_applicable("no rows are compared: compare.rows is none, or there are no tables")
    results = compared["rows"][table]
    wrong = [result for result in results if result.verdict in (Verdict.DIFFERENT, Verdict.NOT_COMPARED)]
    if wrong:
        pytest.fail("\n".join(describe(result, compared["samples"]) for result in wrong), pytrace=False)
    if all(result.verdict == Verdict.SKIPPED for result in results):
        not_applicable(describe(results[0], compared["samples"]))
