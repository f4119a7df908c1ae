"""A function, procedure or aggregate that was there is gone after the migrations. Another list of arguments makes another function.

## Why it hurts

- Whoever calls it fails: `ERROR: function total(integer) does not exist`. Triggers and views that use it go with it, or the migration fails.
- Its grants go with it; a function made anew may be executed by everybody.

## The safe way

Keep the old one beside the new one until the last application that calls it is gone.

```sql
CREATE FUNCTION total(order_id bigint, currency text) RETURNS numeric LANGUAGE sql AS $$ SELECT 0.0 $$;
DROP FUNCTION total(integer);  -- a later release
```
"""

from __future__ import annotations

from ..model import ChangeType, Severity
from .base import Rule
from .removing import check_of

_ADVICE = "Whoever calls it fails from now on: keep it beside the new one until the last caller is gone, then drop it."

RULE = Rule(
    "function-removed",
    Severity.BLOCK,
    "a function, procedure or aggregate is removed",
    check_of(
        "function-removed",
        ("function", "procedure", "aggregate"),
        ChangeType.REMOVED,
        lambda c: f"{c.kind} {c.object} is removed",
        _ADVICE,
    ),
    "public.total(integer)",
)
