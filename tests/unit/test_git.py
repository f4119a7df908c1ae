"""git against real repositories and bare remotes: the user's tree, index, branches and refs stay as they are."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
from dataclasses import replace

import pytest

from pytest_dbdeploy.errors import DbDeployError
from pytest_dbdeploy.releasers import RevertedError
from pytest_dbdeploy.releasers._git_command import git
from pytest_dbdeploy.releasers.git import ReleaseError, prepare, push, read_state, undo
from tests.git_server import PASSWORD, USER, serving_git


@pytest.fixture(autouse=True)
def clean_git(tmp_path, monkeypatch):
    """No configuration of the machine, no identity but the tests' own."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "home").mkdir()


def test_an_interrupt_during_a_transfer_leaves_no_timer_that_keeps_the_process(tmp_path, monkeypatch):
    def interrupted(process, *_, **__):
        process.kill()
        process.wait()
        raise KeyboardInterrupt

    monkeypatch.setenv("GIT_SSH", "ssh")
    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    before = threading.enumerate()
    with pytest.raises(KeyboardInterrupt):
        git(tmp_path, "ls-remote", str(tmp_path))
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(5)
    assert not [thread for thread in left if thread.is_alive()]


def run(folder, *arguments, check=True):
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=False, capture_output=True, text=True
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder, name, text, message="change"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    run(folder, "add", "--", name)
    run(folder, "commit", "-m", message)
    return run(folder, "rev-parse", "HEAD")


@pytest.fixture
def remote(tmp_path):
    """A bare repository with the branches main and develop, each with one commit."""
    path = tmp_path / "remote.git"
    run(tmp_path, "init", "--bare", "-b", "main", str(path))
    seed = tmp_path / "seed"
    run(tmp_path, "clone", str(path), str(seed))
    commit(seed, "app.ts", "1\n")
    run(seed, "push", "origin", "HEAD:refs/heads/main", "HEAD:refs/heads/develop")
    return path


@pytest.fixture
def repo(tmp_path, remote):
    """A clone with a feature branch that is one commit ahead of develop."""
    path = tmp_path / "repo"
    run(tmp_path, "clone", str(remote), str(path))
    run(path, "checkout", "-b", "feature")
    commit(path, "drizzle/0001.sql", "select 1;\n")
    return path


def colleague(tmp_path, remote, name, text, branch="develop"):
    """Somebody else pushes a commit to ``branch``."""
    path = tmp_path / f"colleague-{name.replace('/', '-')}-{branch}"
    run(tmp_path, "clone", "-b", branch, str(remote), str(path))
    made = commit(path, name, text)
    run(path, "push", "origin", f"HEAD:refs/heads/{branch}")
    return made


def at(remote, branch="develop"):
    return run(remote, "rev-parse", f"refs/heads/{branch}")


def everything(repo):
    """All that must stay as it is: files, index, HEAD, refs; a push moves the remote-tracking ref along."""
    files = {
        p.relative_to(repo).as_posix(): p.read_bytes()
        for p in repo.rglob("*")
        if p.is_file() and ".git" not in p.parts
    }
    index = (repo / ".git" / "index").read_bytes()
    return (
        files,
        index,
        (repo / ".git" / "HEAD").read_text(),
        run(repo, "for-each-ref", "refs/heads", "refs/tags"),
        run(repo, "worktree", "list"),
    )


# -- state


def test_outside_of_a_repository_there_is_no_state(tmp_path):
    notes = []
    assert read_state(tmp_path, notes.append) is None
    assert notes == []


def test_a_clean_repository_has_branch_and_commit(repo):
    state = read_state(repo)
    assert state.branch == "feature"
    assert state.commit == run(repo, "rev-parse", "HEAD")
    assert state.dirty == ()


