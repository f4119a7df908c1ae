"""The migrations leave an index that PostgreSQL does not use.

## Why it hurts

A `CREATE INDEX CONCURRENTLY` that fails leaves it behind: no query uses it, a unique one guarantees nothing, and every write pays for it.
`IF NOT EXISTS` then silently skips it.

## The safe way

```sql
DROP INDEX CONCURRENTLY IF EXISTS users_email;
CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email);
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_facts

_ADVICE = "Drop it (DROP INDEX CONCURRENTLY) and build it again; on a partitioned table, attach an index of every partition."

RULE = Rule(
    "index-invalid-left",
    Severity.BLOCK,
    "an index is left that no query uses",
    check_of_facts("index-invalid-left", lambda facts: facts.invalid_indexes, "index", _ADVICE, r"\bindex\b"),
    "public.users_email",
)
