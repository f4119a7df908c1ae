"""The code goes along: merged and pushed with plumbing after the database, put back before it."""

import subprocess

import pytest

CONFIG = "environments: {dev: {branch: production}}\n"


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def released(project, tmp_path):
    """The project in a repository whose remote has a branch ``production``; everything is committed."""
    project.write("dbdeploy.yaml", CONFIG)
    project.write(".gitignore", "__pycache__/\n.pytest_cache/\n.deployments/\n")
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", str(remote))
    git(project.root, "init", "-q", "-b", "main")
    git(project.root, "remote", "add", "origin", str(remote))
    commit(project, "start")
    git(project.root, "push", "-q", "origin", "main:production")
    return project, remote


def commit(project, message):
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", message)


def test_code_and_database_are_deployed_together_and_rolled_back_together(released):
    project, remote = released
    project.migration("0002_phone", "alter table users add phone text;")
    commit(project, "phone")
    before = git(remote, "rev-parse", "production")
    result = project.deploy()
    assert (result.status, result.report["outcome"]) == (0, "deployed")
    assert git(remote, "rev-parse", "production") != before
    back = project.run(f"--dbdeploy-rollback={result.id}")
    assert back.status == 0
    assert git(remote, "rev-parse", "production") == before


def test_a_failing_post_deploy_gate_takes_the_push_back(released):
    project, remote = released
    project.write("gates/postdeploy/test_no.py", "def test_it(dbdeploy_target):\n    assert False\n")
    commit(project, "a gate")
    before = git(remote, "rev-parse", "production")
    result = project.deploy()
    assert (result.status, result.report["rollback"]["verified"]) == (11, True)
    assert git(remote, "rev-parse", "production") == before


def test_code_alone_is_deployed_without_clone_and_backup(released):
    project, remote = released
    assert project.deploy().status == 0
    project.write("readme.txt", "hello")
    commit(project, "code only")
    result = project.deploy("-n", "2")
    assert (result.status, result.report["outcome"]) == (0, "deployed")
    assert not (result.folder / "backup.dump").exists()
    assert git(remote, "show", "production:readme.txt") == "hello"
    assert result.gate("test_migrations_apply")["outcome"] == "not_applicable"
    assert project.deploy().report["outcome"] == "nothing_to_deploy"


def test_a_conflict_is_found_before_the_database_is_touched(released, tmp_path):
    project, remote = released
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", "-b", "production", str(remote), str(other))
    (other / "conflict.txt").write_text("theirs")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "theirs")
    git(other, "push", "-q", "origin", "production")
    project.write("conflict.txt", "ours")
    commit(project, "ours")
    result = project.deploy()
    assert result.status == 10
    assert "conflict.txt" in result.gate("test_code_can_be_released")["message"]
    assert project.sql("select count(*) from pg_namespace where nspname = 'dbdeploy'") == [(0,)]


def test_an_uncommitted_migration_is_not_deployed(released):
    project, _ = released
    project.migration("0002_phone", "alter table users add phone text;")
    result = project.deploy()
    assert result.status == 10
    assert "0002_phone.sql" in result.gate("test_migrations_and_gates_are_committed")["message"]
