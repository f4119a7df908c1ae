"""What every sandbox is: a throw-away server on which we are superuser."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ..db.locale import DatabaseLocale
from ..db.url import DatabaseUrl


class Sandbox(Protocol):
    """A running sandbox server.

    ``admin_url``: superuser, database ``postgres``. ``missing_extensions``: those asked for that it cannot create.
    ``notes``: what is not as it was asked for, for the report.
    """

    @property
    def major(self) -> int: ...

    @property
    def admin_url(self) -> DatabaseUrl: ...

    @property
    def missing_extensions(self) -> tuple[str, ...]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def url(self, dbname: str) -> DatabaseUrl:
        """The superuser's URL of a database."""

    def create_database(
        self, name: str, *, template: str | None = None, locale: DatabaseLocale | None = None
    ) -> DatabaseUrl:
        """Makes a database: empty, or a copy of ``template`` (which nobody may be connected to).

        ``locale``: of an empty one; where the server does not have it, its own is taken and a note says so.
        """

    def drop_database(self, name: str) -> None:
        """Drops a database and ends its connections; nothing when it is not there."""

    def close(self, *, keep: bool = False) -> None:
        """Removes the server with all its data; with ``keep`` it goes on running until ``dbdeploy clean``."""


class SandboxProvider(Protocol):
    """Opens sandboxes. ``name``: as in ``sandbox.provider``."""

    name: str

    def open(
        self, needed_major: int, extensions: Collection[str] = (), *, lock_slots: int | None = None
    ) -> Sandbox:
        """A server of at least ``needed_major``, with as many of ``extensions`` as can be had. ServerError.

        ``lock_slots``: size of its lock table, as on the target.
        """
