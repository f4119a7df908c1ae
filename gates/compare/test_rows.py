"""Do the tables that both databases have hold the same rows?"""

import pytest

from pytest_dbdeploy import not_applicable


def test_rows_are_equal(_dbdeploy_checks):
    compared = _dbdeploy_checks["compare"]
    a, b = compared["labels"]
    if not compared["rows"]:
        not_applicable("no rows are compared: compare.rows is none, or no table is in both databases")
    different = [
        f"{table}: {count(left)} rows in {a}, {count(right)} in {b}"
        if count(left) != count(right)
        else f"{table}: {count(left)} rows in both, but not the same ones (their checksums differ)"
        for table, (left, right) in compared["rows"].items()
        if left != right
    ]
    if different:
        pytest.fail("\n".join(different), pytrace=False)


def count(found):
    """``found``: a number of rows, or (number, checksum)."""
    return found[0] if isinstance(found, tuple) else found
