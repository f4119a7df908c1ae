"""A statement builds an index that existed before anew, though its table stays.

## Why it hurts

It takes as long as building it, under a lock that blocks writes or all. A changed collation, `text` to `citext`, and a widened column in the
predicate or expression of an index do that, as does `REINDEX`.

## The safe way

```sql
REINDEX INDEX CONCURRENTLY orders_customer;
```

For a change of type: drop the index concurrently before it, and build it concurrently after it.
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen, found, place_of
from .locks import duration


def check(seen: Seen) -> list[Finding]:
    """One finding a statement and index; those of a table that is written anew are the business of table-rewritten."""
    advice = (
        "REINDEX CONCURRENTLY; around a change of type, drop the index and build it again, both CONCURRENTLY."
    )
    return [
        found(
            RULE.name,
            index,
            f"index {index} is built anew, in {duration(e.duration_seconds)} on the clone",
            advice,
            place_of(e),
        )
        for e in seen.evidence
        for index in e.rebuilt
        if not e.rewritten and (not e.transactional or e.locks) and "concurrently" not in e.statement.lower()
    ]


RULE = Rule("index-rebuilt", Severity.WARN, "an index is built anew", check, "public.orders_customer")
