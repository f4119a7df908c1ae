"""Keeps our own schema out of a session's search_path.

A role that is called as the state schema (``dbdeploy``) has it first in its path by ``"$user"``: a migration's CREATE TABLE would
land there as soon as the schema exists.
"""

from __future__ import annotations

import re

from psycopg import sql

from .connect import Connection

_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"]+?))\s*(?:,|$)')


def parse(value: str) -> list[str]:
    """The names in a search_path as the server prints it: ``"$user", public`` -> ``$user``, ``public``."""
    return [quoted.replace('""', '"') or plain for quoted, plain in _ITEM.findall(value)]


def leave_out(conn: Connection, schema: str) -> None:
    """Takes ``schema`` out of the session's search_path, also where ``"$user"`` means it; nothing where it is not in it."""
    row = conn.execute("select pg_catalog.current_setting('search_path'), current_user::text").fetchone()
    assert row is not None
    names, user = parse(row[0]), row[1]
    kept = [name for name in names if name != schema and not (name == "$user" and user == schema)]
    if kept != names:
        value = sql.SQL(", ").join(map(sql.Literal, kept)) if kept else sql.Literal("")
        conn.execute(sql.SQL("set search_path to {}").format(value))
