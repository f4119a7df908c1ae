"""A unique constraint, primary key or unique index fails, for values are there more than once.

## Why it hurts

The migration does not apply. Built concurrently, it leaves an invalid index behind, which every write pays for. A change of type can do it
too: `text` to `citext`, `numeric` to `int`.

## The safe way

Look for duplicates, and decide which row stays, in a migration before.

```sql
SELECT email, count(*) FROM users GROUP BY email HAVING count(*) > 1;
DELETE FROM users u USING users o WHERE u.email = o.email AND u.id > o.id;
CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email);
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_errors

_ADVICE = "Correct these rows in a migration before this one; it was applied nowhere but on the clone."

RULE = Rule(
    "unique-fails-on-data",
    Severity.BLOCK,
    "a unique constraint or index fails on rows that are there",
    check_of_errors("unique-fails-on-data", frozenset({"23505"}), "have a key that is there twice", _ADVICE),
)
