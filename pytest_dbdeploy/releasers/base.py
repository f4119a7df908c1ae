"""What a releaser is: one way in which code goes along with a deployment, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DbDeployError

if TYPE_CHECKING:
    from ..config.models import Release

Prepared = Mapping[str, Any]


class ReleaseError(DbDeployError):
    """The code could not be merged, pushed, built or put back. The message holds no secret."""


class RevertedError(ReleaseError):
    """The branch has taken back what is to be released: a merge would silently leave it out."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be released. ``branch``: the environment's; None: its code is not released.

    ``deployment``: the ID. ``commit``: where the branch will stand; None when there is nothing to push, or not known yet.
    ``previous``: where it stands before.
    """

    rootdir: Path
    deployment: str
    environment: str
    branch: str | None
    settings: Release
    commit: str | None = None
    previous: str | None = None


class Releaser(Protocol):
    """A module of this package has one as ``RELEASER``, a plugin brings one by ``pytest_dbdeploy_releaser``.

    ``name``: of its steps and its settings. ``rank``: the lower one goes first, and is put back last. Each method raises
    ReleaseError with what to do. All but ``prepare`` may run in another session than the one before, so they look at what is
    there: done twice is done once.
    """

    name: str
    rank: int

    def configured(self, job: Job) -> bool:
        """Whether it takes part in this environment's deployments."""

    def prepare(self, job: Job) -> Prepared | None:
        """Reads, and writes nothing that anybody sees: what it takes to release and to undo it. None: nothing to release.

        It goes into the journal before anything is done, as JSON: no secret may be in it. ``commit`` in it is where the branch will stand.
        """

    def release(self, job: Job, prepared: Prepared, progress: Callable[[str], None]) -> str:
        """Does it, and says on one line what now stands where."""

    def stands(self, job: Job, prepared: Prepared) -> bool:
        """After a release that failed: False only on evidence that nothing of it is there."""

    def undo(self, job: Job, prepared: Prepared, progress: Callable[[str], None]) -> str:
        """Puts back what ``release`` did, and only that; says on one line what now stands where."""
