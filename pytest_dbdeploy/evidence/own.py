"""Statements of a unit that touch only tables which it has made itself: the reading after them need not look at all locks.

The server goes through its whole lock table for a list of them, and the list grows with each table that is made, so that the readings of a
history in one transaction would cost more and more. What such a statement locks after all is found by the next whole reading; there is one at the end of each message and unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..model import Migration, StatementRef, Unit
from .known import Known

_SPACE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE = rf"(?P<table>(?:{_NAME}\s*\.\s*)?(?P<name>{_NAME}))(?![\w$.\"])"
_FLAGS = re.IGNORECASE | re.DOTALL
_MAKES = re.compile(rf"{_SPACE}create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?{_TABLE}", _FLAGS)
_WRITES = re.compile(rf"{_SPACE}insert\s+into\s+{_TABLE}", _FLAGS)
_INDEXES = re.compile(rf"{_SPACE}create\s+(?:unique\s+)?index\b[^()]*?\son\s+(?:only\s+)?{_TABLE}", _FLAGS)
_ALTERS = re.compile(rf"{_SPACE}alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?{_TABLE}", _FLAGS)
#: Words by which these touch more than their table and what they name.
_READS = frozenset({"select", "execute", "values"})
_REACHES = frozenset(
    {"drop", "type", "rename", "schema", "attach", "detach", "inherit", "of", "validate", "tablespace"}
)
#: Words anywhere in the plan, by which rows that are inserted may come to other tables.
_ELSEWHERE = frozenset({"trigger", "rule", "partition"})


class OwnWork:
    """``words``: of each statement of the plan."""

    def __init__(
        self,
        known: Known,
        migrations: Mapping[str, Migration],
        words: Mapping[StatementRef, frozenset[str]],
    ) -> None:
        self._known = known
        self._migrations = migrations
        self._words = words
        self._inserts_stay = all(_ELSEWHERE.isdisjoint(one) for one in words.values())
        self._written: dict[StatementRef, str] = {}

    def unit_started(self, unit: Unit) -> None:
        self._written = {}
        if not unit.transactional or len(unit.statements) < 2:
            return
        made: set[str] = set()
        for ref in unit.statements[:-1]:
            sql = self._migrations[ref.migration].statements[ref.index].sql
            new = _MAKES.match(sql)
            written = self._only_own(sql, self._words[ref], made, new)
            if written is not None and self._known.words().isdisjoint(self._words[ref]):
                self._written[ref] = written
            if new:
                made.add(_bare(new["name"]))

    def written(self, ref: StatementRef) -> str | None:
        """The table that the statement inserts into, as it says it, else an empty text; None where a whole reading must be."""
        return self._written.get(ref)

    def _only_own(
        self, sql: str, words: frozenset[str], made: set[str], new: re.Match[str] | None
    ) -> str | None:
        if new:
            return "" if _READS.isdisjoint(words) else None
        if found := _WRITES.match(sql):
            plain = self._inserts_stay and not {"'", "\\"} & set(found["table"])
            return found["table"] if plain and _bare(found["name"]) in made else None
        found = _INDEXES.match(sql) or (_ALTERS.match(sql) if _REACHES.isdisjoint(words) else None)
        return "" if found and _bare(found["name"]) in made else None


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
