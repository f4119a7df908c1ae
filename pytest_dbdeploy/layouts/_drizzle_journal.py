"""Drizzle 0.x: ``meta/_journal.json`` gives the order; pending is what is newer than the newest row, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopg import sql

from ..model import History, HistoryProblem, Migration
from ._drizzle_common import DrizzleReader, Matching, Row
from .base import Connection, LayoutRequest, Table, edited, missing


class JournalReader(DrizzleReader):
    def __init__(
        self, request: LayoutRequest, folder: Path, table: Table, entries: list[dict[str, Any]]
    ) -> None:
        super().__init__(request, folder, table)
        self.entries = entries
        self.journal = f"{self.source}/meta/_journal.json"

    def migrations(self) -> tuple[Migration, ...]:
        """Entries whose file is there; ``history`` reports the others."""
        return tuple(
            self.read(entry["tag"], path, entry["when"], None)
            for entry in self.entries
            if (path := self.folder / f"{entry['tag']}.sql").is_file()
        )

    def history(self, conn: Connection, migrations: Sequence[Migration]) -> History:
        self.know(migrations)
        rows = self.rows(conn)
        matching = Matching(rows or ())
        matching.take(migrations, lambda row, m: row.created_at == _when(m) and self.is_of(row, m))
        changed = matching.take(migrations, lambda row, m: row.created_at == _when(m))
        moved = matching.take(migrations, self.is_of)
        # The tool sorts with NULL first, and takes NULL for 0.
        mark = max((row.created_at or 0 for row in rows), default=None) if rows else None
        if rows and any(row.created_at is None for row in rows):
            mark = 0
        pending = tuple(m for m in migrations if m.name not in matching.of)
        problems = [
            *self._journal_problems(pending),
            *(edited(m.name, m.file) for m in changed),
            *(_moved(m, matching.of[m.name], mark or 0) for m in moved),
            *(
                missing(row.shown(), f"the history has a row ({row.shown()}) that no journal entry explains")
                for row in matching.free
            ),
            *(_late(m, mark) for m in pending if mark is not None and _when(m) <= mark),
            *self.refusals(pending),
        ]
        cells = tuple(row.cells() for row in rows or ())
        return History(matching.applied(), pending, tuple(problems), cells, exists=rows is not None)

    def ensure_history(self, conn: Connection) -> None:
        if self.table.columns(conn):
            return
        self.table.create_schema(conn)
        conn.execute(
            sql.SQL(
                "create table if not exists {} (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at bigint)"
            ).format(self.table.identifier)
        )

    def _journal_problems(self, pending: Sequence[Migration]) -> list[HistoryProblem]:
        """What is wrong with the journal itself; it blocks where Drizzle would do something else than it says."""
        names = {m.name for m in pending}
        problems = [*self._duplicates(names), *self._file_problems()]
        newest = 0
        for entry in self.entries:
            if entry["when"] < newest and entry["tag"] in names:
                problems.append(
                    HistoryProblem(
                        "late",
                        entry["tag"],
                        f"{self.journal}: {entry['tag']} is older (when {entry['when']}) than an entry before it",
                        "Where the other one is applied already, Drizzle skips this one in silence: generate it again.",
                        blocking=False,
                    )
                )
            newest = max(newest, entry["when"])
        return problems

    def _duplicates(self, pending: set[str]) -> Iterator[HistoryProblem]:
        for key in ("tag", "when", "idx"):
            for value, count in Counter(entry.get(key) for entry in self.entries).items():
                if count < 2 or value is None:
                    continue
                tags = [entry["tag"] for entry in self.entries if entry.get(key) == value]
                # Drizzle never reads idx; of equal times the second one is lost when the first is applied already.
                half_applied = 0 < len(pending & set(tags)) < len(tags)
                yield HistoryProblem(
                    "duplicate",
                    tags[-1],
                    f"{self.journal}: {key} {value} is there {count} times ({', '.join(tags)})",
                    "Two branches were merged: delete the newer migration and generate it again.",
                    blocking=key == "tag" or (key == "when" and half_applied),
                )

    def _file_problems(self) -> Iterator[HistoryProblem]:
        tags = {str(entry["tag"]) for entry in self.entries}
        files = {path.stem: path for path in sorted(self.folder.glob("*.sql"))}
        for tag in sorted(tags - files.keys()):
            yield HistoryProblem(
                "missing",
                tag,
                f"{self.journal} has the entry {tag}, but {self.source}/{tag}.sql is not there",
                "Bring the file back, or take the entry out of the journal if it was never applied.",
            )
        for stem in sorted(files.keys() - tags):
            yield HistoryProblem(
                "missing",
                stem,
                f"{self.request.relative(files[stem])} has no entry in {self.journal}: Drizzle never runs it",
                "Generate it with drizzle-kit (for hand-written SQL: `drizzle-kit generate --custom`), or delete it.",
                blocking=False,
            )


def _when(migration: Migration) -> int:
    return int(migration.record["created_at"])


def _late(migration: Migration, mark: int) -> HistoryProblem:
    return HistoryProblem(
        "late",
        migration.name,
        f"{migration.file} is not applied, but older (when {_when(migration)}) than the newest applied migration ({mark}):"
        " Drizzle would skip it in silence",
        "Delete it with its journal entry and snapshot, and run `npx drizzle-kit generate` again: it gets a new time.",
    )


def _moved(migration: Migration, row: Row, mark: int) -> HistoryProblem:
    again = _when(migration) > mark
    return HistoryProblem(
        "edited",
        migration.name,
        f"{migration.file} is applied as of {row.created_at}, but the journal now says when {_when(migration)}"
        + (": Drizzle would apply it a second time" if again else ""),
        f'Set "when" of {migration.name} in the journal back to {row.created_at}.',
        blocking=again,
    )
