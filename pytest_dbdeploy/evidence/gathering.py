"""What one unit has locked and written so far: a reading says how it stands after a statement, the difference is the statement's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from ..model import Lock, RowCounts
from . import objects
from .known import Known
from .reading import Reading, State, entry, names, position
from .together import NotTogether

BLOCK_WRITES = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"})
EXCLUSIVE = "AccessExclusiveLock"
_INDEXES = "iI"
#: Tags of statements that do what is not in their text.
_SHOWS_NOTHING = ("DO", "SELECT", "CALL")
#: Fields of StatementEvidence.
Fields = dict[str, Any]


class Gathering:
    """``together``: several statements have run, so that nothing can be asked that the next one may have changed; NotTogether where it must.
    ``lsn``: the WAL position after the last reading. ``noting``: event triggers note what is altered."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.together = False
        self.noting = False
        self.lsn = 0
        self._locks: set[tuple[int, str]] = set()
        self._states: dict[int, State] = {}
        self._entries: set[str] = set()

    def begin(self, lsn: int) -> None:
        """A unit starts."""
        self.lsn = lsn
        self._locks, self._states, self._entries = set(), {}, set()
        self.known.index_names.clear()

    def committed(self) -> None:
        """The unit's files are what the next one finds."""
        for oid, state in self._states.items():
            self.known.filenodes[oid] = state.filenode

    def may_rename(self, tag: str | None, altered: object) -> bool:
        """Whether a block, query or call may have given a relation another name: that is not in its text."""
        return (tag or "").startswith(_SHOWS_NOTHING) and bool(altered or not self.noting)

    def perhaps_renamed(self) -> list[int]:
        """Relations of before the plan whose locks allow to rename them: of an index a weaker one will do."""
        return [
            oid
            for oid, mode in self._locks
            if mode in (EXCLUSIVE, "ShareUpdateExclusiveLock") and oid in self.known
        ]

    def of_reading(
        self,
        conn: psycopg.Connection[Any],
        text: str,
        tag: str | None,
        reading: Reading,
        *,
        renames: bool,
        whole: bool = True,
    ) -> Fields:
        """What a statement did, by the reading after it. ``renames``: its text speaks of names. ``whole``: the reading has all locks."""
        lsn = position(reading.lsn)
        found: Fields = {"wal_bytes": lsn - self.lsn}
        self.lsn = lsn
        if reading.noted:
            seen = objects.parse(reading.noted)
            found["created"], found["altered"], found["dropped"] = seen[:3]
        if renames or self.may_rename(tag, found.get("altered")):
            self.known.made.clear()
        if reading.noted:
            self.known.made.update(seen.tables)
            self.known.index_names.update(seen.indexes)
        entries = set(reading.locked.split(",")) if reading.locked else set()
        # Most of what the transaction has locked is as the statement before left it.
        fresh = [entry(one) for one in entries - self._entries]
        self._entries = entries if whole else self._entries | entries
        if fresh:
            changed = {oid: now for oid, _, now in fresh if self._states.get(oid) != now}
            earlier = {oid: self._states.get(oid) or State(self.known.filenodes.get(oid)) for oid in changed}
            found |= self.of_locks(text, {(oid, mode) for oid, mode, _ in fresh})
            if changed:
                self._states.update(changed)
                self.add_states(found, conn, tag, earlier, changed)
        return found

    def of_locks(self, text: str, locks: set[tuple[int, str]]) -> Fields:
        """Which of the locks (oid, mode) are new, of relations that existed before."""
        fresh = [lock for lock in locks - self._locks if lock[0] in self.known]
        # What the transaction has renamed is still known by its old name.
        exclusive = {oid for oid, mode in self._locks if mode == EXCLUSIVE} if fresh else set()
        found = sorted((self.known[oid].name, mode, oid) for oid, mode in fresh)
        self._locks |= locks
        return {
            "locks": tuple(
                Lock(name, mode, oid in exclusive or names(text, name)) for name, mode, oid in found
            ),
            "sizes": self.known.sizes(oid for _, _, oid in found),
        }

    def add_states(
        self,
        found: Fields,
        conn: psycopg.Connection[Any],
        tag: str | None,
        before: Mapping[int, State],
        after: Mapping[int, State],
    ) -> None:
        """What is written anew, scanned and changed. ``after``: those relations at least that are not as before."""
        replaced, scanned, written, gone = set(), set(), {}, set()
        locked = {oid for oid, mode in self._locks if mode in BLOCK_WRITES}
        for oid, now in after.items():
            was = before.get(oid, State())
            if now[2:] != was[2:]:
                # The counters of a transaction are set back by TRUNCATE.
                rows = RowCounts(
                    max(0, now.inserted - was.inserted),
                    max(0, now.updated - was.updated),
                    max(0, now.deleted - was.deleted),
                )
                if rows != RowCounts():
                    written[oid] = rows
            if oid not in self.known or self.known[oid].kind == "S":
                continue
            if was.filenode is not None and now.filenode is None:
                gone.add(oid)
            elif was.filenode != now.filenode:
                replaced.add(oid)
            elif now.scans > was.scans and oid in locked:
                scanned.add(oid)
        replaced |= self._made_again(conn, {oid for oid in gone if self.known[oid].kind == "i"})
        truncated = self._truncated(conn, tag or "", replaced)
        names = self._names_of(conn, written)
        found["rewritten"] = self.known.names(replaced - truncated, "rm")
        found["rebuilt"] = () if truncated else self.known.names(replaced, _INDEXES)
        found["scanned"] = self.known.names(scanned, "rm")
        found["truncated"] = self.known.names(truncated, "r")
        found["rows"] = {names[oid]: rows for oid, rows in written.items() if oid in names}
        found["sizes"].update(self.known.sizes(replaced | scanned))

    def _made_again(self, conn: psycopg.Connection[Any], indexes: set[int]) -> set[int]:
        """Of indexes that are gone, those that are there again under their name, with a new file: a type change makes them so."""
        if not indexes:
            return set()
        self._ask()
        again = self.known.made_again(conn, indexes)
        return {oid for oid, rebuilt in again.items() if rebuilt}

    def _truncated(self, conn: psycopg.Connection[Any], tag: str, replaced: set[int]) -> set[int]:
        """Those of the tables with new files that were emptied on purpose."""
        tables = [oid for oid in replaced if self.known[oid].kind == "r"]
        if not tables or tag.startswith(("ALTER", "CREATE", "DROP", "CLUSTER", "VACUUM")):
            return set()
        if tag == "TRUNCATE TABLE":
            return set(tables)
        self._ask()
        rows = conn.execute(
            "select oid::bigint from pg_catalog.pg_class where oid = any(%s) and pg_catalog.pg_relation_size(oid) = 0",
            [tables],
        )
        return {row[0] for row in rows}

    def _names_of(self, conn: psycopg.Connection[Any], oids: Iterable[int]) -> dict[int, str]:
        """Names of tables, those too that the plan itself has made."""
        unknown = [oid for oid in oids if self.known.name(oid) is None]
        if unknown:
            self._ask()
            self.known.name_made(conn, unknown)
        return {oid: name for oid in oids if (name := self.known.name(oid)) is not None}

    def _ask(self) -> None:
        if self.together:
            raise NotTogether
