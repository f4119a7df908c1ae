"""Numbers that sequences gave to what was rolled back: they are put back, so that what is run again gets those that it gets on the target."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

#: Of each sequence, by its oid: last value, and whether it was given.
States = dict[int, tuple[int, bool]]

_ALL = """
select c.oid, n.nspname, c.relname
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relpersistence <> 't' and case when c.relkind = 'S'
    then pg_catalog.has_sequence_privilege(c.oid, 'SELECT') and pg_catalog.has_sequence_privilege(c.oid, 'UPDATE')
    else false end  -- in this order: of what is no sequence, the privilege is an error
"""
#: In one query, each of which locks its sequences until its end.
_AT_ONCE = 500
_ONE = sql.SQL("select {}::oid, last_value, is_called from {}")


def sequence_states(monitor: psycopg.Connection[Any]) -> States:
    """How they stand. Of other sessions' transactions too: no transaction has numbers of its own."""
    each = [
        _ONE.format(sql.Literal(oid), sql.Identifier(schema, name))
        for oid, schema, name in monitor.execute(_ALL).fetchall()
    ]
    found: States = {}
    for at in range(0, len(each), _AT_ONCE):
        rows = monitor.execute(sql.SQL(" union all ").join(each[at : at + _AT_ONCE]))
        found.update({oid: (last, called) for oid, last, called in rows})
    return found


def put_back(monitor: psycopg.Connection[Any], states: States) -> None:
    """Sequences that stand otherwise than they did."""
    for oid, state in sequence_states(monitor).items():
        if states.get(oid, state) != state:
            monitor.execute("select pg_catalog.setval(%s::oid::regclass, %s, %s)", (oid, *states[oid]))
