"""The target has applied a migration that is not among the files.

## Why it hurts

This is an old branch, or somebody deleted the file: what is pending here was written against another schema than the target's.

## The safe way

Bring the file back, or deploy from the branch that has it. What it did is undone by a new migration, not by deleting the old one.

```sql
-- 0010_drop_region.sql
ALTER TABLE orders DROP COLUMN region;
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_history

_ADVICE = "Bring it back, or deploy from the branch that has it."
_ACCEPTED = "the deployment goes on without it"

RULE = Rule(
    "migration-missing",
    Severity.BLOCK,
    "a migration that was applied is not there",
    check_of_history("migration-missing", "missing", _ADVICE, _ACCEPTED),
    "0007_tidy",
)
