"""Statements that give tables and columns their earlier properties back, in place. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psycopg import sql

Properties = Mapping[str, Any]


class CannotUndo(Exception):
    """Why no statement takes this back."""


def literal(value: str | None) -> str:
    return "NULL" if value is None else sql.Literal(value).as_string()


def role(name: str) -> str:
    return sql.Identifier(name).as_string()


def column_definition(name: str, was: Properties) -> str:
    """``name`` as it was, without NOT NULL, which only holds once its values are back."""
    parts = [name, str(was["type"])]
    if was.get("collation"):
        parts.append(f"COLLATE {was['collation']}")
    if was.get("generated"):
        parts.append(f"GENERATED ALWAYS AS ({was['expression']}) {str(was['generated']).upper()}")
    elif was.get("identity"):
        parts.append(_identity(was))
    elif was.get("default") is not None:
        parts.append(f"DEFAULT {was['default']}")
    return " ".join(parts)


def _identity(was: Properties) -> str:
    sequence = f"SEQUENCE NAME {was['identity_sequence']} {_sequence_options(was)}"
    return f"GENERATED {str(was['identity']).upper()} AS IDENTITY ({sequence})"


def _sequence_options(was: Properties) -> str:
    return str(was["identity_options"]).replace(" min ", " minvalue ").replace(" max ", " maxvalue ")


def column_details(table: str, name: str, was: Properties) -> list[str]:
    """What ADD COLUMN cannot say."""
    absent = dict.fromkeys(("not_null", "comment", "storage", "compression", "statistics_target", "options"))
    return altered_column(table, name, was, {k: was.get(k) for k in absent if was.get(k) is not None}, {})


def altered_column(
    table: str, name: str, was: Properties, before: Properties, after: Properties
) -> list[str]:
    """``before``, ``after``: the properties that differ. CannotUndo where one of them stays as it is."""
    alter = f"ALTER TABLE {table} ALTER COLUMN {name}"
    statements: list[str] = []
    if "type" in before or "collation" in before:
        # An assignment cast, which refuses what does not fit: an explicit one would cut it off silently.
        fits = _assignable(str(after.get("type", was["type"])), str(was["type"]))
        statements += retyped(alter, was, after, "" if fits else f" USING {name}::text::{was['type']}")
    identity = _identity_back(alter, was, before, after)
    if not was.get("identity"):  # no default goes beside it
        statements += identity
    for key, value in before.items():
        if key == "default" and "type" in before:
            continue
        if key in ("type", "collation") or key in _IDENTITY:
            continue
        if key == "storage" and value is None:
            value = _usual_storage(str(was["type"]))
        make = _COLUMN.get(key)
        if make is None or (text := make(alter, f"{table}.{name}", value)) is None:
            raise CannotUndo(f"{key.replace('_', ' ')} of column {table}.{name} cannot be set back")
        statements.append(text)
    return statements if not was.get("identity") else [*statements, *identity]


def _usual_storage(type_: str) -> str:
    """What a type that can be toasted has from the start."""
    return "MAIN" if type_.partition("(")[0] in ("numeric", "inet", "cidr") else "EXTENDED"


def retyped(alter: str, was: Properties, after: Properties, using: str) -> list[str]:
    """Gives a column its type back; ``using``: empty for an assignment cast."""
    collation = f" COLLATE {was['collation']}" if was.get("collation") else ""
    statements = []
    if was.get("default") is not None or after.get("default") is not None:
        statements.append(f"{alter} DROP DEFAULT")
    statements.append(f"{alter} TYPE {was['type']}{collation}{using}")
    if was.get("default") is not None:
        statements.append(f"{alter} SET DEFAULT {was['default']}")
    return statements


_IDENTITY = frozenset({"identity", "identity_options", "identity_sequence", "identity_comment"})


def _identity_back(alter: str, was: Properties, before: Properties, after: Properties) -> list[str]:
    """The sequence's position is no property: it is kept aside."""
    sequence = was.get("identity_sequence")
    if "identity" in before and not was.get("identity"):
        return [f"{alter} DROP IDENTITY IF EXISTS"]
    if before.get("identity") and not after.get("identity"):
        comment = was.get("identity_comment")
        return [
            f"{alter} ADD {_identity(was)}",
            *([f"COMMENT ON SEQUENCE {sequence} IS {literal(comment)}"] if comment else []),
        ]
    statements = []
    if before.get("identity"):
        statements.append(f"{alter} SET GENERATED {str(was['identity']).upper()}")
    if "identity_options" in before:
        cycle = "" if str(was["identity_options"]).endswith(" cycle") else " no cycle"
        statements.append(f"ALTER SEQUENCE {sequence} {_sequence_options(was)}{cycle}")
    if "identity_comment" in before:
        statements.append(f"COMMENT ON SEQUENCE {sequence} IS {literal(was.get('identity_comment'))}")
    return statements


