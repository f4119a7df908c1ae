"""Which entries of a dump bring an object back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..actions.toc import Entry, printed
from ..compare.names import split_name

#: Kinds as a snapshot calls them -> kinds as a dump's list does; what belongs to a table is called ``table name`` there.
_KINDS: dict[str, tuple[str, ...]] = {
    "schema": ("SCHEMA",),
    "type": ("TYPE", "DOMAIN", "SHELL TYPE"),
    "collation": ("COLLATION",),
    "table": ("TABLE", "ROW SECURITY", "TABLE ATTACH"),
    "foreign table": ("FOREIGN TABLE",),
    "view": ("VIEW",),
    "materialized view": ("MATERIALIZED VIEW", "MATERIALIZED VIEW DATA"),
    "sequence": ("SEQUENCE", "SEQUENCE OWNED BY"),
    "function": ("FUNCTION",),
    "procedure": ("PROCEDURE",),
    "aggregate": ("AGGREGATE",),
    "index": ("INDEX", "INDEX ATTACH"),
    "statistics": ("STATISTICS",),
    "constraint": ("CONSTRAINT", "FK CONSTRAINT", "CHECK CONSTRAINT"),
    "trigger": ("TRIGGER",),
    "rule": ("RULE",),
    "policy": ("POLICY",),
    "text search configuration": ("TEXT SEARCH CONFIGURATION",),
    "text search dictionary": ("TEXT SEARCH DICTIONARY",),
}
_OF_TABLE = frozenset({"constraint", "trigger", "rule", "policy"})
_RELATIONS = frozenset({"table", "foreign table", "view", "materialized view"})
#: Before tables are altered: what columns may need.
_EARLY = frozenset(
    {
        "SCHEMA",
        "TYPE",
        "DOMAIN",
        "SHELL TYPE",
        "COLLATION",
        "SEQUENCE",
        "FUNCTION",
        "PROCEDURE",
        "AGGREGATE",
    }
)
_MIDDLE = frozenset({"TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "TABLE ATTACH"})


def entries_of(kind: str, name: str, entries: Sequence[Entry]) -> list[Entry]:
    """The object's own entries, with its comments and privileges, in the dump's order; empty: the dump has none of its own."""
    kinds = _KINDS.get(kind, ())
    schema, tag, words = _tags(kind, name)
    own = [e for e in entries if e.kind in kinds and (e.schema, e.tag) == (schema, tag)]
    if not own:
        return []
    return [e for e in entries if e in own or (e.kind == "COMMENT" and _about(e, schema, words, tag))] + acl(
        kind, name, entries
    )


def acl(kind: str, name: str, entries: Sequence[Entry]) -> list[Entry]:
    """The object's privileges."""
    schema, tag, words = _tags(kind, name)
    return [e for e in entries if e.kind == "ACL" and _about(e, schema, words, tag)]


def stage(entry: Entry) -> int:
    """0: before tables are altered; 1: after that; 2: when their rows are back."""
    return 0 if entry.kind in _EARLY else 1 if entry.kind in _MIDDLE else 2


def _tags(kind: str, name: str) -> tuple[str | None, str, tuple[str, ...]]:
    """(schema, tag, tags of comments and privileges)."""
    head, paren, arguments = name.partition("(")
    parts = [printed(part) for part in split_name(head)]
    if kind == "schema":
        return None, parts[0], (f"SCHEMA {parts[0]}",)
    tag = " ".join(parts[1:]) + paren + arguments
    if kind in _OF_TABLE:
        return parts[0], tag, (f"{kind.upper()} {parts[2]} ON {parts[1]}",)
    if kind in _RELATIONS:
        return parts[0], tag, (f"{kind.upper()} {tag}", f"TABLE {tag}")
    return parts[0], tag, tuple(f"{word} {tag}" for word in _KINDS.get(kind, ()))


def _about(entry: Entry, schema: str | None, words: Iterable[str], tag: str) -> bool:
    of_column = entry.tag.startswith(f"COLUMN {tag}.")
    return (schema is None or entry.schema == schema) and (entry.tag in words or of_column)
