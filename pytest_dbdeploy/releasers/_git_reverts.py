"""Reverts: made with plumbing on top of a branch that does not go back, and found again before the next merge.

A merge after a revert silently loses the reverted commits: git takes them as merged. So whoever deploys them again must revert
the revert first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ._git_command import Answer, git
from .base import ReleaseError

#: Trailer of the reverts that we make: the range whose changes they take back.
TRAILER = "Dbdeploy-Reverts"
_MOST = 10
_OUR_IDENTITY = ("-c", "user.name=pytest-dbdeploy", "-c", "user.email=pytest-dbdeploy@localhost")


@dataclass(frozen=True, slots=True)
class Reverted:
    """A revert on the remote branch that takes commits back which are to be deployed. ``lost``: them, hash and subject."""

    revert: str
    subject: str
    lost: tuple[tuple[str, str], ...]


def commit_tree(rootdir: Path, tree: str, parents: tuple[str, ...], message: str) -> Answer:
    """A commit of objects only; by the user's identity where there is one."""
    identity = () if git(rootdir, "var", "GIT_COMMITTER_IDENT").ok else _OUR_IDENTITY
    arguments = [part for parent in parents for part in ("-p", parent)]
    return git(rootdir, *identity, "commit-tree", tree, *arguments, "-m", message)


def make_revert(rootdir: Path, *, old: str, new: str, tip: str, deployment: str) -> str:
    """A commit on top of ``tip`` without what ``old..new`` brought. ReleaseError when what came since builds on it."""
    tree = f"{old}^{{tree}}" if tip == new else _without(rootdir, old, new, tip)
    commit = commit_tree(rootdir, tree, (tip,), _message(rootdir, old, new, deployment))
    if not commit.ok:
        raise ReleaseError(f"the revert of {new[:10]} cannot be committed: {commit.error.strip()}")
    return commit.line


def _without(rootdir: Path, old: str, new: str, tip: str) -> str:
    """The tree of ``tip`` without ``old..new``: a merge whose base is ``new``, by stand-ins with the parents that it takes."""
    base = commit_tree(rootdir, f"{new}^{{tree}}", (), "base").line
    ours = commit_tree(rootdir, f"{tip}^{{tree}}", (base,), "ours").line
    theirs = commit_tree(rootdir, f"{old}^{{tree}}", (base,), "theirs").line
    answer = git(rootdir, "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs)
    tree, *conflicts = [part for part in answer.output.split("\0") if part] or [""]
    if not answer.ok:
        files = ", ".join(sorted(set(conflicts))) or answer.error.strip()
        raise ReleaseError(
            f"{new[:10]} cannot be reverted: what was pushed on top of it changes the same: {files}"
        )
    return tree


def _message(rootdir: Path, old: str, new: str, deployment: str) -> str:
    subject = git(rootdir, "log", "-1", "--format=%s", new).line
    commits = git(rootdir, "rev-list", "--first-parent", f"{old}..{new}").output.split()
    if len(commits) == 1 and git(rootdir, "rev-parse", "--verify", "--quiet", f"{new}^2").ok:
        what = f"This reverts commit {new}, reversing\nchanges made to {old}."
    else:
        what = "\n".join(f"This reverts commit {commit}." for commit in commits)
    why = (
        "The deployment was rolled back, and the server does not let the branch go back. Before these\n"
        "commits are deployed again, revert this commit: a merge alone would leave them out."
    )
    trailers = f"Dbdeploy-Deployment: {deployment or 'unknown'}\n{TRAILER}: {old}..{new}"
    return f'Revert "{subject}"\n\n{what}\n\n{why}\n\n{trailers}'


# -- found again


def find_reverted(rootdir: Path, branch_commit: str, head: str) -> tuple[Reverted, ...]:
    """Reverts on the branch that ``head`` does not know of, and that take commits of ``head`` back; newest first.

    A revert that was itself reverted, on either side, does not count; neither does one that ``head`` has merged: its files are as
    its author sees them.
    """
    found: list[Reverted] = []
    undone: set[str] = set()
    for commit, subject, body in _reverts(rootdir, f"{head}..{branch_commit}"):
        if commit in undone:
            continue
        hashes = re.findall(r"This reverts commit ([0-9a-f]{7,64})", body)
        full = [git(rootdir, "rev-parse", "--verify", "--quiet", f"{one}^{{commit}}").line for one in hashes]
        undone |= set(full)
        ranges = re.findall(rf"^{TRAILER}: ([0-9a-f]+\.\.[0-9a-f]+)$", body, flags=re.M)
        lost = _lost(rootdir, ranges or [_range(rootdir, one) for one in full if one], head)
        if lost:
            found.append(Reverted(commit, subject, lost))
    return tuple(found)


def explain(found: Sequence[Reverted], branch: str, remote: str) -> str:
    """What a merge would silently leave out, and what to type."""
    lines = [
        f"{branch} on {remote} has taken back commits that are to be deployed; a merge would leave them out:"
    ]
    for one in found:
        lines += [f"  {commit[:10]} {subject}" for commit, subject in one.lost[:_MOST]]
        lines += [f"  and {len(one.lost) - _MOST} more"] if len(one.lost) > _MOST else []
        lines.append(f"    by {one.revert[:10]} {one.subject}")
    reverts = " ".join(one.revert for one in found)
    fetch = f"git fetch {remote} {branch}"
    lines += [
        "to deploy them, revert the revert first:",
        f"  {fetch} && git checkout --detach FETCH_HEAD && git revert --no-edit {reverts} && git checkout - && git merge --no-edit @{{-1}}",
        "to leave them out, take the revert over:",
        f"  {fetch} && git merge --no-edit FETCH_HEAD",
    ]
    return "\n".join(lines)


def _reverts(rootdir: Path, commits: str) -> Iterator[tuple[str, str, str]]:
    """Hash, subject, body, newest first: a revert comes before what it reverts."""
    answer = git(
        rootdir, "log", "--topo-order", "--fixed-strings", "--grep=This reverts commit", "--format=%H%n%s%n%b%x00",
        commits,
    )  # fmt: skip
    for entry in answer.output.split("\0"):
        if entry.strip():
            commit, subject, body = (*entry.strip().split("\n", 2), "")[:3]
            yield commit, subject, body


def _range(rootdir: Path, commit: str) -> str:
    """What a revert of it takes back: of a merge all that it brought."""
    merge = git(rootdir, "rev-parse", "--verify", "--quiet", f"{commit}^2").ok
    return f"{commit}^1..{commit}" if merge else f"{commit}^!"


def _lost(rootdir: Path, ranges: list[str], head: str) -> tuple[tuple[str, str], ...]:
    """Commits of ``ranges`` that ``head`` has, merges aside."""
    lost: dict[str, str] = {}
    for one in ranges:
        log = ("log", "--no-merges", "--format=%H %s")
        outside = set(git(rootdir, *log, one, f"^{head}").output.splitlines())
        for line in git(rootdir, *log, one).output.splitlines():
            if line not in outside:
                commit, _, subject = line.partition(" ")
                lost[commit] = subject
    return tuple(lost.items())
