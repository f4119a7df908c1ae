"""Access privileges as PostgreSQL prints them (aclitem) to words that are equal on every server version. Pure.

``ALL`` stands for every privilege that the server version knows for the class of object: 17 added MAINTAIN, which no dump of
an older server mentions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = {
    "a": "INSERT",
    "r": "SELECT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "m": "MAINTAIN",
    "X": "EXECUTE",
    "U": "USAGE",
    "C": "CREATE",
    "c": "CONNECT",
    "T": "TEMPORARY",
    "s": "SET",
    "A": "ALTER SYSTEM",
}
_ROLE = r'((?:"(?:[^"]|"")*"|[^="/])*)'
_ITEM = re.compile(rf"{_ROLE}=([a-zA-Z*]*)/{_ROLE}")

COLUMN_PRIVILEGES = "arwx"


def _letters(item: str) -> tuple[str, str, str]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"not an aclitem: {item!r}")
    return _role(match[1]) if match[1] else "PUBLIC", match[2], _role(match[3])


def _role(printed: str) -> str:
    """As aclitem prints it, but quoted the same by all versions: they disagree about letters that are not ASCII."""
    name = printed[1:-1].replace('""', '"') if printed.startswith('"') else printed
    return _quoted(name)


def _quoted(name: str) -> str:
    plain = re.fullmatch(r"[A-Za-z0-9_]+", name) and name != "PUBLIC"  # a role may be called so
    return name if plain else '"' + name.replace('"', '""') + '"'


def all_letters(items: Sequence[str]) -> str:
    """Every privilege that occurs in a default acl: what ALL means for this class of object."""
    return "".join(sorted({letter for item in items for letter in _letters(item)[1] if letter != "*"}))


def grants(items: Sequence[str], everything: str, owner: str | None = None) -> list[str]:
    """aclitems to sorted lines such as ``bob: INSERT, SELECT`` and ``bob: UPDATE (grantable)``.

    ``everything``: the letters that make ALL. A grantor is named where it is not ``owner``.
    """
    found: dict[tuple[str, bool, str], set[str]] = {}
    for item in items:
        grantee, letters, grantor = _letters(item)
        for letter, star in re.findall(r"([a-zA-Z])(\*?)", letters):
            found.setdefault((grantee, bool(star), grantor), set()).add(letter)
    lines = []
    for (grantee, grantable, grantor), held in found.items():
        words = "ALL" if held >= set(everything) else ", ".join(sorted(_WORDS.get(x, x) for x in held))
        by = "" if owner is None or grantor == _quoted(owner) else f" by {grantor}"
        lines.append(f"{grantee}: {words}{' (grantable)' if grantable else ''}{by}")
    return sorted(lines) or ["nobody"]


def privileges(acl: Sequence[str] | None, default: Sequence[str], owner: str | None) -> list[str] | None:
    """The grants on an object, or None when they are what its class has by default (written down or not)."""
    if acl is None or set(acl) == set(default):
        return None
    return grants(acl, all_letters(default), owner)
