"""What both forms of Drizzle share: reading the history table, matching rows with files, writing rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from ..db.script import ScriptMode
from ..errors import LayoutError
from ..model import HistoryProblem, Migration, Statement
from .base import (
    Connection,
    LayoutRequest,
    Table,
    content_checksum,
    differs_only_in_line_ends,
    missing_columns,
    parse,
    read_bytes,
    sha256,
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the history table; ``name`` is None in 0.x tables."""

    id: int
    hash: str
    created_at: int | None
    name: str | None

    def shown(self) -> str:
        return self.name or f"created_at {self.created_at}"

    def cells(self) -> tuple[str, ...]:
        """Without id and applied_at, which differ between databases with the same history."""
        return (self.hash, str(self.created_at), self.name or "")


class DrizzleReader:
    """Base of both readers. Statements are read as late as possible: an old file that nobody will run again refuses nothing."""

    name = "drizzle"

    def __init__(self, request: LayoutRequest, folder: Path, table: Table) -> None:
        self.request = request
        self.folder = folder
        self.table = table
        self.source = request.relative(folder)
        self.history_relations: tuple[str, ...] = (str(table),)
        self._contents: dict[str, bytes] = {}
        self._refusals: dict[str, LayoutError] = {}

    def group(self, migrations: Sequence[Migration]) -> list[list[Migration]]:
        """Drizzle applies all that is pending in one transaction."""
        return [list(migrations)] if migrations else []

    def read(self, name: str, path: Path, created_at: int, folder_name: str | None) -> Migration:
        """One migration file; what cannot be carried out in it is remembered for ``refusals``."""
        file = self.request.relative(path)
        content = read_bytes(path, file)
        self._contents[name] = content
        # Node decodes with U+FFFD for what is no UTF-8, and hashes what it decoded.
        text = content.decode("utf-8", "replace")
        statements: tuple[Statement, ...] = ()
        try:
            statements = parse(text, file, ScriptMode.DRIZZLE)
        except LayoutError as error:
            self._refusals[name] = error
        checksum = sha256(text.encode())
        record = {"hash": checksum, "created_at": created_at}
        return Migration(
            name,
            file,
            checksum,
            statements,
            record | ({"name": folder_name} if folder_name else {}),
            content=content_checksum(content),
        )

    def refusals(self, pending: Sequence[Migration]) -> list[HistoryProblem]:
        found = ((m.name, self._refusals.get(m.name)) for m in pending)
        return [HistoryProblem("failed", name, error.message, error.hint) for name, error in found if error]

    def is_of(self, row: Row, migration: Migration) -> bool:
        """Whether the row was written for this very file, line ends aside."""
        return row.hash == migration.checksum or differs_only_in_line_ends(
            self._contents[migration.name], row.hash
        )

    def know(self, migrations: Sequence[Migration]) -> None:
        """Reads the files, when these migrations were read by another reader."""
        if any(m.name not in self._contents for m in migrations):
            self.migrations()

    def rows(self, conn: Connection) -> list[Row] | None:
        """All rows in the order in which they were written; None when there is no table."""
        columns = self.table.columns(conn)
        error = missing_columns(self.table, columns, ("id", "hash", "created_at"), "Drizzle")
        if error:
            raise error
        if not columns:
            return None
        name = sql.SQL("name") if "name" in columns else sql.SQL("null::text")
        query = sql.SQL("select id, hash, created_at, {} from {} order by id").format(
            name, self.table.identifier
        )
        return [Row(*row) for row in conn.execute(query).fetchall()]

    def record(self, conn: Connection, migration: Migration) -> None:
        columns = [sql.Identifier(key) for key in migration.record]
        conn.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                self.table.identifier,
                sql.SQL(", ").join(columns),
                sql.SQL(", ").join(sql.Placeholder() * len(columns)),
            ),
            tuple(migration.record.values()),
        )

    def forget(self, conn: Connection, names: Sequence[str]) -> None:
        if not self.table.columns(conn):
            return
        for migration in self.migrations():
            if migration.name in names:
                tests = [
                    sql.SQL("{} = {}").format(sql.Identifier(key), sql.Placeholder())
                    for key in migration.record
                ]
                conn.execute(
                    sql.SQL("delete from {} where {}").format(
                        self.table.identifier, sql.SQL(" and ").join(tests)
                    ),
                    tuple(migration.record.values()),
                )

    def migrations(self) -> tuple[Migration, ...]:
        raise NotImplementedError


class Matching:
    """Rows and migrations that were brought together; each row belongs to one migration at most."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.free = list(rows)
        self.of: dict[str, Row] = {}

    def take(
        self, migrations: Sequence[Migration], fits: Callable[[Row, Migration], bool]
    ) -> list[Migration]:
        """Gives each unmatched migration the first free row that fits; returns those that got one."""
        matched = []
        for migration in migrations:
            row = next(
                (row for row in self.free if migration.name not in self.of and fits(row, migration)), None
            )
            if row is not None:
                self.free.remove(row)
                self.of[migration.name] = row
                matched.append(migration)
        return matched

    def applied(self) -> tuple[str, ...]:
        """Names in the order in which their rows were written."""
        return tuple(sorted(self.of, key=lambda name: self.of[name].id))
