"""A lock that blocks reads or writes is held while later statements of the same transaction work.

## Why it hurts

An `ALTER TABLE` of a millisecond blocks the table for as long as the transaction lasts: a backfill after it, an index, or a change of another table.

## The safe way

End the transaction after the quick change; most tools run each migration in its own.

```sql
-- 0007_add_column.sql
ALTER TABLE orders ADD COLUMN region text;
-- 0008_fill.sql
UPDATE orders SET region = 'eu' WHERE id BETWEEN 1 AND 10000;
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen, found, place_of
from .locks import BLOCKS_READS, duration, held, size, words

#: Of ``thresholds.lock_seconds``: shorter work after the lock was taken is nothing to speak of.
_SHARE = 0.1


def check(seen: Seen) -> list[Finding]:
    """One finding a table, at the statement that locked it first."""
    findings = []
    told: set[tuple[str, str]] = set()
    for evidence in seen.evidence:
        for lock in held(evidence):
            later = lock.seconds - evidence.duration_seconds
            # A lock that the same transaction takes after a stronger one changes nothing.
            again = any((lock.relation, mode) in told for mode in (lock.mode, *BLOCKS_READS))
            if again or later < max(_SHARE * seen.facts.lock_seconds, 0.001):
                continue
            told.add((lock.relation, lock.mode))
            known = size(seen, lock.relation)
            message = f"{words(lock.mode)} on {lock.relation}{f' ({known})' if known else ''} is held for {duration(later)} more, while later statements work"
            advice = "Put what comes after it into a migration, and so a transaction, of its own."
            findings.append(found(RULE.name, lock.relation, message, advice, place_of(evidence)))
    return findings


RULE = Rule("lock-held-across-statements", Severity.WARN, "a lock is held while later statements work", check)
