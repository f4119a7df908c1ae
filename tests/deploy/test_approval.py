"""Approval across two CI jobs: the hash of a dry run approves that plan, on any machine, and no other one."""

import re
import shutil
import subprocess

import pytest

CONFIG = "environments:\n  dev: {protected: true}\nbackup: {keep: 50}\n"


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def commit(project, message="a commit"):
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture
def committed(deployed):
    """A project in a repository, with a migration to come, to a protected environment."""
    deployed.write("dbdeploy.yaml", CONFIG)
    deployed.write(".gitignore", "__pycache__/\n.pytest_cache/\n.deployments/\n")
    deployed.write("gates/sandbox/test_one.py", "def test_it():\n    pass\n")
    deployed.migration("0002_phone", "alter table users add phone text;\n")
    git(deployed.root, "init", "-q", "-b", "main")
    commit(deployed)
    return deployed


def planned(project, *arguments, **environ):
    """The hash that a run without an approval asks for: nothing is cloned for it."""
    result = project.deploy(*arguments, **environ)
    assert result.status == 4
    (found,) = set(re.findall(r"--dbdeploy-approve=([0-9a-f]{64})", result.output))
    return found


def test_what_changed_since_the_dry_run_is_said_of_each_thing_that_counts(committed):
    dry = committed.deploy("--dbdeploy-dry-run")
    assert dry.ended == (0, "dry_run")
    digest = dry.report["plan"]["hash"]
    assert digest in dry.output

    def refused(*parts):
        result = committed.deploy(f"--dbdeploy-approve={digest}")
        assert result.status == 4
        assert result.report["outcome"] == "aborted"
        text = " ".join(result.output.split())
        for part in ("another plan", "What changed since that plan was made:", *parts):
            assert part in text

    commit(committed, "another one")
    refused("the commit: ")
    git(committed.root, "reset", "-q", "--hard", "HEAD~1")

    looser = "policy: {table-renamed: warn}\nthresholds: {lock_rows: 5}\n"
    acknowledged = "acknowledge: [{rule: table-removed, object: public.x, reason: y}]\n"
    committed.write("dbdeploy.yaml", CONFIG + looser + acknowledged)
    gate = committed.write("gates/sandbox/test_two.py", "def test_it():\n    pass\n")
    refused(
        "the policy: table-renamed block -> warn",
        "the thresholds: lock_rows 10000 -> 5",
        "the acknowledgements",
        "the gates: gates/sandbox/test_two.py::test_it is new",
    )
    committed.write("dbdeploy.yaml", CONFIG)
    gate.unlink()

    committed.migration("0002_phone", "alter table users add phone varchar(20);\n")
    committed.migration("0003_more", "create table more (i int);\n")
    committed.sql("create table by_hand (i int)")
    refused(
        "the pending migrations: 0003_more is new, 0002_phone is another one",
        "the target's schema or migration history",
    )
    (committed.root / "migrations/0003_more.sql").unlink()
    committed.migration("0002_phone", "alter table users add phone text;\n")
    committed.sql("drop table by_hand")

    assert committed.sql("select count(*) from dbdeploy.deployments") == [(1,)]
    assert committed.deploy(DBDEPLOY_APPROVE=digest[:8]).ended == (0, "deployed")


def test_the_plan_is_the_same_on_another_machine(committed, tmp_path):
    digest = planned(committed)
    other = tmp_path / "some where" / "else"
    shutil.copytree(committed.root, other, ignore=shutil.ignore_patterns(".deployments", "__pycache__"))
    migration = other / "migrations/0002_phone.sql"
    migration.write_bytes(migration.read_bytes().replace(b"\n", b"\r\n"))
    committed.root, committed.artifacts = other, other / ".deployments"
    environ = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOSTNAME": "elsewhere"}
    assert planned(committed, "-n", "2", **environ) == digest
    wrong = committed.deploy("--dbdeploy-approve=" + "0" * 64)
    assert wrong.status == 4
    assert "What counts: environment, schema and migration history" in " ".join(wrong.output.split())


def test_a_wrong_approval_is_refused_where_none_is_needed_too(committed):
    committed.write("dbdeploy.yaml", "environments: {dev: {}}\n")
    result = committed.deploy("--dbdeploy-approve=" + "0" * 64)
    assert result.status == 4
    assert "environment dev was given an approval for another plan" in " ".join(result.output.split())
