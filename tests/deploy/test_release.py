"""The code goes along: git and Vercel after or before the database, and back in reverse order."""

import contextlib
import json
import shutil
import subprocess

import pytest

from tests.vercel import TOKEN, Vercel

from .conftest import until
from .test_health import serving

BYPASS = "byp4ss-byp4ss-byp4ss"
ASKS_THE_APPLICATION = """
def test_orders_are_listed(dbdeploy_app):
    assert dbdeploy_app.get("/orders").status_code == 200
"""


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(project, message):
    git(project.root, "add", "-A")
    git(project.root, "commit", "-q", "-m", message)


class Shop:
    """A deployed project with a migration to come, its remote, and the orders in which things happened."""

    def __init__(self, project, tmp_path):
        self.project = project
        self.remote = tmp_path / "remote.git"
        project.write(".gitignore", "__pycache__/\n.pytest_cache/\n.deployments/\n")
        git(tmp_path, "init", "-q", "--bare", str(self.remote))
        git(project.root, "init", "-q", "-b", "main")
        git(project.root, "remote", "add", "origin", str(self.remote))
        self.configure()
        commit(project, "start")
        git(project.root, "push", "-q", "origin", "main:production")
        self.start = self.tip

    def configure(self, release="", environment=""):
        self.project.write(
            "dbdeploy.yaml",
            f"environments: {{dev: {{branch: production{environment}}}}}\nrelease: {{{release}}}\n",
        )

    @property
    def tip(self):
        return git(self.remote, "rev-parse", "production")

    def released(self):
        """Whether the branch has our commit; fails when it is neither there nor where it was."""
        head = git(self.project.root, "rev-parse", "HEAD")
        parents = git(self.remote, "rev-list", "-1", "--parents", "production").split()
        assert self.tip == self.start or head in parents
        return self.tip != self.start

    @property
    def migrated(self):
        return bool(self.project.sql("select 1 from information_schema.columns where column_name = 'phone'"))

    def change(self, sql="alter table users add phone text;"):
        self.project.migration("0002_phone", sql)
        commit(self.project, "phone")

    def hook(self, script, name="update"):
        path = self.remote / "hooks" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def steps(self, folder, prefix=""):
        """What was done, in order."""
        lines = (folder / "journal.jsonl").read_text().splitlines()
        names = [e["step"] for e in map(json.loads, lines) if e["event"] == "step-started"]
        wanted = ("deploy", "rollback", "release-git", "release-vercel", "undo-git", "undo-vercel")
        return [name for name in names if name in wanted]


@pytest.fixture
def shop(deployed, tmp_path):
    return Shop(deployed, tmp_path)


@contextlib.contextmanager
def with_vercel(shop, order="database-first", environment="", timeout="30s"):
    with Vercel(shop.remote, project="prj_shop").serving() as vercel:
        vercel.before = vercel.add(shop.start)
        shop.configure(
            f"order: {order}, vercel: {{project: prj_shop, token: '${{VERCEL_TOKEN}}', timeout: {timeout}}}",
            environment,
        )
        vercel.environ = {"VERCEL_TOKEN": TOKEN, "VERCEL_API_URL": vercel.url}
        yield vercel


def nothing_secret(result, *secrets):
    """In no output and no file of the run."""
    texts = {"output": result.output}
    texts |= {
        str(p): p.read_text(errors="replace") for p in result.project.artifacts.rglob("*") if p.is_file()
    }
    for secret in secrets:
        assert [name for name, text in texts.items() if secret in text] == []


# -- git alone


@pytest.mark.parametrize("where", ["here", "on another machine, without artifacts"])
def test_code_and_database_are_deployed_together_and_rolled_back_together(shop, where):
    shop.change()
    result = shop.project.deploy()
    assert result.ended == (0, "deployed")
    assert result.report["deployedCommit"] == shop.tip != shop.start
    assert any(line.startswith("git ") and shop.tip[:10] in line for line in result.report["whatStandsWhere"])
    deployment = result.id
    if where != "here":
        shutil.rmtree(shop.project.artifacts)
    back = shop.project.run(f"--dbdeploy-rollback={deployment}")
    assert back.ended == (0, "rolled_back_on_request")
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(back.folder) == ["rollback", "undo-git"]


