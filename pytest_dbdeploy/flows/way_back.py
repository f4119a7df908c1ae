"""The way back: what is kept of the target before a deployment, and the restore that puts it back and verifies it.

Works from the artifacts and the target, never from memory: an automatic rollback, ``--dbdeploy-rollback`` and
``--dbdeploy-resume`` all come here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from ..actions.dump import dump
from ..actions.restore import restore
from ..compare.diff import diff
from ..compare.rows import count_rows, user_tables
from ..compare.snapshot import Snapshot, read_snapshot
from ..db.sql import query
from ..db.tools import tools_for
from ..db.url import DatabaseUrl
from ..errors import RestoreError, StateError
from ..layouts.base import LayoutReader
from ..model import Change, ChangeType, Level, LogPhase, RowsWritten
from ..plan import fingerprint, read_history
from ..reports.artifacts import Artifacts
from .workspace import Workspace, count

STATE_FILE = "rollback-state.json"
BASELINE_FILE = "baseline.json"
REHEARSAL_FILE = "rehearsal.json"


@dataclass(frozen=True, slots=True)
class Before:
    """The target right before the deployment, as the artifacts keep it.

    ``rows``: exact counts by table in the backup's own snapshot. ``writes``: the server's counters of written rows by table, then.
    ``own_rows``: rows that the migrations themselves write, by table, as rehearsed.
    """

    fingerprint: str
    snapshot: Snapshot
    rows: Mapping[str, int]
    writes: Mapping[str, int]
    own_rows: Mapping[str, int]
    backup: Path
    server_major: int
    migrations: tuple[str, ...]


@dataclass(slots=True)
class Restored:
    """What a rollback left. ``schema``: differences to what it was; ``rows``: tables with fewer rows than the backup holds."""

    schema: tuple[Change, ...] = ()
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        return not self.schema and not self.rows


class WritesWouldBeLost(RestoreError):
    """Stopped before harm: rows that others wrote since the backup would be lost by a restore."""


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
            server_major=state["serverMajor"],
            migrations=tuple(state["migrations"]),
        )
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(artifacts, error) from None
    if not before.backup.exists():
        raise StateError(
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


def write_counters(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows written by anybody since the statistics began, by table: the server's own counters, about a second late."""
    return dict(conn.execute(query("write_counters")).fetchall())


def rows_written_since(
    conn: psycopg.Connection[Any],
    before: Before,
    history_relations: Collection[str],
    own_schemas: tuple[str, ...],
) -> RowsWritten:
    """Rows that others wrote since the backup: an estimate by statistics, the migrations' own writes taken off."""
    tables: dict[str, int] = {}
    for name, written in write_counters(conn).items():
        if (
            name in history_relations
            or written is None
            or name.startswith(tuple(f"{schema}." for schema in own_schemas))
        ):
            continue
        known = before.writes.get(name, 0)
        if (
            written < known
        ):  # the statistics began anew since (a crash, a failover): all that we know is what came after
            known = 0
        others = written - known - before.own_rows.get(name, 0)
        if others > 0:
            tables[name] = others
    return RowsWritten(sum(tables.values()), exact=False, tables=tables)


def put_back(
    workspace: Workspace,
    url: DatabaseUrl,
    before: Before,
    layout: LayoutReader,
    *,
    lose_writes: bool,
    first: Callable[[], None] = lambda: None,
) -> Restored:
    """Restores the target in place and verifies it. RestoreError when it fails, WritesWouldBeLost when it stops before harm.

    The state that is replaced is dumped to ``failed.dump``, then ``first`` runs (the code is put back), then the restore.
    Call it in a critical section: half a rollback is none.
    """
    settings = workspace.settings
    own_schemas = settings.state.own_schemas
    record = workspace.record.rollback
    record.strategy = "restore"
    with workspace.steps.step(
        "rollback", "roll back", LogPhase.ROLLBACK, testcase=True, backup=str(before.backup)
    ) as step:
        with workspace.connect(url, "rollback", autocommit=True) as conn:
            record.rows_written = rows_written_since(conn, before, layout.history_relations, own_schemas)
        if record.rows_written.count:
            _weigh_writes(workspace, record.rows_written, lose_writes=lose_writes)
        failed = workspace.artifacts.path("failed.dump")
        tools = tools_for(before.server_major)
        dump(url, failed, tools=tools, format="custom", jobs=1, step=step)
        workspace.record.notes.append(f"the state that was replaced is in {failed}")
        first()
        record.performed = True
        report = restore(
            url, before.backup, server_major=before.server_major, keep_schemas=own_schemas, step=step
        )
        with workspace.connect(url, "rollback", autocommit=True) as conn:
            layout.forget(conn, before.migrations)
        restored = verify(workspace, url, before, layout)
        restored.seconds, restored.notes = report.seconds, tuple(report.notes)
        record.verified = restored.verified
        if not restored.verified:
            names = [f"{c.kind} {c.object} ({c.change})" for c in restored.schema[:10]]
            names += [
                f"{name}: {found} rows instead of {expected}"
                for name, (expected, found) in restored.rows.items()
            ]
            raise RestoreError(f"after the rollback the target is not as it was: {'; '.join(names)}")
        step.done(f"restored from {before.backup.name} and verified")
    return restored


def verify(workspace: Workspace, url: DatabaseUrl, before: Before, layout: LayoutReader) -> Restored:
    """Is the target what it was? Schema and history by fingerprint, and no table with fewer rows than it had."""
    own_schemas = workspace.settings.state.own_schemas
    with workspace.connect(url, "verify", read_only=True) as conn:
        now = read_snapshot(conn, exclude_schemas=own_schemas)
        history = read_history(conn, layout)
        counts = count_rows(conn, user_tables(conn, own_schemas))
    restored = Restored()
    if fingerprint(now, history) != before.fingerprint:
        restored.schema = diff(before.snapshot, now) or (_history_differs(),)
    restored.rows = {
        name: (rows, counts.get(name, 0)) for name, rows in before.rows.items() if counts.get(name, 0) < rows
    }
    return restored


def _weigh_writes(workspace: Workspace, written: RowsWritten, *, lose_writes: bool) -> None:
    tables = ", ".join(f"{name} (about {number})" for name, number in written.tables.items())
    text = f"about {count(written.count, 'row')} written by others since the backup: {tables}"
    if lose_writes:
        workspace.record.notes.append(f"{text}; they are in failed.dump")
        workspace.say(LogPhase.ROLLBACK, Level.WARN, text, tables=dict(written.tables))
        return
    raise WritesWouldBeLost(
        f"{text}; a restore would lose them, so nothing was done",
        hint="to restore all the same (they stay in failed.dump), set rollback.if_restore_loses_writes: discard in dbdeploy.yaml "
        f"and run: pytest --dbdeploy-rollback={workspace.record.deployment_id}",
    )


def _unreadable(artifacts: Artifacts, error: Exception) -> StateError:
    return StateError(
        f"what a rollback of {artifacts.deployment_id} needs cannot be read from {artifacts.directory}: {error}",
        hint="run the command on the machine that deployed, or bring its artifacts folder here",
    )


def _history_differs() -> Change:
    return Change("history", ChangeType.MODIFIED, "migration history", None, None)