def test_changed_deleted_renamed_staged_and_untracked_files_are_dirty_and_ignored_ones_are_not(repo):
    for name in ("changed", "deleted", "renamed", "wíth spáce"):
        (repo / name).write_text(name * 20)
    (repo / ".gitignore").write_text("ignored\n")
    run(repo, "add", ".")
    run(repo, "commit", "-m", "x")
    (repo / "changed").write_text("y")
    (repo / "deleted").unlink()
    run(repo, "mv", "renamed", "new name")
    (repo / "staged").write_text("")
    run(repo, "add", "staged")
    (repo / "ignored").write_text("")
    (repo / "folder" / "deep").mkdir(parents=True)
    (repo / "folder" / "deep" / "untracked.sql").write_text("")
    (repo / "wíth spáce").write_text("y")
    before = (repo / ".git" / "index").read_bytes()

    assert read_state(repo).dirty == (
        "changed", "deleted", "folder/deep/untracked.sql", "new name", "renamed", "staged", "wíth spáce",
    )  # fmt: skip
    assert (repo / ".git" / "index").read_bytes() == before


def test_files_are_relative_to_the_root_of_the_project(repo):
    project = repo / "packages" / "shop"
    project.mkdir(parents=True)
    (project / "a.sql").write_text("")
    (repo / "outside.txt").write_text("")
    assert read_state(project).dirty == ("../../outside.txt", "a.sql")


def test_a_detached_head_has_no_branch(repo):
    run(repo, "checkout", "--detach")
    state = read_state(repo)
    assert (state.branch, state.commit) == (None, run(repo, "rev-parse", "HEAD"))


def test_before_the_first_commit_there_is_a_branch_only(tmp_path):
    run(tmp_path, "init", "-b", "main", "new")
    state = read_state(tmp_path / "new")
    assert (state.branch, state.commit, state.dirty) == ("main", None, ())


