"""A statement reads a table that existed before as a whole, under a lock that blocks writes or all.

## Why it hurts

The larger the table, the longer nobody writes. Adding a CHECK, `SET NOT NULL`, a foreign key, a unique constraint, a column with a CHECK,
attaching a partition, and a new partition beside a default one do that. So does a query after such a lock was taken in the same transaction:
of a table of at most `thresholds.lock_rows` rows that is not told, since any query reads a small table as a whole.

## The safe way

Promise first, prove later: `NOT VALID` takes no time, and `VALIDATE` lets reads and writes go on.

```sql
ALTER TABLE orders ADD CONSTRAINT total_there CHECK (total IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT total_there;
ALTER TABLE orders ALTER COLUMN total SET NOT NULL;  -- the constraint proves it: nothing is read
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen
from .locks import of_statements


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table, whatever its size."""
    message = "{relation}{size} is read as a whole while nobody may write to it, in {seconds} on the clone"
    advice = (
        "Add constraints NOT VALID and validate them in a migration after that; build indexes CONCURRENTLY."
    )
    return of_statements(seen, RULE.name, "scanned", message, advice)


RULE = Rule("scanned-under-lock", Severity.WARN, "a table is read as a whole under a lock", check)
