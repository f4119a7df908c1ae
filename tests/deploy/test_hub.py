"""The hub in deployments: for whoever asks for it, and no deployment fails for the want of it."""

GATE = """
def test_the_clone_has_every_user_of_the_target(dbdeploy_hub):
    query = "select id from target__public.users except select id from after__public.users"
    assert not dbdeploy_hub.fetch(query)
    remote = "select * from dblink('target', 'select current_database()::text') as t (name text)"
    assert dbdeploy_hub.scalar(remote)
"""
BROKEN = """
import pytest_dbdeploy.flows.rehearsing as rehearsing
from pytest_dbdeploy.errors import TargetError


def none(*_, **__):
    raise TargetError("the hub cannot reach dev: no pg_hba.conf entry", hint="Allow it.")


rehearsing.open_hub = none
"""


def test_gates_in_sql_see_target_and_clone_before_and_after_the_deployment(deployed):
    deployed.migration("0002_more", "alter table users add phone text;\n")
    deployed.write("gates/sandbox/test_hub.py", GATE)
    deployed.write("gates/postdeploy/test_hub_after.py", GATE)
    result = deployed.deploy("-n2")
    assert result.ended == (0, "deployed")
    assert result.gate("test_hub_reaches_target")["outcome"] == "passed"
    assert deployed.sql(
        "select count(*) from pg_stat_activity where application_name = 'pytest-dbdeploy hub'"
    ) == [(0,)]


def test_without_a_hub_only_the_gate_that_asks_for_it_fails_and_says_why(deployed):
    deployed.write("conftest.py", BROKEN)
    deployed.migration("0002_more", "alter table users add phone text;\n")
    result = deployed.deploy()
    assert result.ended == (0, "deployed")
    gate = result.gate("test_hub_reaches_target")
    assert gate["outcome"] == "warned"
    assert "the hub cannot reach dev: no pg_hba.conf entry\nAllow it." in gate["message"]
    deployed.migration("0003_more", "alter table users add fax text;\n")
    deployed.write("gates/sandbox/test_hub.py", GATE)
    refused = deployed.deploy()
    assert refused.ended == (10, "aborted")
    message = refused.gate("test_the_clone_has_every_user_of_the_target")["message"]
    assert "there is no hub: the hub cannot reach dev" in message
