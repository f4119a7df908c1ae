"""Reads drizzle.config.* as text: where the migrations are and which table is their history. No JavaScript is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import LayoutError

NAMES = tuple(f"drizzle.config.{suffix}" for suffix in ("ts", "mts", "js", "mjs", "cjs", "json"))

_COMMENT_OR_STRING = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`""", re.DOTALL
)
_LITERAL = re.compile(
    r"""\s*(?P<quote>["'`])(?P<text>[^"'`\\]*)(?P=quote)\s*(?:as\s+\w+\s*)?(?=[,}\]\n;]|\Z)"""
)


@dataclass(frozen=True, slots=True)
class DrizzleConfig:
    """``text``: the file without its comments. ``shown``: its path for messages."""

    file: Path
    text: str
    shown: str

    def dialect(self) -> str | None:
        """None also when it is an expression: then the migrations themselves tell."""
        values = _values(self.text, "dialect")
        return values[0] if values else None

    def out(self) -> str:
        """The migrations' folder, relative to the config file's. LayoutError when the file computes it."""
        values = set(self._read(self.text, "out", "migrations.path to the folder"))
        if len(values) > 1:
            raise LayoutError(
                f"{self.shown} has several values of `out`: {', '.join(sorted(values))}",
                hint="Set migrations.path in dbdeploy.yaml to the one to deploy.",
            )
        return values.pop() if values else "drizzle"

    def history(self) -> tuple[str | None, str | None]:
        """Schema and table of ``migrations: {schema, table}``. LayoutError when the file computes them."""
        need = "migrations.history to schema.table"
        start = re.search(_key("migrations"), self.text)
        if start is None:
            return None, None
        block = re.match(r"\s*\{([^{}]*)\}", self.text[start.end() :])
        if block is None:
            raise self._unreadable("migrations", need)
        schema, table = self._read(block[1], "schema", need), self._read(block[1], "table", need)
        return next(iter(schema), None), next(iter(table), None)

    def _read(self, text: str, key: str, need: str) -> list[str]:
        values = _values(text, key)
        found = [value for value in values if value is not None]
        if len(found) != len(values):
            raise self._unreadable(key, need)
        return found

    def _unreadable(self, key: str, need: str) -> LayoutError:
        return LayoutError(
            f"{self.shown}: the value of `{key}` is an expression, and no JavaScript is run to read it",
            hint=f"Set {need} in dbdeploy.yaml.",
        )


def find_config(folders: list[Path], rootdir: Path) -> DrizzleConfig | None:
    """The first drizzle.config.* in ``folders``, without its comments."""
    for folder in folders:
        for name in NAMES:
            file = folder / name
            if file.is_file():
                text = file.read_text(encoding="utf-8", errors="replace")
                bare = _COMMENT_OR_STRING.sub(lambda m: " " if m[0].startswith("/") else m[0], text)
                shown = file.relative_to(rootdir).as_posix() if file.is_relative_to(rootdir) else str(file)
                return DrizzleConfig(file, bare, shown)
    return None


def _key(name: str) -> str:
    return rf"""(?:^|(?<=[\s{{,\[(])){name}\s*:|["']{name}["']\s*:"""


def _values(text: str, key: str) -> list[str | None]:
    """The literal values of ``key``; None for one that is not a literal."""
    values: list[str | None] = []
    for match in re.finditer(_key(key), text):
        literal = _LITERAL.match(
            text, match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
        )
        values.append(literal["text"] if literal and "${" not in literal["text"] else None)
    return values
