"""The code's part of a deployment: prepared at planning time, released before or after the database, put back in reverse.

What one session prepared is in ``rollback-state.json`` and in the journal, so that another one can go on with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..config.models import Environment
from ..errors import DbDeployError
from ..model import LogPhase
from ..releasers import Job, Prepared, ReleaseError, Releaser, RevertedError, find_releasers
from .workspace import Workspace, error_text

CODE_FIRST = "code-first"


@dataclass(frozen=True, slots=True)
class Part:
    """What one releaser does in this deployment."""

    releaser: Releaser
    prepared: Prepared


class CodeRelease:
    """The parts in the order in which they are released. ``begun``: those of which something may be there, in this session.

    ``error``: why it cannot be released (conflicts, no remote), or None. ``reverted``: which commits the branch has taken back.
    """

    def __init__(self, workspace: Workspace, job: Job, parts: Sequence[Part] = (), order: str = "") -> None:
        self.workspace = workspace
        self.job = job
        self.parts = list(parts)
        self.order = order or job.settings.order
        self.begun: list[Part] = []
        self.error: str | None = None
        self.reverted: str | None = None
        self.old: str | None = None

    # -- where it comes from

    @classmethod
    def planned(
        cls, workspace: Workspace, environment: Environment, extra: Sequence[Releaser]
    ) -> CodeRelease | None:
        """Asks every releaser that takes part. None: the environment's code is not released."""
        job = _job(workspace, environment)
        releasers = [one for one in find_releasers(extra) if one.configured(job)]
        if not releasers:
            return None
        code = cls(workspace, job)
        try:
            code._prepare(releasers)
        except RevertedError as error:
            code.reverted = error_text(error)
        except DbDeployError as error:
            code.error = error_text(error)
        return code

    @classmethod
    def recorded(
        cls,
        workspace: Workspace,
        environment: Environment,
        release: Mapping[str, Any],
        extra: Sequence[Releaser],
    ) -> CodeRelease:
        """Of an earlier session, as ``as_json`` wrote it. ReleaseError when a releaser of then is not there."""
        job = replace(_job(workspace, environment), commit=release.get("commit"))
        known = {one.name: one for one in find_releasers(extra)}
        parts = []
        for part in release.get("parts", ()):
            if part["name"] not in known:
                raise ReleaseError(
                    f"the releaser {part['name']} of this deployment is not there",
                    hint="Run the command where the plugin or conftest.py that brings it is.",
                )
            parts.append(Part(known[part["name"]], part["prepared"]))
        return cls(workspace, job, parts, release.get("order", ""))

    def as_json(self) -> dict[str, Any]:
        """What another session needs; empty when there is nothing to release."""
        if not self.parts:
            return {}
        parts = [{"name": part.releaser.name, "prepared": dict(part.prepared)} for part in self.parts]
        return {"order": self.order, "commit": self.job.commit, "parts": parts}

    def _prepare(self, releasers: Sequence[Releaser]) -> None:
        self.parts = []
        for releaser in releasers:
            prepared = releaser.prepare(self.job)
            if prepared is None:
                continue
            if releaser.name == "git":
                self.old = prepared["old"]
                if prepared["old"] == prepared["new"]:
                    continue
                self.job = replace(self.job, commit=prepared["commit"], previous=prepared["old"])
            self.parts.append(Part(releaser, prepared))

    def look_again(self) -> None:
        """Right before anything is touched: what will have to be put back may have changed since the plan. ReleaseError."""
        self.parts = [
            part
            if part.releaser.name == "git"  # the push itself sees to it that the branch is where it was
            else Part(part.releaser, part.releaser.prepare(self.job) or part.prepared)
            for part in self.parts
        ]

    # -- what it does

    @property
    def pending(self) -> bool:
        """Whether there is anything to release."""
        return bool(self.parts)

    @property
    def first(self) -> bool:
        """Whether it goes before the database, and back after it."""
        return self.pending and self.order == CODE_FIRST

    def release(self) -> None:
        """Each part in order; one that is there already is left as it is. ReleaseError: those in ``begun`` are to be undone."""
        for part in self.parts:
            name = part.releaser.name
            with self.workspace.steps.step(
                f"release-{name}", f"release by {name}", LogPhase.DEPLOY, prepared=part.prepared
            ) as step:
                self.begun.append(part)  # from here on it may be there
                self._say(name, "NOT KNOWN: its release did not end")
                try:
                    text = part.releaser.release(self.job, part.prepared, step.progress)
                except DbDeployError:
                    if not part.releaser.stands(self.job, part.prepared):
                        self.begun.pop()
                        self.workspace.record.code.pop(name, None)
                    raise
                self._say(name, text)
                self.workspace.record.deployed_commit = self.job.commit
                step.done(text)

    def put_back(self, *, whole: bool = False) -> None:
        """In reverse order what was begun; ``whole``: everything, as nobody knows how far another session came.

        ReleaseError when a part cannot be put back; the parts before it are then left as they are.
        """
        if whole:
            self.begun = list(self.parts)
        while self.begun:
            part = self.begun[-1]
            name = part.releaser.name
            with self.workspace.steps.step(
                f"undo-{name}", f"put the code back by {name}", LogPhase.ROLLBACK, prepared=part.prepared
            ) as step:
                self._say(name, "NOT put back")
                text = part.releaser.undo(self.job, part.prepared, step.progress)
                self._say(name, text)
                step.done(text)
            self.begun.pop()
        self.workspace.record.deployed_commit = None

    def _say(self, name: str, text: str) -> None:
        self.workspace.record.code[name] = text


def _job(workspace: Workspace, environment: Environment) -> Job:
    settings = workspace.settings
    return Job(
        rootdir=settings.rootdir,
        deployment=workspace.record.deployment_id,
        environment=environment.name,
        branch=environment.branch,
        settings=settings.release,
    )
