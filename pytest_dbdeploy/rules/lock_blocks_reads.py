"""A statement holds ACCESS EXCLUSIVE on a table that existed before, for longer than `thresholds.lock_seconds`, or writes or reads a table of
more than `thresholds.lock_rows` rows as a whole under it.

## Why it hurts

Until the commit nobody can even read the table. Whoever comes waits, and whoever comes after waits behind them: the connections run out. The
seconds are those on the clone, with nobody else there.

## The safe way

Split what is quick and needs the lock from what is slow and does not.

```sql
ALTER TABLE orders ADD COLUMN total_new bigint;               -- quick
UPDATE orders SET total_new = total WHERE id BETWEEN 1 AND 10000;  -- in batches, in transactions of their own
ALTER TABLE orders ADD CONSTRAINT c CHECK (total_new IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT c;                     -- lets reads and writes go on
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen
from .locks import BLOCKS_READS, findings

_ADVICE = "Do the slow part without the lock: a new column filled in batches, constraints NOT VALID and then VALIDATE, indexes CONCURRENTLY."


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table."""
    return findings(seen, RULE.name, BLOCKS_READS, "nobody reads or writes it until the commit", _ADVICE)


RULE = Rule(
    "lock-blocks-reads", Severity.BLOCK, "a table can be neither read nor written for too long", check
)
