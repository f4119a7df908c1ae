"""How the catalogue queries reach a compared database: over a connection of ours, or through the hub. Both give the same rows.

The compared server renders every row as JSON text itself, so nothing on the way can read a type in its own manner. Through
the hub that is ``dblink`` over the foreign server: what a function such as ``pg_get_constraintdef`` renders cannot come over a
foreign table, as on the hub it would be asked for an oid that is not there, and silently give NULL.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg import pq, sql
from psycopg.rows import tuple_row

# What decides how the server prints expressions and definitions; jit would cost more than these queries, and so would looking
# for another order of their joins than the one that they are written in, or sorting all columns on disk.
PINNED: LiteralString = """
set local search_path = pg_catalog, pg_temp;
set local timezone = 'UTC';
set local datestyle = 'ISO, MDY';
set local intervalstyle = 'postgres';
set local extra_float_digits = 1;
set local bytea_output = 'hex';
set local lc_monetary = 'C';
set local quote_all_identifiers = off;
set local jit = off;
set local work_mem = '64MB';
set local join_collapse_limit = 1;
set local from_collapse_limit = 1
"""

_REPEATABLE = "isolation level repeatable read, read only"


class Transport(Protocol):
    """Runs SELECTs on one database.

    ``repeats``: whether ``transaction`` begins one of its own, so that a reading that failed may be tried again.
    """

    @property
    def name(self) -> str:
        """What the database is called, for messages."""

    @property
    def repeats(self) -> bool: ...

    def transaction(self) -> AbstractContextManager[None]:
        """One snapshot for all that is read in it, with the settings of ``PINNED``; nothing of it stays."""

    def server_version_num(self) -> int:
        """Such as 170010."""

    def rows(
        self, statements: Sequence[LiteralString], parameters: Mapping[str, Any]
    ) -> Generator[list[str], None, None]:
        """The rows of each statement in turn, each a JSON object by column name. psycopg.Error goes through, with the remote server's SQLSTATE."""


def _rendered(statement: LiteralString) -> sql.Composed:
    return sql.SQL("select to_json(q)::text from (\n") + sql.SQL(statement) + sql.SQL("\n) q")


class Direct:
    """A connection of ours. Inside a transaction of the caller it sees what that sees, and leaves its settings as they were.

    ``name``: what the database is called in messages; its own name if not said.
    """

    def __init__(self, conn: psycopg.Connection[Any], *, name: str | None = None) -> None:
        self._conn = conn
        self.name = name or conn.info.dbname
        self.repeats = conn.info.transaction_status == pq.TransactionStatus.IDLE

    def server_version_num(self) -> int:
        return self._conn.info.server_version

    @contextmanager
    def transaction(self) -> Iterator[None]:
        # Rolled back in any case: a caller's transaction gets its own search_path back with the savepoint.
        with self._conn.transaction(force_rollback=True):
            if self.repeats:
                self._conn.execute(f"set transaction {_REPEATABLE}")
            with self._conn.pipeline():
                for setting in PINNED.split(";"):
                    self._conn.execute(setting)
            yield

    def rows(
        self, statements: Sequence[LiteralString], parameters: Mapping[str, Any]
    ) -> Generator[list[str], None, None]:
        """In few round trips, each of twice as many statements: the server works on the next while the caller takes these."""
        start, size = 0, 4
        with self._conn.pipeline():
            running = self._sent(statements[:size], parameters)
            while running:
                found = [[text for (text,) in cursor] for cursor in running]
                start, size = start + size, size * 2
                running = self._sent(statements[start : start + size], parameters)
                while found:
                    yield found.pop(0)

    def _sent(
        self, statements: Sequence[LiteralString], parameters: Mapping[str, Any]
    ) -> list[psycopg.Cursor[tuple[Any, ...]]]:
        return [
            # whatever rows the caller's connection makes
            self._conn.cursor(row_factory=tuple_row).execute(_rendered(statement), parameters)
            for statement in statements
        ]


class ThroughHub:
    """The foreign server ``server`` of a hub; ``hub``: a connection to the hub of our own, in autocommit mode."""

    repeats = True

    def __init__(self, hub: psycopg.Connection[Any], server: str, *, name: str) -> None:
        self._hub = hub
        self._server = server
        self.name = name

    def server_version_num(self) -> int:
        ((text,),) = self.rows(["select current_setting('server_version_num') v"], {})
        return int(json.loads(text)["v"])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._hub.execute("select public.dblink_connect('compared', %s)", [self._server])
        try:
            self._hub.execute(
                "select public.dblink_exec('compared', %s)", [f"begin transaction {_REPEATABLE};{PINNED}"]
            )
            yield
        finally:
            with suppress(psycopg.Error):  # the error that led here is the one to tell
                self._hub.execute("select public.dblink_disconnect('compared')")

    def rows(
        self, statements: Sequence[LiteralString], parameters: Mapping[str, Any]
    ) -> Generator[list[str], None, None]:
        literals = psycopg.ClientCursor(self._hub)
        for statement in statements:
            text = literals.mogrify(_rendered(statement), parameters)
            with self._hub.cursor(row_factory=tuple_row) as cursor:
                cursor.execute(
                    "select row from public.dblink('compared', %s) as remote (row text)", [text], binary=False
                )
                yield [text for (text,) in cursor]
