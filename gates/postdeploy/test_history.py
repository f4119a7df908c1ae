"""Does the migration tool find nothing pending any more?"""

import pytest


def test_history_is_complete(_dbdeploy_checks):
    pending = _dbdeploy_checks["history_pending"]
    if pending:
        pytest.fail(
            f"the target's migration history says that these are still pending: {', '.join(pending)}\n"
            "They were applied, but are not recorded: the migration tool would run them again.",
            pytrace=False,
        )
