"""The table of contents of an archive: read from ``pg_restore --list``, filtered, and given back as a list for ``-L``."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..db.tools import Tools, find_installations
from ..errors import DbDeployError
from .process import first_lines, output, tool_environment

# All that pg_dump 15 to 18 writes of more than one word; a single word needs no list.
_LONG_KINDS = (
    "ACCESS METHOD",
    "BLOB COMMENTS",
    "BLOB METADATA",
    "CHECK CONSTRAINT",
    "DATABASE PROPERTIES",
    "DEFAULT ACL",
    "EVENT TRIGGER",
    "FK CONSTRAINT",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "INDEX ATTACH",
    "LARGE OBJECT",
    "MATERIALIZED VIEW DATA",
    "MATERIALIZED VIEW",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "PROCEDURAL LANGUAGE",
    "PUBLICATION TABLES IN SCHEMA",
    "PUBLICATION TABLE",
    "ROW SECURITY",
    "SECURITY LABEL",
    "SEQUENCE OWNED BY",
    "SEQUENCE SET",
    "SHELL TYPE",
    "STATISTICS DATA",
    "SUBSCRIPTION TABLE",
    "TABLE ATTACH",
    "TABLE DATA",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "USER MAPPING",
)
_LINE = re.compile(rf"(\d+); (\d+) (\d+) ({'|'.join(_LONG_KINDS)}|[A-Z]+) (.*)")
_DEPENDS = ";\tdepends on:"
RELATION_KINDS = ("TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``schema``: None for what is in none. ``tag``: as pg_dump names the object. ``owner``: "" where it has none.

    pg_restore writes line breaks in names as spaces: so are they here. ``depends``: numbers of the entries that must come first.
    """

    line: str
    kind: str
    schema: str | None
    tag: str
    owner: str
    depends: tuple[int, ...] = ()

    @property
    def number(self) -> int:
        return int(self.line.partition(";")[0])

    @property
    def label(self) -> str:
        """``view public.big_orders``."""
        return f"{self.kind.lower()} {self.schema + '.' if self.schema else ''}{self.tag}"


def printed(name: str) -> str:
    """A name as the list prints it."""
    return name.replace("\n", " ").replace("\r", " ")


def parse(text: str, *, schemas: Collection[str] = (), roles: Collection[str] = ()) -> tuple[Entry, ...]:
    """Reads the list. ``schemas``, ``roles``: known names, without which a name with a space in it is ambiguous."""
    matches: list[re.Match[str]] = []
    depends: dict[int, tuple[int, ...]] = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            matches.append(match)
        elif line.startswith(_DEPENDS) and matches:
            depends[int(matches[-1][1])] = tuple(map(int, line.removeprefix(_DEPENDS).split()))
    known_roles = sorted(map(printed, roles), key=len, reverse=True)
    known = set(map(printed, schemas))
    for match in matches:
        if match[4] == "SCHEMA":
            known.add(_owner(match[5].removeprefix("- "), known_roles)[0])
    known_schemas = sorted(known, key=len, reverse=True)
    return tuple(
        _entry(match, known_schemas, known_roles, depends.get(int(match[1]), ())) for match in matches
    )


def _entry(
    match: re.Match[str], schemas: Iterable[str], roles: Iterable[str], depends: tuple[int, ...]
) -> Entry:
    rest = match[5]
    if rest.startswith("- "):
        schema, rest = None, rest[2:]
    else:
        schema = next((name for name in schemas if rest.startswith(f"{name} ")), rest.partition(" ")[0])
        rest = rest[len(schema) + 1 :]
    tag, owner = _owner(rest, roles)
    return Entry(match[0], match[4], schema, tag, owner, depends)


def _owner(rest: str, roles: Iterable[str]) -> tuple[str, str]:
    if rest.endswith(" "):
        return rest[:-1], ""
    for role in roles:
        if rest.endswith(f" {role}"):
            return rest[: -len(role) - 1], role
    tag, _, owner = rest.rpartition(" ")
    return tag, owner


def listing(tools: Tools, archive: Path, error: type[DbDeployError]) -> str:
    """The text of ``pg_restore --list`` with dependencies; ``error`` with pg_restore's message when the archive cannot be read."""
    status, text, problem = output(
        [tools.path("pg_restore"), "--list", "--verbose", archive], tool_environment(tools, None, "list")
    )
    if status != 0:
        raise error(
            f"the archive {archive.name} cannot be read: {first_lines(problem) or f'exit status {status}'}",
            hint="It is damaged, or was made by a newer pg_dump than the pg_restore that was found "
            f"({tools.version} in {tools.bindir}).",
        )
    return text


def reader_for(archive: Path, minimum_major: int, error: type[DbDeployError]) -> tuple[Tools, str]:
    """Tools whose pg_restore can read the archive, the lowest that are not below ``minimum_major``, and its list."""
    problem: DbDeployError | None = None
    for tools in find_installations():
        if tools.major < minimum_major or not tools.has("pg_restore"):
            continue
        try:
            return tools, listing(tools, archive, error)
        except DbDeployError as unreadable:
            problem = problem or unreadable
    raise problem or error(
        f"no pg_restore of PostgreSQL {minimum_major} or later was found to read {archive.name}"
    )


@contextmanager
def list_file(entries: Iterable[Entry]) -> Iterator[IO[bytes]]:
    """For the standard input of ``pg_restore -L /dev/stdin``: a file without a name, so nothing is left of it when we are killed."""
    with tempfile.TemporaryFile() as file:
        file.write(as_list(entries).encode())
        file.seek(0)
        yield file


def as_list(entries: Iterable[Entry]) -> str:
    """The text of a file for ``pg_restore -L``."""
    return "".join(f"{entry.line}\n" for entry in entries)
