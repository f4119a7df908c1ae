"""git: the current commit merged into the environment's branch on the remote, and taken off it again.

Nothing here touches the user's working tree, index, branches or remote-tracking refs: merges and reverts are made with
plumbing, and what is fetched or made are objects without a name. Tokens in remote URLs never appear in a message or argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ._git_command import Answer, Remote, git, hint_for_owner, masked, verdict_line
from ._git_reverts import commit_tree, explain, find_reverted, make_revert
from ._git_state import read_state
from .base import Job, Prepared, ReleaseError, RevertedError

__all__ = ["PreparedRelease", "ReleaseError", "prepare", "push", "read_state", "undo"]

# By git itself, before the server is asked; and by a server that noticed only then.
_STALE = re.compile(
    r"! \[rejected\]|cannot lock ref|failed to update ref|incorrect old value|reference already exists"
)
#: How often a branch that others push to all the time is tried again.
_ATTEMPTS = 5


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
    deployment: str = ""

    @property
    def nothing(self) -> bool:
        """Whether the branch has the commit already."""
        return self.old == self.new


class GitReleaser:
    """Pushes the branch that the environment names, where it names one."""

    name = "git"
    rank = 10

    def configured(self, job: Job) -> bool:
        return job.branch is not None

    def prepare(self, job: Job) -> Prepared:
        assert job.branch is not None
        settings = job.settings.git
        made = prepare(job.rootdir, job.branch, settings.remote, settings.strategy, job.deployment)
        content = {key: value for key, value in asdict(made).items() if key not in ("rootdir", "deployment")}
        return {**content, "remote": masked(made.remote), "commit": made.new}

    def release(self, job: Job, prepared: Prepared, progress: Callable[[str], None]) -> str:
        made = _made(job, prepared)
        push(made)
        return f"{made.branch} on {masked(made.remote)} is at {made.new[:10]}"

    def stands(self, job: Job, prepared: Prepared) -> bool:
        made = _made(job, prepared)
        try:
            return _remote_commit(Remote.of(made.rootdir, made.remote), made.branch) == made.new
        except ReleaseError:
            return True

    def undo(self, job: Job, prepared: Prepared, progress: Callable[[str], None]) -> str:
        return undo(_made(job, prepared), revert=job.settings.git.undo == "revert")


RELEASER = GitReleaser()


def _made(job: Job, prepared: Prepared) -> PreparedRelease:
    """What was written down; the remote's URL without its token, which the settings still have."""
    values: dict[str, Any] = {key: value for key, value in prepared.items() if key != "commit"}
    configured = job.settings.git.remote
    if values["remote"] == masked(configured):
        values["remote"] = configured
    return PreparedRelease(rootdir=job.rootdir, deployment=job.deployment, **values)


# -- release


def prepare(
    rootdir: Path, branch: str, remote: str = "origin", strategy: str = "merge", deployment: str = ""
) -> PreparedRelease:
    """Merges HEAD into ``branch`` as it stands on the remote, without pushing. ``strategy``: merge or fast-forward.

    ReleaseError for conflicts (names the files), an unreachable remote, a missing branch, no commit, a fast-forward that is none;
    RevertedError when commits were reverted there.
    """
    head = _need(git(rootdir, "rev-parse", "--verify", "HEAD^{commit}"), "there is no commit to release").line
    there = Remote.of(rootdir, remote)
    old = _remote_commit(there, branch)
    if old is None:
        raise ReleaseError(
            f"there is no branch {branch} on the remote {there.shown}",
            hint=f"Check the environment's branch in dbdeploy.yaml, or create it: git push {there.shown} HEAD:refs/heads/{branch}",
        )
    _fetch(there, branch, head)
    if found := find_reverted(rootdir, old, head):
        raise RevertedError(explain(found, branch, there.shown))
    if _is_ancestor(rootdir, head, old):
        new = old
    elif strategy == "fast-forward":
        if not _is_ancestor(rootdir, old, head):
            raise ReleaseError(
                f"{branch} cannot be fast-forwarded: on the remote {there.shown} it has commits that the current one has not",
                hint=f"Merge or rebase onto {branch} first, or set release.git.strategy: merge.",
            )
        new = head
    else:
        new = _merge(rootdir, old, head, branch, deployment)
    return PreparedRelease(rootdir, remote, branch, strategy, old, new, head, deployment)


