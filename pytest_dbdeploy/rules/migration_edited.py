"""A migration that the target has applied is another one here: its checksum differs.

## Why it hurts

What the file says now was never run there. Databases that are made from the files differ from this one from now on.

## The safe way

Restore the file as it was applied (`git log` shows it), and put the change into a new migration.

```sql
-- 0008_correct_default.sql
ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new';
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_history

_ADVICE = "Restore the file as it was applied, and put the change into a new migration."
_ACCEPTED = "it stays as it was applied: what the file says now is not run"

RULE = Rule(
    "migration-edited",
    Severity.BLOCK,
    "a migration was changed after it was applied",
    check_of_history("migration-edited", "edited", _ADVICE, _ACCEPTED),
    "0007_tidy",
)
