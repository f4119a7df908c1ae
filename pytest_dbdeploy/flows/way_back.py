"""The way back: what is kept of the target before a deployment, and the restore that puts it back and verifies it.

Works from the artifacts and the target, never from memory: an automatic rollback, ``--dbdeploy-rollback`` and
``--dbdeploy-resume`` all come here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from .. import journal
from ..actions.restore import CommitUnknown
from ..actions.restore_touched import NotPossible, Touched
from ..actions.restore_writes import Writes
from ..actions.restore_writes import rows_written_since as exact_rows_written_since
from ..compare.snapshot import Snapshot
from ..db.sql import query
from ..db.state import DeploymentRow, State, StateTable
from ..db.url import DatabaseUrl
from ..errors import RestoreError, StateError
from ..health import HealthCheck
from ..layouts.base import LayoutReader
from ..model import Backup, Level, LogPhase, RowsWritten
from ..plan import fingerprint, read_history
from ..reports.artifacts import JOURNAL, Artifacts
from ..steps import Step
from .restoring import Restored, Wanted, dump_replaced, restore_and_verify
from .workspace import Workspace, count, error_text

STATE_FILE = "rollback-state.json"
BASELINE_FILE = "baseline.json"
REHEARSAL_FILE = "rehearsal.json"
#: The journal's event: what others wrote between the backup and the migrations, to tables that these write over.
WRITES = "writes-before"
#: The journal's event: the transaction in which a restore is about to be committed.
RESTORED = "restore-committing"


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


def say_back(conn: psycopg.Connection[Any], table: StateTable, deployment: str, *, code_left: bool) -> None:
    """In the transaction that puts the database back: nothing of it stands. ``code_left``: the code is still to be put back."""
    if code_left:
        table.update(conn, deployment, State.ROLLING_BACK, position=0)
    else:
        table.update(conn, deployment, State.ROLLED_BACK)


def is_back(row: DeploymentRow | None) -> bool:
    """Whether that transaction was committed."""
    return row is not None and (row.state is State.ROLLED_BACK or row.position == 0)


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


def _about(conn: psycopg.Connection[Any], before: Before, tables: Collection[str]) -> RowsWritten:
    """Rows that others wrote since the backup: an estimate by statistics, the migrations' own writes taken off."""
    found: dict[str, int] = {}
    for name, written in write_counters(conn).items():
        if name not in tables or written is None:
            continue
        known = before.writes.get(name, 0)
        if (
            written < known
        ):  # the statistics began anew since (a crash, a failover): all that we know is what came after
            known = 0
        others = written - known - before.own_rows.get(name, 0)
        if others > 0:
            found[name] = others
    return RowsWritten(sum(found.values()), exact=False, tables=found)


def rows_written_since(conn: psycopg.Connection[Any], before: Before, tables: Collection[str]) -> RowsWritten:
    """Rows of ``tables`` that others wrote since the backup. Call it when nobody can write to them any more."""
    if before.backup_snapshot is None:  # the migrations are a command's: its transactions are not known
        return _about(conn, before, tables)
    events = journal.read(before.journal)
    own = {e["xid"] for e in events if e["event"] == "unit-committing"}
    writes = Writes(
        before.backup_snapshot,
        before.rows,
        own,
        before.net,
        before.unknown,
        _other_rollbacks(before.journal),
        (before.backup, before.server_major),
    )
    noted: dict[str, Any] = next(
        (e for e in reversed(events) if e["event"] == WRITES), {"rows": {}, "written": {}}
    )
    found = exact_rows_written_since(conn, sorted(set(tables) - set(noted["rows"])), writes)
    again = sorted(set(tables) & set(noted["rows"]))
    if not again:
        return found
    writes = replace(writes, snapshot=noted["snapshot"], rows=noted["rows"])
    since = exact_rows_written_since(conn, again, writes)
    total = (
        Counter(found.tables)
        + Counter(since.tables)
        + Counter({n: noted["written"].get(n, 0) for n in again})
    )
    return RowsWritten(total.total(), found.exact and since.exact, dict(total))


def _other_rollbacks(own: Path) -> set[str]:
    """The transactions of the rollbacks that this folder of artifacts knows."""
    found: set[str] = set()
    for path in own.parent.parent.glob(f"*/{JOURNAL}"):
        with suppress(StateError):
            found |= {e["xid"] for e in journal.read(path) if e["event"] == RESTORED}
    return found


