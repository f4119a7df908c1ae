"""A table has row level security after the migrations, and no policy.

## Why it hurts

Everybody but its owner sees no row, and can write none. Nothing fails: the application shows empty lists.

## The safe way

Policies first, in the same transaction.

```sql
CREATE POLICY of_tenant ON orders USING (tenant_id = current_setting('app.tenant')::int);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_facts

_ADVICE = "Create its policies in the same migration."

RULE = Rule(
    "rls-enabled-without-policy",
    Severity.BLOCK,
    "row level security without a policy",
    check_of_facts(
        "rls-enabled-without-policy",
        lambda facts: facts.without_policy,
        "table",
        _ADVICE,
        r"\b(row level security|policy)\b",
    ),
    "public.orders",
)
