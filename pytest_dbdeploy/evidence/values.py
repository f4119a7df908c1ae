"""Values of columns whose type changes, before and after, row by row by key: what no error says is found here.

The rows before are copied beside those after, as text, into a temporary table that is rolled back; the server compares.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from ..compare.names import parent_name, split_name
from ..compare.renames import old_name, old_names
from ..db.sql import query
from ..model import Change, ChangeType, ColumnValues

_MOST_SAMPLES = 5
_MOST_BYTES = 2 * 1024**3
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision", "oid")

# New values that are written in another way than the old one: does the old type read the new one as what it was?
_SAME = """
create function pg_temp.dbdeploy_same(was text, now text) returns boolean language plpgsql as $same$
begin
    return {comparison};
exception when others then return false;
end $same$
"""


def changed_values(
    before: psycopg.Connection[Any],
    after: psycopg.Connection[Any],
    changes: Sequence[Change],
    made_again: Mapping[str, tuple[str, str]],
) -> tuple[ColumnValues, ...]:
    """One entry a column whose type changes, or that was made again. Both on the clone's server; ``after`` may write, and is
    rolled back. ``made_again``: column -> its types before and after.

    What cannot be compared (no primary key, too large, a row that is gone) has a ``problem``, or is left out of the counts.
    """
    renamed = old_names(changes)
    found = []
    columns = {
        c.object: (str((c.before or {})["type"]), str((c.after or {})["type"])) for c in _retyped(changes)
    }
    for column, types in {**columns, **made_again}.items():
        try:
            with after.transaction(force_rollback=True):
                one = _compare(before, after, (old_name(column, renamed), column), types)
        except psycopg.Error as error:
            one = ColumnValues(column, *types, problem=error.diag.message_primary or str(error))
        found.append(replace(one, made_again=column in made_again))
    return tuple(found)


def values_lost(before: psycopg.Connection[Any], changes: Sequence[Change]) -> dict[str, int]:
    """Removed column -> how many rows have a value in it. ``before``: the clone as it was."""
    columns: dict[str, list[str]] = {}
    renamed = old_names(changes)
    for change in changes:
        if change.kind == "column" and change.change is ChangeType.REMOVED:
            columns.setdefault(parent_name(change.object), []).append(change.object)
    found: dict[str, int] = {}
    for table, names in columns.items():
        counts = sql.SQL(", ").join(
            sql.SQL("count({})").format(sql.Identifier(split_name(name)[-1])) for name in names
        )
        was = sql.Identifier(*split_name(old_name(table, renamed)))
        text = sql.SQL("select {} from {}").format(counts, was)
        with suppress(psycopg.Error), before.transaction():
            found |= dict(zip(names, before.execute(text).fetchone() or (), strict=False))
    return found


def columns_made_again(
    again: Mapping[str, Collection[str]],
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    changes: Sequence[Change],
) -> dict[str, tuple[str, str]]:
    """column -> its types before and after, of columns in whose place, or in the place of whose table, others were made (``again``:
    kind -> names). Also: columns of the snapshots, and the changes between them."""
    columns, tables = again.get("column", ()), again.get("table", ())
    renamed = old_names(changes)
    return {
        column: (str(before[old].get("type")), str(after[column].get("type")))
        for column in sorted(after)
        if (column in columns or parent_name(column) in tables)
        and (old := old_name(column, renamed)) in before
    }


def _retyped(changes: Sequence[Change]) -> Iterator[Change]:
    for change in changes:
        if (
            change.kind == "column"
            and change.change is ChangeType.MODIFIED
            and "type" in (change.after or {})
        ):
            yield change


def _compare(
    before: psycopg.Connection[Any],
    after: psycopg.Connection[Any],
    columns: tuple[str, str],
    types: tuple[str, str],
) -> ColumnValues:
    old_table, new_table = split_name(parent_name(columns[0])), split_name(parent_name(columns[1]))
    keys = [_key(conn, table) for conn, table in ((before, old_table), (after, new_table))]
    if not keys[0] or len(keys[0]) != len(keys[1]):
        return ColumnValues(columns[1], *types, problem="the table has no primary key to compare by")
    size = before.execute(
        sql.SQL("select pg_catalog.pg_table_size({}::regclass)").format(sql.Literal(parent_name(columns[0])))
    ).fetchone()
    if size and size[0] > _MOST_BYTES:
        return ColumnValues(columns[1], *types, problem="the table is too large to compare row by row")
    after.execute("create temporary table dbdeploy_was (key text, value text) on commit drop")
    _copy(before, after, old_table, keys[0], split_name(columns[0])[-1])
    return _counted(after, new_table, keys[1], split_name(columns[1])[-1], columns[1], types)


def _key(conn: psycopg.Connection[Any], table: tuple[str, ...]) -> list[str]:
    return [row[0] for row in conn.execute(query("evidence_key"), {"schema": table[0], "table": table[1]})]


def _text_key(alias: str, key: Sequence[str]) -> sql.Composed:
    """The key as one text; a key column that is itself converted reads the same while its value is the same."""
    parts = [sql.SQL("{}::text").format(sql.Identifier(alias, name)) for name in key]
    return sql.SQL("concat_ws(', ', {})").format(sql.SQL(", ").join(parts))


def _copy(
    before: psycopg.Connection[Any],
    after: psycopg.Connection[Any],
    table: tuple[str, ...],
    key: Sequence[str],
    column: str,
) -> None:
    select = sql.SQL("copy (select {}, t.{}::text from {} t) to stdout").format(
        _text_key("t", key), sql.Identifier(column), sql.Identifier(*table)
    )
    with (
        before.cursor().copy(select) as source,
        after.cursor().copy("copy dbdeploy_was from stdin") as goal,
    ):
        for data in source:
            goal.write(data)


def _counted(
    after: psycopg.Connection[Any],
    table: tuple[str, ...],
    key: Sequence[str],
    column: str,
    name: str,
    types: tuple[str, str],
) -> ColumnValues:
    after.execute(_SAME.replace("{comparison}", _comparison(types)).encode())
    after.execute(
        sql.SQL(
            "create temporary table dbdeploy_pairs on commit drop as "
            "select w.key, w.value as was, t.{}::text as now from dbdeploy_was w join {} t on {} = w.key"
        ).format(sql.Identifier(column), sql.Identifier(*table), _text_key("t", key))
    )
    row = after.execute(
        "select count(*), count(*) filter (where was is not distinct from now), (select count(*) from dbdeploy_was) from dbdeploy_pairs"
    ).fetchone()
    total, equal, were = row or (0, 0, 0)
    changed: list[tuple[str, str, str]] = []
    count = 0
    with after.cursor(name="dbdeploy_others") as cursor:
        cursor.itersize = 10_000
        cursor.execute(
            "select key, coalesce(was, 'NULL'), coalesce(now, 'NULL') from dbdeploy_pairs where was is distinct from now "
            "and (was is null or now is null or not pg_temp.dbdeploy_same(was, now)) order by key"
        )
        for key_text, was, now in cursor:
            if _only_spelt_otherwise(types, was, now):
                continue
            count += 1
            if len(changed) < _MOST_SAMPLES:
                changed.append((key_text, was, now))
    return ColumnValues(name, *types, equal, count, total - equal - count, were - total, tuple(changed))


def _comparison(types: tuple[str, str]) -> str:
    """SQL: whether the texts of an old and a new value say the same."""
    was, now = (_base(kind) for kind in types)
    if was in _NUMBERS and now in _NUMBERS:
        return "was::numeric = now::numeric"
    if was in ("json", "jsonb") and now in ("json", "jsonb"):
        return 'was::jsonb = now::jsonb and was !~ \'"[^"]*"\\s*:\''  # objects are looked at one by one: keys may be there twice
    if was in ("text", "character varying", "citext") and now not in (
        "text",
        "character varying",
        "citext",
        "character",
        "name",
    ):
        return f"was::{types[1]} = now::{types[1]}"  # read from text: how it was spelt is all that can differ
    return f"(now::{types[1]})::{types[0]} is not distinct from was::{types[0]}"


def _base(kind: str) -> str:
    """``numeric(10,2)`` -> ``numeric``."""
    return kind.partition("(")[0].strip()


def _only_spelt_otherwise(types: tuple[str, str], was: str, now: str) -> bool:
    """Whether two texts of a document differ in blanks and the order of keys only: a key that was there twice is lost."""
    if _base(types[0]) != "json" or _base(types[1]) != "jsonb":
        return False
    try:
        return bool(_as_pairs(was) == _as_pairs(now))
    except ValueError:
        return False


def _as_pairs(text: str) -> Any:
    return json.loads(
        text, parse_float=str, parse_int=str, object_pairs_hook=lambda pairs: sorted(pairs, key=str)
    )