def push(prepared: PreparedRelease) -> None:
    """Pushes what was prepared, if the branch still stands where it did then, or has it already.

    ReleaseError otherwise; nothing is pushed in that case.
    """
    if prepared.nothing:
        return
    remote = Remote.of(prepared.rootdir, prepared.remote)
    answer = _push(remote, prepared.branch, prepared.new, expected=prepared.old)
    if answer.ok:
        return
    if not _STALE.search(answer.error):
        raise _refused(f"{prepared.branch} was not pushed to {remote.shown}", answer)
    if not _has(remote, prepared.branch, prepared.new, _remote_commit(remote, prepared.branch)):
        raise ReleaseError(
            f"{prepared.branch} was not pushed: somebody else pushed to it on {remote.shown} meanwhile",
            hint="Run the deployment again: it merges with what is there now.",
        )


def undo(prepared: PreparedRelease, *, revert: bool = False) -> str:
    """Takes our commits off the remote branch: back to where it was while it stands at our commit, else by a revert on top.

    The revert is also what a server gets that lets no branch go back, or everyone if ``revert``. Nothing is done where the
    commits are not (any more). Says where the branch stands. ReleaseError when neither is possible.
    """
    old, new, branch = prepared.old, prepared.new, prepared.branch
    if prepared.nothing:
        return f"{branch} was not moved"
    remote = Remote.of(prepared.rootdir, prepared.remote)
    why = ""
    for _ in range(_ATTEMPTS):
        tip = _remote_commit(remote, branch)
        if tip is None or tip == old or not _has(remote, branch, new, tip):
            return f"{branch} on {remote.shown} " + (
                f"is at {tip[:10]}, without our commit" if tip else "is gone"
            )
        if _was_reverted(prepared, tip):
            return f"{branch} on {remote.shown} is at {tip[:10]}, where our commit is reverted"
        back = old if tip == new and not revert else _revert(prepared, remote, tip)
        answer = _push(remote, branch, back, expected=tip)
        if answer.ok:
            how = "again" if back == old else f"which reverts {new[:10]}"
            return f"{branch} on {remote.shown} is at {back[:10]} {how}"
        why = _refused("", answer).message
        if "[remote rejected]" in answer.error and not _STALE.search(answer.error):
            if revert:
                break
            revert = True
    raise _not_put_back(prepared, remote, why)


def _revert(prepared: PreparedRelease, remote: Remote, tip: str) -> str:
    try:
        return make_revert(
            prepared.rootdir, old=prepared.old, new=prepared.new, tip=tip, deployment=prepared.deployment
        )
    except ReleaseError as error:
        raise _not_put_back(prepared, remote, error.message) from None


def _was_reverted(prepared: PreparedRelease, tip: str) -> bool:
    """By an earlier attempt, or by a person."""
    taken = {commit for one in find_reverted(prepared.rootdir, tip, prepared.new) for commit, _ in one.lost}
    log = git(prepared.rootdir, "rev-list", "--no-merges", f"{prepared.old}..{prepared.new}")
    ours = set(log.output.split())
    return bool(ours) and ours <= taken


# -- plumbing


def _remote_commit(remote: Remote, branch: str) -> str | None:
    """Where the branch stands on the remote right now; None when it is not there."""
    answer = remote.git("ls-remote", "--exit-code", remote.name, f"refs/heads/{branch}")
    if answer.status == 2:
        return None
    if not answer.ok:
        raise ReleaseError(
            f"the remote {remote.shown} cannot be read: {verdict_line(answer.error)}",
            hint=f"Check release.git.remote, the network and the credentials: git ls-remote {remote.shown}",
        )
    return answer.output.split()[0]


