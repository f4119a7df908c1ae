"""Whether the rows that are there satisfy a constraint that PostgreSQL has not checked yet (NOT VALID)."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from .names import parent_name, split_name


def violation(conn: psycopg.Connection[Any], constraint: str) -> str | None:
    """What the server says when ``constraint`` (``schema.table.name``) is validated, or None when every row satisfies it.

    Validates in a transaction that is rolled back: for the sandbox only, it reads the whole table under a lock.
    """
    table, name = split_name(parent_name(constraint)), split_name(constraint)[-1]
    statement = sql.SQL("alter table {} validate constraint {}").format(
        sql.Identifier(*table), sql.Identifier(name)
    )
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(statement)
    except psycopg.Error as error:
        detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
        return f"{error.diag.message_primary or error}{detail}"
    return None
