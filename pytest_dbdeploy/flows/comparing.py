"""Reads all sides of a comparison, each once, at the same time; through the hub, or over connections of our own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import psycopg

from ..actions.hub import Hub, open_hub
from ..compare.snapshot import Known, Snapshot, read_snapshot
from ..compare.transport import Direct, ThroughHub
from ..db.installation import choose_installation
from ..db.lines import shut_down
from ..db.server import EmbeddedServer
from ..db.url import DatabaseUrl
from ..db.watch import watched
from ..errors import DbDeployError, ServerError, TargetError
from ..model import NotCompared
from .workspace import Workspace, error_text

_INTERRUPTIBLE_DBLINK = 17
_OLDEST = 15
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Side:
    """One database. ``identity``: equal for two ways to one and the same database. ``schemas``: plain names of all.

    ``texts``: how it was created to hold texts. ``large_objects``: how many it has.
    """

    label: str
    url: DatabaseUrl
    server_version: str
    standby: bool
    identity: tuple[Any, ...]
    schemas: frozenset[str]
    texts: str
    large_objects: int

    def as_json(self) -> dict[str, Any]:
        """For schema-comparison.json."""
        return {
            "name": self.label,
            "server": self.url.label,
            "serverVersion": self.server_version,
            "standby": self.standby,
        }


class Reading:
    """The sides of one comparison. ``hub_error``: why the hub is not used although it was to be, or None."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.settings = workspace.settings
        self.sides: list[Side] = []
        self.hub: Hub | None = None
        self.hub_error: str | None = None
        self._open: list[psycopg.Connection[Any]] = []

    @property
    def transport(self) -> str:
        return "direct" if self.hub is None else "hub"

    def open(self) -> None:
        """Opens the hub, unless connections are to be direct."""
        wanted = self.settings.compare.transport
        if wanted == "direct":
            return
        try:
            self.hub = self._open_hub()
        except DbDeployError as error:
            if wanted == "hub":
                raise
            self.hub_error = error_text(error)

    def reach(self) -> None:
        """Reaches every side. DbDeployError names the one that fails."""
        for label, environment in self.settings.compared:
            url = self.workspace.open_database(environment.database.reveal(), name=label)
            self.sides.append(self._look_at(label, url))

    def _look_at(self, label: str, url: DatabaseUrl) -> Side:
        with self.workspace.connect(url, "compare", read_only=True) as conn:
            try:
                row = conn.execute(
                    "select current_setting('server_version'), pg_is_in_recovery(), array(select nspname::text from pg_namespace),"
                    " pg_encoding_to_char(encoding) || ' with collation ' || datcollate || ' and character types ' || datctype,"
                    " (select count(*) from pg_largeobject_metadata), pg_postmaster_start_time()::text, oid::int8"
                    " from pg_database where datname = current_database()"
                ).fetchone()
            except psycopg.Error as error:
                raise TargetError(f"{label} cannot be read: {error.diag.message_primary or error}") from None
            assert row is not None
            version, standby, schemas, texts, large_objects, *identity = row
            return Side(
                label,
                url,
                version.split()[0],
                standby,
                tuple(identity),
                frozenset(schemas),
                texts,
                large_objects,
            )

    def _open_hub(self) -> Hub:
        try:
            choose_installation(_INTERRUPTIBLE_DBLINK)
            minimum = _INTERRUPTIBLE_DBLINK
        except ServerError:
            minimum = _OLDEST
        server = self.workspace.stack.enter_context(EmbeddedServer.temporary(minimum_major=minimum))
        databases = {_server(number): side.url for number, side in enumerate(self.sides)}
        timeout = self.settings.timeouts.connect
        hub = open_hub(server.url, databases, tables=False, connect_timeout=timeout)
        self.workspace.stack.callback(hub.close)
        return hub

    # -- reading -------------------------------------------------------------------------------------------------

    def snapshots(self) -> list[Snapshot]:
        """Of each side in turn."""
        known: Known = {}
        found = self._of_each(lambda number: self._snapshot(number, known))
        unread = self._large_objects()
        return [replace(one, not_compared=(*one.not_compared, *unread)) for one in found]

    def _large_objects(self) -> list[NotCompared]:
        """They are rows of no table and no schema; that their numbers differ is all that is known of them."""
        compare = self.settings.compare
        numbers = {side.large_objects for side in self.sides}
        if len(numbers) == 1 or compare.rows == "none" or compare.schemas is not None:
            return []
        told = ", ".join(f"{side.large_objects} in {side.label}" for side in self.sides)
        return [NotCompared("large object", "*", f"large objects are not compared, and there are {told}")]

    def _of_each(self, read: Callable[[int], T]) -> list[T]:
        with ThreadPoolExecutor(max_workers=len(self.sides)) as pool:
            futures = [pool.submit(read, number) for number in range(len(self.sides))]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                failed = [future for future in futures if future.done() and future.exception()]
                return [future.result() for future in failed or futures]
            except BaseException:
                for conn in list(self._open):
                    shut_down(conn)
                raise

    def _snapshot(self, number: int, known: Known) -> Snapshot:
        side, compare = self.sides[number], self.settings.compare
        url = self.hub.url if self.hub else side.url
        timeout = self.settings.timeouts.connect
        with self.workspace.connect(
            url, "compare", read_only=self.hub is None, autocommit=self.hub is not None
        ) as conn:
            self._open.append(conn)
            with watched(conn, side.url, connect_timeout=timeout):
                return read_snapshot(
                    ThroughHub(conn, _server(number), name=side.label)
                    if self.hub
                    else Direct(conn, name=side.label),
                    exclude_schemas=self.settings.state.own_schemas,
                    schemas=compare.schemas,
                    known=known,
                )

    # -- what to say of it ---------------------------------------------------------------------------------------

    def notes(self) -> list[str]:
        """What a reader of the verdict must know."""
        notes = []
        seen: dict[tuple[Any, ...], str] = {}
        for side in self.sides:
            first = seen.setdefault(side.identity, side.label)
            if first is not side.label:
                notes.append(f"{first} and {side.label} are one and the same database: nothing can differ")
            if side.standby:
                notes.append(f"{side.label} is a standby: it is compared as far as it has come")
        schemas = self.settings.compare.schemas
        if schemas is not None:
            notes.append(f"compare.schemas: only {', '.join(schemas)}, and nothing that is in no schema")
        if len({side.texts for side in self.sides}) > 1:
            told = ", ".join(f"{side.label} is {side.texts}" for side in self.sides)
            notes.append(f"what a database was created with is not compared: {told}")
        if all(side.large_objects for side in self.sides) and not self._large_objects():
            told = ", ".join(f"{side.large_objects} in {side.label}" for side in self.sides)
            notes.append(f"large objects are not compared: {told}")
        if self.hub_error is not None:
            notes.append(f"compared over direct connections, without the hub: {self.hub_error}")
        return notes

    def check_schemas(self) -> None:
        """TargetError when ``compare.schemas`` names a schema that no side has: a misspelt one would compare nothing."""
        for schema in self.settings.compare.schemas or ():
            if not any(schema in side.schemas for side in self.sides):
                raise TargetError(
                    f"compare.schemas: none of {', '.join(side.label for side in self.sides)} has a schema {schema}",
                    hint="Correct the name in dbdeploy.yaml; it is written without quotes.",
                )


def _server(number: int) -> str:
    return f"db{number}"
