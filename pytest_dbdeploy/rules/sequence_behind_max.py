"""A sequence gives numbers next that its column has already.

## Why it hurts

The next INSERTs fail: `duplicate key value violates unique constraint "orders_pkey"`, one for each number that is taken. Rows that were
inserted with numbers of their own, `RESTART`, and a sequence that was made anew do that.

## The safe way

Set it at the end of the migration.

```sql
SELECT setval('orders_id_seq', (SELECT max(id) FROM orders));
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_facts

_ADVICE = "Set it behind the largest value at the end of the migration: SELECT setval(...)."

RULE = Rule(
    "sequence-behind-max",
    Severity.BLOCK,
    "a sequence gives numbers that are taken",
    check_of_facts(
        "sequence-behind-max",
        lambda facts: facts.sequences_behind,
        "sequence",
        _ADVICE,
        r"\b(restart|setval|insert|copy)\b",
    ),
    "public.orders_id_seq",
)
