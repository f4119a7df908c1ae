"""What a unique constraint or index refuses, read from its definition as the server writes it. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_UNIQUE = re.compile(
    r"(?:CREATE UNIQUE INDEX .* USING \w+|UNIQUE(?: NULLS NOT DISTINCT)?|PRIMARY KEY) \(", re.DOTALL
)
_ORDER = re.compile(r"( ASC| DESC)?( NULLS (FIRST|LAST))?$")


@dataclass(frozen=True, slots=True)
class Unique:
    """``keys``: columns and expressions; ``rows``: the condition of those that it is about, empty for all."""

    keys: frozenset[str]
    rows: str

    @classmethod
    def of(cls, definition: str) -> Self | None:
        """None where it is not unique."""
        found = _UNIQUE.match(definition)
        if not found:
            return None
        keys, rest = _list(definition[found.end() :])
        return cls(frozenset(_ORDER.sub("", key) for key in keys), rest.partition(" WHERE ")[2])

    def holds_by(self, other: Unique | None) -> bool:
        """Whether the other one refuses all that this one does."""
        return other is not None and other.keys <= self.keys and other.rows in ("", self.rows)


def _list(text: str) -> tuple[list[str], str]:
    """The parts of a list up to its closing parenthesis, and what is after it."""
    parts, depth, quoted = [""], 0, False
    for at, character in enumerate(text):
        quoted ^= character in "\"'"
        if not quoted and character == ")" and not depth:
            return [part.strip() for part in parts], text[at + 1 :]
        if not quoted:
            depth += (character == "(") - (character == ")")
        if not quoted and character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts], ""
