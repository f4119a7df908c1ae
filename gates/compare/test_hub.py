"""Does the hub reach every database?"""

import pytest


@pytest.mark.dbdeploy(severity="warn")
def test_hub_reaches_every_database(_dbdeploy_checks):
    """A warning only: direct connections read the same. With ``compare.transport: hub`` there is no comparison without it."""
    why = _dbdeploy_checks["compare"]["hub_error"]
    if why:
        pytest.fail(why, pytrace=False)
