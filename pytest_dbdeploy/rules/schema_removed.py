"""A schema that was there is gone after the migrations, with all that was in it.

## Why it hurts

- Every table in it is lost with its rows. A rollback brings back those of the backup, not what was written since.
- The application version that runs while you deploy still asks for what was in it: `ERROR: schema "billing" does not exist`.

## The safe way

Move what is still needed, release an application that no longer uses the schema, and drop it in a later migration, without `CASCADE`:
the server then refuses while anything is left in it.

```sql
ALTER TABLE billing.invoices SET SCHEMA public;  -- this release
DROP SCHEMA billing;                             -- a later one
```
"""

from __future__ import annotations

from ..model import ChangeType, Severity
from .base import Rule
from .removing import check_of

_ADVICE = "Drop what is in it one by one, in a release after the last application that uses it, then the schema without CASCADE."

RULE = Rule(
    "schema-removed",
    Severity.BLOCK,
    "a schema is removed",
    check_of(
        "schema-removed",
        ("schema",),
        ChangeType.REMOVED,
        lambda c: f"schema {c.object} is removed, with all that was in it",
        _ADVICE,
    ),
    "billing",
)
