"""Settings that a session on the target begins with, given to the clones: migrations behave by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psycopg
from psycopg import sql

from ..db import search_path
from ..db.connect import Connection
from ..db.sql import query
from ..secret import redactor

# Kept as lists of names, each quoted by itself.
_LISTS = ("search_path", "temp_tablespaces")
# They would make sessions of the sandbox fail (a library or a tablespace that is not there), or somebody else of them.
_NOT_APPLIED = (
    "role",
    "session_authorization",
    "session_preload_libraries",
    "local_preload_libraries",
    "temp_tablespaces",
    "default_tablespace",
)


def read_settings(conn: Connection) -> dict[str, str]:
    """What ALTER DATABASE, ALTER ROLE and ALTER ROLE IN DATABASE set for this role here, and what dates and names depend on.

    ``"$user"`` in the search_path reads as this role's name: on the sandbox somebody else works.
    """
    settings = {str(name): str(value) for name, value in conn.execute(query("clone_settings"))}
    role = conn.info.user.replace('"', '""')
    settings["search_path"] = settings.get("search_path", "").replace('"$user"', f'"{role}"')
    return settings


def apply_settings(admin: Connection, databases: Sequence[str], settings: Mapping[str, str]) -> list[str]:
    """Sets them on each database, for all its sessions. Returns notes of what was not set. ``admin``: autocommit."""
    notes = []
    for name, value in settings.items():
        if name in _NOT_APPLIED:
            notes.append(f"setting {name} of the target is not applied to the clone")
            continue
        for database in databases:
            statement = sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
                sql.Identifier(database), sql.Identifier(*name.split(".")), _value(name, value)
            )
            try:
                admin.execute(statement)
            except psycopg.Error as error:
                notes.append(
                    f"setting {name} of the target is not applied to the clone: {redactor.redact(str(error).splitlines()[0])}"
                )
                break
    return notes


def _value(name: str, value: str) -> sql.Composable:
    if name not in _LISTS:
        return sql.Literal(value)
    names = search_path.parse(value)
    return sql.SQL(", ").join(sql.Literal(item) for item in names) if names else sql.Literal("")
