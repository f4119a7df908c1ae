"""Do all databases have the schema of the first?"""

import pytest

from pytest_dbdeploy.compare.describe import describe_all
from pytest_dbdeploy.compare.diff import KINDS


@pytest.mark.parametrize("kind", [*KINDS, "other"])
def test_schema_is_equal(kind, _dbdeploy_checks):
    texts = []
    for pair in _dbdeploy_checks["compare"]["pairs"]:
        a, b = pair["labels"]
        changes = [c for c in pair["changes"] if c.kind == kind or (kind == "other" and c.kind not in KINDS)]
        if changes:
            texts.append(describe_all(changes, before=a, after=b))
    if texts:
        pytest.fail("\n".join(texts), pytrace=False)


def test_everything_was_compared(_dbdeploy_checks):
    """An object that the comparison does not know may differ: that is never a pass."""
    where = {}
    for label, left_out in _dbdeploy_checks["compare"]["not_compared"].items():
        for item in left_out:
            where.setdefault(f"{item.kind} {item.object}: {item.reason}", []).append(label)
    if where:
        lines = [f"{what} (in {', '.join(labels)})" for what, labels in sorted(where.items())]
        pytest.fail("\n".join(["not compared:", *lines]), pytrace=False)
