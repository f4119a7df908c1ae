"""Will the target be reachable from the hub, where gates in SQL see it beside its clone?"""

import pytest

from pytest_dbdeploy import not_applicable


@pytest.mark.dbdeploy(severity="warn")
def test_hub_reaches_target(_dbdeploy_checks):
    """A warning: a deployment does without the hub, unless a gate asks for it; that gate then fails."""
    if not _dbdeploy_checks["hub_needed"]:
        not_applicable("nothing to deploy, or the target cannot be reached at all")
    if _dbdeploy_checks["hub_error"]:
        pytest.fail(_dbdeploy_checks["hub_error"], pytrace=False)