def test_without_git_there_is_a_note(repo, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    notes = []
    assert read_state(repo, notes.append) is None
    assert "git is not installed" in notes[0]


def test_without_git_nothing_can_be_released_and_it_is_said_why(repo, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DbDeployError, match="git is not installed") as caught:
        prepare(repo, "develop")
    assert "remove the environment's branch" in caught.value.hint


def test_a_repository_of_another_user_is_a_note_and_not_a_crash(repo):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (repo, repo / ".git"):
        os.chown(path, 12345, 12345)
    notes = []
    assert read_state(repo, notes.append) is None
    assert "dubious ownership" in notes[0]
    assert "safe.directory" in notes[0]
    with pytest.raises(ReleaseError, match="dubious ownership"):
        prepare(repo, "develop")


# -- merge and push


def test_the_current_commit_is_merged_and_pushed_and_nothing_else_changes(repo, remote, tmp_path):
    theirs = colleague(tmp_path, remote, "other.ts", "x")
    (repo / "drizzle" / "0001.sql").write_text("uncommitted")
    (repo / "staged").write_text("")
    run(repo, "add", "staged")
    before = everything(repo)

    prepared = prepare(repo, "develop")
    assert at(remote) == theirs == prepared.old
    assert everything(repo) == before

    push(prepared)
    assert at(remote) == prepared.new
    assert run(remote, "rev-parse", f"{prepared.new}^1", f"{prepared.new}^2").split() == [
        theirs,
        prepared.head,
    ]
    assert run(remote, "ls-tree", "-r", "--name-only", "develop").split() == [
        "app.ts",
        "drizzle/0001.sql",
        "other.ts",
    ]
    assert run(remote, "show", "develop:drizzle/0001.sql") == "select 1;"
    assert everything(repo) == before


def test_undoing_puts_the_branch_back_where_it_was(repo, remote):
    before = at(remote)
    prepared = prepare(repo, "develop")
    push(prepared)
    assert at(remote) != before
    undo(prepared)
    assert at(remote) == before
    undo(prepared)
    assert at(remote) == before


def test_undoing_what_was_never_pushed_does_nothing(repo, remote):
    before = at(remote)
    undo(prepare(repo, "develop"))
    assert at(remote) == before


def test_a_conflict_names_the_files_before_anything_is_touched(repo, remote, tmp_path):
    colleague(tmp_path, remote, "drizzle/0001.sql", "select 2;\n")
    before, there = everything(repo), at(remote)
    with pytest.raises(ReleaseError) as caught:
        prepare(repo, "develop")
    assert "drizzle/0001.sql" in caught.value.message
    assert "Merge develop into your branch" in caught.value.hint
    assert everything(repo) == before
    assert at(remote) == there


def test_a_fast_forward_moves_the_branch_to_the_current_commit(repo, remote):
    prepared = prepare(repo, "develop", strategy="fast-forward")
    push(prepared)
    assert at(remote) == prepared.new == prepared.head == run(repo, "rev-parse", "HEAD")


def test_a_fast_forward_that_is_none_is_refused(repo, remote, tmp_path):
    colleague(tmp_path, remote, "other.ts", "x")
    with pytest.raises(ReleaseError, match="cannot be fast-forwarded"):
        prepare(repo, "develop", strategy="fast-forward")


def test_a_commit_that_is_there_already_is_nothing_to_release(repo, remote):
    run(repo, "push", "origin", "HEAD:refs/heads/develop")
    before = at(remote)
    prepared = prepare(repo, "develop")
    assert prepared.nothing
    push(prepared)
    undo(prepared)
    assert at(remote) == before


def test_an_identity_is_not_needed_and_is_used_where_there_is_one(repo, remote):
    run(repo, "config", "user.useConfigOnly", "true")
    assert run(repo, "log", "-1", "--format=%an", prepare(repo, "develop").new) == "pytest-dbdeploy"
    run(repo, "config", "user.name", "Berta")
    run(repo, "config", "user.email", "berta@example.org")
    assert (
        run(repo, "log", "-1", "--format=%an <%ae>", prepare(repo, "develop").new)
        == "Berta <berta@example.org>"
    )


def test_a_detached_head_is_released_too(repo, remote):
    run(repo, "checkout", "--detach")
    push(prepare(repo, "develop"))
    assert run(remote, "show", "develop:drizzle/0001.sql") == "select 1;"


def test_a_shallow_clone_is_deepened_as_needed(repo, remote, tmp_path):
    colleague(tmp_path, remote, "other.ts", "x")
    run(repo, "push", "origin", "feature")
    shallow = tmp_path / "shallow"
    run(tmp_path, "clone", "--depth", "1", "-b", "feature", f"file://{remote}", str(shallow))
    run(shallow, "checkout", "--detach")
    push(prepare(shallow, "develop"))
    assert run(remote, "ls-tree", "-r", "--name-only", "develop").split() == [
        "app.ts",
        "drizzle/0001.sql",
        "other.ts",
    ]


# -- others


def test_somebody_who_pushed_meanwhile_is_not_overwritten(repo, remote, tmp_path):
    prepared = prepare(repo, "develop")
    theirs = colleague(tmp_path, remote, "other.ts", "x")
    with pytest.raises(ReleaseError, match="somebody else pushed to it") as caught:
        push(prepared)
    assert "again" in caught.value.hint
    assert at(remote) == theirs


def files(remote, branch="develop"):
    return run(remote, "ls-tree", "-r", "--name-only", branch).split()


def test_what_somebody_pushed_on_top_stays_when_ours_is_taken_off(repo, remote, tmp_path):
    prepared = prepare(repo, "develop")
    push(prepared)
    theirs = colleague(tmp_path, remote, "other.ts", "x")
    before = everything(repo)
    assert f"which reverts {prepared.new[:10]}" in undo(prepared)
    assert files(remote) == ["app.ts", "other.ts"]
    assert run(remote, "rev-parse", "develop^") == theirs
    assert everything(repo) == before
    tip = at(remote)
    undo(prepared)
    assert at(remote) == tip, "done twice is done once"


def test_what_somebody_built_on_ours_cannot_be_taken_off_by_a_machine(repo, remote, tmp_path):
    prepared = prepare(repo, "develop")
    push(prepared)
    theirs = colleague(tmp_path, remote, "drizzle/0001.sql", "select 3;\n")
    with pytest.raises(ReleaseError, match=r"was not put back.*changes the same: drizzle/0001.sql") as caught:
        undo(prepared)
    assert f"git revert -m 1 {prepared.new}" in caught.value.hint
    assert at(remote) == theirs


def test_what_somebody_has_taken_off_already_is_left_as_it_is(repo, remote, tmp_path):
    prepared = prepare(repo, "develop")
    push(prepared)
    by_hand = tmp_path / "by-hand"
    run(tmp_path, "clone", "-b", "develop", str(remote), str(by_hand))
    run(by_hand, "revert", "--no-edit", "-m", "1", prepared.new)
    run(by_hand, "push", "origin", "develop")
    tip = at(remote)
    assert "where our commit is reverted" in undo(prepared)
    run(remote, "update-ref", "refs/heads/develop", run(remote, "rev-parse", "main"))
    colleague(tmp_path, remote, "other.ts", "x")
    assert "without our commit" in undo(prepared)
    assert at(remote) != tip


def test_another_clone_can_undo_it(repo, remote, tmp_path):
    """The merge was made in the first one only."""
    prepared = prepare(repo, "develop")
    push(prepared)
    run(tmp_path, "clone", "--depth", "1", "-b", "main", f"file://{remote}", str(tmp_path / "ci"))
    undo(replace(prepared, rootdir=tmp_path / "ci"))
    assert at(remote) == prepared.old


def hook(remote, script):
    path = remote / "hooks" / "update"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_protected_branch_says_so_in_the_servers_words(repo, remote):
    before = at(remote)
    hook(remote, 'echo "GH006: Protected branch update failed for $1." >&2; exit 1')
    with pytest.raises(ReleaseError, match="GH006: Protected branch update failed for refs/heads/develop"):
        push(prepare(repo, "develop"))
    assert at(remote) == before


#: A protected branch as servers have them: nobody may rewrite it.
NO_WAY_BACK = """
if [ "$(git merge-base $2 $3)" != "$2" ]; then
  echo "GH006: Protected branch update failed for $1. Cannot force-push to this branch" >&2; exit 1
fi
"""


@pytest.fixture(params=["hook", "setting"])
def protected(request, remote):
    if request.param == "hook":
        hook(remote, NO_WAY_BACK)
    else:
        run(remote, "config", "receive.denyNonFastForwards", "true")
    return remote


@pytest.mark.parametrize("strategy", ["merge", "fast-forward"])
def test_where_the_branch_may_not_go_back_ours_is_reverted(repo, protected, strategy):
    commit(repo, "more.ts", "2\n")
    prepared = prepare(repo, "develop", strategy=strategy, deployment="deploy-dev-1")
    push(prepared)
    before = everything(repo)
    assert f"which reverts {prepared.new[:10]}" in undo(prepared)
    assert files(protected) == ["app.ts"]
    assert run(protected, "rev-parse", "develop^") == prepared.new
    message = run(protected, "log", "-1", "--format=%B", "develop")
    assert f"This reverts commit {prepared.new}" in message
    assert "Dbdeploy-Deployment: deploy-dev-1" in message
    assert everything(repo) == before


def test_a_revert_can_be_wanted_from_the_start(repo, remote):
    prepared = prepare(repo, "develop")
    push(prepared)
    undo(prepared, revert=True)
    assert run(remote, "rev-parse", "develop^") == prepared.new
    assert files(remote) == ["app.ts"]


def test_a_server_that_refuses_the_revert_too_says_why(repo, remote):
    prepared = prepare(repo, "develop")
    push(prepared)
    hook(remote, 'echo "the branch is frozen" >&2; exit 1')
    with pytest.raises(
        ReleaseError, match=r"was not put back, it still has our commit .*: the branch is frozen"
    ) as caught:
        undo(prepared)
    assert f"git revert -m 1 {prepared.new}" in caught.value.hint
    assert at(remote) == prepared.new


# -- after a revert


def lost(repo):
    """What the gate says, or None."""
    try:
        prepare(repo, "develop")
    except RevertedError as error:
        return error.message


@pytest.mark.parametrize("strategy", ["merge", "fast-forward"])
def test_a_revert_must_be_reverted_before_its_commits_are_deployed_again(repo, remote, strategy):
    prepared = prepare(repo, "develop", strategy=strategy)
    push(prepared)
    undo(prepared, revert=True)

    assert "drizzle" not in " ".join(files(remote))
    assert run(repo, "merge-base", prepared.head, at(remote)) == prepared.head, "git takes it as merged"
    said = lost(repo)
    assert f"{prepared.head[:10]} change" in said
    assert f"by {at(remote)[:10]} Revert" in said

    commit(repo, "drizzle/0001.sql", "select 1; -- mended\n")
    said = lost(repo)
    assert f"{prepared.head[:10]} change" in said

    command = next(line for line in said.splitlines() if "git revert" in line)
    shell(repo, command)
    push(prepare(repo, "develop"))
    assert run(remote, "show", "develop:drizzle/0001.sql") == "select 1; -- mended"


def test_a_revert_that_is_taken_over_leaves_the_commits_out_knowingly(repo, remote):
    prepared = prepare(repo, "develop")
    push(prepared)
    undo(prepared, revert=True)
    commit(repo, "other.ts", "x")
    said = lost(repo)
    shell(repo, said.splitlines()[-1])
    push(prepare(repo, "develop"))
    assert files(remote) == ["app.ts", "other.ts"]


def test_a_persons_revert_counts_and_one_that_was_reverted_on_the_branch_does_not(repo, remote, tmp_path):
    push(prepare(repo, "develop"))
    by_hand = tmp_path / "by-hand"
    run(tmp_path, "clone", "-b", "develop", str(remote), str(by_hand))
    run(by_hand, "revert", "--no-edit", "-m", "1", "HEAD")
    run(by_hand, "push", "origin", "develop")
    commit(repo, "other.ts", "x")
    assert "change" in lost(repo)
    run(by_hand, "revert", "--no-edit", "HEAD")
    run(by_hand, "push", "origin", "develop")
    assert lost(repo) is None
    run(by_hand, "revert", "--no-edit", "HEAD")
    run(by_hand, "push", "origin", "develop")
    assert "change" in lost(repo)


def test_other_peoples_reverts_are_nobodys_business_here(repo, remote, tmp_path):
    theirs = colleague(tmp_path, remote, "other.ts", "x")
    by_hand = tmp_path / "by-hand"
    run(tmp_path, "clone", "-b", "develop", str(remote), str(by_hand))
    run(by_hand, "revert", "--no-edit", theirs)
    run(by_hand, "push", "origin", "develop")
    assert lost(repo) is None


def shell(folder, command):
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ann"), ("EMAIL", "a@b.c"))
    }
    done = subprocess.run(
        ["sh", "-ec", command], cwd=folder, capture_output=True, text=True, env={**os.environ, **identity}
    )
    assert done.returncode == 0, done.stderr


