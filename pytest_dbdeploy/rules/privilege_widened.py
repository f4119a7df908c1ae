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

from ..model import Severity
from .base import Rule
from .granting import check_of_grants, gained

_ADVICE = "Take back what is not meant: REVOKE ... FROM PUBLIC; grant to the role that needs it."

RULE = Rule(
    "privilege-widened",
    Severity.BLOCK,
    "a privilege is gained",
    check_of_grants("privilege-widened", gained, "grants more", _ADVICE),
    "public.active_users",
)
