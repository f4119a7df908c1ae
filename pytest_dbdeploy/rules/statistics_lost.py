"""A change of type throws away what the planner knows of a column, and nobody analyses the table afterwards.

## Why it hurts

Until autovacuum comes by, which may take hours on a large table, queries over the column are planned blindly. Found where the table was
written anew: then all of it is affected. Where the deployment runs the statements itself, it analyses such tables, and nothing is found;
where a command does the work (`migrations.apply`), that has to.

## The safe way

```sql
ALTER TABLE orders ALTER COLUMN total TYPE bigint;
ANALYZE orders;
```
"""

from __future__ import annotations

from ..compare.names import parent_name, split_name
from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of, turned


def check(seen: Seen) -> list[Finding]:
    """One finding a column of another type, whose table nobody analyses afterwards."""
    if seen.facts.analyzes:
        return []
    rewritten = {table for e in seen.evidence for table in e.rewritten}
    analyzed = [
        e.statement.lower()
        for e in seen.evidence
        if "analyze" in (e.statement.split() or [""])[0].lower() or "vacuum" in (e.tag or "").lower()
    ]
    findings = []
    for change in changes_of(seen, ("column",), ChangeType.MODIFIED):
        table = parent_name(change.object)
        bare = split_name(table)[-1].lower()
        if turned(change, "type") is None or table not in rewritten:
            continue
        if any(bare in text or not text.split()[1:] for text in analyzed):
            continue
        message = f"the planner knows nothing of column {change.object} until {table} is analysed"
        findings.append(
            found(
                RULE.name,
                change.object,
                message,
                f"Add to the migration: ANALYZE {table};",
                responsible(change, seen.evidence),
            )
        )
    return findings


RULE = Rule(
    "statistics-lost",
    Severity.WARN,
    "a change of type loses the planner's statistics",
    check,
    "public.orders.total",
)
