"""Is the application healthy after the deployment?"""

import pytest

from pytest_dbdeploy import not_applicable


def test_application_is_healthy(_dbdeploy_checks):
    before, after = _dbdeploy_checks["health"], _dbdeploy_checks["health_after"]
    if before is None or after is None:
        not_applicable("no app_url is configured for this environment")
    if not before.healthy:
        not_applicable(f"the application was unhealthy before the deployment: {before.message}")
    if not after.healthy:
        pytest.fail(
            f"the application was healthy before the deployment and is not now: {after.message}\n{after.account}",
            pytrace=False,
        )
