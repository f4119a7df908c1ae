"""Transactions that gates leave open on the target: those of fixtures end before the deployment, those beyond us are named."""

import pytest

from .test_killed import ADD_PHONE, migrated, whole

RARELY = [pytest.param("0", id="plain"), pytest.param("2", id="n2", marks=pytest.mark.slow)]
MODES = [pytest.param("0", id="plain"), pytest.param("2", id="n2")]
FIXTURES = """import pytest
@pytest.fixture(scope="session", autouse=True)
def of_session(dbdeploy_target):
    connection = dbdeploy_target.connect()
    connection.execute("lock table users in access share mode")
    yield connection
@pytest.fixture(scope="module", autouse=True)
def of_module(dbdeploy_target):
    connection = dbdeploy_target.connect()
    connection.execute("select * from users limit 1")
    return connection
"""
GATES = """leaked = []
def test_it(dbdeploy_target, of_session):
    leaked.append(dbdeploy_target.connect())
    leaked[0].execute("table users")
    assert dbdeploy_target.scalar("select count(*) from users") == 100
"""
LEAK = """import psycopg
leaked = []
def test_it(dbdeploy_target):
    leaked.append(psycopg.connect(dbdeploy_target.url, application_name="leaky gate"))
    leaked[0].execute("table users")
"""
QUICK = "environments: {dev: {}}\ntimeouts: {lock: 300ms, lock_retries: 1}\n"


@pytest.mark.parametrize("workers", MODES)
def test_fixtures_of_gates_that_hold_transactions_open_do_not_hold_up_the_deployment(deployed, workers):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("dbdeploy.yaml", QUICK)
    deployed.write("gates/conftest.py", FIXTURES)
    for phase in ("preflight", "sandbox", "postdeploy"):
        deployed.write(f"gates/{phase}/test_it.py", GATES)
    assert deployed.deploy("-n", workers).ended == (0, "deployed")
    migrated(deployed)


@pytest.mark.parametrize("workers", RARELY)
def test_a_rollback_does_not_wait_for_fixtures_of_gates_either(deployed, workers):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("dbdeploy.yaml", QUICK)
    deployed.write("gates/conftest.py", FIXTURES)
    deployed.write("gates/postdeploy/test_it.py", GATES + "    assert 0\n")
    assert deployed.deploy("-x", "-n", workers).ended == (11, "rolled_back")
    whole(deployed)


@pytest.mark.parametrize("workers", RARELY)
def test_a_connection_that_a_gate_leaks_is_named_instead_of_waited_for(deployed, workers):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("dbdeploy.yaml", QUICK)
    deployed.write("gates/sandbox/test_it.py", LEAK)
    result = deployed.deploy("-n", workers)
    assert result.ended == (11, "rolled_back")
    (reason,) = result.report["decision"]["reasons"]
    assert "lock timeout" in reason["message"]
    assert "it waited for process" in reason["message"]
    assert f"(leaky gate, role {deployed.url.user}" in reason["message"]
    whole(deployed)
