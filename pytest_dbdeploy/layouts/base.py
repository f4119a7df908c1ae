"""What a layout is: how one migration tool stores its files and its history, and what all layouts share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import psycopg
from psycopg import sql

from ..db.script import ScriptMode, scan_script
from ..errors import LayoutError
from ..model import History, HistoryProblem, Migration, Statement

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class LayoutRequest:
    """What the settings say of migrations. ``path``: relative to ``rootdir`` or absolute; None: the layout looks in its usual places.

    ``history``: ``schema.table`` or ``table``; None: the tool's default. ``state_schema``: where our own history table lives.
    """

    rootdir: Path
    path: str | None = None
    history: str | None = None
    apply: str | None = None
    state_schema: str = "dbdeploy"

    def folder(self) -> Path | None:
        """The folder that ``migrations.path`` names, or None."""
        return self.rootdir / self.path if self.path else None

    def relative(self, path: Path) -> str:
        """``path`` relative to the root of the project, posix; as it is when it lies elsewhere."""
        resolved, root = path.resolve(), self.rootdir.resolve()
        return resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else path.as_posix()


@dataclass(frozen=True, slots=True)
class Detected:
    """Migrations that a layout recognised. ``evidence``: what gave them away, for messages."""

    path: Path
    evidence: str


class LayoutReader(Protocol):
    """The migrations of one project. ``conn`` is the caller's: nothing here commits or rolls back.

    ``history_relations``: tables that the tool keeps for itself, ``schema.table``.
    ``source``: where the migrations are, for people.
    """

    name: str
    source: str
    history_relations: tuple[str, ...]

    def migrations(self) -> tuple[Migration, ...]:
        """All migrations on disk in the tool's order."""

    def history(self, conn: Connection, migrations: Sequence[Migration]) -> History:
        """What is applied and pending, as the tool itself would see it. Reads only; works without the history table."""

    def ensure_history(self, conn: Connection) -> None:
        """Creates or upgrades the history table exactly as the tool does; harmless when it is there."""

    def record(self, conn: Connection, migration: Migration) -> None:
        """Writes the history row of a migration that was just applied."""

    def forget(self, conn: Connection, names: Sequence[str]) -> None:
        """Takes the history rows of these migrations away, where they still are; works without the history table."""

    def group(self, migrations: Sequence[Migration]) -> list[list[Migration]]:
        """The migrations that the tool commits together."""


@runtime_checkable
class HasDown(Protocol):
    """A ``LayoutReader`` of a tool that has scripts for the way back."""

    def down(self, migration: Migration) -> Migration | None:
        """What takes ``migration`` back, as a migration of its own; None where it has no such script. LayoutError: it is unreadable."""


class Layout(Protocol):
    """One migration tool. A module of this package offers it as ``LAYOUT``; a plugin through the hook ``pytest_dbdeploy_layout``."""

    name: str

    def detect(self, request: LayoutRequest) -> Detected | None:
        """The tool's migrations in ``request.path``, or in its usual places. Raises LayoutError when they are there but unreadable."""

    def places(self, request: LayoutRequest) -> tuple[str, ...]:
        """Where ``detect`` looks, for the message that nothing was found."""

    def open(self, request: LayoutRequest) -> LayoutReader:
        """A reader; LayoutError when the folder is missing or not of this layout."""


# -- shared by layouts ---------------------------------------------------------------------------------------------


