"""A target that somebody changed since the last deployment: what a migration does not explain stops the next one."""

from hashlib import sha256

import pytest

DIES_BEFORE_POSTDEPLOY = """
import os
import signal

def pytest_dbdeploy_phase_started(config, phase):
    if phase == "postdeploy":
        os.kill(os.getpid(), signal.SIGKILL)
"""
LEFT, ADDED = "test_schema_is_as_it_was_left", "test_nothing_was_added_or_granted"
ACCEPTED = """acknowledge:
  - {rule: schema-drift, object: public.users.nickname, reason: a hotfix}
  - {rule: schema-drift, object: "public.by_*", reason: a hotfix}
"""


def configured(project, text):
    project.write("dbdeploy.yaml", "environments: {dev: {}}\n" + text)


def outcomes(result):
    return result.gate(LEFT)["outcome"], result.gate(ADDED)["outcome"]


def test_what_was_changed_by_hand_stops_the_deployment_until_it_is_accepted_and_is_then_the_new_state(
    deployed,
):
    deployed.sql("alter table users add column nickname text")
    deployed.sql("create index by_total on orders (total)")
    deployed.sql("create table scratch (i int)")
    deployed.migration("0002_more", "create table more (i int);\n")
    refused = deployed.deploy()
    assert refused.ended == (10, "aborted")
    assert outcomes(refused) == ("failed", "warned")
    kept = deployed.sql("select id from dbdeploy.deployments")[0][0]
    first = refused.gate(LEFT)["message"].splitlines()[0]
    assert first == f"the target's schema is not what {kept} left: public.by_total, public.users.nickname"
    assert "public.scratch" in refused.gate(ADDED)["message"]
    assert (
        "column public.users.nickname is not in what the migrations make, but in the target: text"
        in refused.output
    )
    assert "{rule: schema-drift, object: 'public.users.nickname', reason: why}" in refused.output
    assert "legacy" not in refused.output, "what the migrations made is no drift"
    configured(deployed, ACCEPTED)
    accepted = deployed.deploy()
    assert accepted.ended == (0, "deployed")
    assert outcomes(accepted) == ("passed", "warned")
    configured(deployed, "")
    again = deployed.deploy()
    assert again.ended == (0, "nothing_to_deploy")
    assert outcomes(again) == ("passed", "passed"), "the deployment that was kept left it so"
    assert "replay" not in again.output, "which costs nothing where nothing changed"


def test_partitions_tenants_and_migrations_that_were_applied_by_other_means_are_no_drift(deployed):
    deployed.migration(
        "0002_events", "create table events (at date not null, what text) partition by range (at);\n"
    )
    assert deployed.deploy().status == 0
    deployed.sql("create table events_1 partition of events for values from ('2026-01-01') to ('2026-02-01')")
    deployed.sql("create schema tenant_1 create table orders (id int primary key)")
    text = "alter table users add column phone text;\n"
    deployed.migration("0003_phone", text)
    deployed.sql(text)
    deployed.sql(
        "insert into dbdeploy.schema_migrations (number, name, checksum) values (3, '0003_phone', %s)",
        [sha256(text.encode()).hexdigest()],
    )
    result = deployed.deploy()
    assert result.ended == (0, "nothing_to_deploy")
    assert outcomes(result) == ("passed", "passed")
    notes = " ".join(result.report["notes"])
    for part in (
        "partition public.events_1 was made: partitions come and go",
        "table tenant_1.orders was made: a schema that is new as a whole",
        "changed as its migration history says: table public.users",
    ):
        assert part in notes


@pytest.mark.parametrize("why", ["an edited migration", "a row of an earlier version"])
def test_where_the_history_or_the_row_says_too_little_what_is_known_is_told(deployed, why):
    deployed.sql("alter table users alter column legacy set default 'x'")
    deployed.sql("grant select on orders to public")
    if why == "an edited migration":
        path = deployed.root / "migrations/0001_init.sql"
        path.write_text(path.read_text() + "-- edited\n")
        expected = [
            "table public.users was changed, or what belongs to it since deploy-dev-",
            "what exactly is not known: what was applied is not what the files say: 0001_init",
        ]
    else:
        deployed.sql("update dbdeploy.deployments set objects_after = null")
        expected = [
            "column public.users.legacy differs:\n  default: what the migrations make (none), the target 'x'"
        ]
    result = deployed.deploy()
    assert result.ended == (10, "aborted")
    for part in expected:
        assert part in result.output
    if why == "an edited migration":
        message = result.gate(ADDED)["message"]
        assert "table public.orders has another owner or other privileges since deploy-dev-" in message
    configured(deployed, "policy: {schema-drift: ignore, migration-edited: ignore}\n")
    assert deployed.deploy().ended == (0, "nothing_to_deploy")


def test_what_compare_ignores_is_no_drift_and_policy_may_make_it_a_warning(deployed):
    deployed.sql("create index by_hand on orders (total)")
    configured(deployed, "policy: {schema-drift: warn}\n")
    warned = deployed.deploy()
    assert warned.ended == (0, "nothing_to_deploy")
    assert outcomes(warned) == ("warned", "passed")
    configured(deployed, 'compare: {ignore: [{kind: index, object: "public.by_hand"}]}\n')
    ignored = deployed.deploy()
    assert outcomes(ignored) == ("passed", "passed")


def test_a_deployment_that_was_resumed_says_what_it_left_as_any_other_one_does(deployed):
    deployed.migration("0002_phone", "alter table users add column phone text;\n")
    deployed.write("conftest.py", DIES_BEFORE_POSTDEPLOY)
    run = deployed.start("--dbdeploy-env=dev")
    run.process.communicate(timeout=120)
    (deployed.root / "conftest.py").unlink()
    assert deployed.states()[run.id] == "applied"
    assert deployed.run(f"--dbdeploy-resume={run.id}").ended == (0, "deployed")
    query = "select state, fingerprint_after is not null, objects_after ? 'table public.users' from dbdeploy.deployments where id = %s"
    assert deployed.sql(query, [run.id]) == [("kept", True, True)]
