"""A folder of ``NNNN_name.sql`` files, with a history table of our own in the state schema."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from ..db.script import ScriptMode
from ..errors import LayoutError
from ..model import History, HistoryProblem, Migration, Statement
from .base import (
    Connection,
    Detected,
    LayoutReader,
    LayoutRequest,
    Table,
    content_checksum,
    differs_only_in_line_ends,
    edited,
    missing,
    missing_columns,
    parse,
    read_bytes,
    sha256,
)

_FOLDERS = ("migrations", "db/migrations", "sql/migrations", "sql")
_FILE = re.compile(r"(?P<number>\d+)[_-](?P<name>.+?)(?P<direction>\.up|\.down)?\.sql", re.IGNORECASE)
_NO_TRANSACTION = re.compile(r"\ufeff?\s*--[ \t]*dbdeploy:[ \t]*no-transaction\b", re.IGNORECASE)
# Files of these tools hold both directions, or are applied by other rules: running them whole would undo what they do.
_FOREIGN = {
    "dbmate": re.compile(r"^--[ \t]*migrate:(?:up|down)\b", re.MULTILINE),
    "goose": re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]", re.MULTILINE),
    "graphile-migrate": re.compile(r"^--! (?:Previous|Hash):", re.MULTILINE),
}
_COLUMNS = ("number", "name", "checksum", "applied_at", "deployment_id")


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    name: str
    checksum: str


class SqlLayout:
    name = "sql"

    def places(self, request: LayoutRequest) -> tuple[str, ...]:
        folders = (request.path,) if request.path else _FOLDERS
        tools = {folder: _tool_of(request.rootdir / folder) for folder in folders}
        known = {
            folder: f" (written for {tool}: set migrations.apply to its command)"
            for folder, tool in tools.items()
            if tool
        }
        return tuple(f"{folder}/NNNN_name.sql{known.get(folder, '')}" for folder in folders)

    def detect(self, request: LayoutRequest) -> Detected | None:
        """Without ``path`` a folder counts only when it holds nothing else, and none that is another tool's."""
        folder = request.folder()
        if folder is not None:
            drizzle = (folder / "meta/_journal.json").exists()
            return Detected(folder, "NNNN_name.sql") if _files(folder) and not drizzle else None
        found = [
            request.rootdir / name for name in _FOLDERS if _holds_only_migrations(request.rootdir / name)
        ]
        if len(found) > 1:
            raise LayoutError(
                f"there are several folders of SQL migrations: {', '.join(request.relative(f) for f in found)}",
                hint="Set migrations.path in dbdeploy.yaml to the one to deploy.",
            )
        return Detected(found[0], "NNNN_name.sql") if found else None

    def open(self, request: LayoutRequest) -> LayoutReader:
        folder = request.folder()
        if folder is not None and folder.is_dir():
            return SqlReader(request, folder)  # empty before the first migration
        detected = self.detect(request)
        if detected is None:
            raise LayoutError(
                f"no SQL migrations were found: looked for {', '.join(self.places(request))} in {request.rootdir}",
                hint="Set migrations.path in dbdeploy.yaml to the folder of your NNNN_name.sql files.",
            )
        return SqlReader(request, detected.path)


