"""One database read over a few connections at once, all of them in the same snapshot."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self, TypeVar

import psycopg
from psycopg import IsolationLevel, sql
from psycopg import errors as pg_errors

from ..db.lines import shut_down
from ..errors import TargetError
from .rows import PINNED

Connection = psycopg.Connection[Any]
T = TypeVar("T")

# The compiler of expressions costs more than it gains on tables of many columns.
_PINNED = f"""{PINNED};
set local jit = off;
set local work_mem = '64MB';
set local idle_in_transaction_session_timeout = 0
"""


class Reader:
    """``label``: for people. ``connect``: makes a read-only connection, or raises TargetError. ``connections``: at most so many.
    ``watch``: a context for each piece of work, that ends it when the server falls silent. ``statement_timeout``: seconds, 0: none.

    The first connection exports its snapshot, the others take it. Where that is refused, or no more connections are to be had,
    one connection does all the work. Locks on tables are held only while they are read.
    """

    def __init__(
        self,
        label: str,
        connect: Callable[[], Connection],
        connections: int,
        *,
        watch: Callable[[Connection], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
        statement_timeout: float = 0,
    ) -> None:
        self.label = label
        self._connect = connect
        self._watch = watch
        self._statement_timeout = round(statement_timeout * 1000)
        self._all: list[Connection] = []
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._more = threading.Semaphore(connections - 1)
        self._snapshot: str | None = None
        self._lost: TargetError | None = None
        self._executor = ThreadPoolExecutor(connections, thread_name_prefix=f"compare-{label}")

    def __enter__(self) -> Self:
        first = self._open()
        try:
            with self._watch(first):
                self._export_snapshot(first)
        except psycopg.Error as error:
            first.close()
            raise self.unreadable(error) from error
        self._idle.put(first)
        return self

    def _export_snapshot(self, conn: Connection) -> None:
        try:
            row = conn.execute("select pg_export_snapshot()").fetchone()
            self._snapshot = row[0] if row else None
        except psycopg.Error:
            conn.rollback()
            self._begin(conn)

    def __exit__(self, *_: object) -> None:
        """Ends what still runs, on the server too."""
        for conn in self._all:
            if not conn.closed and conn.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                with contextlib.suppress(psycopg.Error):
                    conn.cancel_safe(timeout=2)
                shut_down(conn)
        self._executor.shutdown(cancel_futures=True)
        for conn in self._all:
            conn.close()

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Runs ``work`` with a connection of the snapshot. TargetError: says why this could not be read."""
        return self._executor.submit(self._work, work)

    def _work(self, work: Callable[[Connection], T]) -> T:
        if self._lost is not None:  # what ended the connection, not that it has ended
            raise TargetError(self._lost.message, hint=self._lost.hint)
        try:
            with self._connection() as conn, self._watch(conn), conn.transaction(force_rollback=True):
                return work(conn)
        except (psycopg.Error, TargetError) as error:
            told = error if isinstance(error, TargetError) else self.unreadable(error)
            if any(conn.closed for conn in self._all):
                self._lost = self._lost or told
            raise told from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        conn = self._take()
        try:
            yield conn
        finally:
            self._idle.put(conn)

    def _take(self) -> Connection:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            if self._snapshot is not None and self._more.acquire(blocking=False):
                with contextlib.suppress(TargetError):
                    return self._open()
            return self._idle.get()

    def _open(self) -> Connection:
        conn = self._connect()
        self._all.append(conn)
        try:
            conn.isolation_level = IsolationLevel.REPEATABLE_READ
            with self._watch(conn):
                self._begin(conn)
        except psycopg.Error as error:
            conn.close()
            raise self.unreadable(error) from error
        return conn

    def _begin(self, conn: Connection) -> None:
        """Opens the transaction that lasts as long as the connection."""
        if self._snapshot is not None:
            conn.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(self._snapshot)))
        for setting in _PINNED.split(";"):
            conn.execute(setting)
        if conn.info.server_version >= 170000:
            conn.execute("set local transaction_timeout = 0")
        timeout = sql.SQL("set local statement_timeout = {}").format(sql.Literal(self._statement_timeout))
        conn.execute(timeout)

    def unreadable(self, error: psycopg.Error) -> TargetError:
        hint = None
        if isinstance(error, pg_errors.InsufficientPrivilege):
            hint = (
                "Use a role that may read every table in full: the owner, or one with pg_read_all_data and, "
                "where row level security applies, BYPASSRLS."
            )
        message = error.diag.message_primary or str(error).strip().partition("\n")[0]
        return TargetError(f"{self.label}: {message}", hint=hint)