def test_a_missing_branch_is_a_clear_error(repo, remote):
    with pytest.raises(ReleaseError, match="no branch staging"):
        prepare(repo, "staging")


def test_a_missing_remote_is_a_clear_error(repo):
    with pytest.raises(ReleaseError, match="the remote upstream cannot be read"):
        prepare(repo, "develop", remote="upstream")


def test_a_repository_without_a_commit_has_nothing_to_release(tmp_path):
    run(tmp_path, "init", "new")
    with pytest.raises(ReleaseError, match="no commit to release"):
        prepare(tmp_path / "new", "develop")


def test_histories_without_a_common_commit_are_a_clear_error(repo, remote):
    run(repo, "checkout", "--orphan", "fresh")
    run(repo, "commit", "-m", "x")
    with pytest.raises(ReleaseError, match="unrelated histories"):
        prepare(repo, "develop")


def test_a_git_that_is_too_old_says_which_one_is_needed(repo, remote, tmp_path, monkeypatch):
    """git before 2.38 knows another merge-tree; a wrapper plays it."""
    real = shutil.which("git")
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\nif [ "$1" = merge-tree ]; then echo "usage: git merge-tree <base-tree> <branch1> <branch2>" >&2; exit 129; fi\n'
        f'exec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    with pytest.raises(ReleaseError) as caught:
        prepare(repo, "develop")
    assert "git 2.38 or newer" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["https://ghp_tok3ntok3n@127.0.0.1:9/o/r.git", "https://bot:ghp_tok3ntok3n@127.0.0.1:9/o/r.git"]
)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_token_in_the_remotes_url_is_in_no_message(repo, url, by_name):
    run(repo, "remote", "set-url", "origin", url)
    with pytest.raises(ReleaseError) as caught:
        prepare(repo, "develop", remote="origin" if by_name else url)
    assert "tok3n" not in str(caught.value)
    assert "cannot be read" in str(caught.value)


