"""A statement holds SHARE, SHARE ROW EXCLUSIVE or EXCLUSIVE on a table that existed before, for longer than `thresholds.lock_seconds`, or reads
a table of more than `thresholds.lock_rows` rows as a whole under it.

## Why it hurts

Until the commit every INSERT, UPDATE and DELETE waits: building an index, adding a foreign key (on both tables), or a new table that
refers to this one do that.

## The safe way

Build indexes concurrently; add foreign keys without looking at the rows, and validate them afterwards.

```sql
CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_id_fkey;
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen
from .locks import BLOCKS_WRITES, findings

_ADVICE = (
    "CREATE INDEX CONCURRENTLY; a foreign key NOT VALID, and VALIDATE CONSTRAINT in a migration after it."
)


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table."""
    return findings(seen, RULE.name, BLOCKS_WRITES, "nobody writes to it until the commit", _ADVICE)


RULE = Rule("lock-blocks-writes", Severity.BLOCK, "a table cannot be written to for too long", check)
