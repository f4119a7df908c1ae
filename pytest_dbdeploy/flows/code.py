"""The code's part of a deployment: merged at planning time, pushed after the database, and put back before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model import GitState, LogPhase
from ..releasers.git import PreparedRelease, ReleaseError, prepare, push, remote_commit, undo
from .workspace import Workspace, error_text

if TYPE_CHECKING:
    from ..config.models import Git


class CodeRelease:
    """The release of the current commit to ``branch``. ``error``: why it cannot be made (conflicts, no remote), or None."""

    def __init__(self, rootdir: Path, branch: str, state: GitState | None, settings: Git) -> None:
        self.prepared: PreparedRelease | None = None
        self.error: str | None = None
        self.pushed = False
        if state is None or state.commit is None:
            self.error = (
                f"branch {branch} is to be pushed, but {rootdir} is in no git repository with a commit"
            )
            return
        try:
            self.prepared = prepare(rootdir, branch, settings.remote, settings.strategy)
        except ReleaseError as error:
            self.error = error_text(error)

    @property
    def pending(self) -> bool:
        """Whether there is anything to push."""
        return self.prepared is not None and not self.prepared.nothing

    def push(self, workspace: Workspace) -> None:
        """ReleaseError when the branch moved meanwhile, or the server refuses."""
        if not self.pending or self.prepared is None:
            return
        prepared = self.prepared
        with workspace.steps.step("release", "push the code", LogPhase.DEPLOY, **self.as_json()) as step:
            self.pushed = True  # from here on it may be there
            try:
                push(prepared)
            except ReleaseError:
                self.pushed = may_be_there(prepared)
                raise
            workspace.record.deployed_commit = prepared.new
            step.done(f"{prepared.new[:10]} to {prepared.branch}")

    def as_json(self) -> dict[str, Any]:
        """What another session needs to undo it."""
        if self.prepared is None:
            return {}
        p = self.prepared
        return {
            "remote": p.remote,
            "branch": p.branch,
            "strategy": p.strategy,
            "old": p.old,
            "new": p.new,
            "head": p.head,
        }


def may_be_there(prepared: PreparedRelease) -> bool:
    """After a refused push: False only when the remote says that the branch does not stand at our commit."""
    try:
        return remote_commit(prepared) == prepared.new
    except ReleaseError:
        return True


def push_what_is_left(workspace: Workspace, release: Mapping[str, Any]) -> None:
    """Of a deployment whose process died between the database and the code. ReleaseError when the branch moved on."""
    if not release:
        return
    prepared = PreparedRelease(rootdir=workspace.settings.rootdir, **release)
    if remote_commit(prepared) == prepared.new:
        return
    with workspace.steps.step("release", "push the code", LogPhase.DEPLOY, **release) as step:
        push(prepared)
        workspace.record.deployed_commit = prepared.new
        step.done(f"{prepared.new[:10]} to {prepared.branch}")


def put_code_back(workspace: Workspace, release: Mapping[str, Any]) -> None:
    """Moves the remote branch back, where our commit still stands on it. ReleaseError when somebody built on it."""
    if not release:
        return
    prepared = PreparedRelease(rootdir=workspace.settings.rootdir, **release)
    with workspace.steps.step("release-undo", "put the code back", LogPhase.ROLLBACK, **release) as step:
        undo(prepared)
        step.done(f"{prepared.branch} is at {prepared.old[:10]} again")