_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})
_TEXTS = frozenset({"text", "character varying", "character"})


def _assignable(now: str, then: str) -> bool:
    now, then = now.partition("(")[0], then.partition("(")[0]
    return now == then or then in _TEXTS or {now, then} <= _NUMBERS


def _default(alter: str, _: str, value: Any) -> str:
    return f"{alter} DROP DEFAULT" if value is None else f"{alter} SET DEFAULT {value}"


def _not_null(alter: str, _: str, value: Any) -> str:
    return f"{alter} {'SET' if value else 'DROP'} NOT NULL"


def _comment(_: str, column: str, value: Any) -> str:
    return f"COMMENT ON COLUMN {column} IS {literal(value)}"


def _storage(alter: str, _: str, value: Any) -> str:
    return f"{alter} SET STORAGE {value}"


def _compression(alter: str, _: str, value: Any) -> str:
    return f"{alter} SET COMPRESSION {value or 'default'}"


def _statistics(alter: str, _: str, value: Any) -> str:
    return f"{alter} SET STATISTICS {-1 if value is None else value}"


def _options(alter: str, _: str, value: Any) -> str | None:
    return f"{alter} SET ({', '.join(value)})" if value else None


_COLUMN: dict[str, Callable[[str, str, Any], str | None]] = {
    "default": _default,
    "not_null": _not_null,
    "comment": _comment,
    "storage": _storage,
    "compression": _compression,
    "statistics_target": _statistics,
    "options": _options,
}


def altered_table(table: str, before: Properties, after: Properties) -> list[str]:
    """CannotUndo where a property stays as it is."""
    statements = []
    for key, value in before.items():
        alter = f"ALTER TABLE {table}"
        match key:
            case "partition_of" | "partition_bound":
                continue  # see ``derive``
            case "options":
                statements += _storage_parameters(alter, value or (), after.get(key) or ())
            case "row_security":
                statements.append(f"{alter} {'ENABLE' if value else 'DISABLE'} ROW LEVEL SECURITY")
            case "row_security_forced":
                statements.append(f"{alter} {'FORCE' if value else 'NO FORCE'} ROW LEVEL SECURITY")
            case "persistence":
                statements.append(f"{alter} SET {'UNLOGGED' if value else 'LOGGED'}")
            case "replica_identity":
                statements.append(f"{alter} REPLICA IDENTITY {_replica_identity(value)}")
            case "tablespace":
                statements.append(
                    f"{alter} SET TABLESPACE {'pg_default' if value is None else role(str(value))}"
                )
            case _:
                raise CannotUndo(f"{key.replace('_', ' ')} of table {table} cannot be set back")
    return statements


def _storage_parameters(alter: str, value: list[str] | tuple[()], now: list[str] | tuple[()]) -> list[str]:
    gone = sorted({one.partition("=")[0] for one in now} - {one.partition("=")[0] for one in value})
    statements = [f"{alter} RESET ({', '.join(gone)})"] if gone else []
    return [*statements, f"{alter} SET ({', '.join(value)})"] if value else statements


def _replica_identity(value: Any) -> str:
    if value is None:
        return "DEFAULT"
    return f"USING INDEX {str(value)[6:]}" if str(value).startswith("index ") else str(value).upper()


def altered_sequence(name: str, was: Properties, before: Properties) -> list[str]:
    """CannotUndo where a property stays as it is."""
    words = {
        "type": "AS {}",
        "start": "START {}",
        "increment": "INCREMENT {}",
        "minimum": "MINVALUE {}",
        "maximum": "MAXVALUE {}",
        "cache": "CACHE {}",
    }
    clauses = [word.format(was[key]) for key, word in words.items() if key in before]
    for key in before:
        if key == "cycle":
            clauses.append("CYCLE" if was.get("cycle") else "NO CYCLE")
        elif key == "owned_by":
            clauses.append(f"OWNED BY {was.get('owned_by') or 'NONE'}")
        elif key not in words:
            raise CannotUndo(f"{key.replace('_', ' ')} of sequence {name} cannot be set back")
    return [f"ALTER SEQUENCE {name} {' '.join(clauses)}"]
