"""Do the tables that both databases have hold the same rows?"""

import pytest

from pytest_dbdeploy import not_applicable


def test_rows_are_equal(_dbdeploy_checks):
    pairs = _dbdeploy_checks["compare"]["pairs"]
    if not any(pair["rows"] for pair in pairs):
        not_applicable("no rows are compared: compare.rows is none, or no table is in both databases")
    different = [
        f"{table}: {count(left)} rows in {a}, {count(right)} in {b}"
        if count(left) != count(right)
        else f"{table}: {count(left)} rows in both, but not the same ones in {a} and {b} (their checksums differ)"
        for (a, b), rows in ((pair["labels"], pair["rows"]) for pair in pairs)
        for table, (left, right) in rows.items()
        if left != right
    ]
    if different:
        pytest.fail("\n".join(different), pytrace=False)


def count(found):
    """``found``: a number of rows, or (number, checksum)."""
    return found[0] if isinstance(found, tuple) else found
