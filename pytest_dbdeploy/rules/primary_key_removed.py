"""A table that had a primary key has none after the migrations.

## Why it hurts

- Rows can be there twice, and nobody notices.
- Logical replication and many tools can no longer tell rows apart: UPDATE and DELETE fail on a published table.
- `ON CONFLICT (id)` fails: `there is no unique or exclusion constraint matching the ON CONFLICT specification`.

## The safe way

Exchange the key in one transaction, over an index that was built before.

```sql
CREATE UNIQUE INDEX CONCURRENTLY orders_new_key ON orders (number);
ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_new_key;
```
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of


def check(seen: Seen) -> list[Finding]:
    """One finding a table that loses its key; a key that is exchanged is none."""
    keeps = {
        parent_name(c.object)
        for change in (ChangeType.ADDED, ChangeType.RENAMED)
        for c in changes_of(seen, ("constraint",), change)
        if change is ChangeType.RENAMED or (c.after or {}).get("type") == "primary key"
    }
    return [
        found(
            RULE.name,
            parent_name(c.object),
            f"table {parent_name(c.object)} loses its primary key {(c.before or {}).get('definition', '')}",
            "Exchange it in the same ALTER TABLE: build a unique index concurrently, then DROP CONSTRAINT, ADD PRIMARY KEY USING INDEX.",
            responsible(c, seen.evidence),
        )
        for c in changes_of(seen, ("constraint",), ChangeType.REMOVED)
        if (c.before or {}).get("type") == "primary key" and parent_name(c.object) not in keeps
    ]


RULE = Rule("primary-key-removed", Severity.BLOCK, "a table loses its primary key", check)
