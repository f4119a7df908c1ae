"""A value of an enum is gone or has another name after the migrations.

## Why it hurts

The application version that runs still writes the old value: `ERROR: invalid input value for enum mood: "sad"`. PostgreSQL cannot drop a
value, so the type was made anew: every row was written again under a lock that blocks reads.

## The safe way

Leave the value in the type, and forbid it where it is written.

```sql
ALTER TABLE people ADD CONSTRAINT no_sad CHECK (mood <> 'sad') NOT VALID;
ALTER TABLE people VALIDATE CONSTRAINT no_sad;
```
"""

from __future__ import annotations

from ..model import Change, ChangeType, Severity
from .base import Rule
from .removing import check_of, turned


def _message(change: Change) -> str | None:
    labels = turned(change, "labels")
    if labels is None:
        return None
    gone = [label for label in labels[0] or [] if label not in (labels[1] or [])]
    return f"enum {change.object} no longer has {', '.join(map(repr, gone))}" if gone else None


_ADVICE = "The application that runs now may still write it: leave the value in the type, and forbid its use by a CHECK constraint."

RULE = Rule(
    "enum-value-removed",
    Severity.BLOCK,
    "a value of an enum is removed or renamed",
    check_of("enum-value-removed", ("type",), ChangeType.MODIFIED, _message, _ADVICE),
    "public.mood",
)
