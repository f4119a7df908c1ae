"""The outcomes and exit statuses of the interface's table, each by a real run, without and with workers."""

import json

import pytest

from tests.standins import Slack, Webhook, serving

NO_AUTOMATIC_ROLLBACK = "environments: {dev: {}}\nrollback: {auto: false}\n"
ADD_PHONE = "alter table users add column phone text; update users set name = upper(name);"
FAILS = "def test_it():\n    assert False, 'no'\n"

both = pytest.mark.parametrize("workers", ["0", "2"])


def untouched(project):
    return project.sql(
        "select count(*) from information_schema.columns where table_name = 'users' and column_name = 'phone'"
    ) == [(0,)]


@both
def test_a_change_is_dry_run_deployed_and_then_there_is_nothing_to_deploy(deployed, workers):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write(
        "gates/sandbox/test_it.py",
        "def test_it(dbdeploy_sandbox):\n    assert dbdeploy_sandbox.after.scalar('select count(*) from users') == 100\n",
    )
    dry = deployed.deploy("-n", workers, "--dbdeploy-dry-run")
    assert dry.ended == (0, "dry_run")
    assert untouched(deployed)
    done = deployed.deploy("-n", workers, "--junitxml=out.xml")
    assert done.ended == (0, "deployed")
    assert done.junit(deployed.root / "out.xml") == done.junit()
    assert {
        ("dbdeploy", name): "passed" for name in ("clone", "backup", "deploy", "decision")
    }.items() <= done.junit().items()
    assert done.report["decision"]["verdict"] == "deploy"
    assert done.report["plan"]["hash"] == dry.report["plan"]["hash"]
    assert "the rehearsal did not" not in done.output, "our own locks are no surprise"
    again = deployed.deploy("-n", workers)
    assert again.ended == (0, "nothing_to_deploy")
    assert ("dbdeploy", "clone") not in again.junit()


@both
def test_a_failing_gate_before_the_deploy_aborts_and_after_it_rolls_back(deployed, workers):
    deployed.migration("0002_phone", ADD_PHONE)
    gate = deployed.write("gates/sandbox/test_it.py", FAILS)
    aborted = deployed.deploy("-n", workers)
    assert aborted.ended == (10, "aborted")
    assert aborted.report["decision"]["reasons"][0]["code"] == "gate-failed"
    assert aborted.junit()["dbdeploy", "decision"] == "failure"
    assert untouched(deployed)
    assert list(deployed.states().values()) == ["kept"]
    gate.unlink()
    deployed.write("gates/postdeploy/test_it.py", FAILS)
    back = deployed.deploy("-n", workers)
    assert back.ended == (11, "rolled_back")
    assert untouched(deployed)
    assert deployed.sql("select name from users where id = 1") == [("user 1",)]
    assert back.junit()["dbdeploy", "rollback"] == "passed"
    rollback = back.report["rollback"]
    assert (rollback["strategy"], rollback["performed"], rollback["verified"], rollback["rehearsed"]) == (
        "undo",
        True,
        True,
        True,
    )


@both
def test_a_rollback_that_cannot_be_done_is_12_and_says_how_to_go_on(deployed, workers):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("dbdeploy.yaml", "environments: {dev: {}}\nrollback: {strategies: [restore]}\n")
    aside = deployed.root / "aside"
    deployed.write(
        "gates/postdeploy/test_it.py",
        f"import pathlib\ndef test_it():\n    (backup,) = pathlib.Path('.deployments').glob('*/backup.dump')\n    backup.rename({str(aside)!r})\n    assert False\n",
    )
    failed = deployed.deploy("-n", workers)
    assert failed.ended == (12, "rollback_failed")
    assert f"pytest --dbdeploy-rollback={failed.id}" in failed.output
    assert failed.report["whatStandsWhere"]
    assert not untouched(deployed)
    assert deployed.states()[failed.id] == "rollback_failed"
    refused = deployed.deploy("-n", workers)
    assert refused.ended == (10, "aborted")
    assert failed.id in refused.gate("test_no_deployment_is_unfinished")["message"]
    still = deployed.run("-n", workers, f"--dbdeploy-rollback={failed.id}")
    assert still.ended == (12, "rollback_failed"), "its backup is gone"
    assert "restore it from where your backups are kept, then run the command again" in " ".join(
        still.output.split()
    )
    aside.rename(failed.folder / "backup.dump")
    done = deployed.run("-n", workers, f"--dbdeploy-rollback={failed.id}")
    assert done.ended == (0, "rolled_back_on_request")
    assert untouched(deployed)


