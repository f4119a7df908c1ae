"""A view or materialized view that was there, or a column of one, is gone after the migrations.

## Why it hurts

- The application version that runs while you deploy still asks for it: `ERROR: relation "active_users" does not exist`.
- Its grants go with it. When it is made again later, nobody but its owner may read it.

## The safe way

Replace a view instead of dropping it; columns can be added at its end. Drop it only after the last application that uses it.

```sql
CREATE OR REPLACE VIEW active_users AS SELECT id, name, email FROM users WHERE active;
DROP VIEW old_users;  -- a later release
```
"""

from __future__ import annotations

from ..model import Change, ChangeType, Severity
from .base import Rule
from .removing import check_of

_ADVICE = "The application that runs now still asks for it: replace it (CREATE OR REPLACE VIEW), or drop it in a later migration."


def _message(change: Change) -> str:
    return f"{'column of a view' if change.kind == 'view column' else change.kind} {change.object} is removed"


RULE = Rule(
    "view-removed",
    Severity.BLOCK,
    "a view, materialized view, or a column of one, is removed",
    check_of(
        "view-removed", ("view", "materialized view", "view column"), ChangeType.REMOVED, _message, _ADVICE
    ),
    "public.active_users",
)