def put_back(
    workspace: Workspace,
    url: DatabaseUrl,
    before: Before,
    layout: LayoutReader,
    *,
    lose_writes: bool,
    first: Callable[[], None] = lambda: None,
    code_left: bool = False,
) -> Restored:
    """Restores the target in place and verifies it. RestoreError when it fails, WritesWouldBeLost when it stops before harm.

    What the deployment touched is put back and the rest stays as it is; where that does not hold, the whole database is.
    Under the restore's lock the writes of others are weighed, the state that is replaced is dumped to ``failed.dump``, and
    ``first`` runs (the code is put back; ``code_left``: that comes afterwards). The history and the deployment's row are part of its transaction.
    Call it in a critical section: half a rollback is none.
    """
    record = workspace.record.rollback
    record.strategy = "restore"
    with workspace.steps.step(
        "rollback", "roll back", LogPhase.ROLLBACK, testcase=True, backup=str(before.backup)
    ) as step:
        restoring = _Restoring(workspace, url, before, layout, lose_writes, first, step, code_left)
        restored = restoring.run()
        record.performed = record.verified = True
        workspace.record.notes += restored.notes
        what = "the whole database was " if restored.whole and before.touched is not None else ""
        step.done(f"{what}restored from {before.backup.name} and verified", seconds=restored.seconds)
    return restored


@dataclass(slots=True)
class _Restoring:
    """One rollback by restore."""

    workspace: Workspace
    url: DatabaseUrl
    before: Before
    layout: LayoutReader
    lose_writes: bool
    first: Callable[[], None]
    step: Step
    code_left: bool = False
    begun: bool = False

    def run(self) -> Restored:
        if self.before.touched is not None and self._as_rehearsed():
            try:
                return self._restore(self.before.touched)
            except (NotPossible, RestoreError) as error:
                if isinstance(error, (WritesWouldBeLost, CommitUnknown)):
                    raise
                text = f"only the whole database can be restored: {error_text(error) if isinstance(error, RestoreError) else error}"
                self.workspace.record.notes.append(text)
                self.workspace.say(LogPhase.ROLLBACK, Level.WARN, text)
        return self._restore(None)

    def _as_rehearsed(self) -> bool:
        """Nobody knows what a command did that did not succeed: only statements of ours are known one by one."""
        events = journal.read(self.before.journal)
        applied = any(e["event"] == "state" and e["state"] == State.APPLIED for e in events)
        return self.before.backup_snapshot is not None or applied

    def _restore(self, touched: Touched | None) -> Restored:
        before = self.before
        backup: Backup | Path = before.backup
        if before.backup_sha256 is not None:
            backup = Backup(before.backup, "", before.backup_sha256, 0, 0.0, "")
        own = self.workspace.settings.state.own_schemas
        try:
            return restore_and_verify(
                self.url,
                backup,
                Wanted(before.snapshot, self._rows(touched), touched, own),
                server_major=before.server_major,
                step=self.step,
                locked=partial(self._under_lock, whole=touched is None),
                finish=self._finish,
            )
        except CommitUnknown:
            if not self._took_place():
                raise
            return Restored(whole=touched is None, notes=("the server confirmed the commit only later",))

    def _rows(self, touched: Touched | None) -> Mapping[str, int]:
        """The tool's own history is taken care of by itself."""
        history = self.layout.history_relations
        return {name: rows for name, rows in self.before.rows.items() if name not in history}

    def _under_lock(self, conn: psycopg.Connection[Any], tables: Sequence[str], *, whole: bool) -> None:
        """Nobody writes to ``tables`` any more. The code goes back first: new code does not run on the old schema."""
        record, workspace = self.workspace.record, self.workspace
        others = [name for name in tables if name not in self.layout.history_relations]
        record.rollback.rows_written = written = rows_written_since(conn, self.before, others)
        if written.count:
            _weigh_writes(workspace, written, lose_writes=self.lose_writes)
        failed = workspace.artifacts.path("failed.dump")
        if tables:
            dump_replaced(
                self.url,
                failed,
                None if whole else tables,
                server_major=self.before.server_major,
                step=self.step,
            )
        if self.begun:
            return
        self.begun = True
        if tables:
            record.notes.append(f"the state that was replaced is in {failed}")
        self.first()

    def _finish(self, conn: psycopg.Connection[Any]) -> None:
        """History and state, in the restore's own transaction."""
        self.layout.forget(conn, self.before.migrations)
        history = read_history(conn, self.layout)
        if fingerprint(self.before.snapshot, history) != self.before.fingerprint:
            raise RestoreError(
                "after the rollback the migration history would not be as it was, so nothing was changed"
            )
        row = conn.execute("select pg_current_xact_id()::text").fetchone()
        self.workspace.journal.append(RESTORED, xid=row[0] if row else None)
        table = StateTable(self.workspace.settings.state.schema_)
        say_back(conn, table, self.workspace.record.deployment_id, code_left=self.code_left)

    def _took_place(self) -> bool:
        """After a commit whose answer was lost: the deployment's row was part of it."""
        with self.workspace.connect(self.url, "rollback", read_only=True) as conn:
            table = StateTable(self.workspace.settings.state.schema_)
            return is_back(table.find(conn, self.workspace.record.deployment_id))


def _weigh_writes(workspace: Workspace, written: RowsWritten, *, lose_writes: bool) -> None:
    about = "" if written.exact else "about "
    tables = ", ".join(f"{name} ({about}{number})" for name, number in written.tables.items())
    text = f"{about}{count(written.count, 'row')} written by others since the backup: {tables}"
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