def test_code_alone_is_deployed_without_clone_and_backup(shop):
    shop.project.write("readme.txt", "hello")
    commit(shop.project, "code only")
    result = shop.project.deploy("-n", "2")
    assert result.ended == (0, "deployed")
    assert "nothing to migrate, verified and kept" in result.report["whatStandsWhere"][0]
    assert not (result.folder / "backup.dump").exists()
    assert git(shop.remote, "show", "production:readme.txt") == "hello"
    assert result.gate("test_migrations_apply")["outcome"] == "not_applicable"
    assert shop.project.deploy().report["outcome"] == "nothing_to_deploy"


def test_a_conflict_is_found_before_the_database_is_touched(shop, tmp_path):
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", "-b", "production", str(shop.remote), str(other))
    (other / "conflict.txt").write_text("theirs")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "theirs")
    git(other, "push", "-q", "origin", "production")
    shop.project.write("conflict.txt", "ours")
    shop.change()
    before = shop.project.states()
    result = shop.project.deploy()
    assert result.status == 10
    assert "conflict.txt" in result.gate("test_code_can_be_released")["message"]
    assert shop.project.states() == before


def test_an_uncommitted_migration_is_not_deployed(shop):
    shop.project.migration("0002_phone", "alter table users add phone text;")
    result = shop.project.deploy()
    assert result.status == 10
    assert "0002_phone.sql" in result.gate("test_migrations_and_gates_are_committed")["message"]


def test_a_repository_of_somebody_else_is_said_with_what_to_type(shop, monkeypatch):
    shop.change()
    for path in (shop.project.root, shop.project.root / ".git"):
        import os

        if os.geteuid() != 0:
            pytest.skip("only root can give files away")
        os.chown(path, 12345, 12345)
    result = shop.project.deploy()
    assert result.status == 10
    message = result.gate("test_code_can_be_released")["message"]
    assert "dubious ownership" in message
    assert "safe.directory" in message


@pytest.mark.parametrize("why", ["the branch may not go back", "release.git.undo"])
def test_what_is_put_back_by_a_revert_has_to_be_reverted_before_it_is_deployed_again(shop, why):
    if why == "release.git.undo":
        shop.configure("git: {undo: revert}")
    else:
        shop.hook('[ "$(git merge-base $2 $3)" = "$2" ] || { echo "protected branch" >&2; exit 1; }')
    shop.change()
    first = shop.project.deploy()
    back = shop.project.run(f"--dbdeploy-rollback={first.id}")
    assert back.ended == (0, "rolled_back_on_request")
    assert "which reverts" in " ".join(back.report["whatStandsWhere"])
    assert not shop.migrated
    assert "0002_phone" not in git(shop.remote, "ls-tree", "-r", "--name-only", "production")
    revert = shop.tip

    shop.project.write("readme.txt", "hello")
    commit(shop.project, "more")
    refused = shop.project.deploy()
    assert refused.ended == (10, "aborted")
    message = refused.gate("test_no_commit_was_reverted_on_the_branch")["message"]
    assert f"git revert --no-edit {revert}" in message
    assert " phone" in message


# -- the table of docs/release.md, row by row: what failed, and what is undone in which order

GATE = "def test_it(dbdeploy_target):\n    assert False\n"


def test_database_first_and_the_push_is_refused(shop):
    shop.hook("exit 1")
    shop.change()
    result = shop.project.deploy()
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(result.folder) == ["deploy", "release-git", "rollback"]


def test_database_first_and_the_build_fails(shop):
    shop.change()
    with with_vercel(shop) as vercel:
        commit(shop.project, "configuration")
        vercel.states = ["BUILDING", "ERROR"]
        result = shop.project.deploy(**vercel.environ)
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated, vercel.current) == (shop.start, False, vercel.before)
    assert shop.steps(result.folder) == [
        "deploy", "release-git", "release-vercel", "rollback", "undo-vercel", "undo-git",
    ]  # fmt: skip
    assert "npm run build" in result.output
    nothing_secret(result, TOKEN)


@pytest.mark.slow
def test_database_first_and_the_build_takes_too_long(shop):
    shop.change()
    with with_vercel(shop, timeout="2s") as vercel:
        commit(shop.project, "configuration")
        vercel.states = ["BUILDING"] * 50
        result = shop.project.deploy(**vercel.environ)
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated, vercel.current) == (shop.start, False, vercel.before)
    assert vercel.deployments[1]["state"] == "CANCELED"


