"""``promote_from``: only what was deployed to the environment before, and kept there, comes on."""

import pytest

CONFIG = "environments:\n  dev: {}\n  stage: {promote_from: dev}\n"
GATE = "test_migrations_are_promoted"


@pytest.fixture
def stage(deployed, postgres17):
    """The project with an empty environment ``stage``, of another owner, beside ``dev``; its deployment."""
    url = postgres17.owner_database()
    deployed.write("dbdeploy.yaml", CONFIG)

    def deploy(*arguments, **environ):
        variables = {"STAGE_POSTGRES_URL": url.reveal(), **environ}
        return deployed.run("--dbdeploy-env=stage", *arguments, **variables)

    deploy.url = url
    return deploy


def test_what_was_kept_before_comes_on_and_nothing_else(deployed, stage):
    deployed.migration("0002_phone", "alter table users add column phone text;\n")
    refused = stage()
    assert refused.ended == (10, "aborted")
    gate = refused.gate(GATE)
    assert gate["outcome"] == "failed"
    assert "0002_phone was never deployed to dev" in gate["message"]
    assert "0001_init" not in gate["message"]
    second = deployed.deploy()
    assert second.status == 0
    come = stage()
    assert come.ended == (0, "deployed"), "two deployments there are one here"
    first = deployed.sql("select id from dbdeploy.deployments order by started limit 1")[0][0]
    assert f"promoted from dev, where it was deployed and kept: {first}, {second.id}" in come.report["notes"]
    assert deployed.run(f"--dbdeploy-rollback={second.id}").status == 0
    assert stage().gate(GATE)["outcome"] == "not_applicable", "nothing is pending here"


def test_an_environment_that_cannot_be_asked_is_a_failure_with_the_reason(deployed, stage):
    closed = "postgresql://u:geheim@127.0.0.1:1/none"
    result = stage("--dbdeploy-dry-run", DEV_POSTGRES_URL=closed)
    assert result.ended == (10, "aborted")
    message = result.gate(GATE)["message"]
    assert "environment dev, which this one is promoted from, could not be asked" in message
    assert "127.0.0.1:1" in message
    assert "geheim" not in result.output


def test_another_schema_here_than_there_is_named(deployed, stage):
    from pytest_dbdeploy.db.connect import connect

    with connect(stage.url, purpose="test", autocommit=True) as conn:
        conn.execute("create table by_hand (i int)")
    result = stage("--dbdeploy-dry-run")
    assert result.ended == (10, "aborted")
    message = result.gate(GATE)["message"]
    assert "began with another schema than this one" in message
    assert "table public.by_hand is only here" in message


def test_three_environments_one_after_another_and_production_takes_what_the_one_before_it_kept(
    deployed, stage, postgres17
):
    prod = postgres17.owner_database()
    deployed.write("dbdeploy.yaml", CONFIG + "  prod: {promote_from: stage, protected: false}\n")
    variables = {"STAGE_POSTGRES_URL": stage.url.reveal(), "PROD_POSTGRES_URL": prod.reveal()}
    deployed.migration("0002_phone", "alter table users add column phone text;\n")
    assert deployed.deploy().ended == (0, "deployed")
    early = deployed.run("--dbdeploy-env=prod", **variables)
    assert early.ended == (10, "aborted")
    assert "0001_init was never deployed to stage" in early.gate(GATE)["message"], "dev is not enough"
    staged = stage()
    assert staged.ended == (0, "deployed")
    path = deployed.root / "migrations/0002_phone.sql"
    text = path.read_text()
    path.write_text(text.replace("text", "varchar"))
    edited = deployed.run("--dbdeploy-env=prod", **variables)
    assert edited.ended == (10, "aborted")
    assert "0002_phone" in edited.gate(GATE)["message"], "not what was tried"
    path.write_text(text)
    come = deployed.run("--dbdeploy-env=prod", **variables)
    assert come.ended == (0, "deployed")
    assert f"promoted from stage, where it was deployed and kept: {staged.id}" in come.report["notes"]
