"""``dbdeploy history``: what was deployed, from the rows on real targets."""

from __future__ import annotations

import json

import pytest

from pytest_dbdeploy.cli import main
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.state import State, StateTable
from tests.servers import execute

MONTHS = "2026-10", "2026-11"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DEV", "UAT"):
        monkeypatch.delenv(f"{name}_POSTGRES_URL", raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


@pytest.fixture
def dev(project, server, monkeypatch):
    """The URL of a target that knows of deployments of two months."""
    url = server.fresh_database()
    monkeypatch.setenv("DEV_POSTGRES_URL", url.reveal())
    filled(url)
    return url


def filled(url, schema="dbdeploy"):
    table = StateTable(schema)
    with connect(url, purpose="test", autocommit=True) as conn:
        table.create(conn)
        for number, (state, day) in enumerate(
            [
                (State.KEPT, "2026-10-01"),
                (State.ROLLED_BACK, "2026-10-02"),
                (State.KEPT, "2026-11-01"),
                (State.KEPT, "2026-11-02"),
                (State.ABORTED, "2026-11-03"),
                (State.APPLYING, "2026-11-04"),
            ],
            1,
        ):
            name = f"deploy-dev-{number}"
            table.insert(conn, name, "dev", migrations=[{"name": f"000{number}_x", "checksum": "c"}])
            table.update(conn, name, state)
            conn.execute(
                f"update {schema}.deployments set started = %s, updated = %s::timestamptz + interval '90 s',"
                " finished = case when state <> 'applying' then %s::timestamptz + interval '90 s' end where id = %s",
                [f"{day} 12:00Z", f"{day} 12:00Z", f"{day} 12:00Z", name],
            )
        table.insert(conn, "deploy-prod-1", "prod")  # as in a copy of production
        table.update(conn, "deploy-dev-3", State.ROLLED_BACK)


def read(capsys, *arguments, status=0):
    assert main(["history", "--json", *arguments]) == status
    return json.loads(capsys.readouterr().out)["environments"]


def test_the_table_shows_each_deployment_newest_first_and_the_rate_of_rollbacks(dev, capsys):
    assert main(["history"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"dev  {dev.label}"
    assert [line.split()[2] for line in lines[2:8]] == [f"deploy-dev-{n}" for n in (6, 5, 4, 3, 2, 1)]
    text = "\n".join(lines)
    assert "deploy-dev-6  unfinished" in text
    assert "deploy-dev-3  rolled back on request  90.0 s  0003_x" in text
    assert "deploy-prod-1" not in text
    months = [line.split() for line in lines[10:]]
    assert months == [
        ["2026-10", "2", "1", "50%", "90.0", "s"],
        ["2026-11", "4", "1", "50%", "90.0", "s"],
        ["all", "6", "2", "50%", "90.0", "s"],
    ]


def test_json_has_everything_in_the_words_of_the_report(dev, capsys):
    (found,) = read(capsys)
    assert (found["name"], found["server"], found["error"]) == ("dev", dev.label, None)
    newest = found["deployments"][0]
    assert newest["outcome"] == "unfinished"
    assert newest["durationSeconds"] is None
    assert newest["started"] == "2026-11-04T12:00:00.000Z"
    assert newest["migrations"] == [{"name": "0006_x", "checksum": "c"}]
    outcomes = [d["outcome"] for d in found["deployments"]]
    assert outcomes == [
        "unfinished",
        "aborted",
        "deployed",
        "rolled_back_on_request",
        "rolled_back",
        "deployed",
    ]
    summary = found["summary"]
    assert tuple(summary["months"]) == MONTHS
    assert summary["rollbackRate"] == 0.5
    assert summary["medianSeconds"] == 90.0


def test_limit_cuts_the_list_and_not_what_is_counted_and_since_cuts_both(dev, capsys):
    (found,) = read(capsys, "dev", "--limit", "2")
    assert [d["deploymentId"] for d in found["deployments"]] == ["deploy-dev-6", "deploy-dev-5"]
    assert found["summary"]["deployments"] == 6
    (since,) = read(capsys, "--env", "dev", "--since", "2026-11-02T00:00:00Z")
    assert since["summary"]["deployments"] == 3
    assert read(capsys, "--since", "1d")[0]["deployments"] == []
    main(["history", "--limit", "2"])
    assert "and 4 older ones" in capsys.readouterr().out


def test_one_environment_that_cannot_be_reached_is_said_and_the_others_are_listed(dev, capsys, monkeypatch):
    monkeypatch.setenv("UAT_POSTGRES_URL", "postgresql://u:geheim@127.0.0.1:1/none")
    dev_found, uat = read(capsys)
    assert dev_found["summary"]["deployments"] == 6
    assert "127.0.0.1:1" in uat["error"]
    assert main(["history"]) == 0
    output = capsys.readouterr().out
    assert "uat  127.0.0.1:1/none\n  could not be read:" in output
    assert "geheim" not in output
    read(capsys, "uat", status=4)


def test_an_environment_without_a_variable_is_said_too(dev, project, capsys):
    (project / "dbdeploy.yaml").write_text("environments: {dev: {}, prod: {database: '${PROD_URL}'}}\n")
    found = {one["name"]: one for one in read(capsys)}
    assert found["prod"]["error"].startswith("dbdeploy.yaml:1: environments.prod: no database")
    assert main(["history", "prod"]) == 4
    captured = capsys.readouterr()
    assert "variable PROD_URL is not set" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["dve"], 'unknown environment "dve"; did you mean "dev"?'),
        (["--config", "none.yaml"], "none.yaml"),
    ],
)
def test_what_is_wrong_is_one_clear_message_and_status_4(dev, capsys, arguments, part):
    assert main(["history", *arguments]) == 4
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--limit", "-1"], ["--limit", "x"], ["--since", "soon"]])
def test_a_wrong_option_is_status_4(dev, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["history", *arguments])
    assert ended.value.code == 4
    assert "must be a" in capsys.readouterr().err


def test_the_state_may_be_in_another_schema_and_the_file_elsewhere(project, server, monkeypatch, capsys):
    url = server.fresh_database()
    monkeypatch.setenv("DEV_POSTGRES_URL", url.reveal())
    (project / "there").mkdir()
    (project / "there/mine.yaml").write_text("state: {schema: ours}\nenvironments: {dev: {}}\n")
    filled(url, "ours")
    assert len(read(capsys, "--config", "there/mine.yaml")[0]["deployments"]) == 6
    assert read(capsys)[0]["deployments"] == [], "there is no schema dbdeploy"


def test_a_target_of_an_earlier_version_and_a_role_without_rights_are_read_as_far_as_that_goes(
    project, server, monkeypatch, capsys
):
    url = server.owner_database()
    admin = server.url.with_dbname(url.dbname)
    monkeypatch.setenv("DEV_POSTGRES_URL", url.reveal())
    filled(admin)
    execute(admin, "alter table dbdeploy.deployments drop objects_before, drop objects_after, drop position")
    (found,) = read(capsys, status=4)
    assert "permission denied" in found["error"]
    execute(admin, "grant usage on schema dbdeploy to public; grant select on dbdeploy.deployments to public")
    assert len(read(capsys)[0]["deployments"]) == 6


def test_no_environment_at_all_is_status_4(project, capsys):
    assert main(["history"]) == 4
    assert "there is no environment" in capsys.readouterr().err
