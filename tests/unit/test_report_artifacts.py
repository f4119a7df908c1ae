"""The folder of a deployment: unique, private, redacted, and pruned without losing a way back."""

from __future__ import annotations

import json
import stat
import time

import pytest

from pytest_dbdeploy import jsonfile
from pytest_dbdeploy.errors import ConfigError
from pytest_dbdeploy.journal import Journal
from pytest_dbdeploy.model import Mode
from pytest_dbdeploy.reports.artifacts import Artifacts, all_artifacts, prune, sweep
from pytest_dbdeploy.secret import redactor

DAY = 86400.0


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".deployments"


def made(root, environment, age, *, backup=False, finished=True):
    """The folder of a deployment that began ``age`` seconds ago."""
    directory = root / f"deploy-{environment}-{int((time.time() - age) * 1000)}"
    directory.mkdir(parents=True)
    journal = Journal(directory / "journal.jsonl")
    journal.append("step-started", step="deploy")
    if finished:
        journal.finish()
    journal.close()
    if backup:
        (directory / "backup.dump").write_text("dump")
    return directory.name


def test_the_folder_is_named_after_environment_and_time_and_private(root):
    before = time.time_ns() // 1_000_000
    artifacts = Artifacts.create(root, "dev")

    prefix, environment, milliseconds = artifacts.deployment_id.split("-")
    assert (prefix, environment) == ("deploy", "dev")
    assert before <= int(milliseconds) <= time.time_ns() // 1_000_000
    assert artifacts.directory == root / artifacts.deployment_id
    assert stat.S_IMODE(artifacts.directory.stat().st_mode) == 0o700
    assert (root / ".gitignore").read_text() == "*\n"


def test_what_a_killed_session_left_of_users_data_is_swept_but_no_whole_dump(root):
    folder = root / made(root, "dev", 60, backup=True, finished=False)
    alive = root / made(root, "dev", 30, finished=False)
    for one in (folder, alive):
        (one / "clone").mkdir()
        (one / "clone/clone.dump").write_text("rows")
        (one / "failed.dump.part").write_text("rows")
    living = Journal(alive / "journal.jsonl")
    sweep(root)
    assert sorted(path.name for path in folder.iterdir()) == ["backup.dump", "journal.jsonl"]
    assert sorted(path.name for path in alive.iterdir()) == ["clone", "failed.dump.part", "journal.jsonl"]
    living.close()


def test_two_sessions_in_one_millisecond_get_two_folders(root, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_764_000_000_000_000_000)
    ids = {Artifacts.create(root, "dev").deployment_id for _ in range(3)}
    assert ids == {f"deploy-dev-{1_764_000_000_000 + i}" for i in range(3)}


def test_a_gitignore_that_is_already_there_stays(root):
    root.mkdir()
    (root / ".gitignore").write_text("# mine\n*\n")
    Artifacts.create(root, "dev")
    assert (root / ".gitignore").read_text() == "# mine\n*\n"


def test_an_environment_with_odd_characters_makes_no_path_of_its_own(root):
    artifacts = Artifacts.create(root, "../we ird")
    assert artifacts.directory.parent == root
    assert all_artifacts(root, "../we ird") == [all_artifacts(root)[0]]


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--dbdeploy-artifacts"):
        Artifacts.create(tmp_path / "file" / "x", "dev")


def test_a_deployment_is_found_by_its_id(root):
    created = Artifacts.create(root, "dev-eu")
    found = Artifacts.find(root, created.deployment_id)
    assert (found.environment, found.directory) == ("dev-eu", created.directory)


def test_an_unknown_id_names_those_that_are_there(root):
    created = Artifacts.create(root, "dev")
    with pytest.raises(ConfigError, match=created.deployment_id):
        Artifacts.find(root, "deploy-dev-1")
    with pytest.raises(ConfigError, match="none"):
        Artifacts.find(root / "elsewhere", "deploy-dev-1")


