"""Is the target what it was before the deployment?"""

import pytest

from pytest_dbdeploy.compare.describe import describe_all


def test_schema_is_as_it_was(_dbdeploy_checks):
    changes = _dbdeploy_checks["restored"]["schema"]
    if changes:
        pytest.fail(
            describe_all(changes, before="the target before the deployment", after="the target now"),
            pytrace=False,
        )


def test_rows_are_as_they_were(_dbdeploy_checks):
    lost = _dbdeploy_checks["restored"]["rows"]
    if lost:
        lines = [
            f"{table} had {expected} rows when the backup was made, and has {found} now"
            for table, (expected, found) in lost.items()
        ]
        pytest.fail("\n".join(lines), pytrace=False)
