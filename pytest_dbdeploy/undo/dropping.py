"""The statement that drops an object of any kind. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..compare.names import parent_name
from .altering import CannotUndo

#: Kinds whose DROP takes the name alone.
_PLAIN = frozenset(
    {
        "table",
        "foreign table",
        "view",
        "materialized view",
        "sequence",
        "index",
        "statistics",
        "function",
        "procedure",
        "aggregate",
        "type",
        "schema",
        "collation",
        "conversion",
        "extension",
        "publication",
        "event trigger",
        "foreign data wrapper",
        "text search configuration",
        "text search dictionary",
        "text search parser",
        "text search template",
        "operator",
    }
)
#: Kinds that belong to a table.
ON_TABLE = frozenset({"trigger", "rule", "policy"})


def drop(kind: str, name: str, properties: Mapping[str, Any]) -> str:
    """CASCADE: what else goes is seen, and brought back or refused. CannotUndo for what has no such name."""
    table = parent_name(name)
    part = name[len(table) + 1 :]
    if kind in _PLAIN:
        word = "STATISTICS" if kind == "statistics" else kind.upper()
        name = f"{name[:-1]}*)" if kind == "aggregate" and name.endswith("()") else name
        return f"DROP {word} IF EXISTS {name} CASCADE"
    if kind in ON_TABLE:
        return f"DROP {kind.upper()} IF EXISTS {part} ON {table} CASCADE"
    if kind == "column":
        return f"ALTER TABLE {table} DROP COLUMN IF EXISTS {part} CASCADE"
    if kind == "constraint":
        return f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {part} CASCADE"
    if kind == "cast":
        return f"DROP CAST IF EXISTS {name} CASCADE"
    if kind == "user mapping":
        who, _, server = name.rpartition(" on ")
        return f"DROP USER MAPPING IF EXISTS FOR {who} SERVER {server}"
    if kind == "foreign server":
        return f"DROP SERVER IF EXISTS {name} CASCADE"
    raise CannotUndo(f"{kind} {name} cannot be taken back")
