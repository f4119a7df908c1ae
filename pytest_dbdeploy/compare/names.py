"""Names as PostgreSQL prints them: ``schema.name``, each part quoted where ``quote_ident`` would."""

from __future__ import annotations

import re

# What 16 and 17 made keywords: `quote_ident` of an earlier server leaves them bare.
_LATER_KEYWORDS = re.compile(
    r"""(?<!["'])"(json|json_(?:array|arrayagg|exists|object|objectagg|query|scalar|serialize|table|value)|merge_action|system_user)"(?!["'])"""
)
_PART = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')


def split_name(name: str) -> tuple[str, ...]:
    """``public."Order.Items".id`` -> ``("public", "Order.Items", "id")``: the parts, without their quotes.

    ValueError when it is no such name.
    """
    parts: list[str] = []
    position = 0
    while match := _PART.match(name, position):
        parts.append(match[2] if match[1] is None else match[1].replace('""', '"'))
        position = match.end()
        if position == len(name):
            return tuple(parts)
        if name[position] != ".":
            break
        position += 1
    raise ValueError(f"not a name as PostgreSQL prints it: {name!r}")


def parent_name(name: str) -> str:
    """``public.users.legacy`` -> ``public.users``: the name without its last part, quotes kept."""
    if '"' not in name:  # which is nearly every name, of which there are very many
        return name.rpartition(".")[0]
    last = None
    for match in _PART.finditer(name):
        last = match
    return name[: last.start()].rstrip(".") if last else ""


def first_name(name: str) -> str:
    """``tenant_7.orders.id`` -> ``tenant_7``: the schema, quotes kept; empty where there is none."""
    match = _PART.match(name.partition("(")[0])
    return match[0] if match and name[match.end() : match.end() + 1] == "." else ""


def quoted(part: str) -> str:
    """One part as PostgreSQL prints it. Reserved words are not known here: ``"order"`` stays bare."""
    return part if re.fullmatch(r"[a-z_][a-z0-9_$]*", part) else '"' + part.replace('"', '""') + '"'


def as_on_any_version(text: str) -> str:
    """A name, or a text with names in it, as every supported version prints it. To compare only: no server may be asked with it."""
    return _LATER_KEYWORDS.sub(r"\1", text) if '"' in text else text
