"""Sandboxes on an embedded server: a temporary PostgreSQL of this machine's own, removed at the end."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection

import psycopg
from psycopg import sql

from ..db.access import ServerUser, server_user
from ..db.connect import connect
from ..db.installation import choose_installation
from ..db.locale import DatabaseLocale
from ..db.server import EmbeddedServer
from ..db.server_settings import SANDBOX
from ..db.url import DatabaseUrl
from ..errors import CloneError, ServerError
from ..secret import redactor

name = "embedded"

_BREAKDOWN = re.compile(r"PANIC: +.*|(?:ERROR|FATAL): +.*No space left on device.*")


class EmbeddedSandbox:
    """A sandbox (``sandboxes.base.Sandbox``) on a temporary embedded server.

    ``server``: the server itself. ``server_user``: the system user that it runs as when that is not our own, whom a file
    must belong to that the server is to read.
    """

    def __init__(self, server: EmbeddedServer, missing_extensions: tuple[str, ...]) -> None:
        self.server = server
        self.missing_extensions = missing_extensions
        self.server_user: ServerUser | None = server_user()
        self._notes: list[str] = []

    @property
    def major(self) -> int:
        return self.server.major

    @property
    def admin_url(self) -> DatabaseUrl:
        return self.server.url

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def url(self, dbname: str) -> DatabaseUrl:
        return self.server.url.with_dbname(dbname)

    def create_database(
        self, name: str, *, template: str | None = None, locale: DatabaseLocale | None = None
    ) -> DatabaseUrl:
        """As ``Sandbox.create_database``. A copy is made file by file, the fastest way where nothing is durable anyway."""
        create = sql.SQL("create database {} ").format(sql.Identifier(name))
        if template is not None:
            self._execute(create + sql.SQL("template {} strategy file_copy").format(sql.Identifier(template)))
            return self.url(name)
        empty = create + sql.SQL("template template0 ")
        if locale is not None:
            try:
                self._execute(empty + locale.clauses())
            except CloneError as error:
                self._notes.append(
                    f"the sandbox has no locale like the target's ({locale}), so texts may sort otherwise in it: {error.message}"
                )
            else:
                return self.url(name)
        self._execute(empty)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def breakdown(self) -> str | None:
        """Why the server broke down, in the last such words of its log; None when it did not, or nobody can tell."""
        try:
            log = self.server.log_path.read_text("utf-8", "replace")
        except (OSError, ServerError):
            return None
        found = _BREAKDOWN.findall(log)
        return redactor.redact(" ".join(found[-1].split())) if found else None

    def close(self, *, keep: bool = False) -> None:
        self.server.stop(keep=keep)

    def _execute(self, statement: sql.Composed) -> None:
        with connect(self.admin_url, purpose="sandbox", autocommit=True) as connection:
            try:
                connection.execute(statement)
            except psycopg.Error as error:
                raise CloneError(f"sandbox: {redactor.redact(str(error).strip())}") from None


def open(  # noqa: A001 - the word of every provider
    needed_major: int, extensions: Collection[str] = (), *, lock_slots: int | None = None
) -> EmbeddedSandbox:
    """Starts a server of the lowest major here that is not below ``needed_major`` and has the extensions.

    ``lock_slots``: size of its lock table, so that what runs out of locks on the target does so here.
    Where none has them all, the lowest major is taken and ``missing_extensions`` names what it lacks. ServerError when no
    server of that major or a later one is installed, or it does not start.
    """
    missing: tuple[str, ...] = ()
    try:
        choose_installation(needed_major, extensions)
    except ServerError:
        tools = choose_installation(needed_major)
        missing = tuple(sorted(tools.missing_extensions(frozenset(extensions))))
    available = [extension for extension in extensions if extension not in missing]
    settings = {}
    if lock_slots is not None:
        settings["max_locks_per_transaction"] = str(max(10, lock_slots // int(SANDBOX["max_connections"])))
    server = EmbeddedServer.temporary(minimum_major=needed_major, extensions=available, settings=settings)
    server.start()
    return EmbeddedSandbox(server, missing)


def pytest_dbdeploy_sandbox_provider() -> object:
    """This module is the provider (``sandboxes.base.SandboxProvider``)."""
    return sys.modules[__name__]
