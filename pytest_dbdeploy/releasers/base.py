"""What a releaser does. Every part of it is prepared before the target is touched, so that a conflict costs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

Prepared = TypeVar("Prepared")


class Releaser(Protocol[Prepared]):
    """``prepare`` writes nothing that anybody sees; ``push`` publishes; ``undo`` puts back what ``push`` did, and only that.

    Each raises DbDeployError with what to do. ``Prepared`` goes into the journal before ``push``, so it holds no secret.
    """

    def prepare(self, rootdir: Path, branch: str, remote: str, strategy: str) -> Prepared: ...
    def push(self, prepared: Prepared) -> None: ...
    def undo(self, prepared: Prepared) -> None: ...
