"""Which statements go to the server in one message, each with its reading: the journeys there and back cost more than the readings.

A statement of which something must be asked right after it, is the last of its message. When a message fails, or leaves something to ask, its transaction is rolled
back and its statements are run one by one: it says no more than that something in it failed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from ..model import Migration, Statement, StatementRef
from .known import Known
from .reading import Reading, entry

_MOST_BYTES = 256 * 1024
#: Larger databases are rehearsed one statement a message: there it is not the journeys that take long, and nothing is done twice.
SMALL = 256 * 1024**2
#: What the server takes in any transaction, and of which nothing needs to be asked as a rule; where it does, that is found out.
_PLAIN = re.compile(
    r"""(?:\s|--[^\n]*\n|/\*.*?\*/)*
    (?: insert\b | update\b | delete\b | select\b | with\b | values\b | do\b | comment\b | grant\b | revoke\b
      | create\s+(?:or\s+replace\s+)?(?:unique\s+index|table|index|sequence|view|type|domain|function|trigger|policy)\b
      | drop\s+(?:table|index|sequence|view|type|domain|function|trigger|policy)\b
      | alter\s+(?:table|sequence|view|index)\b )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
#: What may be the last of a message.
_LAST = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:do|select|alter|create|drop|merge|truncate|refresh|analyze)\b",
    re.IGNORECASE | re.DOTALL,
)
#: What the server may refuse in a transaction would be run twice.
_REFUSED = frozenset(
    {
        *("concurrently", "database", "tablespace", "system", "subscription"),
        *("commit", "rollback", "call", "value"),
    }
)
_MAY_ALTER = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:alter|do)\b", re.IGNORECASE | re.DOTALL)
#: A changed type makes indexes again, which must be looked at before the next statement changes them too.
_CLOSES = frozenset({"type", "tablespace", "detach", "truncate"})


#: What may ask sequences for numbers, itself or by a trigger.
_ASKS = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:insert|update|delete|merge|select|with|values|do)\b",
    re.IGNORECASE | re.DOTALL,
)
#: Of these nothing has to be asked right after them, where no routine does more than they say.
_SAYS_ALL = re.compile(
    r"""(?:\s|--[^\n]*\n|/\*.*?\*/)*
    (?: insert\b | update\b | delete\b | comment\b | grant\b | create\s+(?:unlogged\s+)?table\b | create\s+(?:unique\s+)?index\b
      | create\s+(?:sequence|view|type|domain)\b | alter\s+table\b )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_SAYS_MORE = frozenset({"temp", "temporary", "rename", "schema", "execute", "truncate"})


def numbers_may_differ(
    refs: Sequence[StatementRef],
    migrations: Mapping[str, Migration],
    words: Mapping[StatementRef, frozenset[str]],
    *,
    routines: bool,
) -> bool:
    """Whether the statements may ask sequences for numbers, and may have to be run again: no rollback gives the numbers back, so they would
    get others than on the target. ``routines``: whether some routine may alter what there is. What fails really fails again in any case."""
    texts = [migrations[ref.migration].statements[ref.index].sql for ref in refs]
    if not any(map(_ASKS.match, texts)):
        return False
    return (
        routines
        or not all(map(_SAYS_ALL.match, texts))
        or not all(_SAYS_MORE.isdisjoint(words[r]) for r in refs)
    )


class NotTogether(Exception):
    """Rolled back; to be run one by one. ``written``: rows that were written in vain, by table."""

    def __init__(self, written: Mapping[str, int] | None = None) -> None:
        self.written = written or {}
        super().__init__("to be run one by one")


def that_go_along(
    refs: Sequence[StatementRef],
    migrations: Mapping[str, Migration],
    words: Mapping[StatementRef, frozenset[str]],
) -> tuple[StatementRef, ...]:
    """Those at the beginning that may stand in one message. ``words``: of each."""
    found = []
    size = 0
    for ref in refs:
        statement = migrations[ref.migration].statements[ref.index]
        size += len(statement.sql)
        if size > _MOST_BYTES:
            break
        alone = not _goes_along(statement, words[ref])
        if alone and not _may_close(statement, words[ref]):
            break
        found.append(ref)
        if alone:
            break
    return tuple(found)


def send(
    conn: psycopg.Connection[Any], begin: bytes, texts: Sequence[str], readings: Sequence[bytes]
) -> list[tuple[str | None, Reading]]:
    """Runs the statements, after what begins their transaction (``begin``; empty within one): of each its tag, and its reading of ``readings``.
    NotTogether when one fails."""
    pairs = zip(texts, readings, strict=True)
    try:
        cursor = conn.execute(
            begin + b"".join(text.encode() + b"\n;\n" + reading + b"\n;\n" for text, reading in pairs)
        )
        results = []
        for at, _ in enumerate(texts):
            if at or begin:
                cursor.nextset()
            tag = cursor.statusmessage
            cursor.nextset()
            results.append((tag, Reading(*cursor.fetchone() or ())))
        if cursor.nextset():
            raise NotTogether
    except psycopg.Error:
        raise NotTogether from None
    return results


def written_in_vain(last: Reading, known: Known, monitor: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows by table that a transaction wrote, as the server counts them once it is rolled back: none of tables that it emptied, or has made.
    ``monitor``: another session, which sees what was there before it."""
    states = {oid: state for oid, _, state in map(entry, last.locked.split(","))} if last.locked else {}
    written = {oid: state for oid, state in states.items() if any(state[2:])}
    there = {oid: (name, filenode) for oid, name, filenode in known.ask(monitor, written)}
    return {
        there[oid][0]: sum(state[2:])
        for oid, state in written.items()
        if oid in there and state.filenode == there[oid][1]
    }


def _goes_along(statement: Statement, words: frozenset[str]) -> bool:
    if statement.data is not None or not _REFUSED.isdisjoint(words) or not _PLAIN.match(statement.sql):
        return False
    return not (_MAY_ALTER.match(statement.sql) and not _CLOSES.isdisjoint(words))


def _may_close(statement: Statement, words: frozenset[str]) -> bool:
    """Whether it may be the last in a message: what must be asked after it, still can."""
    return statement.data is None and _REFUSED.isdisjoint(words) and _LAST.match(statement.sql) is not None