class SqlReader:
    """Name and checksum tell what is applied; the number gives the order."""

    name = "sql"

    def __init__(self, request: LayoutRequest, folder: Path) -> None:
        self.request = request
        self.folder = folder
        self.table = Table.parse(request.history, Table(request.state_schema, "schema_migrations"))
        self.source = request.relative(folder)
        self.history_relations: tuple[str, ...] = (str(self.table),)
        self._refusals: dict[str, LayoutError] = {}
        self._contents: dict[str, bytes] = {}

    def migrations(self) -> tuple[Migration, ...]:
        return tuple(self._read(path) for path in _files(self.folder))

    def _read(self, path: Path) -> Migration:
        file = self.request.relative(path)
        content = read_bytes(path, file)
        name, number = _name(path), _number(path)
        self._contents[name] = content
        text = self._text(content, file)
        for tool, marker in _FOREIGN.items():
            if marker.search(text):
                raise LayoutError(
                    f"{file} is written for {tool}: layout sql would run all of it, down part included",
                    hint=f"Set migrations.layout: command and migrations.apply to {tool}'s own command.",
                )
        statements: tuple[Statement, ...] = ()
        try:
            statements = parse(text, file, ScriptMode.PSQL, psql=True)
        except LayoutError as error:
            self._refusals[name] = error
        transaction = _NO_TRANSACTION.match(text) is None
        return Migration(
            name,
            file,
            sha256(content),
            statements,
            {"number": number},
            transaction,
            content_checksum(content),
        )

    def down(self, migration: Migration) -> Migration | None:
        """``NNNN_name.down.sql`` beside ``NNNN_name.sql`` or ``NNNN_name.up.sql``."""
        path = self.folder / f"{migration.name}.down.sql"
        if not path.exists():
            return None
        file = self.request.relative(path)
        content = read_bytes(path, file)
        statements = parse(self._text(content, file), file, ScriptMode.PSQL, psql=True)
        return Migration(f"{migration.name}.down", file, sha256(content), statements)

    def _text(self, content: bytes, file: str) -> str:
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise LayoutError(f"{file}:{line}: is not UTF-8", hint="Save the file as UTF-8.") from None

    def group(self, migrations: Sequence[Migration]) -> list[list[Migration]]:
        """All in one transaction, so that a failure is a plain ROLLBACK; a file that asks for none stands alone."""
        groups: list[list[Migration]] = []
        for migration in migrations:
            if migration.transaction and groups and groups[-1][-1].transaction:
                groups[-1].append(migration)
            else:
                groups.append([migration])
        return groups

    def history(self, conn: Connection, migrations: Sequence[Migration]) -> History:
        if any(m.name not in self._contents for m in migrations):
            self.migrations()  # they were read by another reader
        rows = self._rows(conn)
        by_name = {row.name: row for row in rows or ()}
        on_disk = {m.name: m for m in migrations}
        pending = tuple(m for m in migrations if m.name not in by_name)
        newest = max((row.number for row in rows or ()), default=None)
        problems = [
            *(
                edited(m.name, m.file)
                for m in migrations
                if m.name in by_name and not self._same(m, by_name[m.name])
            ),
            *(
                missing(name, f"the history has {name}, but {self.source} has no such migration")
                for name in by_name
                if name not in on_disk
            ),
            *(_late(m, newest) for m in pending if newest is not None and m.record["number"] < newest),
            *_duplicates(migrations, by_name),
            *(
                HistoryProblem("failed", m.name, refusal.message, refusal.hint)
                for m in pending
                if (refusal := self._refusals.get(m.name))
            ),
        ]
        cells = tuple((str(row.number), row.name, row.checksum) for row in rows or ())
        return History(tuple(by_name), pending, tuple(problems), cells, exists=rows is not None)

    def _same(self, migration: Migration, row: _Row) -> bool:
        return row.checksum == migration.checksum or differs_only_in_line_ends(
            self._contents[migration.name], row.checksum
        )

    def _rows(self, conn: Connection) -> list[_Row] | None:
        """In the order in which they were applied; None when there is no table."""
        columns = self.table.columns(conn)
        error = missing_columns(self.table, columns, _COLUMNS, "pytest-dbdeploy")
        if error:
            raise error
        if not columns:
            return None
        query = sql.SQL("select number, name, checksum from {} order by applied_at, number, name")
        return [_Row(*row) for row in conn.execute(query.format(self.table.identifier)).fetchall()]

    def ensure_history(self, conn: Connection) -> None:
        if self.table.columns(conn):
            return
        self.table.create_schema(conn)
        conn.execute(
            sql.SQL(
                "create table if not exists {} (number numeric not null, name text primary key, checksum text not null,"
                " applied_at timestamptz not null default clock_timestamp(), deployment_id text)"
            ).format(self.table.identifier)
        )

    def record(self, conn: Connection, migration: Migration) -> None:
        conn.execute(
            sql.SQL("insert into {} (number, name, checksum, deployment_id) values (%s, %s, %s, %s)").format(
                self.table.identifier
            ),
            (
                migration.record["number"],
                migration.name,
                migration.checksum,
                migration.record.get("deployment_id"),
            ),
        )

    def forget(self, conn: Connection, names: Sequence[str]) -> None:
        if self.table.columns(conn):
            conn.execute(
                sql.SQL("delete from {} where name = any(%s)").format(self.table.identifier), (list(names),)
            )


def _files(folder: Path) -> list[Path]:
    """The migrations in order; down files are none."""
    found = [
        path for path in folder.glob("*.sql") if (match := _FILE.fullmatch(path.name)) and not _is_down(match)
    ]
    return sorted(found, key=lambda path: (_number(path), path.name))


def _is_down(match: re.Match[str]) -> bool:
    return (match["direction"] or "").lower() == ".down"


def _number(path: Path) -> int:
    match = _FILE.fullmatch(path.name)
    assert match is not None
    return int(match["number"])


def _name(path: Path) -> str:
    """Without suffix and direction."""
    return re.sub(r"(\.up)?\.sql$", "", path.name, flags=re.IGNORECASE)


def _holds_only_migrations(folder: Path) -> bool:
    if not folder.is_dir() or not _files(folder):
        return False
    others = [
        p for p in folder.iterdir() if not (p.name.startswith(".") or p.suffix.lower() in (".md", ".txt"))
    ]
    if not all(path.is_file() and _FILE.fullmatch(path.name) for path in others):
        return False
    return _tool_of(folder) is None


def _tool_of(folder: Path) -> str | None:
    """The tool that the folder's first migration is written for, if it is another one's."""
    files = _files(folder) if folder.is_dir() else []
    first = files[0].read_text(encoding="utf-8", errors="replace") if files else ""
    return next((tool for tool, marker in _FOREIGN.items() if marker.search(first)), None)


def _late(migration: Migration, newest: int) -> HistoryProblem:
    return HistoryProblem(
        "late",
        migration.name,
        f"{migration.file} is not applied, but its number is lower than that of the newest applied migration ({newest})",
        "Give it the next free number: what was tested is the order in which everybody applies them.",
    )


def _duplicates(migrations: Sequence[Migration], applied: Mapping[str, object]) -> list[HistoryProblem]:
    """Numbers that several files have; they block until all of them are applied."""
    problems = []
    by_number: dict[int, list[Migration]] = {}
    for migration in migrations:
        by_number.setdefault(migration.record["number"], []).append(migration)
    for number, same in by_number.items():
        if len(same) > 1:
            files = ", ".join(m.file for m in same)
            problems.append(
                HistoryProblem(
                    "duplicate",
                    same[-1].name,
                    f"several migrations have the number {number}: {files}",
                    "Give all but one a new number.",
                    blocking=any(m.name not in applied for m in same),
                )
            )
    return problems


LAYOUT = SqlLayout()
