"""Was the way back carried out on the clone, did it bring everything back, and would it lose what users write?"""

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


def test_way_back_loses_no_rows_of_users(_dbdeploy_checks):
    rollback = _dbdeploy_checks["rollback"]
    if _dbdeploy_checks["if_restore_loses_writes"] != "stop":
        not_applicable(
            "rollback.if_restore_loses_writes is discard: such rows would be kept in failed.dump alone"
        )
    if rollback["undo"]:
        not_applicable("the undo was proven: what users write stays")
    if not rollback["rehearsed"]:
        not_applicable("no way back was rehearsed")
    if rollback["written"]:
        tables = ", ".join(f"{name} ({rows})" for name, rows in rollback["written"].items())
        pytest.fail(
            f"a rollback would put back tables that are being written: within {rollback['watched']:.0f} s users wrote "
            f"rows of {tables}\nA rollback would stop rather than lose such rows, so nothing is deployed. Deploy when nobody writes "
            "to them, change the migrations so that they touch other tables, or set rollback.if_restore_loses_writes: discard.",
            pytrace=False,
        )
