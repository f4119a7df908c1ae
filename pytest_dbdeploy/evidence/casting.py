"""Which values a change of type fails on: asked row by row, as the server names none of them."""

from __future__ import annotations

import re
from typing import Any

import psycopg
from psycopg import sql

from ..db.sql import query

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_TABLE = re.compile(
    rf"\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?({_NAME}(?:\s*\.\s*{_NAME})?)", re.IGNORECASE
)
_USING = re.compile(r"\busing\b(.+?)(?=,\s*(?:alter|add|drop)\b|;|\Z)", re.IGNORECASE | re.DOTALL)

# An assignment, as ALTER TABLE makes it: an explicit cast would cut off what is too long.
_FAILS = """
create function pg_temp.dbdeploy_fails(dbdeploy_row {table}) returns boolean language plpgsql as $fails$
#variable_conflict use_column
begin
    declare dbdeploy_value {kind} := (select {value} from (select (dbdeploy_row).*) as {alias});
    begin
        return false;
    end;
exception when others then return true;
end $fails$
"""


def condition(conn: psycopg.Connection[Any], statement: str) -> tuple[tuple[str, str], sql.Composable] | None:
    """(schema and table, what is true of a row ``t`` whose value fails); None when the statement is no change of one type.

    In a transaction of the caller's, which is rolled back.
    """
    match = _TABLE.match(statement)
    found = match and conn.execute(query("evidence_table"), {"name": match[1]}).fetchone()
    if not found:
        return None
    table = (found[0], found[1])
    before = _types(conn, table)
    with conn.transaction(force_rollback=True):
        # On an emptied table it succeeds: the server says what the new type is.
        conn.execute(sql.SQL("truncate {} cascade").format(sql.Identifier(*table)))
        conn.execute(statement.encode())
        after = _types(conn, table)
    changed = [name for name in before if after.get(name) not in (None, before[name])]
    if len(changed) != 1:
        return None
    using = _USING.search(statement)
    value = sql.SQL(using[1]) if using else sql.Identifier(changed[0])
    conn.execute(
        sql.SQL(_FAILS).format(
            table=sql.Identifier(*table),
            kind=sql.SQL(after[changed[0]]),
            value=value,
            alias=sql.Identifier(table[1]),
        )
    )
    return table, sql.SQL("pg_temp.dbdeploy_fails(t)")


def _types(conn: psycopg.Connection[Any], table: tuple[str, str]) -> dict[str, str]:
    rows = conn.execute(query("evidence_types"), {"schema": table[0], "table": table[1]}).fetchall()
    return dict(rows)
