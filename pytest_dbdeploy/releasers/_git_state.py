"""The state of the working tree: branch, commit, uncommitted files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from ..model import GitState
from ._git_command import GitMissingError, first_line, git, hint_for_owner


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
            note(f"git cannot read this repository: {first_line(top.error)}{hint_for_owner(top.error)}")
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
        note(f"git cannot say which files are uncommitted: {first_line(status.error)}")
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
