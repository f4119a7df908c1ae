"""An enum, domain, composite or range type that was there is gone after the migrations.

## Why it hurts

- Statements and drivers that name it fail: `ERROR: type "mood" does not exist`. Drivers keep a type's number for the life of a connection.
- With `CASCADE` every column of that type goes with it.

## The safe way

Convert the columns first, release, and drop the type in a later migration without `CASCADE`.

```sql
ALTER TABLE people ADD COLUMN mood_text text;  -- this release: fill it, use it
DROP TYPE mood;                                -- a later one
```
"""

from __future__ import annotations

from ..model import ChangeType, Severity
from .base import Rule
from .removing import check_of

_ADVICE = "Drop it in a later migration, without CASCADE, when no application names it any more."

RULE = Rule(
    "type-removed",
    Severity.BLOCK,
    "a type is removed",
    check_of(
        "type-removed",
        ("type",),
        ChangeType.REMOVED,
        lambda c: f"{(c.before or {}).get('type', '')} type {c.object} is removed".strip(),
        _ADVICE,
    ),
    "public.mood",
)
