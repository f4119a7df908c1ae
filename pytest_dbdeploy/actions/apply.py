"""Runs units of migration statements: the same code on the clone (measured) and on the target."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Protocol

import psycopg
from psycopg import sql

from ..db.connect import send
from ..errors import ApplyError
from ..model import Migration, Statement, StatementError, StatementRef, Unit
from ..secret import redact_sql, redactor

LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK = "40P01"
QUERY_CANCELED = "57014"
#: Where a role's or a database's transactions are serializable by default.
SERIALIZATION_FAILURE = "40001"
_BUSY = frozenset({LOCK_NOT_AVAILABLE, DEADLOCK, SERIALIZATION_FAILURE})
#: The server's ways to refuse a statement inside a transaction block (active_sql_transaction, invalid_transaction_termination).
NOT_IN_TRANSACTION = frozenset({"25001", "2D000"})
#: unsafe_new_enum_value_usage: the value must be committed before its first use.
NEEDS_COMMIT_BEFORE = "55P04"

_CONCURRENTLY = re.compile(r"\bconcurrently\b", re.IGNORECASE)
_WORD = re.compile(r"(?:\s|--.*|/\*[\s\S]*?\*/)*(\w+)")


class Recorder(Protocol):
    """The part of a layout that writes the tool's history."""

    def record(self, conn: psycopg.Connection[Any], migration: Migration) -> None: ...


class Watcher(Protocol):
    """Learns of each statement as it runs (the rehearsal measures here). What ``statement_started`` returns is sent along with it."""

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None: ...
    def statement_started(self, ref: StatementRef) -> bytes: ...
    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None: ...


class Together:
    """Several watchers as one, in their order."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        for watcher in self._watchers:
            watcher.unit_started(conn, unit)

    def statement_started(self, ref: StatementRef) -> bytes:
        return b"".join([watcher.statement_started(ref) for watcher in self._watchers])

    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None:
        for watcher in self._watchers:
            watcher.statement_ended(conn, ref, cursor)


class StatementFailed(ApplyError):
    """The server refused a statement. ``ref`` is None when the history row failed, or the commit.

    ``gave_way``: for whom, if we cancelled it ourselves.
    """

    def __init__(self, place: str, error: psycopg.Error, ref: StatementRef | None) -> None:
        self.ref = ref
        self.gave_way: str | None = None
        self.error = statement_error(error)
        self.place = place
        lines = [f"{place}: {self.error.message}"]
        if self.error.sqlstate:
            lines[0] += f" (SQLSTATE {self.error.sqlstate})"
        lines += [
            f"{label}: {text}"
            for label, text in (("detail", self.error.detail), ("server's hint", self.error.hint))
            if text
        ]
        super().__init__("\n".join(lines))

    @property
    def busy(self) -> bool:
        """Whether others were in the way: later it may succeed."""
        return self.gave_way is not None or self.error.sqlstate in _BUSY


def statement_error(error: psycopg.Error) -> StatementError:
    """The server's words, without secrets."""
    diag = error.diag
    message = diag.message_primary or str(error).strip() or type(error).__name__
    return StatementError(
        error.sqlstate, _clean(message) or "", _clean(diag.message_detail), _clean(diag.message_hint)
    )


def excerpt(statement: Statement, width: int = 100) -> str:
    """The statement on one line, cut, without passwords."""
    text = " ".join(redact_sql(statement.sql).split())
    return text if len(text) <= width else text[: width - 1] + "…"


Transaction = Callable[[psycopg.Connection[Any], Unit], AbstractContextManager[Sequence[StatementRef]]]


@contextmanager
def plain_transaction(conn: psycopg.Connection[Any], unit: Unit) -> Iterator[Sequence[StatementRef]]:
    """One in which all of a unit's statements are still to be run."""
    with conn.transaction():
        yield unit.statements if unit.transactional else ()


