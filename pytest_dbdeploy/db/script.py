"""Scripts as migration tools write them: markers that cut a file into statements, and what no transaction block takes."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from enum import StrEnum

from ..model import Statement
from .splitter import MetaCommand, Places, Script, scan

BREAKPOINT = "--> statement-breakpoint"


class ScriptMode(StrEnum):
    PSQL = "psql"
    DRIZZLE = "drizzle"
    DBMATE = "dbmate"
    GOOSE = "goose"


# By the text: a session reads its files several times, as they may have been changed meanwhile.
@functools.lru_cache(maxsize=1024)
def scan_script(text: str, mode: ScriptMode = ScriptMode.PSQL) -> Script:
    """What going forward sends to the server; lines and columns are those of the whole file."""
    text = text.removeprefix("\ufeff")
    if mode is ScriptMode.PSQL:
        return scan(text)
    pieces = {
        ScriptMode.DRIZZLE: _drizzle_pieces,
        ScriptMode.DBMATE: _dbmate_pieces,
        ScriptMode.GOOSE: _goose_pieces,
    }[mode](text)
    place = Places(text)
    scripts = [(offset, whole, scan(text[offset:end])) for offset, end, whole in pieces]
    return _joined([_moved(_whole(s) if whole else s, *place(offset)) for offset, whole, s in scripts])


def _drizzle_pieces(text: str) -> Iterator[tuple[int, int, bool]]:
    """Drizzle cuts at the literal marker wherever it stands, inside strings and bodies too."""
    start = 0
    while (end := text.find(BREAKPOINT, start)) >= 0:
        yield start, end, False
        start = end + len(BREAKPOINT)
    yield start, len(text), False


def _dbmate_pieces(text: str) -> Iterator[tuple[int, int, bool]]:
    up = re.search(r"^--[ \t]*migrate:up\b.*$", text, re.MULTILINE)
    down = re.search(r"^--[ \t]*migrate:down\b.*$", text, re.MULTILINE)
    if up:
        yield up.end(), down.start() if down and down.start() > up.end() else len(text), False


def _goose_pieces(text: str) -> Iterator[tuple[int, int, bool]]:
    """Between ``+goose Up`` and ``+goose Down``; StatementBegin ... StatementEnd is one statement, whatever is in it."""
    start: int | None = None
    for marker in re.finditer(r"^[ \t]*--[ \t]*\+goose[ \t]+(\w+).*$", text, re.MULTILINE):
        name = marker[1].lower()
        if name not in ("up", "down", "statementbegin", "statementend"):
            continue
        if start is not None:
            yield start, marker.start(), name == "statementend"
        start = marker.end() if name != "down" and (start is not None or name == "up") else None
    if start is not None:
        yield start, len(text), False


def _whole(script: Script) -> Script:
    """All statements of ``script`` as the one that its markers say it is; they are apart by their semicolons only."""
    if len(script.statements) < 2:
        return script
    first = script.statements[0]
    sql = ";\n".join(statement.sql for statement in script.statements) + ";"
    return Script((Statement(sql, first.line, first.column),), script.meta, script.unterminated)


def _moved(script: Script, line: int, column: int) -> Script:
    """``script``, whose text begins at ``line``, ``column`` of its file, with places in that file."""

    def place(at_line: int, at_column: int) -> tuple[int, int]:
        return at_line + line - 1, at_column + (column - 1 if at_line == 1 else 0)

    return Script(
        tuple(Statement(s.sql, *place(s.line, s.column), s.data) for s in script.statements),
        tuple(MetaCommand(m.name, m.arguments, *place(m.line, m.column)) for m in script.meta),
        (script.unterminated[0], *place(*script.unterminated[1:])) if script.unterminated else None,
    )


def _joined(scripts: list[Script]) -> Script:
    return Script(
        tuple(s for script in scripts for s in script.statements),
        tuple(m for script in scripts for m in script.meta),
        next((script.unterminated for script in scripts if script.unterminated), None),
    )


_COMMENTS_AND_QUOTES = re.compile(r"--[^\n\r]*|/\*.*?\*/|'[^']*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_OUTSIDE_ONLY = re.compile(
    r"""
      vacuum\b | alter\ system\b | (?:create|drop)\ (?:database|tablespace)\b | drop\ subscription\b
    | alter\ database\ \S+\ set\ tablespace\b
    | create\ (?:unique\ )?index\ concurrently\b | drop\ index\ concurrently\b
    | reindex\ (?:\([^)]*\bconcurrently\b[^)]*\)\ ?)?(?:database|system)\b
    | reindex\ \([^)]*\bconcurrently\b | reindex\ \S+\ concurrently\b
    | alter\ table\ .*\ detach\ partition\ .*\ concurrently$
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _bare(sql: str) -> str:
    """``sql`` without comments, with quoted parts as ``?`` and single spaces: enough to read its leading words."""
    bare = _COMMENTS_AND_QUOTES.sub(lambda m: " " if m[0].startswith(("--", "/*")) else "?", sql)
    return " ".join(bare.split())


def runs_in_transaction(sql: str) -> bool:
    """Whether a statement is of a kind that PostgreSQL takes inside a transaction block: a hint, the rehearsal is the judge."""
    return _OUTSIDE_ONLY.match(_bare(sql)) is None
