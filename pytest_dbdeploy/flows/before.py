"""What is kept of the target right before a deployment: a rollback and a resume work from these files, never from memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..actions.restore_touched import Touched
from ..compare.snapshot import Snapshot
from ..errors import BackupError, StateError
from ..health import HealthCheck
from ..reports.artifacts import JOURNAL, Artifacts

STATE_FILE = "rollback-state.json"
BASELINE_FILE = "baseline.json"
REHEARSAL_FILE = "rehearsal.json"


@dataclass(frozen=True, slots=True)
class Before:
    """The target right before the deployment, as the artifacts keep it.

    ``rows``: exact counts by table in the backup's own snapshot, which is ``backup_snapshot`` as pg_current_snapshot() gives it.
    ``writes``: the server's counters of written rows by table, then. ``own_rows``: rows that the migrations themselves write, by
    table, as rehearsed; ``net``: by how many they grow it; ``unknown``: tables of which that cannot be told.
    ``touched``: what a restore puts back, as rehearsed; None: the whole database. ``journal``: the deployment's.
    """

    fingerprint: str
    snapshot: Snapshot
    rows: Mapping[str, int]
    writes: Mapping[str, int]
    own_rows: Mapping[str, int]
    backup: Path
    backup_sha256: str | None
    server_major: int
    migrations: tuple[str, ...]
    journal: Path
    backup_snapshot: str | None = None
    touched: Touched | None = None
    net: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def save(artifacts: Artifacts, before: Before, state: Mapping[str, Any]) -> None:
    """Writes what a rollback needs; ``state``: the documented keys of rollback-state.json."""
    artifacts.keep_json(BASELINE_FILE, before.snapshot.as_json())
    artifacts.keep_json(
        STATE_FILE,
        {
            **state,
            "fingerprintBefore": before.fingerprint,
            "serverMajor": before.server_major,
            "migrations": list(before.migrations),
            "rows": dict(before.rows),
            "writes": dict(before.writes),
            "ownRows": dict(before.own_rows),
            "netRows": dict(before.net),
            "unknownRows": list(before.unknown),
            "backupSnapshot": before.backup_snapshot,
            "touched": before.touched.as_json() if before.touched else None,
        },
    )


def save_code_only(artifacts: Artifacts, state: Mapping[str, Any]) -> None:
    """The same of a deployment that left the database alone."""
    artifacts.keep_json(STATE_FILE, {**state, "migrations": []})


def release_of(artifacts: Artifacts) -> tuple[Mapping[str, Any], bool]:
    """What undoes the code (empty: nothing), and whether the database was touched. StateError when the file is not there."""
    try:
        state = json.loads(artifacts.path(STATE_FILE).read_text())
        return state["release"], state["databaseBackup"] is not None
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(artifacts, error) from None


def health_of(artifacts: Artifacts) -> HealthCheck | None:
    """How the application was before; None when nobody asked it. StateError when the file is not there."""
    try:
        found = json.loads(artifacts.path(STATE_FILE).read_text()).get("health")
        return HealthCheck.from_json(found) if found else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(artifacts, error) from None


def load(artifacts: Artifacts) -> Before:
    """Reads it back. StateError when the files or the backup are not there."""
    try:
        state = json.loads(artifacts.path(STATE_FILE).read_text())
        baseline = json.loads(artifacts.path(BASELINE_FILE).read_text())
        before = Before(
            fingerprint=state["fingerprintBefore"],
            snapshot=Snapshot.from_json(baseline),
            rows=state["rows"],
            writes=state["writes"],
            own_rows=state["ownRows"],
            backup=Path(state["databaseBackup"]),
            backup_sha256=state.get("backupSha256"),
            server_major=state["serverMajor"],
            migrations=tuple(state["migrations"]),
            journal=artifacts.path(JOURNAL),
            # earlier versions did not write these
            backup_snapshot=state.get("backupSnapshot"),
            touched=Touched.from_json(state["touched"]) if state.get("touched") else None,
            net=state.get("netRows", {}),
            unknown=tuple(state.get("unknownRows", ())),
        )
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(artifacts, error) from None
    if not before.backup.exists():
        raise BackupError(
            f"the backup {before.backup} of deployment {artifacts.deployment_id} is gone",
            hint="restore it from where your backups are kept, then run the command again",
        )
    return before


@dataclass(frozen=True, slots=True)
class RehearsedSnapshots:
    """What the verification after a deploy needs of the sandbox."""

    before: Snapshot
    after: Snapshot
    emptied: tuple[str, ...]


def save_rehearsal(artifacts: Artifacts, before: Snapshot, after: Snapshot, emptied: tuple[str, ...]) -> None:
    """For ``--dbdeploy-resume``, whose process has no sandbox."""
    artifacts.keep_json(
        REHEARSAL_FILE, {"before": before.as_json(), "after": after.as_json(), "emptied": list(emptied)}
    )


def load_rehearsal(artifacts: Artifacts) -> RehearsedSnapshots:
    """StateError when the file is not there."""
    try:
        data = json.loads(artifacts.path(REHEARSAL_FILE).read_text())
        return RehearsedSnapshots(
            Snapshot.from_json(data["before"]), Snapshot.from_json(data["after"]), tuple(data["emptied"])
        )
    except (OSError, ValueError, KeyError) as error:
        raise StateError(
            f"the rehearsal of {artifacts.deployment_id} cannot be read from {artifacts.directory}: {error}"
        ) from None


def _unreadable(artifacts: Artifacts, error: Exception) -> StateError:
    why = (error.strerror if isinstance(error, OSError) else None) or error
    return StateError(
        f"what a rollback of {artifacts.deployment_id} needs cannot be read from {artifacts.directory}: {why}",
        hint="run the command on the machine that deployed, or bring its artifacts folder here",
    )
