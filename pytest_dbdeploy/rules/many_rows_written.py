"""One statement updates or deletes more than `thresholds.lock_rows` rows of a table that existed before, or takes all its rows away.

## Why it hurts

Each of these rows is locked until the commit, so whoever writes to one of them waits. The old versions stay in the table, and the WAL goes to every replica. A table that
is emptied (`DELETE` without `WHERE`, `TRUNCATE`) is told at any size: what was in it is lost.

## The safe way

In batches, each a transaction of its own.

```sql
UPDATE orders SET region = 'eu' WHERE region IS NULL AND id BETWEEN 1 AND 10000;
UPDATE orders SET region = 'eu' WHERE region IS NULL AND id BETWEEN 10001 AND 20000;
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen, found, place_of
from .locks import duration, rows_of


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table."""
    made = {c.object for e in seen.evidence for c in e.created}
    findings = []
    for evidence in seen.evidence:
        if evidence.tag is None:
            continue  # a command: nobody knows by how many statements
        emptied = [(table, rows_of(seen, table) or 0, "truncated") for table in evidence.truncated]
        for table, rows in evidence.rows.items():
            there = seen.facts.rows.get(table, 0)
            if table in made:
                continue
            if 0 < there <= rows.deleted:
                emptied.append((table, there, "deleted"))
            elif rows.updated + rows.deleted > seen.facts.lock_rows:
                parts = [
                    f"{n:,} {what}" for n, what in ((rows.updated, "updated"), (rows.deleted, "deleted")) if n
                ]
                message = f"{' and '.join(parts)} rows of {table} by one statement, in {duration(evidence.duration_seconds)} on the clone"
                advice = "Write in batches of some thousand rows, each in a transaction of its own."
                findings.append(found(RULE.name, table, message, advice, place_of(evidence)))
        for table, there, how in emptied:
            if there > 0:
                all_of_it = (
                    f"the one row of {table} is" if there == 1 else f"all {there:,} rows of {table} are"
                )
                message = f"{all_of_it} {how}"
                advice = "Make sure that nobody needs them any more: keep a copy, or move the table out of reach first."
                findings.append(found(RULE.name, table, message, advice, place_of(evidence)))
    return findings


RULE = Rule("many-rows-written", Severity.WARN, "one statement writes many rows", check)
