"""A column became `bigint`, but the sequence that fills it still ends at two billion.

## Why it hurts

`ALTER COLUMN ... TYPE bigint` leaves the sequence of a `serial` as it is (that of an identity column follows). The table was written anew for
more room, and the room is not there: `nextval: reached maximum value of sequence`.

## The safe way

```sql
ALTER TABLE orders ALTER COLUMN id TYPE bigint;
ALTER SEQUENCE orders_id_seq AS bigint;
```
"""

from __future__ import annotations

from ..model import Severity
from .base import Rule
from .failing import check_of_facts

_ADVICE = "ALTER SEQUENCE ... AS bigint, in the same migration."

RULE = Rule(
    "serial-sequence-still-int",
    Severity.WARN,
    "a column became bigint, its sequence did not",
    check_of_facts(
        "serial-sequence-still-int", lambda facts: facts.sequences_still_int, "sequence", _ADVICE, r"\btype\b"
    ),
    "public.orders_id_seq",
)
