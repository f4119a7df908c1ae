"""The folder of a deployment: ``.deployments/deploy-{environment}-{epoch milliseconds}/``, readable by its owner only."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from .. import journal, jsonfile
from ..actions.dump import PARTIAL
from ..errors import ConfigError, StateError

_NAME = re.compile(r"deploy-(?P<environment>.+)-(?P<milliseconds>\d{13,})")
JOURNAL = "journal.jsonl"
BACKUP = "backup.dump"
#: Rows of users that a rollback replaced; what a rollback needs, also of a backup that was moved for the moment.
_WORTH_KEEPING = ("failed.dump", "rollback-state.json")
CLONE = "clone"  # the folder of the clone's dump: there while the run lasts
_A_DAY = 24 * 60 * 60.0


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The folder ``root / deployment_id``. ``created``: seconds since the epoch, from the ID."""

    root: Path
    deployment_id: str
    environment: str
    created: float

    @classmethod
    def create(cls, root: Path, environment: str) -> Artifacts:
        """A new folder with mode 0700; ConfigError when it cannot be made.

        The folder is the claim on the ID: of two sessions in one millisecond the second takes the next free one.
        """
        name = _file_name(environment)
        milliseconds = time.time_ns() // 1_000_000
        try:
            root.mkdir(parents=True, exist_ok=True)
            _ignore_in_git(root)
            while True:
                directory = root / f"deploy-{name}-{milliseconds}"
                with contextlib.suppress(FileExistsError):
                    directory.mkdir(mode=0o700)
                    break
                milliseconds += 1
            directory.chmod(0o700)
        except OSError as error:
            raise ConfigError(
                f"the artifacts folder {root} cannot be written: {error.strerror or error}",
                hint="Choose another one with --dbdeploy-artifacts=DIR.",
            ) from error
        jsonfile.sync_directory(root)
        return cls(root, directory.name, environment, milliseconds / 1000)

    @classmethod
    def find(cls, root: Path, deployment_id: str) -> Artifacts:
        """The folder of an earlier deployment; ConfigError, naming those that are there, when there is none."""
        found = all_artifacts(root)
        for artifacts in found:
            if artifacts.deployment_id == deployment_id:
                return artifacts
        newest = ", ".join(a.deployment_id for a in found[:5]) or "none"
        raise ConfigError(
            f"no artifacts of deployment {deployment_id!r} in {root}",
            hint=f"Newest deployments there: {newest}. Another folder is given with --dbdeploy-artifacts=DIR.",
        )

    @property
    def directory(self) -> Path:
        return self.root / self.deployment_id

    def path(self, name: str) -> Path:
        return self.directory / name

    def write_json(self, name: str, data: object) -> Path:
        """Writes ``data`` redacted, with mode 0600, whole or not at all. OSError goes through."""
        path = self.path(name)
        jsonfile.write_atomically(path, jsonfile.encode_lines(data) + b"\n")
        return path

    def keep_json(self, name: str, data: object) -> Path:
        """As ``write_json``, but to the letter: what a rollback works from. Hand it names and catalogue only, never a secret."""
        path = self.path(name)
        jsonfile.write_atomically(path, jsonfile.encode_verbatim(data) + b"\n")
        return path

    @property
    def unfinished(self) -> bool:
        """Whether its session died or still runs. A journal that cannot be understood counts as unfinished.

        Without a journal nothing was ever begun; the folder may still be that of a session that has just started.
        """
        path = self.path(JOURNAL)
        if not path.exists():
            return time.time() - self.created < _A_DAY
        try:
            return not journal.is_finished(journal.read(path))
        except StateError:
            return True


def all_artifacts(root: Path, environment: str | None = None) -> list[Artifacts]:
    """The deployments in ``root``, newest first; empty when there is no such folder."""
    found = []
    wanted = None if environment is None else _file_name(environment)
    with contextlib.suppress(OSError):
        for directory in root.iterdir():
            match = _NAME.fullmatch(directory.name)
            if match and directory.is_dir() and wanted in (None, match["environment"]):
                created = int(match["milliseconds"]) / 1000
                found.append(Artifacts(root, directory.name, match["environment"], created))
    return sorted(found, key=lambda a: (a.created, a.deployment_id), reverse=True)


def prune(root: Path, *, keep: int, max_age: float, backups: Path | None = None) -> tuple[str, ...]:
    """Removes old deployments and returns their IDs; ``max_age`` in seconds. Never one that is unfinished.

    For each environment stay: the newest with a backup whatever its age; of those with a backup, with what a rollback needs or with
    what it replaced, and apart from them of all others (dry runs must not push these out), the newest ``keep`` that are not
    older than ``max_age``.
    ``backups``: the folder of ``backup.directory``, in which each deployment has a folder or file of its ID.
    """
    oldest = time.time() - max_age
    counts: dict[tuple[str, bool], int] = {}
    backed_up: set[str] = set()
    removed = []
    for artifacts in all_artifacts(root):
        elsewhere = backups / artifacts.deployment_id if backups else None
        backup = artifacts.path(BACKUP).exists() or (elsewhere is not None and elsewhere.exists())
        way_back = backup and artifacts.environment not in backed_up
        if backup:
            backed_up.add(artifacts.environment)
        group = (
            artifacts.environment,
            backup or any(artifacts.path(name).exists() for name in _WORTH_KEEPING),
        )
        place = counts[group] = counts.get(group, 0) + 1
        if way_back or (place <= keep and artifacts.created >= oldest) or artifacts.unfinished:
            continue
        for path in (artifacts.directory, elsewhere):
            if path is not None:
                _remove(path)
        removed.append(artifacts.deployment_id)
    return tuple(removed)


def sweep(root: Path) -> None:
    """Removes the dumps of the clone, and half-made ones, that sessions left which were killed: users' data must not lie around."""
    for artifacts in all_artifacts(root):
        with contextlib.suppress(OSError):
            left = [
                path for path in artifacts.directory.iterdir() if path.name == CLONE or path.suffix == PARTIAL
            ]
            if left and not journal.is_held(artifacts.path(JOURNAL)):
                for path in left:
                    _remove(path)


def _file_name(environment: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", environment)


def _remove(path: Path) -> None:
    """Best effort: another session may be at it too, and what stays is tried again next time."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _ignore_in_git(root: Path) -> None:
    """Dumps of users' data must not be committed by a hasty ``git add``."""
    with contextlib.suppress(FileExistsError), (root / ".gitignore").open("x") as file:
        file.write("*\n")