def test_where_no_automatic_rollback_is_wanted_a_failed_deployment_stands_is_12_and_told_loudest(deployed):
    slack, webhook = Slack("/services/of-the-team"), Webhook("s3cret-that-signs")
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("gates/postdeploy/test_it.py", FAILS)
    deployed.write("dbdeploy.yaml", NO_AUTOMATIC_ROLLBACK)
    with serving(slack) as of_slack, serving(webhook) as hook:
        stands = deployed.deploy(
            SLACK_WEBHOOK_URL=of_slack + slack.path,
            ALERT_WEBHOOK_URL=hook,
            ALERT_WEBHOOK_SECRET="s3cret-that-signs",
        )
    assert stands.ended == (12, "rollback_failed")
    assert stands.report["rollback"]["performed"] is False
    assert not untouched(deployed)
    assert (slack.wrong, webhook.wrong) == ([], [])
    (called,), (told,) = slack.messages, webhook.messages
    assert (told["urgent"], told["exitStatus"], told["deploymentId"]) == (True, 12, stands.id)
    assert called["blocks"][1]["text"]["text"] == "<!channel> a person must look"
    command = f"pytest --dbdeploy-rollback={stands.id}"
    assert command in stands.output and command in json.dumps(told) and command in json.dumps(called)
    assert deployed.run(f"--dbdeploy-rollback={stands.id}").ended == (0, "rolled_back_on_request")
    assert untouched(deployed)


def test_what_stands_as_no_automatic_rollback_is_wanted_can_be_verified_again_and_kept(deployed):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write(
        "gates/postdeploy/test_it.py",
        "from pathlib import Path\ndef test_it():\n    assert Path('mended').exists()\n",
    )
    deployed.write("dbdeploy.yaml", NO_AUTOMATIC_ROLLBACK)
    stands = deployed.deploy()
    assert stands.ended == (12, "rollback_failed")
    again = deployed.run(f"--dbdeploy-resume={stands.id}")
    assert again.ended == (12, "rollback_failed"), "its gate fails still, and nobody wants it put back"
    assert "test_it" in str(again.report["decision"]["reasons"])
    assert not untouched(deployed)
    for run in (stands, again):
        assert f"pytest --dbdeploy-rollback={stands.id}" in run.output
        assert f"pytest --dbdeploy-resume={stands.id}" in run.output
    elsewhere = deployed.run(f"--dbdeploy-resume={stands.id}", "--dbdeploy-artifacts=elsewhere")
    assert elsewhere.status == 12, "it cannot be verified there, which is no reason to put it back"
    assert not untouched(deployed)
    deployed.write("mended", "")
    assert deployed.run(f"--dbdeploy-resume={stands.id}").ended == (0, "deployed")
    assert deployed.states()[stands.id] == "kept"


def test_an_internal_error_is_3_and_the_target_is_untouched(deployed):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write(
        "conftest.py",
        "def pytest_runtest_logfinish(nodeid, location):\n    raise RuntimeError('a broken plugin')\n",
    )
    deployed.write("gates/sandbox/test_it.py", "def test_it():\n    pass\n")
    run = deployed.start("--dbdeploy-env=dev")
    output, _ = run.process.communicate(timeout=120)
    assert run.process.returncode == 3, output
    assert untouched(deployed)


@both
def test_a_session_that_is_narrowed_or_broken_verifies_nothing_and_is_10(deployed, workers):
    deployed.migration("0002_phone", ADD_PHONE)
    narrowed = deployed.deploy("-n", workers, "-k", "not history_is_sound")
    assert narrowed.ended == (10, "aborted")
    assert narrowed.report["decision"]["verdict"] == "incomplete"
    assert narrowed.gate("test_history_is_sound")["outcome"] == "deselected"
    deployed.write("gates/postdeploy/test_it.py", "import not_there_at_all\n")
    broken = deployed.deploy("-n", workers)
    assert broken.ended == (10, "aborted")
    assert any("not_there_at_all" in r["message"] for r in broken.report["decision"]["reasons"])
    assert untouched(deployed)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("pytest.skip('later')", "skipped"),
        ("pytest.xfail('known')", "xfailed"),
        ("raise ValueError('x')", "failed"),
        ("pytest.exit('enough')", "not_run"),
    ],
)
def test_whatever_a_post_deploy_gate_does_but_pass_rolls_back(deployed, body, outcome):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("gates/postdeploy/test_it.py", f"import pytest\ndef test_it():\n    {body}\n")
    result = deployed.deploy()
    assert result.ended == (11, "rolled_back")
    assert result.report["decision"]["verdict"] != "deploy"
    assert result.report["decision"]["reasons"]
    assert result.gate("gates/postdeploy/test_it.py")["outcome"] == outcome
    assert result.report["rollback"]["verified"] is True
    assert untouched(deployed)


def test_a_post_deploy_gate_that_kills_its_worker_rolls_back(deployed):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write("gates/postdeploy/test_it.py", "import os\ndef test_it():\n    os._exit(1)\n")
    result = deployed.deploy("-n", "2")
    assert result.ended == (11, "rolled_back")
    assert result.gate("gates/postdeploy/test_it.py")["outcome"] == "crashed"
    assert untouched(deployed)