def _fetch(remote: Remote, branch: str, head: str) -> None:
    """Objects only: an empty refmap keeps the remote-tracking refs as they are."""
    quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=")
    shallow = _is_shallow(remote.rootdir)
    depth = ("--unshallow",) if shallow else ()
    answer = remote.git("fetch", *quiet, *depth, remote.name, f"refs/heads/{branch}")
    if not answer.ok:
        raise ReleaseError(f"{branch} cannot be fetched from {remote.shown}: {verdict_line(answer.error)}")
    if shallow and _is_shallow(remote.rootdir):
        # The current commit's own history; not every server gives it by hash, and the merge tells whether it was needed.
        remote.git("fetch", *quiet, "--unshallow", remote.name, head)


def _is_shallow(rootdir: Path) -> bool:
    return git(rootdir, "rev-parse", "--is-shallow-repository").line == "true"


def _has(remote: Remote, branch: str, commit: str, tip: str | None) -> bool:
    """Whether the branch, which stands at ``tip``, has the commit; its objects are here afterwards, also in another clone."""
    if tip is None:
        return False
    if not git(remote.rootdir, "cat-file", "-e", f"{tip}^{{commit}}").ok:
        _fetch(remote, branch, tip)
    return tip == commit or _is_ancestor(remote.rootdir, commit, tip)


def _is_ancestor(rootdir: Path, older: str, newer: str) -> bool:
    return git(rootdir, "merge-base", "--is-ancestor", older, newer).ok


def _merge(rootdir: Path, old: str, head: str, branch: str, deployment: str) -> str:
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
            f"{head[:10]} cannot be merged into {branch}: {verdict_line(answer.error)}",
            hint=_hint_for_merge(answer.error),
        )
    trailer = f"\n\nDbdeploy-Deployment: {deployment}" if deployment else ""
    commit = commit_tree(rootdir, tree, (old, head), f"Merge commit '{head[:10]}' into {branch}{trailer}")
    return _need(commit, f"the merge into {branch} cannot be committed").line


def _push(remote: Remote, branch: str, commit: str, *, expected: str) -> Answer:
    ref = f"refs/heads/{branch}"
    lease = f"--force-with-lease={ref}:{expected}"
    return remote.git("push", "--quiet", "--no-follow-tags", lease, remote.name, f"{commit}:{ref}")


# -- messages


def _need(answer: Answer, what: str) -> Answer:
    if not answer.ok:
        raise ReleaseError(
            f"{what}: {verdict_line(answer.error)}", hint=hint_for_owner(answer.error).strip() or None
        )
    return answer


def _refused(what: str, answer: Answer) -> ReleaseError:
    """The server's own words (``remote: …``) say most; else git's last line."""
    said = [
        line.removeprefix("remote:").strip()
        for line in answer.error.splitlines()
        if line.startswith("remote:")
    ]
    text = "\n  ".join(filter(None, said)) or verdict_line(answer.error)
    return ReleaseError(
        f"{what}: {text}" if what else text, hint="Check that this user may push to the branch."
    )


def _not_put_back(prepared: PreparedRelease, remote: Remote, why: str) -> ReleaseError:
    merged = prepared.new != prepared.head
    by_hand = f"git revert -m 1 {prepared.new}" if merged else f"git revert {prepared.old}..{prepared.new}"
    return ReleaseError(
        f"{prepared.branch} on {remote.shown} was not put back, it still has our commit {prepared.new[:10]}: {why}",
        hint=f"Take it off by hand, by a revert on top of the branch: {by_hand}",
    )


def _hint_for_merge(error: str) -> str | None:
    if "unrelated histories" in error:
        return "They have no commit in common. In a shallow clone, fetch all of it: git fetch --unshallow (fetch-depth: 0)."
    if "usage: git merge-tree" in error or "unknown option" in error:
        return "git 2.38 or newer is needed to merge without touching the working tree."
    return None
