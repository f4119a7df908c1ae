"""An object that stays, or is dropped and made again, grants less than before.

## Why it hurts

The application's role fails from the moment of the deploy: `permission denied for view active_users`. `DROP VIEW` and `CREATE VIEW` lose every
grant; `CREATE OR REPLACE` keeps them.

## The safe way

```sql
CREATE OR REPLACE VIEW active_users AS SELECT id, name FROM users WHERE active;
GRANT SELECT ON active_users TO app;  -- after a DROP and CREATE
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen, found, responsible
from .granting import listed, lost


def check(seen: Seen) -> list[Finding]:
    """One finding an object."""
    advice = "Grant it again in the same migration: what is dropped and made again loses its grants."
    return [
        found(
            RULE.name,
            c.object,
            f"{c.kind} {c.object} no longer grants: {listed(grants)}",
            advice,
            responsible(c, seen.evidence),
        )
        for c in seen.changes
        if (grants := lost(c))
    ]


RULE = Rule("privilege-lost", Severity.BLOCK, "a privilege is lost", check, "public.active_users")
