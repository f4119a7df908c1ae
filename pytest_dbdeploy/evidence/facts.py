"""What is so on the migrated clone and was not so before, and how busy the target is: facts that rules judge."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import errors as pg_errors
from psycopg import sql

from ..compare.defaults import is_filled
from ..compare.names import split_name
from ..compare.renames import old_name, old_names
from ..db.sql import query
from ..model import Change, Fact, StatementEvidence, Traffic

_INT4 = 2**31 - 1
_HEADROOM = 0.5
#: What the server misses, or finds too often: ``column "c" does not exist``, ``function f(integer) is not unique``.
_NOT_THERE = re.compile(r'\w+ "?([^"(]+?)"?(?:\(.*\))? (?:does not exist|is not unique)')


class _Sequence(NamedTuple):
    """``given``: it gives the column's default. ``in_key``: a number that is taken is refused."""

    name: str
    table: str
    column: str
    column_type: str
    type: str
    increment: int
    last: int | None
    start: int
    end: int
    identity: bool
    given: bool
    in_key: bool


def clone_facts(
    before: psycopg.Connection[Any],
    after: psycopg.Connection[Any],
    evidence: Sequence[StatementEvidence],
    changes: Sequence[Change],
    tables: Collection[str],
    *,
    everything: bool,
) -> dict[str, tuple[Fact, ...]]:
    """Fields of ``Facts`` by name. Both on the clone's server, by a superuser, in transactions that see one state.

    ``tables``: those that were there before; what is so of others, which the plan makes, hurts nobody. ``changes``: tell what was
    called otherwise before.
    ``everything``: look at all sequences, as when nobody saw the statements; else at those whose table was touched.
    """
    touched = None if everything else _touched(evidence)
    renamed = old_names(changes)
    was = _sequences(before)
    now = [one for one in _sequences(after) if old_name(one.table, renamed) in tables]
    policies = (
        fact for fact in _facts(after, "facts_without_policy") if old_name(fact.object, renamed) in tables
    )

    def newly(old: Iterator[Fact], new: Iterator[Fact]) -> tuple[Fact, ...]:
        known = {fact.object for fact in old}
        return tuple(fact for fact in new if old_name(fact.object, renamed) not in known)

    return {
        "sequences_behind": newly(
            _behind(before, _asked(was, was), touched), _behind(after, _asked(was, now), touched)
        ),
        "sequences_still_int": newly(_still_int(was), _still_int(now)),
        "int4_headroom": newly(_headroom(was), _headroom(now)),
        "broken_routines": newly(_broken(before), _broken(after)),
        "invalid_indexes": newly(
            _facts(before, "facts_invalid_indexes"), _facts(after, "facts_invalid_indexes")
        ),
        "without_policy": newly(_facts(before, "facts_without_policy"), policies),
    }


def target_facts(target: psycopg.Connection[Any]) -> tuple[dict[str, Traffic], tuple[Fact, ...]]:
    """Traffic by table, and tables that somebody holds right now. What the role may not see is left out."""
    traffic = {row[0]: Traffic(*row[1:]) for row in target.execute(query("facts_traffic"))}
    return traffic, tuple(_facts(target, "facts_blockers"))


def _facts(conn: psycopg.Connection[Any], name: str) -> Iterator[Fact]:
    for found, text in conn.execute(query(name)).fetchall():
        yield Fact(found, text)


def _touched(evidence: Sequence[StatementEvidence]) -> set[str]:
    names: set[str] = set()
    for e in evidence:
        names.update(e.rows, (lock.relation for lock in e.locks), e.truncated)
        names.update(one.object for one in (*e.created, *e.altered))
    return names


# -- sequences


def _sequences(conn: psycopg.Connection[Any]) -> list[_Sequence]:
    return [_Sequence(*row) for row in conn.execute(query("facts_sequences")).fetchall()]


def _asked(was: Sequence[_Sequence], now: Sequence[_Sequence]) -> list[_Sequence]:
    """Those that somebody asks for numbers of a key: one that only belongs to a column may have been made for later."""
    asked = {one.name for one in was if one.given or one.last is not None}
    return [one for one in now if one.in_key and (one.given or one.name in asked)]


def _behind(
    conn: psycopg.Connection[Any], sequences: Sequence[_Sequence], touched: set[str] | None
) -> Iterator[Fact]:
    for one in sequences:
        if one.increment < 1 or not (touched is None or {one.name, one.table} & touched):
            continue
        state = conn.execute(
            sql.SQL("select last_value, is_called from {}").format(sql.Identifier(*split_name(one.name)))
        ).fetchone()
        largest = conn.execute(
            sql.SQL("select max({})::numeric from {}").format(
                sql.Identifier(*split_name(one.column)), sql.Identifier(*split_name(one.table))
            )
        ).fetchone()
        if state is None or largest is None or largest[0] is None:
            continue
        following = state[0] + one.increment if state[1] else state[0]
        if following <= largest[0]:
            text = f"gives {following} next, and {one.table}.{one.column} goes up to {largest[0]}"
            yield Fact(one.name, text, related=(one.name, one.table))


def _still_int(sequences: Sequence[_Sequence]) -> Iterator[Fact]:
    for one in sequences:
        if one.column_type == "bigint" and one.type != "bigint" and not one.identity:
            yield Fact(
                one.name,
                f"is still of type {one.type} and ends at {one.end:,}, though {one.table}.{one.column} is bigint",
                related=(f"{one.table}.{one.column}", one.table),
            )


def _headroom(sequences: Sequence[_Sequence]) -> Iterator[Fact]:
    for one in sequences:
        if (
            one.column_type == "integer"
            and one.increment > 0
            and one.last is not None
            and one.last > _HEADROOM * _INT4
        ):
            yield Fact(
                f"{one.table}.{one.column}",
                f"is an integer, and its sequence {one.name} is at {one.last:,} of {_INT4:,} ({one.last / _INT4:.0%})",
                related=(one.name, one.table),
            )


# -- routines


def _broken(conn: psycopg.Connection[Any]) -> Iterator[Fact]:
    """Routines whose body the server would refuse if they were made now."""
    for oid, name, tables in conn.execute(query("facts_sql_routines")).fetchall():
        try:
            with conn.transaction(force_rollback=True):
                conn.execute("select pg_catalog.fmgr_sql_validator(%s::oid)", [oid])
        except pg_errors.InsufficientPrivilege:
            continue
        except psycopg.Error as error:
            text = error.diag.message_primary or str(error)
            yield Fact(name, f"no longer works: {text}", related=(*_NOT_THERE.findall(text), *tables))


def filling(columns: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """Columns that have a value where an INSERT gives none, from a snapshot's columns."""
    return frozenset(name for name, properties in columns.items() if is_filled(properties))


def parents(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Partition or inheriting table -> the table that it belongs to, from a snapshot's tables."""
    found = {}
    for name, properties in tables.items():
        parent = properties.get("partition_of") or next(iter(properties.get("inherits") or ()), None)
        if parent:
            found[name] = str(parent)
    return found
