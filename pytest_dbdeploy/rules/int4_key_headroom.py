"""A column that a sequence fills has used more than half of the numbers that an integer has, and had not before these migrations.

## Why it hurts

At 2,147,483,647 every INSERT fails: `integer out of range`. The change to `bigint` takes long on a table of that size, and is best made
before it must be.

## The safe way

```sql
ALTER TABLE orders ADD COLUMN id_new bigint;  -- fill it in batches, then exchange the two
UPDATE orders SET id_new = id WHERE id BETWEEN 1 AND 10000;
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_facts

_ADVICE = "Plan the change to bigint while there is time: a new column, filled in batches."

RULE = Rule(
    "int4-key-headroom",
    Severity.WARN,
    "a key has used more than half of what an integer holds",
    check_of_facts(
        "int4-key-headroom",
        lambda facts: facts.int4_headroom,
        "column",
        _ADVICE,
        r"\b(restart|setval|insert|copy)\b",
    ),
    "public.orders.id",
)