@pytest.mark.parametrize("where", ["named", "insteadOf", "url"])
def test_a_token_works_and_is_in_no_argument_of_any_process(repo, remote, tmp_path, monkeypatch, where):
    """A real server, which wants the token; a wrapper writes down the arguments of git and of all its helpers."""
    arguments = tmp_path / "arguments"
    spy(tmp_path, monkeypatch, arguments)
    with serving_git(remote) as url:
        clean = f"{url}/remote.git"
        dirty = clean.replace("://", f"://{USER}:{PASSWORD}@")
        if where == "named":
            run(repo, "remote", "set-url", "origin", dirty)
        elif where == "insteadOf":
            run(repo, "remote", "set-url", "origin", clean)
            run(repo, "config", f"url.{dirty.removesuffix('remote.git')}.insteadOf", f"{url}/")
        config = (repo / ".git" / "config").read_bytes()
        arguments.write_text("")
        prepared = prepare(repo, "develop", remote=dirty if where == "url" else "origin")
        push(prepared)
        assert at(remote) == prepared.new
        undo(prepared)
    assert at(remote) == prepared.old
    called = arguments.read_text()
    assert "remote-http" in called, "the helper was seen"
    assert PASSWORD not in called
    assert (repo / ".git" / "config").read_bytes() == config