def test_database_first_and_the_application_is_unhealthy(shop):
    shop.change()
    environment = ", app_url: '${APP}', health: {timeout: 1s, interval: 100ms}"
    shop.project.write("gates/preflight/test_app.py", ASKS_THE_APPLICATION)
    with with_vercel(shop, environment=environment) as vercel:
        commit(shop.project, "configuration")

        def status():
            return 200 if vercel.current == vercel.before else 500

        with serving(status) as application:
            result = shop.project.deploy(
                **vercel.environ,
                APP=f"http://127.0.0.1:{application.server_port}",
                VERCEL_AUTOMATION_BYPASS_SECRET=BYPASS,
            )
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated, vercel.current) == (shop.start, False, vercel.before)
    assert shop.steps(result.folder) == [
        "deploy", "release-git", "release-vercel", "rollback", "undo-vercel", "undo-git",
    ]  # fmt: skip
    assert "/orders" in [path for path, _ in application.asked]
    assert {headers["x-vercel-protection-bypass"] for headers in application.headers} == {BYPASS}
    nothing_secret(result, TOKEN, BYPASS)


def test_database_first_and_a_post_deploy_gate_fails(shop):
    shop.project.write("gates/postdeploy/test_no.py", GATE)
    shop.change()
    result = shop.project.deploy()
    assert (result.status, result.report["rollback"]["verified"]) == (11, True)
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(result.folder) == ["deploy", "release-git", "rollback", "undo-git"]


def test_all_is_well_and_a_rollback_on_request_takes_everything_back(shop):
    shop.change()
    with with_vercel(shop) as vercel:
        commit(shop.project, "configuration")
        result = shop.project.deploy(**vercel.environ)
        assert result.ended == (0, "deployed")
        assert vercel.commit_of(vercel.current) == shop.tip == result.report["deployedCommit"]
        back = shop.project.run(f"--dbdeploy-rollback={result.id}", **vercel.environ)
    assert back.ended == (0, "rolled_back_on_request")
    assert (shop.tip, shop.migrated, vercel.current) == (shop.start, False, vercel.before)
    assert shop.steps(back.folder) == ["rollback", "undo-vercel", "undo-git"]
    nothing_secret(back, TOKEN)


@pytest.fixture
def code_first(shop):
    shop.configure("order: code-first")
    return shop


def test_code_first_and_the_push_is_refused(code_first):
    shop = code_first
    shop.hook("exit 1")
    shop.change()
    result = shop.project.deploy()
    assert result.ended == (10, "aborted")
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(result.folder) == ["release-git"]
    assert shop.project.states()[result.id] == "aborted"


def test_code_first_and_the_build_fails(shop):
    shop.change()
    with with_vercel(shop, order="code-first") as vercel:
        commit(shop.project, "configuration")
        vercel.states = ["BUILDING", "ERROR"]
        result = shop.project.deploy(**vercel.environ)
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated, vercel.current) == (shop.start, False, vercel.before)
    assert shop.steps(result.folder) == ["release-git", "release-vercel", "undo-vercel", "undo-git"]


def test_code_first_and_the_database_fails(code_first):
    """The row that breaks the constraint comes after the rehearsal: the push's hook writes it."""
    shop = code_first
    shop.change(
        "alter table users add phone text;\nalter table users add constraint few check (id < 1000);\n"
    )
    psql = f"psql -qX '{shop.project.url.reveal()}' -c \"insert into users values (5000, 'x', 'x')\""
    shop.hook(f"[ -e once ] || {psql} && touch once")
    result = shop.project.deploy(PATH=_with_psql())
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(result.folder) == ["release-git", "deploy", "undo-git"]
    assert shop.project.states()[result.id] == "rolled_back"


def _with_psql():
    import os

    return f"/usr/lib/postgresql/15/bin:{os.environ['PATH']}"


def test_code_first_and_a_post_deploy_gate_fails(code_first):
    shop = code_first
    shop.project.write("gates/postdeploy/test_no.py", GATE)
    shop.change()
    result = shop.project.deploy()
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(result.folder) == ["release-git", "deploy", "rollback", "undo-git"]


@pytest.mark.slow
def test_code_first_and_a_rollback_on_request(code_first):
    shop = code_first
    shop.change()
    result = shop.project.deploy()
    assert result.ended == (0, "deployed")
    back = shop.project.run(f"--dbdeploy-rollback={result.id}")
    assert back.ended == (0, "rolled_back_on_request")
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(back.folder) == ["rollback", "undo-git"]


# -- killed between two steps


def killed(shop, at, **environ):
    """A deployment that stops itself at an event of its journal, and is killed there."""
    run = shop.project.start("--dbdeploy-env=dev", "-p", "tests.deploy.fault_point", FAULT_AT=at, **environ)
    stands = shop.project.root / "stands"
    until(lambda: stands.exists() or run.process.poll() is not None, seconds=110)
    assert stands.exists(), run.process.stdout.read()
    run.kill()
    (shop.project.root / "stands").unlink()
    return run.id


