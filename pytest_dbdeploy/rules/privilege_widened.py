"""An object that stays, or is dropped and made again, grants more than before.

## Why it hurts

More people can read or change it, and nothing fails. A function that is dropped and made again may be executed by everybody, whatever had been
revoked: dangerous above all for one that is `SECURITY DEFINER`.

## The safe way

```sql
CREATE OR REPLACE FUNCTION pay(order_id int) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT $$;
REVOKE EXECUTE ON FUNCTION pay(int) FROM PUBLIC;  -- after a DROP and CREATE
```
"""

from __future__ import annotations

from ..model import Finding, Severity
from .base import Rule, Seen, found, responsible
from .granting import gained, listed


def check(seen: Seen) -> list[Finding]:
    """One finding an object."""
    advice = "Take back what is not meant: REVOKE ... FROM PUBLIC; grant to the role that needs it."
    return [
        found(
            RULE.name,
            c.object,
            f"{c.kind} {c.object} grants more: {listed(grants)}",
            advice,
            responsible(c, seen.evidence),
        )
        for c in seen.changes
        if (grants := gained(c))
    ]


RULE = Rule("privilege-widened", Severity.BLOCK, "a privilege is gained", check, "public.active_users")
