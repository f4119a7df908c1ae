"""What a reading says of the relations that a transaction has locked (db/sql/evidence_reading.sql), and whether a text names one."""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from ..db.sql import query


class State(NamedTuple):
    """Of one relation: file node; scans and written rows so far."""

    filenode: int | None = None
    scans: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


class Reading(NamedTuple):
    """``began``, ``ended``: seconds since the message arrived in which it came. ``lsn``: as the server writes it. ``noted``: by the event
    triggers. ``locked``: entries."""

    began: float
    lsn: str
    noted: str | None
    locked: str | None
    ended: float


def reading_of(locks: LiteralString) -> LiteralString:
    """The query for a reading of the locks that the SQL file ``locks`` gives."""
    return query("evidence_reading").replace("{relations}", query(locks))


def entry(text: str) -> tuple[int, str, State]:
    """A lock as a reading has it: oid, mode, state of the relation."""
    oid, mode, filenode, *counters = text.split(" ")
    return int(oid), mode, State(int(filenode) or None, *map(int, counters))


def position(lsn: str) -> int:
    """A WAL position in bytes."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def names(statement: str, relation: str) -> bool:
    """Whether the statement's text names the relation: its bare name as a word, quoted or not."""
    text, bare = statement.lower(), relation.rsplit(".", 1)[-1].strip('"').lower()
    at = text.find(bare)
    while at >= 0:
        if not _in_word(text[at - 1 : at]) and not _in_word(text[at + len(bare) : at + len(bare) + 1]):
            return True
        at = text.find(bare, at + 1)
    return False


def _in_word(character: str) -> bool:
    return character.isalnum() or (character != "" and character in "_$")
