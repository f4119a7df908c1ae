"""git against real repositories and bare remotes: the user's tree, index, branches and refs stay as they are."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

import pytest

from pytest_dbdeploy.releasers.git import ReleaseError, prepare, push, read_state, undo


@pytest.fixture(autouse=True)
def clean_git(tmp_path, monkeypatch):
    """No configuration of the machine, no identity but the tests' own."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "home").mkdir()


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
    """All that must stay as it is: files, index, HEAD, refs."""
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
        run(repo, "for-each-ref"),
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
    files, index, head, refs, worktrees = everything(repo)
    assert (files, index, head, worktrees) == (before[0], before[1], before[2], before[4])
    assert [line for line in refs.splitlines() if "remotes" not in line] == [
        line for line in before[3].splitlines() if "remotes" not in line
    ]


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


def test_somebody_who_pushed_on_top_is_not_undone(repo, remote, tmp_path):
    prepared = prepare(repo, "develop")
    push(prepared)
    theirs = colleague(tmp_path, remote, "other.ts", "x")
    with pytest.raises(ReleaseError, match="somebody else has pushed") as caught:
        undo(prepared)
    assert f"git revert -m 1 {prepared.new}" in caught.value.hint
    assert at(remote) == theirs


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


def test_a_server_that_lets_no_branch_go_back_leads_to_a_revert(repo, remote):
    run(remote, "config", "receive.denyNonFastForwards", "true")
    prepared = prepare(repo, "develop")
    push(prepared)
    with pytest.raises(ReleaseError, match="was not put back") as caught:
        undo(prepared)
    assert f"git revert -m 1 {prepared.new}" in caught.value.hint
    assert at(remote) == prepared.new


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


def test_the_users_own_ssh_command_is_used(repo, tmp_path):
    script = tmp_path / "own-ssh"
    script.write_text(f"#!/bin/sh\necho called > {tmp_path}/called\nexit 1\n")
    script.chmod(0o755)
    run(repo, "remote", "set-url", "origin", "ssh://git@git.example/o/r.git")
    run(repo, "config", "core.sshCommand", str(script))
    with pytest.raises(ReleaseError, match="cannot be read"):
        prepare(repo, "develop")
    assert (tmp_path / "called").exists()
