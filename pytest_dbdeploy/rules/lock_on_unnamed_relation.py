"""A statement takes a lock that blocks writes on a table that its text does not name.

## Why it hurts

Who reads the migration does not see that this table is concerned. Dropping a table locks those that its foreign keys refer to;
a changed domain locks every table that uses it; a new partition locks its parent and the default partition.

## The safe way

Nothing has to be changed where the lock is short. Take it with a timeout, and know that it is there.

```sql
SET LOCAL lock_timeout = '2s';
ALTER TABLE order_lines DROP CONSTRAINT order_lines_order_id_fkey;  -- locks orders as well
DROP TABLE order_lines;
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen, found, place_of
from .locks import duration, held, size, words


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and table; partitions go with their table."""
    findings = []
    for evidence in seen.evidence:
        if evidence.tag is None or "INDEX" in evidence.tag:
            continue  # a command names nothing; an index is named instead of its table
        locks = list(held(evidence))
        named = {lock.relation for lock in locks if lock.named}
        gone = {d.object for d in evidence.dropped}
        for lock in locks:
            if lock.named or seen.facts.parents.get(lock.relation) in named or lock.relation in gone:
                continue
            known = size(seen, lock.relation)
            message = f"{words(lock.mode)} for {duration(lock.seconds)} on {lock.relation}{f' ({known})' if known else ''}, which the statement does not name"
            advice = "Nothing is wrong with it when it is short: set lock_timeout, and choose a quiet time for a busy table."
            findings.append(found(RULE.name, lock.relation, message, advice, place_of(evidence)))
    return findings


RULE = Rule("lock-on-unnamed-relation", Severity.WARN, "a table is locked that no statement names", check)
