"""The units of a plan on the target: each with its position in the deployment's row, tried again while locks are not to be had."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from ..actions.apply import (
    StatementFailed,
    Together,
    builds,
    commits_itself,
    in_its_place,
    run_unit,
    run_unit_with_retries,
    waits_for_others,
)
from ..actions.concurrently import detaching, drop_new_invalid, invalid_indexes
from ..compare.names import parent_name, split_name
from ..db.sql import query
from ..db.state import State, StateTable
from ..db.url import DatabaseUrl
from ..layouts.base import LayoutReader
from ..model import (
    Change,
    ChangeType,
    Level,
    LogPhase,
    Migration,
    Plan,
    StatementEvidence,
    StatementRef,
    Unit,
)
from ..rules.removing import turned
from ..steps import Step
from ..undo import store
from ..undo.keeping import Keeper
from ..undo.model import Undo
from .catalogue_check import CatalogueCheck
from .others_writes import NotingWrites
from .target_watch import TargetWatch, beside, far_apart
from .workspace import Workspace

#: A build of an index is tried so often again: each begins anew.
_BUILD_RETRIES = 3


class Applying:
    """Runs units through ``conn`` (autocommit, watched by ``watch``); ``url`` is the same target. ``undo``: what it needs is kept along.

    ``check_lock``: LockError unless the target is still ours, asked before each attempt and each commit.
    ``check``: what must hold before the one transaction commits.
    """

    def __init__(
        self,
        workspace: Workspace,
        layout: LayoutReader,
        plan: Plan,
        table: StateTable,
        url: DatabaseUrl,
        conn: psycopg.Connection[Any],
        watch: TargetWatch,
        noting: NotingWrites,
        undo: Undo | None,
        check_lock: Callable[[], None],
        check: CatalogueCheck | None = None,
    ) -> None:
        self.workspace = workspace
        self.settings = workspace.settings
        self.layout = layout
        self.plan = plan
        self.table = table
        self.url = url
        self.conn = conn
        self.watch = watch
        self.noting = noting
        self.undo = undo
        self.check_lock = check_lock
        self.check = check

    def prepare(self, units: Sequence[Unit]) -> None:
        """Where the plan can be left half-applied, the target itself holds from the start what takes that back."""
        if self.undo is not None and (len(units) > 1 or not all(unit.transactional for unit in units)):
            with self.conn.transaction():
                store.write(self.conn, self.undo, complete=False)

    def unit(self, unit: Unit, number: int, of: int, step: Step) -> None:
        """Runs one, again while its locks are not to be had. StatementFailed: a transactional one left nothing."""
        migrations = {m.name: m for m in self.plan.migrations}
        concurrently = not unit.transactional and waits_for_others(migrations, unit)
        building = concurrently and builds(migrations, unit)
        repeatable = not commits_itself(migrations, unit)
        invalid = invalid_indexes(self.conn) if building else {}
        half = detaching(self.conn) if concurrently else {}
        attempts = itertools.count()
        self.workspace.journal.append("unit-started", unit=number, of=of, transactional=unit.transactional)

        def run() -> None:
            todo: Mapping[str, Migration] = migrations
            if next(attempts) and building:
                self._drop_what_is_left(unit.statements[0], invalid)
            elif concurrently:
                todo = self._from_half(unit, migrations, half)
            self.check_lock()
            with self.watch.attempt():
                self._run_unit(unit, todo, number, last=number == of)

        retries = self.settings.timeouts.lock_retries
        try:
            run_unit_with_retries(
                run,
                retries=min(retries, _BUILD_RETRIES) if building else retries,
                on_retry=partial(self._retry, step),
                # what ran outside a transaction stands, also when its history row then failed
                again=lambda failure: unit.transactional or (repeatable and failure.ref is not None),
            )
        except StatementFailed as failure:
            if failure.busy:
                failure.hint = "\n".join(text for text in (_gave_way(failure), self._who()) if text) or None
            raise
        self.workspace.journal.append("unit-committed", unit=number, records=list(unit.records))

    def _run_unit(
        self,
        unit: Unit,
        migrations: Mapping[str, Migration],
        number: int,
        *,
        last: bool,
    ) -> None:
        keeper = Keeper(self.undo.keeps if self.undo else ())

        def before_commit() -> None:
            if self.check is not None:
                self.check.run(self.conn)
            if self.undo is not None:
                keeper.committing()
                store.write(self.conn, self.undo, complete=last)
            if unit.transactional:
                self.watch.before_commit(self.conn)
            # A rollback tells rows of others from ours by the transactions that wrote them.
            row = self.conn.execute("select pg_current_xact_id()::text").fetchone()
            self.check_lock()
            self.workspace.journal.append("unit-committing", xid=row[0] if row else None)
            state = State.APPLIED if last else State.APPLYING
            self.table.update(self.conn, self.workspace.id, state, position=number)

        timeouts = self.settings.timeouts
        lock_timeout = timeouts.lock
        if not unit.transactional:
            # From its first moment on it may leave something behind.
            with self.workspace.connect(self.url, "state", autocommit=True) as writer:
                self.table.update(writer, self.workspace.id, State.APPLYING, position=number)
            if waits_for_others(migrations, unit):  # each attempt builds anew, and nobody waits behind it
                lock_timeout *= timeouts.lock_retries + 1
        run_unit(
            self.conn,
            unit,
            migrations,
            self.layout,
            Together(keeper, self.noting, self.watch),
            lock_timeout=lock_timeout,
            statement_timeout=timeouts.statement,
            # A plain ROLLBACK takes it back too.
            before_records=partial(self.layout.ensure_history, self.conn),
            before_commit=before_commit if unit.transactional or last else None,
        )

    def _drop_what_is_left(self, ref: StatementRef, before: dict[int, tuple[str, str]]) -> None:
        """Of an earlier attempt. Others can keep that waiting, too: then this attempt gives way."""
        try:
            done = drop_new_invalid(self.conn, before)
        except psycopg.Error as error:
            raise StatementFailed("the invalid index that was left", error, ref) from None
        for text in done:
            self.workspace.say(LogPhase.DEPLOY, Level.WARN, text)

    def _from_half(
        self, unit: Unit, migrations: Mapping[str, Migration], before: Collection[tuple[str, str]]
    ) -> Mapping[str, Migration]:
        """An earlier attempt may have detached its partition by half: then only the other half is left to be done."""
        (ref,) = unit.statements
        text = migrations[ref.migration].statements[ref.index].sql.lower()
        for (schema, name), finalize in detaching(self.conn).items():
            if (schema, name) not in before and name.lower() in text:
                self.workspace.say(
                    LogPhase.DEPLOY, Level.WARN, f"{schema}.{name} is detached by half: the rest follows"
                )
                return in_its_place(migrations, unit, finalize)
        return migrations

    def _retry(self, step: Step, attempt: int, failure: StatementFailed) -> None:
        step.progress(f"waiting for a lock, attempt {attempt + 1}")
        self.workspace.say(
            LogPhase.DEPLOY,
            Level.WARN,
            f"attempt {attempt} gave way: {_gave_way(failure) or failure.error.message}",
            place=failure.place,
            holders=self._who(),
        )

    def _who(self) -> str | None:
        blockers = self.watch.blockers()
        return f"it waited for {', '.join(blockers)}" if blockers else _lock_holders(self.conn)

    def analyze(self, changes: Sequence[Change]) -> None:
        """Where a change of type threw the planner's statistics away. Never a failure: the migrations are committed."""
        tables = {
            parent_name(change.object)
            for change in changes
            if change.kind == "column" and change.change is ChangeType.MODIFIED and turned(change, "type")
        }
        for table in sorted(tables):
            try:
                self.conn.execute(sql.SQL("analyze {}").format(sql.Identifier(*split_name(table))))
            except psycopg.Error as error:
                text = error.diag.message_primary or str(error)
                self.workspace.record.notes.append(f"{table} could not be analysed: {text}")

    def set_beside(self, units: Sequence[Unit], rehearsed: Sequence[StatementEvidence]) -> None:
        """What the target did, beside the rehearsal: far apart is a warning."""
        evidence = beside(rehearsed, statements_of(self.plan, units), self.watch.seconds)
        self.workspace.record.evidence = evidence
        known = {r.name for r in self.plan.target.relations} if self.plan.target else set()
        texts = far_apart(evidence, self.watch.locks - self._own_locks(), known)
        if waited := self.watch.waited_for_us():
            texts.append(waited)
        for text in texts:
            self.workspace.record.notes.append(text)
            self.workspace.say(LogPhase.DEPLOY, Level.WARN, text)
        self.workspace.log.message(
            LogPhase.DEPLOY,
            Level.INFO,
            "what the target did",
            {"statements": {f"{e.file}:{e.line}": e.target_seconds for e in evidence}},
        )

    def _own_locks(self) -> set[tuple[str, str]]:
        """What counting the users' rows locks, and keeping rows aside: of the same tables; the statements themselves do not."""
        return {(table, "ShareRowExclusiveLock") for table in self.noting.locked}


def _gave_way(failure: StatementFailed) -> str | None:
    return f"others were let go on: {failure.gave_way}" if failure.gave_way else None


def statements_of(plan: Plan, units: Sequence[Unit]) -> list[StatementRef]:
    """What the units run, in the order of the evidence."""
    refs = [StatementRef(m.name, i) for m in plan.migrations for i in range(len(m.statements))]
    ran = {ref for unit in units for ref in unit.statements}
    return [ref for ref in refs if ref in ran]


def _lock_holders(conn: psycopg.Connection[Any]) -> str | None:
    """For people: whom the statement may have waited for. It has given up, so the server no longer says whom it did."""
    try:
        rows = conn.execute(query("lock_holders")).fetchall()
    except psycopg.Error:
        return None
    names = [
        f"process {pid} ({name or 'unnamed'}, role {role}{f', since {since:%H:%M:%S}' if since else ''})"
        for pid, name, role, since in rows
    ]
    return f"open transactions that hold locks: {', '.join(names)}" if names else None
