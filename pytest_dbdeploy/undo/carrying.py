"""Carries an undo out: one transaction, which also takes the history rows away and is verified before its commit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import errors, sql

from ..actions.apply import DEADLOCK, LOCK_NOT_AVAILABLE
from ..compare.snapshot import Snapshot, read_snapshot
from ..errors import RestoreError
from ..secret import redact_sql, redactor
from . import begun, store
from .model import Aside, Undo, not_undone

Connection = psycopg.Connection[Any]

LOCK_TIMEOUT_SECONDS = 1.0
PATIENCE_SECONDS = 300.0

_SETTINGS = """
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local check_function_bodies = off;
set local row_security = off;
set local client_min_messages = warning;
set local jit = off
"""


class UndoFailed(RestoreError):
    """Rolled back: nothing was changed, and another strategy may go on."""


@dataclass(frozen=True, slots=True)
class Undone:
    """``seconds``: of the transaction that held. ``aside``: rows of users put aside, by relation.

    ``restored``: relations of which a restore since had put rows back; nobody can tell who had written those.
    """

    seconds: float
    aside: Mapping[str, int] = field(default_factory=dict)
    restored: tuple[str, ...] = ()


@dataclass(slots=True)
class Carrying:
    """``forget``: takes the history rows away; ``finish``: the last thing before the commit (the state, what was kept).

    ``own_schemas``: left out of the comparison. ``patience``: seconds for which locks are waited for, each time ``lock_timeout``.
    ``complete``: False where the plan was only begun: then not all that it makes is there.
    """

    undo: Undo
    xids: Sequence[str]
    own_schemas: Sequence[str]
    forget: Callable[[Connection], None]
    finish: Callable[[Connection], None] = lambda conn: None
    lock_timeout: float = LOCK_TIMEOUT_SECONDS
    patience: float = PATIENCE_SECONDS
    complete: bool = True
    on_retry: Callable[[str], None] = lambda text: None

    def run(self, conn: Connection) -> Undone:
        """``conn``: autocommit. UndoFailed, with the reason, when it did not hold: then nothing was changed."""
        deadline = time.monotonic() + self.patience
        attempt = 0
        while True:
            attempt += 1
            try:
                started = time.perf_counter()
                aside, restored = self._once(conn)
                return Undone(time.perf_counter() - started, aside, restored)
            except psycopg.Error as error:
                busy = error.sqlstate in (LOCK_NOT_AVAILABLE, DEADLOCK)
                if not busy or conn.closed or time.monotonic() > deadline:
                    raise UndoFailed(_words(error)) from None
                self.on_retry(f"waiting for a lock, attempt {attempt + 1}")
                time.sleep(random.uniform(0.5, 1.0) * min(2.0, 0.05 * 2 ** min(attempt, 10)))

    def _once(self, conn: Connection) -> tuple[dict[str, int], tuple[str, ...]]:
        with conn.transaction():
            conn.execute(_SETTINGS.encode())
            conn.execute(
                sql.SQL("set local lock_timeout = {}").format(
                    sql.Literal(f"{round(self.lock_timeout * 1000)}ms")
                )
            )
            if (
                self.undo.source == "derived"
            ):  # its names are all qualified; a script is written for the role's own path
                conn.execute("set local search_path = ''")
            if not self.complete:
                begun.finish(conn, self.undo)
            now = self._read(conn)
            restored = _restored(conn, self.undo)
            aside = run_statements(conn, self.undo, self.xids, complete=self.complete)
            self.forget(conn)
            wrong = not_undone(self.undo, now, self._read(conn))
            if wrong:
                more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
                raise UndoFailed(f"after the reverse statements {'; '.join(wrong[:5])}{more}")
            self.finish(conn)
        return aside, tuple(name for name in restored if name in aside)

    def _read(self, conn: Connection) -> Snapshot:
        return read_snapshot(conn, exclude_schemas=self.own_schemas)


def run_statements(
    conn: Connection, undo: Undo, xids: Sequence[str], *, complete: bool = True
) -> dict[str, int]:
    """In the caller's transaction: locks, puts users' rows aside, undoes; rows put aside, by relation."""
    conn.execute(
        "select set_config('dbdeploy.first_xid', %s, true), set_config('dbdeploy.xids', %s, true)",
        [xids[0] if xids else "0", ",".join(xids)],
    )
    for relation in undo.locks:
        statement = f"LOCK TABLE {relation} IN ACCESS EXCLUSIVE MODE"
        if complete or _is_there(conn, relation):
            conn.execute(statement.encode())
    for one in undo.aside:
        if complete or _is_there(conn, one.relation):
            _put_aside(conn, one, complete=complete)
    for statement in undo.steps:
        if complete:
            conn.execute(statement.encode())
        else:
            begun.run_step(conn, statement)
    return store.put_aside(conn, undo.deployment)


def _restored(conn: Connection, undo: Undo) -> list[str]:
    """Relations with rows that a restore since has put back."""
    query = "select exists (select from {} t where t.xmin::text = any (%s))"
    return [
        name
        for name in sorted({one.relation for one in undo.aside} if undo.restored else ())
        if _is_there(conn, name)
        and conn.execute(query.format(name).encode(), [list(undo.restored)]).fetchone() == (True,)
    ]


def _is_there(conn: Connection, relation: str) -> bool:
    row = conn.execute("select to_regclass(%s) is not null", [relation]).fetchone()
    return bool(row and row[0])


def _put_aside(conn: Connection, one: Aside, *, complete: bool) -> None:
    if complete or one.all_rows is None:
        conn.execute(one.sql.encode())
        return
    try:
        with conn.transaction():
            conn.execute(one.sql.encode())
    except (errors.UndefinedColumn, errors.UndefinedObject):
        conn.execute(one.all_rows.encode())


def _words(error: psycopg.Error) -> str:
    diag = error.diag
    text = diag.message_primary or str(error).strip() or type(error).__name__
    detail = f" ({diag.message_detail})" if diag.message_detail else ""
    return redactor.redact(redact_sql(f"{text}{detail}"))
