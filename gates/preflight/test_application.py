"""Is the application healthy *before*? An application that was not is no evidence against the deployment afterwards."""

import pytest

from pytest_dbdeploy import not_applicable


@pytest.mark.dbdeploy(severity="warn")
def test_application_is_healthy(_dbdeploy_checks):
    health = _dbdeploy_checks["health"]
    if health is None:
        not_applicable("no app_url is configured for this environment")
    if not health.healthy:
        pytest.fail(
            f"the application is unhealthy before the deployment: {health.message}\n{health.account}",
            pytrace=False,
        )
