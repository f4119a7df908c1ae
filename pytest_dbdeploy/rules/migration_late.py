"""A pending migration sorts before one that the target has applied already.

## Why it hurts

Here it would run after the other, elsewhere before it: two branches were merged. Nobody has tested this order, and some tools never apply it.

## The safe way

Give it the next free number, so that every database applies the same in the same order.

```sql
-- 0009_add_region.sql, which was 0006_add_region.sql
ALTER TABLE orders ADD COLUMN region text;
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_history

_ADVICE = "Give it the next free number."
_ACCEPTED = "it is applied as pending, after the newer ones"

RULE = Rule(
    "migration-late",
    Severity.BLOCK,
    "a pending migration sorts before one that was applied",
    check_of_history("migration-late", "late", _ADVICE, _ACCEPTED),
    "0007_tidy",
)
