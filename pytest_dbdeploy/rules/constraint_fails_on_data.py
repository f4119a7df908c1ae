"""A CHECK, NOT NULL, exclusion constraint or partition bound fails on rows that are there.

## Why it hurts

The migration does not apply: on the target it would fail just as it did on the clone, with its locks held until then. On an empty test
database it went through.

## The safe way

Correct the rows first, in a migration before. What cannot be corrected yet is left out with `NOT VALID`: new rows are checked, old ones are not.

```sql
UPDATE orders SET total = 0 WHERE total < 0;
ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total >= 0);
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_errors

_ADVICE = "Correct these rows in a migration before this one; it was applied nowhere but on the clone."

RULE = Rule(
    "constraint-fails-on-data",
    Severity.BLOCK,
    "a constraint fails on rows that are there",
    check_of_errors(
        "constraint-fails-on-data", frozenset({"23514", "23502", "23P01"}), "violate it", _ADVICE
    ),
)
