"""The restore as a way back: its lock, the rows that it would lose, the state that it replaces, and its proof before the commit.

The rehearsal on the clone and the rollback on the target are the same code: what differs is what they do under the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..actions.dump import Dump, consistent, write_dump
from ..actions.restore import Locked, RestoreReport, restore
from ..actions.restore_touched import Touched
from ..compare.diff import differences, unexpected
from ..compare.rows import count_rows
from ..compare.snapshot import Snapshot, read_snapshot
from ..db.connect import Connection
from ..db.state import UNDO_SCHEMA
from ..db.tools import tools_for
from ..db.url import DatabaseUrl
from ..errors import RestoreError
from ..model import Backup, Change
from ..steps import Step


@dataclass(slots=True)
class Restored:
    """What a rollback left. ``schema``: differences to what it was; ``rows``: tables with other numbers of rows than the backup.

    ``whole``: the whole database was restored. ``tables``: those that were replaced.
    """

    schema: tuple[Change, ...] = ()
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    whole: bool = True
    tables: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        return not self.schema and not self.rows

    def describe(self) -> str:
        names = [f"{c.kind} {c.object} ({c.change})" for c in self.schema[:10]]
        names += [
            f"{name}: {found} rows instead of {expected}" for name, (expected, found) in self.rows.items()
        ]
        return "; ".join(names)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be as it was. ``rows``: exact numbers, by table. ``touched``: None for the whole database.

    ``leave_out``: kinds of objects that are not compared.
    """

    snapshot: Snapshot
    rows: Mapping[str, int]
    touched: Touched | None
    own_schemas: tuple[str, ...]
    leave_out: tuple[str, ...] = ()


def restore_and_verify(
    url: DatabaseUrl,
    backup: Backup | Path,
    wanted: Wanted,
    *,
    server_major: int,
    step: Step,
    locked: Locked | None = None,
    finish: Callable[[Connection], None] = lambda conn: None,
) -> Restored:
    """Restores and proves it in one transaction; ``finish`` is part of it. Errors as of ``restore``; RestoreError also when it
    does not hold: then nothing was changed either."""
    restored = Restored(whole=wanted.touched is None)
    tables: list[str] = []

    def under_lock(conn: Connection, names: Sequence[str]) -> None:
        tables[:] = names
        if locked is not None:
            locked(conn, names)

    def prove(conn: Connection) -> None:
        finish(conn)
        restored.schema, restored.rows = _left(conn, wanted, tables)
        if not restored.verified:
            raise RestoreError(
                f"after the rollback it would not be as it was, so nothing was changed: {restored.describe()}"
            )

    report: RestoreReport = restore(
        url,
        backup,
        server_major=server_major,
        keep_schemas=wanted.own_schemas,
        touched=wanted.touched,
        locked=under_lock,
        before_commit=prove,
        step=step,
    )
    restored.seconds, restored.notes, restored.tables = report.seconds, report.notes, report.tables
    return restored


def _left(
    conn: Connection, wanted: Wanted, tables: Sequence[str]
) -> tuple[tuple[Change, ...], dict[str, tuple[int, int]]]:
    """Differences of the schema, the order of columns aside, and of the numbers of rows in what was replaced.

    Where only the touched objects were, others may have made new ones meanwhile: these stay.
    """
    now = read_snapshot(conn, exclude_schemas=wanted.own_schemas)
    changes = differences(wanted.snapshot, now, ignore_position=True)
    if wanted.touched is not None:
        ours = {name for _, name, _ in wanted.touched.objects}
        others = unexpected(wanted.snapshot, (), now)
        changes = tuple(c for c in changes if c in others or c.object in ours)
        counted = [name for name in tables if name in wanted.rows]
    else:
        counted = list(wanted.rows)
    changes = tuple(c for c in changes if c.kind not in wanted.leave_out)
    if changes:
        return changes, {}
    counts = count_rows(conn, counted)
    return (), {n: (wanted.rows[n], counts[n]) for n in counted if counts[n] != wanted.rows[n]}


def dump_replaced(
    url: DatabaseUrl, path: Path, tables: Sequence[str] | None, *, server_major: int, step: Step
) -> None:
    """The state that a restore replaces: of ``tables``, or (None) of the whole database; again on each attempt. BackupError."""
    path.unlink(missing_ok=True)
    wanted = Dump(path, tools_for(server_major), tables=tables, exclude_schemas=(UNDO_SCHEMA,))
    with consistent(url, "backup", hold=wanted.hold) as (conn, snapshot):
        write_dump(url, conn, snapshot, wanted, step)
