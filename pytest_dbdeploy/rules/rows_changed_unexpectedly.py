"""A statement updates, deletes or truncates rows of a table that existed before and that it does not name.

## Why it hurts

A foreign key with `ON DELETE CASCADE` or a trigger wrote there: rows are gone or different, and nothing in the migration says so.
Rows that a trigger only adds, as to an audit table, are a warning: they are one finding a table.

## The safe way

Say it, in a statement of its own, before the one that would do it unseen.

```sql
DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE total IS NULL);
DELETE FROM orders WHERE total IS NULL;
```
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..model import Finding, RowCounts, Severity, StatementEvidence
from .base import Rule, Seen, counted, found, place_of
from .removing import names_in_the_plan

#: What a block or a function writes is not in the text in any case.
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY")
_SAYS = (*_WRITES, "ALTER", "DROP", "CREATE")


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table, one a table where rows are only added; partitions go with their table."""
    made = {c.object for e in seen.evidence for c in e.created}
    return [*_changed(seen, made), *_added(seen, made)]


def _changed(seen: Seen, made: set[str]) -> list[Finding]:
    findings = []
    for evidence in seen.evidence:
        if not (evidence.tag or "").startswith(_SAYS):
            continue
        changed = [table for table, rows in evidence.rows.items() if rows.updated or rows.deleted]
        for table in (*changed, *evidence.truncated):
            if table in made or _says(seen, evidence, table):
                continue
            rows = evidence.rows.get(table, RowCounts())
            parts = [f"{n:,} {w}" for n, w in ((rows.updated, "updated"), (rows.deleted, "deleted")) if n]
            noun = "row" if rows.updated + rows.deleted == 1 else "rows"
            what = f"{', '.join(parts)} {noun} of {table}" if parts else f"{table} is emptied"
            message = f"{what} by a statement that does not name it"
            advice = "A CASCADE or a trigger does it: say it in a statement of its own where it is meant."
            findings.append(found(RULE.name, table, message, advice, place_of(evidence)))
    return findings


def _added(seen: Seen, made: set[str]) -> list[Finding]:
    by_table: dict[str, list[StatementEvidence]] = {}
    for evidence in seen.evidence:
        for table, rows in evidence.rows.items():
            only_added = rows.inserted and not (rows.updated or rows.deleted)
            writes = only_added and (evidence.tag or "").startswith(_WRITES)
            if writes and table not in made and not _says(seen, evidence, table):
                by_table.setdefault(table, []).append(evidence)
    findings = []
    for table, writing in by_table.items():
        count = sum(evidence.rows[table].inserted for evidence in writing)
        more = f", and of {len(writing) - 1} more" if len(writing) > 1 else ""
        message = f"{counted(count, 'row')} added to {table}, written by a trigger of a statement that does not name it{more}"
        advice = "An audit table is meant to get them. Where they are not meant, disable the trigger for the statement."
        finding = found(RULE.name, table, message, advice, place_of(writing[0]))
        findings.append(replace(finding, severity=Severity.WARN))
    return findings


def _says(seen: Seen, evidence: StatementEvidence, table: str | None) -> bool:
    while table:
        if any(_names(evidence.statement, name) for name in names_in_the_plan(seen, table)):
            return True
        table = seen.facts.parents.get(table)
    return _writes_through_a_view(seen, evidence)


def _writes_through_a_view(seen: Seen, evidence: StatementEvidence) -> bool:
    """A relation that the statement names, locked for writing, and yet no row was ever written to it."""
    with_rows = {*seen.facts.parents.values(), *(table for e in seen.evidence for table in e.rows)}
    return any(
        lock.mode == "RowExclusiveLock"
        and lock.relation not in with_rows
        and _names(evidence.statement, lock.relation)
        for e in seen.evidence
        for lock in e.locks
    )


def _names(statement: str, table: str) -> bool:
    bare = table.rpartition(".")[2].strip('"')
    return re.search(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", statement, re.IGNORECASE) is not None


RULE = Rule(
    "rows-changed-unexpectedly", Severity.BLOCK, "rows of a table that no statement names are changed", check
)
