"""Objects that statements create, alter and drop, implicit and cascaded ones too: noted by event triggers on the clone.

The triggers note into a setting of the session, which is read after each statement: no table, no notice, no transaction id.
Their functions are temporary: even when nobody removes them, they end with the session.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, LiteralString, NamedTuple

import psycopg

from ..model import DroppedObject, TouchedObject

# In their own block: what they cannot look up must not fail a migration. All is called by its whole name, whatever the migration's
# search_path: a function with one of its own costs half as much again.
_NOTE: LiteralString = """
create function pg_temp.{name}() returns event_trigger language plpgsql as $body$
begin
    perform pg_catalog.set_config('dbdeploy.seen', pg_catalog.concat(
        pg_catalog.current_setting('dbdeploy.seen', true), pg_catalog.string_agg(pg_catalog.concat({item}, ','), '')), false)
    from pg_catalog.{source}() o where {condition};
exception when others then null;
end $body$;
create event trigger {name} on {event} execute function pg_temp.{name}();
alter event trigger {name} enable always;
"""
_TRIGGERS: tuple[tuple[LiteralString, LiteralString, LiteralString, LiteralString, LiteralString], ...] = (
    (
        "dbdeploy_evidence_changed",
        "ddl_command_end",
        "pg_event_trigger_ddl_commands",
        "pg_catalog.json_build_array(o.command_tag, o.object_type, o.object_identity, o.objid::pg_catalog.int8)",
        "not o.in_extension and coalesce(o.schema_name, '') operator(pg_catalog.<>) 'pg_temp'",
    ),
    (
        "dbdeploy_evidence_dropped",
        "sql_drop",
        "pg_event_trigger_dropped_objects",
        "pg_catalog.json_build_array(null, o.object_type, o.object_identity, o.original, "
        "(select pg_catalog.string_agg(pg_catalog.quote_ident(part), '.') from pg_catalog.unnest(o.address_names) part))",
        "not o.is_temporary",
    ),
)
# The users' own event triggers would write their logs of what we do.
_UNSEEN_BY_OTHERS: LiteralString = "set local session_replication_role = replica"
#: As a catalogue snapshot calls them, where the server has another word.
_KINDS = {
    "table column": "column",
    "foreign table column": "column",
    "table constraint": "constraint",
    "statistics object": "statistics",
    "domain": "type",
    "composite type": "type",
}
#: Parts that no user knows of, or that go with their table in any case.
_UNSEEN = frozenset({"default value", "toast table", "internal", "extension member"})

_COMMA = re.compile(r",(?! )(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")  # outside quotes

_HOLD_ROWS = frozenset({"table", "materialized view", "foreign table"})


class Noted(NamedTuple):
    """``tables``: names by oid, of those with rows among what was created and altered; ``indexes``: of altered ones."""

    created: tuple[TouchedObject, ...] = ()
    altered: tuple[TouchedObject, ...] = ()
    dropped: tuple[DroppedObject, ...] = ()
    tables: Mapping[int, str] = MappingProxyType({})
    indexes: Mapping[int, str] = MappingProxyType({})


def install(conn: psycopg.Connection[Any]) -> bool:
    """Installs the event triggers; False where the role may not, or the database has no PL/pgSQL. ``conn``: autocommit."""
    try:
        with conn.transaction():
            conn.execute(_UNSEEN_BY_OTHERS)
            for name, event, source, item, condition in _TRIGGERS:
                conn.execute(
                    _NOTE.replace("{name}", name)
                    .replace("{event}", event)
                    .replace("{source}", source)
                    .replace("{item}", item)
                    .replace("{condition}", condition)
                    .encode()
                )
    except psycopg.Error:
        return False
    return True


def remove(conn: psycopg.Connection[Any]) -> None:
    """Removes what ``install`` made. ``conn``: the same session."""
    with conn.transaction():
        conn.execute("reset session authorization; reset role")
        conn.execute(_UNSEEN_BY_OTHERS)
        for name, *_ in _TRIGGERS:
            conn.execute(f"drop event trigger if exists {name}".encode())
            conn.execute(f"drop function if exists pg_temp.{name}()".encode())


def parse(noted: str) -> Noted:
    """What the triggers noted of one statement."""
    if not noted:
        return Noted()
    created: dict[TouchedObject, None] = {}
    altered: dict[TouchedObject, None] = {}
    dropped: list[DroppedObject] = []
    tables: dict[int, str] = {}
    indexes: dict[int, str] = {}
    for tag, kind, identity, *rest in json.loads(f"[{noted[:-1]}]"):
        if tag is None:
            dropped += _dropped(kind, identity, *rest)
        elif identity is not None and kind not in _UNSEEN:
            found = TouchedObject(_KINDS.get(kind, kind), _name(kind, identity))
            (created if tag.startswith("CREATE") else altered)[found] = None
            if kind in _HOLD_ROWS:
                tables[rest[0]] = identity
            elif kind == "index" and not tag.startswith("CREATE"):
                indexes[rest[0]] = identity
    for one in created:
        altered.pop(one, None)
    constraints = {one.object.rpartition(".")[2] for one in dropped if one.kind == "constraint"}
    kept = [
        one
        for one in dropped
        if not (one.kind == "index" and one.object.rpartition(".")[2] in constraints and one.implicit)
    ]
    return Noted(tuple(created), tuple(altered), tuple(kept), tables, indexes)


def _dropped(kind: str, identity: str, original: bool, address: str | None) -> Iterator[DroppedObject]:
    row_type = kind in ("type", "composite type") and not original
    internal = kind == "trigger" and identity.strip('"').startswith("RI_ConstraintTrigger")
    view_itself = kind == "rule" and (address or "").endswith('."_RETURN"')
    if kind in _UNSEEN or identity.startswith("pg_toast.") or row_type or internal or view_itself:
        return
    name = _name(kind, identity) if "(" in identity or address is None else address
    yield DroppedObject(_KINDS.get(kind, kind), name, not original)


def _name(kind: str, identity: str) -> str:
    """As a catalogue snapshot writes it: ``name on schema.table`` -> ``schema.table.name``, ``f(pg_catalog.text,integer)`` -> ``f(text, integer)``."""
    if kind in ("function", "procedure", "aggregate"):
        return _COMMA.sub(", ", identity.replace("pg_catalog.", ""))
    name, on, table = identity.rpartition(" on ")
    return f"{table}.{name}" if on and kind in ("trigger", "policy", "rule", "table constraint") else identity
