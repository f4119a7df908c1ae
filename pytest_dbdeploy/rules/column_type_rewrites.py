"""A column's type changes in a way that writes its table anew.

## Why it hurts

The table is locked against reads while every row and every index is written again. Widening a `varchar`, `varchar` to `text`, and more
precision at the same scale cost nothing and are not found; `int` to `bigint`, narrowing, arrays and most others do.

## The safe way

A new column beside the old one, kept equal by a trigger, filled in batches, then exchanged.

```sql
ALTER TABLE orders ADD COLUMN id_new bigint;
UPDATE orders SET id_new = id WHERE id BETWEEN 1 AND 10000;
ALTER TABLE orders RENAME COLUMN id TO id_old;  -- in one transaction with the next
ALTER TABLE orders RENAME COLUMN id_new TO id;
```
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..compare.renames import old_name, old_names
from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, place_of
from .locks import size
from .removing import turned


def check(seen: Seen) -> list[Finding]:
    """One finding a column whose table was written anew by the statement that names the column."""
    findings = []
    renamed = old_names(seen.changes)
    for change in seen.changes:
        if change.kind != "column" or change.change is not ChangeType.MODIFIED:
            continue
        types = turned(change, "type")
        table = parent_name(change.object)
        column = change.object[len(table) + 1 :].strip('"').lower()
        # Where no statement names column and type (a function, a command), whatever rewrote the table did.
        naming = [e for e in seen.evidence if column in e.statement.lower() and "type" in e.statement.lower()]
        was = old_name(table, renamed)
        by = next((e for e in naming or seen.evidence if {table, was} & {*e.rewritten}), None)
        if types is None or by is None:
            continue
        known = size(seen, table) or size(seen, was)
        message = f"column {change.object} from {types[0]} to {types[1]} writes {table}{f' ({known})' if known else ''} anew"
        advice = "Add a column of the new type, fill it in batches, and exchange the two."
        findings.append(found(RULE.name, change.object, message, advice, place_of(by)))
    return findings


RULE = Rule(
    "column-type-rewrites", Severity.WARN, "a change of type writes the table anew", check, "public.orders.id"
)
