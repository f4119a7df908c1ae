"""Roles that a clone needs, made on the sandbox so that owners, grants and policies are restored exactly as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from ..db.connect import Connection
from ..db.sql import query
from ..secret import redactor


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the target. Its password and its right to log in are not read."""

    name: str
    superuser: bool
    inherit: bool
    createrole: bool
    createdb: bool
    bypassrls: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """``options``: the row of pg_auth_members, whose columns differ by version."""

    role: str
    member: str
    options: Mapping[str, Any]


def read_roles(conn: Connection) -> tuple[Sequence[Role], Sequence[Membership]]:
    """The roles that the database's objects name, and who of them is a member of whom."""
    with (
        conn.cursor(row_factory=class_row(Role)) as roles,
        conn.cursor(row_factory=class_row(Membership)) as members,
    ):
        found = roles.execute(query("clone_roles")).fetchall()
        names = {role.name for role in found}
        memberships = members.execute(query("clone_memberships")).fetchall()
    return found, [
        m for m in memberships if m.member in names and (m.role in names or m.role.startswith("pg_"))
    ]


def create_roles(admin: Connection, roles: Sequence[Role], memberships: Sequence[Membership]) -> list[str]:
    """Creates what is not there yet: without login and password. Returns notes of what could not be. ``admin``: autocommit."""
    existing = {str(row[0]) for row in admin.execute("SELECT rolname FROM pg_roles")}
    notes = []
    for role in roles:
        if role.name in existing:
            continue
        try:
            admin.execute(_create(role))
        except psycopg.Error as error:
            notes.append(f"role {role.name} could not be made: {redactor.redact(str(error))}")
    for membership in memberships:
        if membership.role.startswith("pg_") and membership.role not in existing:
            notes.append(
                f"role {membership.member} is a member of {membership.role}, which the sandbox's version does not have"
            )
            continue
        try:
            admin.execute(_grant(membership, admin.info.server_version))
        except psycopg.Error as error:
            notes.append(
                f"{membership.member} could not be made a member of {membership.role}: {redactor.redact(str(error))}"
            )
    return notes


def _create(role: Role) -> sql.Composed:
    # Superusers stay superusers: an event trigger may belong to nobody else. Nobody can log in as one.
    flags = {
        "SUPERUSER": role.superuser,
        "INHERIT": role.inherit,
        "CREATEROLE": role.createrole,
        "CREATEDB": role.createdb,
        "BYPASSRLS": role.bypassrls,
    }
    words = " ".join(word if on else f"NO{word}" for word, on in flags.items())
    return sql.SQL("CREATE ROLE {} NOLOGIN {}").format(sql.Identifier(role.name), sql.SQL(words))


def _grant(membership: Membership, server_version: int) -> sql.Composed:
    options = []
    if membership.options.get("admin_option"):
        options.append("ADMIN OPTION" if server_version < 160000 else "ADMIN TRUE")
    if server_version >= 160000:
        for column, word in (("inherit_option", "INHERIT"), ("set_option", "SET")):
            if column in membership.options:
                options.append(f"{word} {'TRUE' if membership.options[column] else 'FALSE'}")
    clause = f" WITH {', '.join(options)}" if options else ""
    return sql.SQL("GRANT {} TO {}{}").format(
        sql.Identifier(membership.role),
        sql.Identifier(membership.member),
        sql.SQL(clause),
    )