@pytest.mark.parametrize(
    ("at", "command"),
    [
        ("before step-started release-git", "resume"),
        ("before step-finished release-git", "rollback"),
        pytest.param("before step-finished release-git", "resume", marks=pytest.mark.slow),
        pytest.param("before step-started release-git", "rollback", marks=pytest.mark.slow),
    ],
)
def test_database_first_killed_around_the_push(shop, at, command):
    shop.change()
    deployment = killed(shop, at)
    assert shop.migrated
    result = shop.project.run(f"--dbdeploy-{command}={deployment}")
    if command == "resume":
        assert result.ended == (0, "deployed")
        assert shop.migrated
        assert "0002_phone" in git(shop.remote, "ls-tree", "-r", "--name-only", "production")
    else:
        assert result.ended == (0, "rolled_back_on_request")
        assert (shop.tip, shop.migrated) == (shop.start, False)


def test_what_cannot_be_verified_on_another_machine_is_put_back_with_its_code(shop):
    shop.change()
    deployment = killed(shop, "before step-finished release-git")
    assert (shop.tip != shop.start, shop.migrated) == (True, True)
    shutil.rmtree(shop.project.artifacts)
    result = shop.project.run(f"--dbdeploy-resume={deployment}")
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert "the apply was complete, but cannot be verified here" in result.output


def test_database_first_killed_while_vercel_builds_and_resumed(shop):
    shop.change()
    with with_vercel(shop) as vercel:
        commit(shop.project, "configuration")
        deployment = killed(shop, "before step-finished release-vercel", **vercel.environ)
        result = shop.project.run(f"--dbdeploy-resume={deployment}", **vercel.environ)
    assert result.ended == (0, "deployed")
    assert vercel.commit_of(vercel.current) == shop.tip


def test_resumed_when_the_branch_has_moved_on_everything_is_put_back(shop, tmp_path):
    shop.change()
    deployment = killed(shop, "before step-started release-git")
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", "-b", "production", str(shop.remote), str(other))
    git(other, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(other, "push", "-q", "origin", "production")
    theirs = shop.tip
    result = shop.project.run(f"--dbdeploy-resume={deployment}")
    assert result.ended == (11, "rolled_back")
    assert (shop.tip, shop.migrated) == (theirs, False)
    assert "somebody else pushed to it" in result.output


@pytest.mark.parametrize("command", ["resume", pytest.param("rollback", marks=pytest.mark.slow)])
def test_code_first_killed_between_the_push_and_the_database(code_first, command):
    shop = code_first
    shop.change()
    deployment = killed(shop, "before step-started deploy")
    assert shop.tip != shop.start
    result = shop.project.run(f"--dbdeploy-{command}={deployment}")
    assert result.status == (11 if command == "resume" else 0)
    assert (shop.tip, shop.migrated) == (shop.start, False)
    assert shop.steps(result.folder) == ["undo-git"]


def test_code_first_killed_between_the_database_and_the_code_on_the_way_back(code_first):
    shop = code_first
    shop.project.write("gates/postdeploy/test_no.py", GATE)
    shop.change()
    deployment = killed(shop, "before step-started undo-git")
    assert not shop.migrated
    assert shop.tip != shop.start
    assert shop.project.states()[deployment] == "rolling_back"
    result = shop.project.run(f"--dbdeploy-resume={deployment}")
    assert result.ended == (11, "rolled_back")
    assert shop.tip == shop.start
    assert shop.project.states()[deployment] == "rolled_back"


# -- what cannot be put back


def test_code_that_cannot_be_put_back_keeps_the_database_where_it_is_and_calls_a_person(shop):
    """New code on the old schema would be worse."""
    shop.project.write("gates/postdeploy/test_no.py", GATE)
    shop.change()
    shop.hook("[ ! -e closed ] || { echo 'the branch is frozen' >&2; exit 1; }; touch closed")
    result = shop.project.deploy()
    assert result.ended == (12, "rollback_failed")
    assert shop.migrated
    assert "the branch is frozen" in result.output
    assert any("NOT put back" in line for line in result.report["whatStandsWhere"])
    (shop.remote / "closed").unlink()
    back = shop.project.run(f"--dbdeploy-rollback={result.id}")
    assert back.ended == (0, "rolled_back_on_request")
    assert (shop.tip, shop.migrated) == (shop.start, False)
