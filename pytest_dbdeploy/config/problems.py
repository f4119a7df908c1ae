"""What is wrong with the configuration, in words: file, line, key, what to do. Values are never repeated."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigError
from ..secret import redactor

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_MOST = 10  # problems shown at once


class Problem(NamedTuple):
    """One thing that is wrong. ``path``: the keys that lead to it. ``place``: instead of file and line, where it is in no file."""

    line: int | None
    path: tuple[str | int, ...]
    message: str
    hint: str | None = None
    place: str | None = None


def config_error(shown: str, problems: Sequence[Problem]) -> ConfigError:
    """One error for all problems, in the order of their lines; ``shown``: the file as messages call it."""
    ordered = sorted(problems, key=lambda problem: problem.line or 0)
    lines = [_line(shown, problem) for problem in ordered[:_MOST]]
    if len(ordered) > _MOST:
        lines.append(f"... and {len(ordered) - _MOST} more")
    hints = list(dict.fromkeys(problem.hint for problem in ordered[:_MOST] if problem.hint))
    # A key may be a misplaced URL.
    return ConfigError(redactor.redact("\n".join(lines)), hint="\n".join(hints) or None)


def _line(shown: str, problem: Problem) -> str:
    place = problem.place or (shown if problem.line is None else f"{shown}:{problem.line}")
    key = "" if problem.place else dotted(problem.path)
    return f"{place}: {key}: {problem.message}" if key else f"{place}: {problem.message}"


def dotted(path: Iterable[str | int]) -> str:
    """``environments.dev.policy``, ``acknowledge[0].rule``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be, or None."""
    plain = {one.lower().replace("-", "_"): one for one in known}
    asked = word.lower().replace("-", "_")
    close = difflib.get_close_matches(asked, plain, n=1, cutoff=0.6)
    if not close:
        close = [
            one for one in plain if len(asked) >= 3 and (one.startswith(asked) or asked.startswith(one))
        ][:1]
    return plain[close[0]] if close else None


def unknown(what: str, word: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and hint for a word that is none of the known ones."""
    known = sorted(known)
    near = nearest(word, known)
    message = f'unknown {what} "{word}"' + (f'; did you mean "{near}"?' if near else "")
    return message, f"Known: {', '.join(known)}."


_KINDS = {
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list, such as [a, b]",
    "list_type": "must be a list, such as [a, b]",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "date_type": "must be a date such as 2027-01-31",
    "date_parsing": "must be a date such as 2027-01-31",
    "date_from_datetime_parsing": "must be a date such as 2027-01-31",
    "date_from_datetime_inexact": "must be a date such as 2027-01-31",
    "path_type": "must be a path",
    "missing": "must be given",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def describe(error: ErrorDetails) -> str:
    """What pydantic found, without the value: "must be 'block', 'warn' or 'ignore'"."""
    kind = error["type"]
    if kind in _KINDS:
        return _KINDS[kind]
    context = error.get("ctx", {})
    if kind in ("enum", "literal_error"):
        return "must be " + str(context["expected"]).replace("'", "")
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(context.get("pattern")), "is not of the form that is asked for")
    limits = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}
    if kind in limits:
        name, words = limits[kind]
        return f"must be {words} {context[name]}"
    return error["msg"].replace("Input should", "should").replace("String should", "should")


_PATTERNS = {
    r"^/": "must begin with /",
    r'^("([^"]|"")+"|[^".]+)(\.("([^"]|"")+"|[^".]+)){2}$': "must name a column as schema.table.column",
}
