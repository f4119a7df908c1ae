"""Variables: of the process, then ``.env.local``, then ``.env``; and ``${VAR}`` filled in from them. Nothing is exported."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..invocation import Sourced
from .document import Template, references

if TYPE_CHECKING:
    from dotenv.parser import Original

FILES = (".env.local", ".env")


@dataclass(frozen=True, slots=True)
class Variables:
    """What is set, with its source. An empty variable counts as unset. ``notes``: lines of the files that could not be read.

    ``empty``: names that are set to nothing, and nowhere to more.
    """

    values: Mapping[str, Sourced[str]]
    folder: Path
    notes: tuple[str, ...] = ()
    empty: frozenset[str] = frozenset()

    def get(self, name: str) -> Sourced[str] | None:
        return self.values.get(name)

    def text(self, name: str) -> str | None:
        found = self.values.get(name)
        return found.value if found else None


def read_variables(folder: Path, environ: Mapping[str, str]) -> Variables:
    """The process's variables over those of the files in ``folder``. ConfigError when a file cannot be read."""
    found = {name: Sourced(value, f"variable {name}") for name, value in environ.items() if value}
    empty = {name for name, value in environ.items() if not value}
    notes: list[str] = []
    for name in FILES:
        path = folder / name
        if path.is_file():  # a folder of this name is some virtual environment
            for key, value in _read_file(path, found, notes, empty).items():
                found.setdefault(key, value)
    return Variables(found, folder, tuple(notes), frozenset(empty - found.keys()))


def _read_file(
    path: Path, before: Mapping[str, Sourced[str]], notes: list[str], empty: set[str]
) -> dict[str, Sourced[str]]:
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be read: {error.strerror}.", hint=f"Make {path} readable, or remove it."
        ) from error
    own: dict[str, Sourced[str]] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            notes.append(
                f"{path.name}:{_line(binding.original)}: this line is not NAME=value and was ignored"
            )
        elif binding.key is not None and binding.value is not None:
            known = {
                name: one.value for name, one in {**own, **before}.items()
            }  # the process wins inside values too
            value = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
            if value:
                own[binding.key] = Sourced(
                    value, f"variable {binding.key} in {path.name}:{_line(binding.original)}"
                )
            else:
                own.pop(binding.key, None)
                empty.add(binding.key)
    return own


def _line(original: Original) -> int:
    """A binding's text begins with the blank lines before it."""
    text = original.string
    return original.line + text[: len(text) - len(text.lstrip())].count("\n")


_REFERENCE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class MissingVariableError(Exception):
    """``${VAR}`` without a default, and VAR is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BadReferenceError(Exception):
    """What stands between ``${`` and ``}`` is neither VAR nor VAR:-default."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A scalar's text, None when it came out empty. ``variables``: the sources of what was filled in."""

    text: str | None
    variables: tuple[str, ...]


def fill(template: Template, variables: Variables) -> Filled:
    """Fills a scalar in. MissingVariableError, BadReferenceError."""
    out: list[str] = []
    sources: list[str] = []
    for text, is_variable in template.parts:
        out.append(_resolve(text, variables, sources) if is_variable else text)
    return Filled("".join(out) or None, tuple(sources))


def _resolve(reference: str, variables: Variables, sources: list[str]) -> str:
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise BadReferenceError
    found = variables.get(match[1])
    if found is not None:
        sources.append(found.source)
        return found.value
    if match[2] is None:
        raise MissingVariableError(match[1])
    return _nested(match[2], variables, sources)


def _nested(default: str, variables: Variables, sources: list[str]) -> str:
    """A default may hold references of its own: ``${A:-${B:-x}}``."""
    out: list[str] = []
    position = 0
    for start, end in references(default):
        out.append(default[position:start])
        escaped = default.startswith("$$", start)
        out.append(
            default[start + 1 : end]
            if escaped
            else _resolve(default[start + 2 : end - 1], variables, sources)
        )
        position = end
    return "".join([*out, default[position:]])