def test_a_wrong_token_is_refused_without_a_question(repo, remote):
    with serving_git(remote) as url:
        run(repo, "remote", "set-url", "origin", f"{url}/remote.git".replace("://", "://bot:wr0ngt0ken@"))
        with pytest.raises(ReleaseError, match="cannot be read: ") as caught:
            prepare(repo, "develop")
    assert "wr0ngt0ken" not in str(caught.value)


def test_variables_that_configure_git_already_stay(repo, remote, monkeypatch):
    """As CI jobs bring safe.directory."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "By variable")
    run(repo, "config", "user.email", "a@b.c")
    with serving_git(remote) as url:
        run(repo, "remote", "set-url", "origin", f"{url}/remote.git".replace("://", f"://{USER}:{PASSWORD}@"))
        assert run(repo, "log", "-1", "--format=%an", prepare(repo, "develop").new) == "By variable"


def spy(tmp_path, monkeypatch, arguments):
    """git's own helper programs are asked for by their names in its exec path: these write down what they are told."""
    real, folder = run(tmp_path, "--exec-path"), tmp_path / "exec"
    folder.mkdir()
    for program in ("git-remote-http", "git"):
        path = folder / program
        target = f"{real}/{program}" if program != "git" else shutil.which("git")
        path.write_text(f'#!/bin/sh\nprintf "%s " "$0" "$@" >> {arguments}\nexec {target} "$@"\n')
        path.chmod(0o755)
    monkeypatch.setenv("GIT_EXEC_PATH", f"{folder}:{real}")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_the_users_own_ssh_command_is_used(repo, tmp_path):
    script = tmp_path / "own-ssh"
    script.write_text(f"#!/bin/sh\necho called > {tmp_path}/called\nexit 1\n")
    script.chmod(0o755)
    run(repo, "remote", "set-url", "origin", "ssh://git@git.example/o/r.git")
    run(repo, "config", "core.sshCommand", str(script))
    with pytest.raises(ReleaseError, match="cannot be read"):
        prepare(repo, "develop")
    assert (tmp_path / "called").exists()
