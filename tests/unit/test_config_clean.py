"""``dbdeploy clean`` removes what is old and nobody needs, and never what a rollback may need."""

import json
import os
import subprocess
import sys
import time

import pytest

from pytest_dbdeploy.cli import main

DAY = 86_400


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Makes deployments of ``age`` days in an artifacts folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pytest_dbdeploy.db.leftovers.clean_orphans", lambda *, include_kept: ())
    for name in ("DBDEPLOY_CONFIG", "DBDEPLOY_ARTIFACTS"):
        monkeypatch.delenv(name, raising=False)
    now = int(time.time() * 1000)

    def make(age, environment="dev", *, backup=True, finished=True, folder=".deployments"):
        directory = tmp_path / folder / f"deploy-{environment}-{now - int(age * DAY * 1000)}"
        directory.mkdir(parents=True)
        entries = [{"event": "session-started"}] + ([{"event": "finished"}] if finished else [])
        (directory / "journal.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        if backup:
            (directory / "backup.dump").write_text("dump")
        return directory

    return make


def there(*directories):
    return [directory.exists() for directory in directories]


def test_only_the_newest_of_each_environment_stay(project, tmp_path):
    (tmp_path / "dbdeploy.yaml").write_text("backup: {keep: 2}\n")
    dev = [project(age) for age in (1, 2, 3)]
    uat = [project(age, "uat") for age in (1, 2)]
    assert main(["clean"]) == 0
    assert there(*dev, *uat) == [True, True, False, True, True]


def test_what_is_older_than_the_limit_goes_but_the_newest_backup_stays(project, tmp_path):
    (tmp_path / "dbdeploy.yaml").write_text("backup: {max_age: 10d}\n")
    newest, older, dry_run = project(40), project(50), project(45, backup=False)
    assert main(["clean"]) == 0
    assert there(newest, older, dry_run) == [True, False, False]


def test_an_unfinished_deployment_never_goes(project):
    project(1)
    unfinished = project(400, finished=False)
    torn = project(500)
    (torn / "journal.jsonl").write_text('{"event": "session-started"}\n{"event": "fin')
    assert main(["clean"]) == 0
    assert there(unfinished, torn) == [True, True]


def test_other_folders_are_left_alone(project, tmp_path):
    project(1)
    project(400)
    other = tmp_path / ".deployments" / "notes"
    other.mkdir()
    assert main(["clean"]) == 0
    assert other.is_dir()


def test_a_dry_run_says_exactly_what_would_go_and_removes_nothing(project, tmp_path, capsys):
    (tmp_path / "dbdeploy.yaml").write_text("backup: {keep: 2, max_age: 10d}\n")
    made = [
        *(project(age) for age in (1, 2, 3, 40)),
        *(project(age + 0.5, backup=False) for age in (1, 2, 3, 40)),
        project(41, finished=False),
        project(60, "uat"),
    ]
    assert main(["clean", "--dry-run"]) == 0
    would = {line.removeprefix("would remove ") for line in capsys.readouterr().out.splitlines()}
    assert all(there(*made))
    assert main(["clean"]) == 0
    did = {line.removeprefix("removed ") for line in capsys.readouterr().out.splitlines()}
    assert would == did == {str(one) for one in made if not one.exists()}
    assert len(did) == 4


def test_nothing_to_remove_is_said(project, capsys):
    assert main(["clean"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_sandboxes_that_were_left_are_named(project, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(
        "pytest_dbdeploy.db.leftovers.clean_orphans", lambda *, include_kept: (tmp_path / "sandbox-1",)
    )
    assert main(["clean"]) == 0
    assert f"removed sandbox {tmp_path / 'sandbox-1'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\ndbdeploy_artifacts = elsewhere\n"),
        ("tox.ini", "[pytest]\ndbdeploy_artifacts = elsewhere\n"),
        ("setup.cfg", "[tool:pytest]\ndbdeploy_artifacts = elsewhere\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\ndbdeploy_artifacts = 'elsewhere'\n"),
    ],
)
def test_the_artifacts_folder_of_the_ini_file_counts_from_a_folder_below_too(
    project, tmp_path, monkeypatch, name, text
):
    (tmp_path / name).write_text(text)
    project(1, folder="elsewhere")
    old = project(400, folder="elsewhere")
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    assert main(["clean"]) == 0
    assert there(old) == [False]


def test_variable_and_option_name_the_artifacts_folder(project, monkeypatch):
    for folder in ("a", "b"):
        project(1, folder=folder)
    old = [project(400, folder=folder) for folder in ("a", "b")]
    monkeypatch.setenv("DBDEPLOY_ARTIFACTS", "a")
    assert main(["clean", "--artifacts", "b"]) == 0
    assert there(*old) == [True, False]
    assert main(["clean"]) == 0
    assert there(*old) == [False, False]


def test_missing_variables_do_not_matter_for_cleaning(project, tmp_path):
    (tmp_path / "dbdeploy.yaml").write_text(
        "environments: {dev: {database: '${NOT_HERE}'}}\nalerts: {slack: '${NOR_THIS}'}\n"
    )
    assert main(["clean"]) == 0


def test_a_wrong_file_is_one_clear_message_and_status_4(project, tmp_path, capsys):
    (tmp_path / "dbdeploy.yaml").write_text("backup: {kepe: 5}\n")
    assert main(["clean"]) == 4
    assert 'unknown key "kepe"; did you mean "keep"?' in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["init"], ["init", "--force"]])
def test_later_commands_say_so(arguments, capsys):
    assert main(arguments) == 4
    assert "does not have this command yet" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["schema", "--nonsense"]])
def test_wrong_arguments_end_with_status_4(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 4
    assert "usage: dbdeploy" in capsys.readouterr().err


def test_a_closed_pipe_is_no_traceback():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "pytest_dbdeploy.cli", "schema"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert "Traceback" not in done.stderr
