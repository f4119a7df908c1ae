"""What is refused before anything is touched: wrong settings and commands (exit 4), and plans that nobody approved."""

import re
import shlex

import pytest

PROTECTED = "environments:\n  dev:\n    database: ${DEV_POSTGRES_URL}\n    protected: true\n"


def refused(project, *arguments, **environ):
    result = project.run(*(arguments or ("--dbdeploy-env=dev",)), **environ)
    assert result.status == 4, result.output
    assert "geheim" not in result.output
    return result.output


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "environments: {dev: {}}\nmigratons: {layout: sql}\n",
            ["dbdeploy.yaml:2", "migratons", "migrations"],
        ),
        ("environments: {dev: {}}\ntimeouts:\n  lock: soon\n", ["dbdeploy.yaml:3", "timeouts.lock", "60s"]),
        ("environments: {dev: {}}\nlog: {table: [1]}\n", ["dbdeploy.yaml:2", "log.table"]),
        ("environments: {dev: {}}\nlog: {level: LOUD}\n", ["dbdeploy.yaml:2", "log.level", "DEBUG"]),
        ("environments:\n  dev:\n    database: ${NOT_THERE}\n", ["dbdeploy.yaml:3", "NOT_THERE"]),
        (
            "environments:\n  dev:\n    database: mysql://u:geheim@h/db\n",
            ["dbdeploy.yaml:3", "postgresql://"],
        ),
        ("environments: {dev: {}\n", ["dbdeploy.yaml:"]),
        ("environments: {uat: {}}\n", ["dev", "uat"]),
    ],
)
def test_wrong_settings_are_named_by_file_line_and_key(project, text, parts):
    project.write("dbdeploy.yaml", text)
    environ = {"UAT_POSTGRES_URL": project.url.reveal()} if "uat" in text else {}
    if "uat" in text:
        project.environ = lambda *, base=project.environ, **more: {
            k: v for k, v in base(**more).items() if k != "DEV_POSTGRES_URL"
        }
    output = refused(project, **environ)
    for part in parts:
        assert part in output
    assert not project.folders()


def test_an_environment_that_nobody_described_is_refused(project):
    assert "nowhere" in refused(project, "--dbdeploy-env=nowhere")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--dbdeploy-env=dev", "migrations"], "path"),
        (["--dbdeploy-env=dev", "--dbdeploy-compare=dev,local"], "--dbdeploy-compare"),
        (["--dbdeploy-dry-run"], "--dbdeploy-env"),
        (["--dbdeploy-rollback=last"], "--dbdeploy-env"),
        (["--dbdeploy-env=dev", "--dbdeploy-config=not-there.yaml"], "not-there.yaml"),
    ],
)
def test_commands_that_make_no_sense_are_refused(project, arguments, part):
    assert part in refused(project, *arguments)


@pytest.mark.parametrize("action", ["rollback", "resume"])
def test_an_unknown_deployment_is_refused_and_the_table_named(deployed, action):
    output = refused(deployed, f"--dbdeploy-{action}=deploy-dev-1700000000000")
    assert "deploy-dev-1700000000000" in output
    assert "dbdeploy.deployments" in output


def test_a_protected_environment_wants_its_plan_approved_by_the_very_command_that_is_printed(deployed):
    deployed.write("dbdeploy.yaml", PROTECTED)
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    output = refused(deployed)
    assert "0002_phone" in output
    (line,) = re.findall(
        r"^\s*(?:E\s+)?(pytest --dbdeploy-env=\S+ --dbdeploy-approve=\S+)\s*$", output, re.MULTILINE
    )
    arguments = shlex.split(line)[1:]
    digest = arguments[-1].partition("=")[2]
    dry = deployed.deploy("--dbdeploy-dry-run")
    assert dry.ended == (0, "dry_run")
    assert digest in dry.output
    assert digest == dry.report["plan"]["hash"]
    deployed.migration("0002_phone", "alter table users add phone varchar(20);\n")
    assert "another plan" in refused(deployed, *arguments)
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    for short in (digest[:7], "0" * 64, ""):
        refused(deployed, "--dbdeploy-env=dev", f"--dbdeploy-approve={short}")
    assert deployed.sql("select count(*) from dbdeploy.deployments") == [(1,)]
    assert deployed.run(*arguments).ended == (0, "deployed")
    assert refused(deployed, *arguments), "the plan is another one after it: the approval holds once"


def test_the_first_eight_characters_of_the_hash_in_a_variable_approve_too(deployed):
    deployed.write("dbdeploy.yaml", PROTECTED)
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    digest = deployed.deploy("--dbdeploy-dry-run").report["plan"]["hash"]
    assert deployed.deploy(DBDEPLOY_APPROVE=digest[:8]).ended == (0, "deployed")


def test_production_is_protected_by_its_name(deployed):
    deployed.write("dbdeploy.yaml", "environments: {prod: {}}\n")
    output = refused(deployed, "--dbdeploy-env=prod", PROD_POSTGRES_URL=deployed.url.reveal())
    assert "--dbdeploy-approve=" in output
