"""A foreign key fails, for rows refer to rows that are not there.

## Why it hurts

The migration does not apply. And these rows are lost already to everybody who joins.

## The safe way

Decide what becomes of the orphans, in a migration before.

```sql
DELETE FROM orders o WHERE NOT EXISTS (SELECT FROM customers c WHERE c.id = o.customer_id);
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_customer_id_fkey;
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_errors

_ADVICE = "Correct these rows in a migration before this one; it was applied nowhere but on the clone."

RULE = Rule(
    "foreign-key-orphans",
    Severity.BLOCK,
    "a foreign key fails: rows refer to nothing",
    check_of_errors("foreign-key-orphans", frozenset({"23503"}), "refer to rows that are not there", _ADVICE),
)
