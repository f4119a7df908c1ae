"""git: the state of the working tree, and the current commit merged into the environment's branch on the remote.

Nothing here touches the user's working tree, index, branches or remote-tracking refs: merges are made with plumbing, and
what is fetched or made are objects without a name. Tokens in remote URLs never appear in a message.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import DbDeployError
from ..model import GitState
from ._git_command import Answer, GitMissingError, git, register_tokens

_STALE = ("stale info", "fetch first", "non-fast-forward")


class ReleaseError(DbDeployError):
    """The code could not be merged, pushed or put back."""


@dataclass(frozen=True, slots=True)
class PreparedRelease:
    """A release that only needs to be pushed. ``old``: where the branch stands on the remote; ``new``: where it will stand.

    ``head``: the commit that is released. ``old == new``: it is there already.
    """

    rootdir: Path
    remote: str
    branch: str
    strategy: str
    old: str
    new: str
    head: str

    @property
    def nothing(self) -> bool:
        """Whether the branch has the commit already."""
        return self.old == self.new


# -- state


def read_state(rootdir: Path, note: Callable[[str], None] = lambda text: None) -> GitState | None:
    """The repository that ``rootdir`` is in; None outside of one, or when git cannot read it: then ``note`` hears why.

    ``branch`` is None on a detached HEAD, ``commit`` before the first commit. ``dirty``: changed and untracked files that
    are not ignored, relative to ``rootdir``.
    """
    try:
        top = git(rootdir, "rev-parse", "--show-toplevel")
    except GitMissingError:
        if any((folder / ".git").exists() for folder in (rootdir, *rootdir.parents)):
            note("git is not installed, so nothing is known of the commit and of uncommitted files")
        return None
    if not top.ok:
        if not re.search("not a git repository|must be run in a work tree", top.error):
            note(f"git cannot read this repository: {_first(top.error)}{_hint_for_owner(top.error)}")
        return None
    commit = git(rootdir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    branch = git(rootdir, "symbolic-ref", "--quiet", "--short", "HEAD")
    return GitState(
        branch=branch.line if branch.ok else None,
        commit=commit.line if commit.ok else None,
        dirty=_dirty(rootdir, Path(top.line), note),
    )


def _dirty(rootdir: Path, top: Path, note: Callable[[str], None]) -> tuple[str, ...]:
    status = git(rootdir, "status", "--porcelain=v1", "-z", "--untracked-files=all")
    if not status.ok:
        note(f"git cannot say which files are uncommitted: {_first(status.error)}")
        return ()
    found = set()
    entries = iter(status.output.split("\0"))
    for entry in entries:
        if not entry:
            continue
        found.add(entry[3:])
        if "R" in entry[:2] or "C" in entry[:2]:
            found.add(next(entries))
    here = rootdir.resolve()
    return tuple(sorted(Path(os.path.relpath(top.resolve() / name, here)).as_posix() for name in found))


# -- release


def prepare(rootdir: Path, branch: str, remote: str = "origin", strategy: str = "merge") -> PreparedRelease:
    """Merges HEAD into ``branch`` as it stands on the remote, without pushing. ``strategy``: merge or fast-forward.

    ReleaseError for conflicts (names the files), an unreachable remote, a missing branch, no commit, a fast-forward that is none.
    """
    register_tokens(rootdir, remote)
    head = _need(git(rootdir, "rev-parse", "--verify", "HEAD^{commit}"), "there is no commit to release").line
    old = _remote_commit(rootdir, remote, branch)
    if old is None:
        raise ReleaseError(
            f"there is no branch {branch} on the remote {_name(remote)}",
            hint=f"Check the environment's branch in dbdeploy.yaml, or create it: git push {_name(remote)} HEAD:refs/heads/{branch}",
        )
    _fetch(rootdir, remote, branch, head)
    if _is_ancestor(rootdir, head, old):
        new = old
    elif strategy == "fast-forward":
        if not _is_ancestor(rootdir, old, head):
            raise ReleaseError(
                f"{branch} cannot be fast-forwarded: on the remote {_name(remote)} it has commits that the current one has not",
                hint=f"Merge or rebase onto {branch} first, or set release.git.strategy: merge.",
            )
        new = head
    else:
        new = _merge(rootdir, old, head, branch)
    return PreparedRelease(rootdir, remote, branch, strategy, old, new, head)


def push(prepared: PreparedRelease) -> None:
    """Pushes what was prepared, if the branch still stands where it did then. ReleaseError otherwise; nothing is pushed in that case."""
    if prepared.nothing:
        return
    answer = _push(prepared, prepared.new, expected=prepared.old)
    if answer.ok:
        return
    if any(word in answer.error for word in _STALE):
        raise ReleaseError(
            f"{prepared.branch} was not pushed: somebody else pushed to it on {_name(prepared.remote)} meanwhile",
            hint="Run the deployment again: it merges with what is there now.",
        )
    raise _refused(f"{prepared.branch} was not pushed to {_name(prepared.remote)}", answer)


def undo(prepared: PreparedRelease) -> None:
    """Puts the remote branch back to where it was, if it still stands at our commit; nothing to do if it never got there.

    ReleaseError when somebody pushed on top, or when the server refuses to move the branch back.
    """
    if prepared.nothing:
        return
    register_tokens(prepared.rootdir, prepared.remote)
    if _remote_commit(prepared.rootdir, prepared.remote, prepared.branch) == prepared.old:
        return
    answer = _push(prepared, prepared.old, expected=prepared.new)
    if answer.ok:
        return
    where = f"{prepared.branch} on {_name(prepared.remote)} was not put back"
    by_hand = (
        f"git revert -m 1 {prepared.new}"
        if prepared.new != prepared.head
        else f"git revert {prepared.old}..{prepared.new}"
    )
    if any(word in answer.error for word in _STALE):
        raise ReleaseError(
            f"{where}: somebody else has pushed to it since; it still has our commit {prepared.new[:10]}",
            hint=f"Undo the release on top of it: {by_hand}",
        )
    error = _refused(where, answer)
    raise ReleaseError(
        error.message,
        hint=f"The server does not let the branch go back. Undo the release on top of it: {by_hand}",
    )


def remote_commit(prepared: PreparedRelease) -> str | None:
    """Where the branch stands on the remote right now; None when it is not there. ReleaseError when it cannot be read."""
    register_tokens(prepared.rootdir, prepared.remote)
    return _remote_commit(prepared.rootdir, prepared.remote, prepared.branch)


# -- plumbing


def _remote_commit(rootdir: Path, remote: str, branch: str) -> str | None:
    """Where the branch stands on the remote right now; None when it is not there."""
    answer = git(rootdir, "ls-remote", "--exit-code", remote, f"refs/heads/{branch}")
    if answer.status == 2:
        return None
    if not answer.ok:
        raise ReleaseError(
            f"the remote {_name(remote)} cannot be read: {_last(answer.error)}",
            hint=f"Check release.git.remote, the network and the credentials: git ls-remote {_name(remote)}",
        )
    return answer.output.split()[0]


def _fetch(rootdir: Path, remote: str, branch: str, head: str) -> None:
    """Objects only: an empty refmap keeps the remote-tracking refs as they are."""
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=")
    shallow = git(rootdir, "rev-parse", "--is-shallow-repository").line == "true"
    depth = ("--unshallow",) if shallow else ()
    answer = git(rootdir, "fetch", *quiet, *depth, remote, f"refs/heads/{branch}")
    if not answer.ok:
        raise ReleaseError(f"{branch} cannot be fetched from {_name(remote)}: {_last(answer.error)}")
    if shallow and git(rootdir, "rev-parse", "--is-shallow-repository").line == "true":
        # The current commit's own history; not every server gives it by hash, and the merge tells whether it was needed.
        git(rootdir, "fetch", *quiet, "--unshallow", remote, head)


def _is_ancestor(rootdir: Path, older: str, newer: str) -> bool:
    return git(rootdir, "merge-base", "--is-ancestor", older, newer).ok


def _merge(rootdir: Path, old: str, head: str, branch: str) -> str:
    """The commit that merges ``head`` into ``old``; made of objects, without any checkout."""
    answer = git(rootdir, "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", old, head)
    tree, *conflicts = [part for part in answer.output.split("\0") if part] or [""]
    if answer.status == 1 and conflicts:
        files = "".join(f"\n  {name}" for name in sorted(set(conflicts)))
        raise ReleaseError(
            f"{head[:10]} does not merge into {branch}, there are conflicts in:{files}",
            hint=f"Merge {branch} into your branch, resolve the conflicts, commit, and run again. Nothing was touched.",
        )
    if not answer.ok:
        raise ReleaseError(
            f"{head[:10]} cannot be merged into {branch}: {_last(answer.error)}",
            hint=_hint_for_merge(answer.error),
        )
    identity = () if git(rootdir, "var", "GIT_COMMITTER_IDENT").ok else _OUR_IDENTITY
    message = f"Merge commit '{head[:10]}' into {branch}"
    commit = git(rootdir, *identity, "commit-tree", tree, "-p", old, "-p", head, "-m", message)
    return _need(commit, f"the merge into {branch} cannot be committed").line


_OUR_IDENTITY = ("-c", "user.name=pytest-dbdeploy", "-c", "user.email=pytest-dbdeploy@localhost")


def _push(prepared: PreparedRelease, commit: str, *, expected: str) -> Answer:
    ref = f"refs/heads/{prepared.branch}"
    lease = f"--force-with-lease={ref}:{expected}"
    return git(
        prepared.rootdir, "push", "--quiet", "--no-follow-tags", lease, prepared.remote, f"{commit}:{ref}"
    )


# -- messages


def _need(answer: Answer, what: str) -> Answer:
    if not answer.ok:
        raise ReleaseError(
            f"{what}: {_last(answer.error)}", hint=_hint_for_owner(answer.error).strip() or None
        )
    return answer


def _refused(what: str, answer: Answer) -> ReleaseError:
    """The server's own words (``remote: …``) say most; else git's last line."""
    said = [
        line.removeprefix("remote:").strip()
        for line in answer.error.splitlines()
        if line.startswith("remote:")
    ]
    text = "\n  ".join(filter(None, said)) or _last(answer.error)
    return ReleaseError(f"{what}: {text}", hint="Check that this user may push to the branch.")


def _first(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[0].removeprefix("fatal: ")


def _last(text: str) -> str:
    """The line that says what is wrong: git's own verdict, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return re.sub("^(fatal|error): ", "", (fatal or lines or ["no message"])[0])


def _hint_for_owner(error: str) -> str:
    return (
        " (git config --global --add safe.directory <folder> allows it)"
        if "dubious ownership" in error
        else ""
    )


def _hint_for_merge(error: str) -> str | None:
    if "unrelated histories" in error:
        return "They have no commit in common. In a shallow clone, fetch all of it: git fetch --unshallow (fetch-depth: 0)."
    if "usage: git merge-tree" in error or "unknown option" in error:
        return "git 2.38 or newer is needed to merge without touching the working tree."
    return None


def _name(remote: str) -> str:
    """A remote for messages: a URL may hold a token."""
    return re.sub(r"(?<=://)[^/@]*@", "***@", remote)
