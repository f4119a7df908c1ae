"""A column that had a default has none after the migrations.

## Why it hurts

INSERTs that leave the column out wrote the default; now they write NULL, or fail where the column is NOT NULL.

## The safe way

Drop the default when every application writes the column itself.

```sql
ALTER TABLE orders ALTER COLUMN status DROP DEFAULT;  -- a release after the one that always writes status
```
"""

from __future__ import annotations

from ..compare.defaults import default_of, is_filled
from ..model import Change, ChangeType, Severity
from .base import Rule
from .removing import check_of


def _message(change: Change) -> str | None:
    before, after = change.before or {}, change.after or {}
    default = default_of(before)
    if default and not is_filled(after):
        return f"column {change.object} has no default any more (it was {default})"
    return None


RULE = Rule(
    "default-removed",
    Severity.WARN,
    "a column loses its default",
    check_of(
        "default-removed",
        ("column",),
        ChangeType.MODIFIED,
        _message,
        "INSERTs that leave it out write NULL from now on, or fail where it is NOT NULL: drop it when every application writes the column itself.",
    ),
    "public.orders.status",
)
