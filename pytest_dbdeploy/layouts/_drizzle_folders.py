"""Drizzle 1.0: a folder a migration, pending by name; a table of 0.x is upgraded first, as the tool does."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

from psycopg import sql

from ..errors import LayoutError
from ..model import History, HistoryProblem, Migration
from ._drizzle_common import DrizzleReader, Row
from .base import Connection, edited, missing


class FolderReader(DrizzleReader):
    def migrations(self) -> tuple[Migration, ...]:
        found = sorted(
            (path for path in self.folder.glob("*/migration.sql")),
            key=lambda path: _collation(path.parent.name),
        )
        return tuple(
            self.read(path.parent.name, path, self._created_at(path), path.parent.name) for path in found
        )

    def _created_at(self, path: Path) -> int:
        """UTC milliseconds of the 14 digits; months over 12 and the like carry over, as in JavaScript."""
        digits = re.match(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", path.parent.name)
        if digits is None:
            raise LayoutError(
                f"{self.request.relative(path.parent)}: the folder's name does not begin with 14 digits (a time)",
                hint="Drizzle cannot apply it: generate it with drizzle-kit.",
            )
        year, month, day, hour, minute, second = (int(part) for part in digits.groups())
        first = dt.datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=dt.UTC)
        moment = first + dt.timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
        return int(moment.timestamp()) * 1000

    def history(self, conn: Connection, migrations: Sequence[Migration]) -> History:
        self.know(migrations)
        rows = self.rows(conn)
        names = self._names(conn, rows or [], migrations)
        by_name = {m.name: m for m in migrations}
        applied = {name for name in names if name is not None}
        pending = tuple(m for m in migrations if m.name not in applied)
        newest = max((_collation(name) for name in applied), default=None)
        problems = []
        for row, name in zip(rows or (), names, strict=True):
            if name not in by_name:
                detail = f"the history has {row.shown()}, but {self.source} has no such migration"
                problems.append(missing(row.shown(), detail))
            elif not self.is_of(row, by_name[name]):
                problems.append(edited(name, by_name[name].file))
        problems += [_late(m) for m in pending if newest is not None and _collation(m.name) < newest]
        problems += self.refusals(pending)
        order = tuple(dict.fromkeys(name for name in names if name is not None))
        cells = tuple(row.cells() for row in rows or ())
        return History(order, pending, tuple(problems), cells, exists=rows is not None)

    def _names(
        self, conn: Connection, rows: Sequence[Row], migrations: Sequence[Migration]
    ) -> list[str | None]:
        """The migration of each row: by its name, or in a 0.x table as drizzle-orm's upgrade will find it."""
        if "name" in self.table.columns(conn):
            return [row.name for row in rows]
        return [_upgraded_name(row, migrations) for row in rows]

    def ensure_history(self, conn: Connection) -> None:
        columns = self.table.columns(conn)
        table = self.table.identifier
        if not columns:
            self.table.create_schema(conn)
            conn.execute(
                sql.SQL(
                    "create table if not exists {} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint,"
                    " name text, applied_at timestamp with time zone DEFAULT now())"
                ).format(table)
            )
        elif "name" not in columns:
            self._upgrade(conn)

    def _upgrade(self, conn: Connection) -> None:
        table = self.table.identifier
        rows = self.rows(conn) or []
        migrations = self.migrations()
        names = {row.id: _upgraded_name(row, migrations) for row in rows}
        unknown = [row.shown() for row in rows if names[row.id] is None]
        if unknown:
            raise LayoutError(
                f"{self.table} cannot be upgraded to Drizzle 1.0: no migration in {self.source} fits its rows {', '.join(unknown)}",
                hint="Bring these migrations back: drizzle-orm refuses the upgrade for the same reason.",
            )
        conn.execute(
            sql.SQL(
                "alter table {} add column if not exists name text,"
                " add column if not exists applied_at timestamp with time zone default now()"
            ).format(table)
        )
        for row_id, name in names.items():
            conn.execute(
                sql.SQL("update {} set name = %s, applied_at = null where id = %s").format(table),
                (name, row_id),
            )


def _upgraded_name(row: Row, migrations: Sequence[Migration]) -> str | None:
    """By the second of ``created_at``, where several share it by hash; where none has it by hash."""
    second = (row.created_at or 0) // 1000 * 1000
    candidates = [m for m in migrations if m.record["created_at"] == second]
    if len(candidates) == 1:
        return candidates[0].name
    same = [m for m in candidates or migrations if m.checksum == row.hash]
    return same[0].name if same else None


def _collation(name: str) -> tuple[str, str]:
    """Orders as JavaScript's localeCompare does for names of folders: punctuation, digits, letters whatever their case."""
    return name.casefold().replace("_", "\x01").replace("-", "\x02"), name.swapcase()


def _late(migration: Migration) -> HistoryProblem:
    return HistoryProblem(
        "late",
        migration.name,
        f"{migration.file} is older than the newest applied migration; Drizzle 1.0 applies it all the same, out of order",
        "Check that it does not undo what newer migrations did.",
        blocking=False,
    )
