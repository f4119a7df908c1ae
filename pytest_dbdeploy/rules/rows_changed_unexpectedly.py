"""A statement updates, deletes or truncates rows of a table that existed before and that it does not name.

## Why it hurts

A foreign key with `ON DELETE CASCADE` or a trigger wrote there: rows are gone or different, and nothing in the migration says so.

## The safe way

Say it, in a statement of its own, before the one that would do it unseen.

```sql
DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders WHERE total IS NULL);
DELETE FROM orders WHERE total IS NULL;
```
"""

from __future__ import annotations

import re

from ..model import Finding, RowCounts, Severity, StatementEvidence
from .base import Rule, Seen, found, place_of

#: What a block or a function writes is not in the text in any case.
_SAYS = ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY", "ALTER", "DROP", "CREATE")


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table; partitions go with their table."""
    made = {c.object for e in seen.evidence for c in e.created}
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
            what = f"{', '.join(parts)} rows of {table}" if parts else f"{table} is emptied"
            message = f"{what} by a statement that does not name it"
            advice = "A CASCADE or a trigger does it: say it in a statement of its own where it is meant."
            findings.append(found(RULE.name, table, message, advice, place_of(evidence)))
    return findings


def _says(seen: Seen, evidence: StatementEvidence, table: str | None) -> bool:
    while table:
        if _names(evidence.statement, table):
            return True
        table = seen.facts.parents.get(table)
    return False


def _names(statement: str, table: str) -> bool:
    bare = table.rpartition(".")[2].strip('"')
    return re.search(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", statement, re.IGNORECASE) is not None


RULE = Rule(
    "rows-changed-unexpectedly", Severity.BLOCK, "rows of a table that no statement names are changed", check
)
