"""Can the target be reached, is it of a supported version, and may it be written to?"""

import pytest

SUPPORTED = range(15, 19)


@pytest.fixture
def target(dbdeploy_plan):
    if dbdeploy_plan.target is None:
        pytest.fail(dbdeploy_plan.target_error or "the target could not be read", pytrace=False)
    return dbdeploy_plan.target


def test_target_is_reachable(dbdeploy_plan, dbdeploy_target):
    if dbdeploy_plan.target_error:
        pytest.fail(dbdeploy_plan.target_error, pytrace=False)
    assert dbdeploy_target.scalar("select 1") == 1


def test_server_version_is_supported(target):
    if target.major not in SUPPORTED:
        pytest.fail(
            f"the target runs PostgreSQL {target.server_version}; versions {SUPPORTED[0]} to {SUPPORTED[-1]} are supported",
            pytrace=False,
        )


def test_sessions_are_our_own(target, _dbdeploy_checks):
    if _dbdeploy_checks["pooler"]:
        pytest.fail(_dbdeploy_checks["pooler"], pytrace=False)


def test_target_is_writable(target):
    if target.in_recovery:
        pytest.fail("the target is a standby (in recovery): deploy to its primary", pytrace=False)
    if target.read_only:
        pytest.fail(
            "sessions on the target are read only by default (default_transaction_read_only is on for this server, database or role)",
            pytrace=False,
        )
