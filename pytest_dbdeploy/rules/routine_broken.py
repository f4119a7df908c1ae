"""A function or procedure in SQL no longer works after the migrations: the server would refuse its body if it were made now.

## Why it hurts

A body that is only text to the server is not followed by renames, and does not keep a column from being dropped. It fails when it is next
called: `column "total" does not exist`.

## The safe way

Change it in the same migration. A body in standard SQL is known to the server, which then refuses to drop what it needs.

```sql
CREATE OR REPLACE FUNCTION order_total(order_id int) RETURNS numeric
BEGIN ATOMIC
    SELECT o.amount FROM orders o WHERE o.id = order_id;
END;
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_facts

_ADVICE = "Change its body in the same migration (CREATE OR REPLACE)."

RULE = Rule(
    "routine-broken",
    Severity.BLOCK,
    "a routine no longer works",
    check_of_facts(
        "routine-broken",
        lambda facts: facts.broken_routines,
        "routine",
        _ADVICE,
        r"\b(drop|rename|schema|type)\b",
    ),
    "public.order_total(integer)",
)
