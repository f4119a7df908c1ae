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

from ..model import Severity
from .base import Rule
from .granting import check_of_grants, lost

_ADVICE = "Grant it again in the same migration: what is dropped and made again loses its grants."

RULE = Rule(
    "privilege-lost",
    Severity.BLOCK,
    "a privilege is lost",
    check_of_grants("privilege-lost", lost, "no longer grants", _ADVICE),
    "public.active_users",
)
