"""A statement writes a table that existed before anew, row by row.

## Why it hurts

It holds ACCESS EXCLUSIVE, takes the table's size again on disk, and all of it goes into the WAL and to the replicas. Columns with a volatile
default, `serial`, identity and stored generated columns do that, and most changes of type; `VACUUM FULL` and `CLUSTER`, too.

## The safe way

Add the column without the default, set the default for new rows, and fill the old ones in batches.

```sql
ALTER TABLE orders ADD COLUMN token uuid;
ALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid();
UPDATE orders SET token = gen_random_uuid() WHERE token IS NULL AND id BETWEEN 1 AND 10000;
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen
from .locks import of_statements


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table, whatever its size."""
    message = "{relation}{size} is written anew as a whole, in {seconds} on the clone"
    advice = "Avoid it where the table is large or will be: add a column without it, fill it in batches, exchange them."
    return of_statements(seen, RULE.name, "rewritten", message, advice)


RULE = Rule("table-rewritten", Severity.WARN, "a table is written anew", check)