def run_unit(
    conn: psycopg.Connection[Any],
    unit: Unit,
    migrations: Mapping[str, Migration],
    recorder: Recorder,
    watcher: Watcher | None = None,
    *,
    lock_timeout: float | None = None,
    statement_timeout: float | None = None,
    before_records: Callable[[], None] | None = None,
    before_commit: Callable[[], None] | None = None,
    transaction: Transaction = plain_transaction,
) -> None:
    """Runs one unit on ``conn`` (autocommit). StatementFailed leaves nothing of a transactional unit behind.

    ``before_records`` and ``before_commit`` run in the unit's transaction, right before and after its history rows.
    ``transaction``: the unit's; it may run statements itself, and gives those that are still to be run.
    Timeouts in seconds; None leaves the server's.
    """
    for name, seconds in (("lock_timeout", lock_timeout), ("statement_timeout", statement_timeout)):
        if seconds is not None:
            conn.execute(
                sql.SQL("set {} = {}").format(sql.Identifier(name), sql.Literal(f"{round(seconds * 1000)}ms"))
            )
    if watcher:
        watcher.unit_started(conn, unit)
    if not unit.transactional:
        _run_statement(conn, unit.statements[0], migrations, watcher)
    if unit.transactional or unit.records or before_commit:
        place = "the commit"
        try:
            with transaction(conn, unit) as statements:
                for ref in statements:
                    _run_statement(conn, ref, migrations, watcher)
                if unit.records and before_records:
                    place = "the migration history"
                    before_records()
                for name in unit.records:
                    place = f"the history row of {name}"
                    recorder.record(conn, migrations[name])
                if before_commit:
                    place = "the state of the deployment"
                    before_commit()
                place = "the commit"  # deferred constraints fail here
        except psycopg.Error as error:
            raise StatementFailed(_commit_place(place, unit), error, None) from None


def run_unit_with_retries(
    run: Callable[[], None],
    *,
    retries: int,
    on_retry: Callable[[int, StatementFailed], None],
    again: Callable[[StatementFailed], bool],
) -> None:
    """Runs ``run`` again while locks are not to be had, with growing, jittered pauses of at most 5 s.

    ``again`` says of a failure whether it is safe to repeat what failed; if not, it goes on at once.
    """
    for attempt in range(retries + 1):
        try:
            run()
            return
        except StatementFailed as failure:
            if not failure.busy or attempt == retries or not again(failure):
                raise
            on_retry(attempt + 1, failure)
            time.sleep(random.uniform(0.5, 1.0) * min(5.0, 0.1 * 2**attempt))


def waits_for_others(migrations: Mapping[str, Migration], unit: Unit) -> bool:
    """Whether its statement waits for the transactions of others without making anybody wait (``CREATE INDEX CONCURRENTLY``)."""
    return any(_CONCURRENTLY.search(statement) for statement in _texts(migrations, unit))


def commits_itself(migrations: Mapping[str, Migration], unit: Unit) -> bool:
    """Whether its statement may have committed a part of its work when it fails (``CALL``), and would begin that anew."""
    return bool({"call", "do"} & _words(migrations, unit))


def builds(migrations: Mapping[str, Migration], unit: Unit) -> bool:
    """Whether its statement builds an index: each attempt begins anew, without the invalid one that the last left."""
    return bool({"create", "reindex"} & _words(migrations, unit))


def in_its_place(migrations: Mapping[str, Migration], unit: Unit, text: str) -> dict[str, Migration]:
    """``migrations`` with ``text`` in place of the statement of a unit that has only this one."""
    (ref,) = unit.statements
    migration = migrations[ref.migration]
    statements = list(migration.statements)
    statements[ref.index] = replace(statements[ref.index], sql=text)
    return {**migrations, migration.name: replace(migration, statements=tuple(statements))}


def _words(migrations: Mapping[str, Migration], unit: Unit) -> set[str]:
    """The first word of each statement."""
    return {found[1].lower() for text in _texts(migrations, unit) if (found := _WORD.match(text))}


def _texts(migrations: Mapping[str, Migration], unit: Unit) -> list[str]:
    return [migrations[ref.migration].statements[ref.index].sql for ref in unit.statements]


def _run_statement(
    conn: psycopg.Connection[Any],
    ref: StatementRef,
    migrations: Mapping[str, Migration],
    watcher: Watcher | None,
) -> None:
    migration = migrations[ref.migration]
    statement = migration.statements[ref.index]
    try:
        along = watcher.statement_started(ref) if watcher else b""  # it may wait for a lock, too
        cursor = send(conn, statement, along)
    except psycopg.Error as error:
        raise StatementFailed(
            f"{migration.file}:{statement.line}: {excerpt(statement, 60)}", error, ref
        ) from None
    if watcher:
        watcher.statement_ended(conn, ref, cursor)


def _commit_place(place: str, unit: Unit) -> str:
    if place != "the commit":
        return place
    names = sorted({ref.migration for ref in unit.statements})
    return f"the commit of {', '.join(names)}" if names else place


def _clean(text: str | None) -> str | None:
    return redactor.redact(redact_sql(text)) if text else text
