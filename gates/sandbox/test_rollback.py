"""Was the way back carried out on the clone, and did it bring everything back?"""

import pytest

from pytest_dbdeploy import not_applicable


def test_way_back_was_rehearsed(_dbdeploy_checks):
    rollback = _dbdeploy_checks["rollback"]
    if rollback["skipped"]:
        not_applicable(rollback["skipped"])
    if rollback["undo"]:
        return
    if rollback["noUndo"]:
        pytest.fail(
            f"rollback.strategies names undo alone, and there is none, so nothing is deployed: {rollback['noUndo']}",
            pytrace=False,
        )
    if rollback["error"]:
        pytest.fail(
            f"the rollback did not hold on the clone, so nothing is deployed: {rollback['error']}",
            pytrace=False,
        )
    assert rollback["rehearsed"]