def read_bytes(path: Path, shown: str) -> bytes:
    """A migration file; LayoutError, which names it, when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise LayoutError(f"{shown}: the migration cannot be read: {error.strerror or error}") from None


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def content_checksum(content: bytes) -> str:
    """Of the file with Unix line ends: the same in every checkout."""
    return sha256(content.replace(b"\r\n", b"\n"))


def differs_only_in_line_ends(content: bytes, checksum: str) -> bool:
    """Whether ``checksum`` belongs to ``content`` with other line ends (a checkout with core.autocrlf, no edit)."""
    unix = content.replace(b"\r\n", b"\n")
    return checksum in (sha256(unix), sha256(unix.replace(b"\n", b"\r\n")))


def parse(text: str, file: str, mode: ScriptMode, *, psql: bool = False) -> tuple[Statement, ...]:
    """The statements of a migration file.

    ``psql``: whether inline COPY data may be there, and psql's commands that change nothing but its output (they are left out).
    LayoutError, with file and line, for any other psql command, which is no SQL that a server takes, for data that the tool cannot send, and
    for a zero byte, which ends a text on its way to the server.
    """
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise LayoutError(
            f"{file}:{line}: there is a zero byte, which no server takes", hint="Save the file as UTF-8 text."
        )
    script = scan_script(text, mode)
    for meta in script.meta:
        if not (psql and _is_harmless(meta.name, meta.arguments)):
            raise LayoutError(
                f"{file}:{meta.line}: \\{meta.name} is a command of psql, not SQL: no server understands it",
                hint=_META_HINTS.get(meta.name, "Write it as SQL, or delete the line."),
            )
    with_data = [statement for statement in script.statements if statement.data is not None]
    if with_data and not psql:
        raise LayoutError(
            f"{file}:{with_data[0].line}: COPY ... FROM STDIN with data in the file is nothing that the tool can send",
            hint="Write the rows as INSERT statements.",
        )
    return script.statements


_META_HINTS = {
    "i": "Paste the included file's statements here: a migration must be complete in itself.",
    "ir": "Paste the included file's statements here: a migration must be complete in itself.",
    "copy": "Write the rows as INSERT statements.",
    "gexec": "Use a DO block with EXECUTE format(...) instead.",
    "g": "End the statement with a semicolon instead.",
    "gset": "Use a DO block with a variable instead.",
    "set": "Write the value where the variable is used, or use a DO block.",
    "q": "Delete the line and what follows it.",
}
_HARMLESS = frozenset({"echo", "qecho", "warn", "timing", "pset", "x", "a", "t", "restrict", "unrestrict"})
#: Names of \set that change how psql behaves, not what the SQL means.
_HARMLESS_VARIABLES = ("ON_ERROR_STOP", "QUIET", "VERBOSITY", "ECHO", "SHOW_CONTEXT")


def _is_harmless(name: str, arguments: str) -> bool:
    return name in _HARMLESS or (
        name == "set" and arguments.split(maxsplit=1)[:1] in [[v] for v in _HARMLESS_VARIABLES]
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A history table."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str | None, default: Table) -> Table:
        """``schema.table`` or ``table``. LayoutError for anything else."""
        if text is None:
            return default
        schema, dot, name = text.rpartition(".")
        if not name or (dot and not schema) or "." in schema:
            raise LayoutError(
                f"migrations.history: {text!r} is no table name", hint="Write it as schema.table."
            )
        return cls(schema or default.schema, name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def columns(self, conn: Connection) -> frozenset[str]:
        """Its columns; empty when there is no such table."""
        rows = conn.execute(
            "select a.attname from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid"
            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped",
            (self.schema, self.name),
        ).fetchall()
        return frozenset(str(name) for (name,) in rows)

    def create_schema(self, conn: Connection) -> None:
        """Only when it is missing: CREATE SCHEMA IF NOT EXISTS asks for a privilege even when there is nothing to create."""
        if (
            conn.execute(
                "select 1 from pg_catalog.pg_namespace where nspname = %s", (self.schema,)
            ).fetchone()
            is None
        ):
            conn.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(self.schema)))


def missing_columns(
    table: Table, columns: frozenset[str], needed: Sequence[str], tool: str
) -> LayoutError | None:
    """An error when ``table`` is there, but not of the form that ``tool`` writes."""
    missing = [name for name in needed if name not in columns]
    if not columns or not missing:
        return None
    return LayoutError(
        f"the history table {table} has no column {', '.join(missing)}: it is not {tool}'s",
        hint="Set migrations.history to the tool's own table, as schema.table.",
    )


def edited(name: str, file: str) -> HistoryProblem:
    return HistoryProblem(
        "edited",
        name,
        f"{file} was changed after it was applied: its checksum is not the one in the history",
        "Restore the file as it was applied (git log shows it), and put the change into a new migration.",
    )


def missing(name: str, detail: str) -> HistoryProblem:
    return HistoryProblem(
        "missing",
        name,
        detail,
        "Bring the migration back (is this an old branch?), or deploy from the branch that has it.",
    )