def test_json_is_redacted_private_and_converted(root):
    redactor.register("tr0ub4dor&3")
    artifacts = Artifacts.create(root, "dev")

    path = artifacts.write_json(
        "plan.json",
        {
            "mode": Mode.DRY_RUN,
            "url": "postgresql://a:tr0ub4dor&3@h/d",
            "sql": "CREATE ROLE a PASSWORD 'xyzzy1'",
        },
    )

    assert "tr0ub4dor" not in path.read_text()
    assert "xyzzy1" not in path.read_text()
    assert json.loads(path.read_text())["mode"] == "dry_run"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(root, monkeypatch):
    artifacts = Artifacts.create(root, "dev")
    artifacts.write_json("plan.json", {"a": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jsonfile.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        artifacts.write_json("plan.json", {"a": 2})
    assert json.loads(artifacts.path("plan.json").read_text()) == {"a": 1}
    assert [p.name for p in artifacts.directory.iterdir()] == ["plan.json"]


def test_pruning_keeps_the_newest_of_each_environment(root):
    dev = [made(root, "dev", age * 60, backup=True) for age in range(1, 5)]
    uat = made(root, "uat", 600, backup=True)
    assert set(prune(root, keep=2, max_age=DAY)) == set(dev[2:])
    assert {a.deployment_id for a in all_artifacts(root)} == {dev[0], dev[1], uat}


def test_dry_runs_do_not_push_backups_out(root):
    deployed = made(root, "dev", 3600, backup=True)
    dry = [made(root, "dev", age) for age in (10, 20, 30)]
    assert prune(root, keep=1, max_age=DAY) == tuple(dry[1:])
    assert {a.deployment_id for a in all_artifacts(root)} == {deployed, dry[0]}


@pytest.mark.parametrize("kept", ["failed.dump", "rollback-state.json"])
def test_dry_runs_and_refused_rollbacks_push_out_no_rows_of_users_and_no_way_back(root, kept):
    """``failed.dump`` holds what a rollback replaced; and the backup itself may have been moved for the moment."""
    rolled_back = made(root, "dev", 3600)
    (root / rolled_back / kept).touch()
    dry = [made(root, "dev", age) for age in (10, 20, 30)]
    assert prune(root, keep=1, max_age=DAY) == tuple(dry[1:])
    deployed = made(root, "dev", 7200, backup=True)
    assert prune(root, keep=1, max_age=DAY) == ()
    assert {a.deployment_id for a in all_artifacts(root)} == {deployed, rolled_back, dry[0]}


def test_the_newest_backup_stays_whatever_its_age(root):
    newest = made(root, "dev", 40 * DAY, backup=True)
    older = made(root, "dev", 41 * DAY, backup=True)
    dry = made(root, "dev", 35 * DAY)
    assert set(prune(root, keep=5, max_age=30 * DAY)) == {older, dry}
    assert [a.deployment_id for a in all_artifacts(root)] == [newest]


def test_an_unfinished_deployment_is_never_pruned(root):
    unfinished = made(root, "dev", 90 * DAY, backup=True, finished=False)
    torn = made(root, "dev", 91 * DAY, backup=True)
    (root / torn / "journal.jsonl").write_bytes(b"gibberish\ngibberish\n")
    newest = made(root, "dev", 1, backup=True)
    assert prune(root, keep=1, max_age=30 * DAY) == ()
    assert {a.deployment_id for a in all_artifacts(root)} == {unfinished, torn, newest}


def test_a_session_that_has_only_just_begun_is_not_pruned(root):
    running = Artifacts.create(root, "dev")
    assert running.unfinished
    assert prune(root, keep=0, max_age=0) == ()

    abandoned = root / f"deploy-dev-{int((time.time() - 2 * DAY) * 1000)}"
    abandoned.mkdir()
    assert prune(root, keep=0, max_age=0) == (abandoned.name,)


def test_backups_in_another_folder_go_with_their_deployment(root, tmp_path):
    backups = tmp_path / "backups"
    ids = [made(root, "dev", age) for age in (10, 20)]
    for name in ids:
        (backups / name).mkdir(parents=True)
        (backups / name / "backup.dump").write_text("dump")
    (backups / "unrelated").mkdir()

    assert prune(root, keep=1, max_age=DAY, backups=backups) == (ids[1],)
    assert sorted(p.name for p in backups.iterdir()) == [ids[0], "unrelated"]


def test_what_is_not_ours_is_left_alone(root):
    root.mkdir()
    (root / "notes").mkdir()
    (root / "deploy-dev-12").mkdir()
    (root / "deploy-dev-1764000000000").write_text("a file")
    assert prune(root, keep=0, max_age=0) == ()
    assert len(list(root.iterdir())) == 3
