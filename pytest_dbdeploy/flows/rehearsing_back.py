"""The way back, carried out on the clone as it would be on the target: proven and timed before anything is deployed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from ..actions.clone import Clone
from ..actions.restore_touched import NotPossible, Touched, touched_by
from ..compare.diff import differences
from ..compare.rows import digest_rows
from ..compare.snapshot import Snapshot
from ..db.connect import Connection
from ..db.url import DatabaseUrl
from ..errors import DbDeployError, RestoreError
from ..model import LogPhase
from ..rehearsal import Rehearsal
from ..sandboxes.base import Sandbox
from ..steps import Step
from .restoring import Restored, Wanted, restore_and_verify
from .workspace import Workspace, error_text

# Settings of a database belong to the database itself: neither a copy nor a restore takes them along.
_SETTING = "setting"
_COPY = "dbdeploy_way_back"
_LARGE_OBJECTS = """
select count(*), sum(hashtextextended(format('%s %s %s', loid, pageno, encode(data, 'hex')), 0)) from pg_largeobject
"""


@dataclass(frozen=True, slots=True)
class WayBack:
    """What the rollback gate judges. ``skipped``, ``error``: why it was not rehearsed, or does not hold.

    ``touched``: what a restore puts back; None: the whole database, for the reason ``why_whole``. ``net``: by how many rows the
    migrations grow each table; ``unknown``: tables of which that cannot be told; ``tables``: those that a restore replaces. ``written``: rows that users of the target wrote to them within ``watched`` seconds.
    """

    rehearsed: bool = False
    skipped: str | None = None
    error: str | None = None
    seconds: float | None = None
    touched: Touched | None = None
    why_whole: str | None = None
    net: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    written: Mapping[str, int] = field(default_factory=dict)
    watched: float = 0.0


def rehearse_way_back(
    workspace: Workspace,
    sandbox: Sandbox,
    copied: Clone,
    snapshots: tuple[Snapshot, Snapshot],
    rows: Mapping[str, int],
    rehearsal: Rehearsal,
    history: Collection[str],
    forget: Callable[[Connection], None],
) -> WayBack:
    """Restores from the clone's own dump over a copy of the migrated clone, and compares. ``snapshots``: before and after.

    ``rows``: numbers of rows before, by table. ``history``: tables that the migration tool keeps for itself; ``forget`` takes the migrations out of them.
    """
    before, after = snapshots
    changes = [c for c in differences(before, after) if c.kind != _SETTING]
    emptied = {name for one in rehearsal.evidence for name in one.truncated}
    touched = touched_by(changes, ({*rehearsal.written, *emptied} - set(history)))
    settings = any(c.kind == _SETTING for c in differences(before, after))
    net: Counter[str] = Counter()
    for one in rehearsal.evidence:
        for name, number in one.rows.items():
            net[name] += number.inserted - number.deleted
    with workspace.steps.step("rollback-rehearsal", "rehearse rollback", LogPhase.SANDBOX_VALIDATION) as step:
        rehearsing = _Rehearsing(workspace, sandbox, copied, before, rows, forget, step)
        try:
            if settings:
                raise RestoreError("a setting of the database changed, which no restore puts back")
            restored, why_whole = rehearsing.run(touched)
        except DbDeployError as error:
            step.failed(error_text(error).splitlines()[0])
            return WayBack(error=error_text(error))
        what = "the whole database was " if restored.whole else ""
        step.done(f"{what}restored from a backup and verified")
    return WayBack(
        rehearsed=True,
        seconds=restored.seconds,
        touched=None if restored.whole else touched,
        why_whole=why_whole,
        net=dict(net),
        unknown=tuple(sorted(emptied)),
        tables=tuple(sorted({*restored.tables, *_names(touched)} - set(history))),
    )


def _names(touched: Touched) -> set[str]:
    """Tables as they are called before the migrations."""
    return {name for kind, name, _ in touched.objects if kind == "table"}


@dataclass(slots=True)
class _Rehearsing:
    workspace: Workspace
    sandbox: Sandbox
    copied: Clone
    before: Snapshot
    rows: Mapping[str, int]
    forget: Callable[[Connection], None]
    step: Step

    def run(self, touched: Touched) -> tuple[Restored, str | None]:
        """The narrower restore when it holds, else that of the whole database, and why."""
        try:
            return self._restore(touched), None
        except (NotPossible, RestoreError) as error:
            why = error_text(error) if isinstance(error, RestoreError) else str(error)
            self.workspace.record.notes.append(f"a rollback would restore the whole database: {why}")
        return self._restore(None), why

    def _restore(self, touched: Touched | None) -> Restored:
        self.sandbox.drop_database(_COPY)
        url = self.sandbox.create_database(_COPY, template=self.copied.after.dbname)
        own = self.workspace.settings.state.own_schemas
        restored = restore_and_verify(
            url,
            self.copied.dump,
            Wanted(self.before, self.rows, touched, own, leave_out=(_SETTING,)),
            server_major=self.sandbox.major,
            step=self.step,
            finish=self.forget,
        )
        self._compare_rows(url)
        return restored

    def _compare_rows(self, url: DatabaseUrl) -> None:
        """Every row of every table, as the clone had it: that nothing was touched that is not known as touched, too."""
        digests: list[dict[str, object]] = []
        for database in (self.copied.before, url):
            with self.workspace.connect(database, "compare", read_only=True) as conn:
                found: dict[str, object] = dict(digest_rows(conn, list(self.rows)))
                digests.append(found | {"large objects": conn.execute(_LARGE_OBJECTS).fetchone()})
        different = [name for name, digest in digests[0].items() if digests[1][name] != digest]
        if different:
            raise RestoreError(f"rows of {', '.join(different[:5])} are not as they were")
