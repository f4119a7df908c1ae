"""What the fixtures hand to gates: a database to ask, the clone, the application."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from ..errors import DbDeployError
from ..secret import MASK, redactor

if TYPE_CHECKING:
    import psycopg
    import requests

Params = Sequence[Any] | Mapping[str, Any] | None

_open: list[Database] = []


class Database:
    """One database. ``fetch`` and ``scalar`` share a connection that is opened when first needed and ends with the gate.

    What a gate writes is rolled back at its end. ``url`` holds the password; ``repr`` does not.
    """

    def __init__(self, url: str, *, name: str, read_only: bool) -> None:
        self.url = url
        self._name = name
        self._read_only = read_only
        self._shared: psycopg.Connection[tuple[Any, ...]] | None = None
        self._of_gate: list[psycopg.Connection[tuple[Any, ...]]] = []
        self._of_phase: list[psycopg.Connection[tuple[Any, ...]]] = []
        redactor.register(url)

    def __repr__(self) -> str:
        return f"<{self._name} database, url={MASK}>"

    def __enter__(self) -> Self:
        _open.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _open.remove(self)
        self.close()

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of one's own, closed when the gate ends (when the phase ends, if a session or module fixture opened it)."""
        __tracebackhide__ = True
        connection = self._connect()
        (self._of_phase if in_wider_fixture() else self._of_gate).append(connection)
        return connection

    def fetch(self, sql: str, params: Params = None) -> list[dict[str, Any]]:
        """The rows, each a dict by column name. A statement that fails undoes only itself."""
        __tracebackhide__ = True
        return [dict(zip(names, row, strict=True)) for names, row in self._rows(sql, params)]

    def scalar(self, sql: str, params: Params = None) -> Any:
        """The first column of the first row; None when there is no row."""
        __tracebackhide__ = True
        for _, row in self._rows(sql, params):
            return row[0]
        return None

    def _rows(self, sql: str, params: Params) -> list[tuple[list[str], tuple[Any, ...]]]:
        __tracebackhide__ = True
        if self._shared is None or self._shared.closed:
            self._shared = self._connect()
            self._shared.execute("select 1")  # opens the transaction that the savepoints below are in
        with self._shared.transaction():
            cursor = self._shared.execute(cast("Any", sql), params)
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [(names, row) for row in cursor.fetchall()]

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Fails the gate with the server's message, not with a traceback, when the database cannot be reached."""
        __tracebackhide__ = True
        from ..db.connect import connect
        from ..db.url import DatabaseUrl

        try:
            return connect(
                DatabaseUrl.parse(self.url, name=self._name), purpose="gate", read_only=self._read_only
            )
        except DbDeployError as error:
            message = redactor.redact(str(error))
        pytest.fail(message, pytrace=False)

    def end_of_gate(self) -> None:
        """Closes what the gate opened; what it wrote is rolled back."""
        if self._shared is not None:
            self._of_gate.append(self._shared)
            self._shared = None
        _close(self._of_gate)

    def end_transactions(self) -> None:
        """Read only, so that nothing is lost."""
        for connection in (self._shared, *self._of_gate, *self._of_phase):
            if self._read_only and connection is not None:
                with contextlib.suppress(Exception):  # in a block of its own, or broken
                    connection.rollback()

    def close(self) -> None:
        """No connection is left."""
        self.end_of_gate()
        _close(self._of_phase)


def _close(connections: list[psycopg.Connection[tuple[Any, ...]]]) -> None:
    while connections:
        with contextlib.suppress(Exception):  # a connection that is broken is closed
            connection = connections.pop()
            connection.close()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The clone as it was, and migrated."""

    before: Database
    after: Database


class App:
    """HTTP client for the environment's application. Redirects are followed; nothing is retried.

    ``headers``: go with every request to the application, and nowhere else.
    """

    def __init__(self, url: str | None, *, timeout: float, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.timeout = timeout
        self._headers = dict(headers or {})
        self._session: requests.Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()

    def get(self, path: str = "/", **options: Any) -> requests.Response:
        """GETs ``path`` below the application's URL; ``options`` as of ``requests.get``. No answer fails the gate."""
        __tracebackhide__ = True
        import requests

        if not self.url:
            pytest.fail(
                "this environment has no app_url: set it in dbdeploy.yaml, or NAME_URL", pytrace=False
            )
        self._session = self._session or _session(self._headers)
        address = self.url.rstrip("/") + "/" + path.lstrip("/")
        try:
            return self._session.get(address, **{"timeout": self.timeout, **options})
        except requests.RequestException as error:
            message = redactor.redact(f"GET {address} gave no answer: {error}")
        pytest.fail(message, pytrace=False)


def _session(headers: Mapping[str, str]) -> requests.Session:
    import requests

    class OfOneHost(requests.Session):
        """A redirect to another host takes the credentials of this one away; requests does so with its own only."""

        def rebuild_auth(self, request: requests.PreparedRequest, response: requests.Response) -> None:
            super().rebuild_auth(request, response)  # type: ignore[no-untyped-call]  # by requests
            here, there = response.request.url or "", request.url or ""
            if self.should_strip_auth(here, there):  # type: ignore[no-untyped-call]  # by requests
                for name in headers:
                    request.headers.pop(name, None)

    session = OfOneHost()
    session.headers.update(headers)
    return session


# -- when connections end --------------------------------------------------------------------------------------

_scopes: list[str] = []


def in_wider_fixture() -> bool:
    """Whether a fixture that outlives the gate is being set up."""
    return any(scope != "function" for scope in _scopes)


@contextlib.contextmanager
def setting_up(scope: str) -> Any:
    """Around the setup of a fixture of this scope."""
    _scopes.append(scope)
    try:
        yield
    finally:
        _scopes.pop()


def end_of_gate() -> None:
    """After each gate, its own fixtures torn down: no connection of it is left."""
    for database in _open:
        database.end_of_gate()


def close_all() -> None:
    """Gates do not end by themselves: no connection of any is left."""
    for database in _open:
        database.close()


def end_transactions() -> None:
    """Nobody else waits for a gate that a person looks into."""
    for database in _open:
        database.end_transactions()
