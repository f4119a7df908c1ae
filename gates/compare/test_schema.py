"""Do both databases have the same schema?"""

import pytest

from pytest_dbdeploy.compare.describe import describe_all
from pytest_dbdeploy.compare.diff import KINDS


@pytest.mark.parametrize("kind", [*KINDS, "other"])
def test_schema_is_equal(kind, _dbdeploy_checks):
    compared = _dbdeploy_checks["compare"]
    a, b = compared["labels"]
    changes = [c for c in compared["changes"] if c.kind == kind or (kind == "other" and c.kind not in KINDS)]
    if changes:
        pytest.fail(describe_all(changes, before=a, after=b), pytrace=False)


def test_everything_was_compared(_dbdeploy_checks):
    """An object that the comparison does not know may differ: that is never a pass."""
    left_out = sorted(
        {f"{n.kind} {n.object}: {n.reason}" for n in _dbdeploy_checks["compare"]["not_compared"]}
    )
    if left_out:
        pytest.fail("not compared:\n" + "\n".join(left_out), pytrace=False)
