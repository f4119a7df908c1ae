"""A column's new type does not hold its values: the change fails on some of them, or alters what they say without an error.

## Why it hurts

PostgreSQL rounds (`numeric` to `int`, `timestamp` to `timestamp(0)`), cuts off (`text` to `name`, an explicit `USING c::varchar(5)`),
zeroes (`inet` to `cidr`), and shifts by a time zone, and says nothing. The old values are gone.

## The safe way

A new column beside the old one: compare before you drop anything.

```sql
ALTER TABLE orders ADD COLUMN total_int int;
UPDATE orders SET total_int = total WHERE total = trunc(total);
SELECT id, total FROM orders WHERE total_int IS NULL AND total IS NOT NULL;  -- what would have been lost
```
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..compare.renames import old_name, old_names
from ..model import ChangeType, ColumnValues, Finding, Severity
from .base import Rule, Seen, found, place_of, responsible
from .failing import error_message

_ADVICE = "Keep the old column beside a new one until what becomes of these values is decided."


def check(seen: Seen) -> list[Finding]:
    """One finding a column whose values change, and one a change of type that fails on values."""
    findings = []
    for values in seen.facts.values:
        if not values.changed or values.made_again or not _written_anew(seen, parent_name(values.column)):
            continue
        change = next(
            (c for c in seen.changes if c.object == values.column and c.change is ChangeType.MODIFIED), None
        )
        where = responsible(change, seen.evidence) if change else None
        findings.append(found(RULE.name, values.column, _message(values), _ADVICE, where))
    for evidence in seen.evidence:
        error = evidence.error
        if (
            error
            and (error.sqlstate or "").startswith("22")
            and (evidence.statement.lstrip()[:5].upper() == "ALTER")
        ):
            message = error_message(evidence, "do not fit the new type")
            table = evidence.violation.relation if evidence.violation else evidence.migration
            findings.append(found(RULE.name, table, message, _ADVICE, place_of(evidence), refused=True))
    return findings


def _written_anew(seen: Seen, table: str) -> bool:
    """Whether a statement wrote the table, or a partition of it, anew: where none did, it was an UPDATE that changed values, as it says itself."""
    names = {table, old_name(table, old_names(seen.changes))}
    rewritten = {name for e in seen.evidence for name in e.rewritten}
    rewritten |= {seen.facts.parents[name] for name in rewritten if name in seen.facts.parents}
    return not seen.evidence or not names.isdisjoint(rewritten)


def _message(values: ColumnValues) -> str:
    total = values.changed + values.normalised + values.unchanged
    text = f"{values.changed:,} of {total:,} values of {values.column} are others after the change from {values.before} to {values.after}"
    samples = [f"{key}: {old} -> {new}" if old or new else key for key, old, new in values.samples]
    return f"{text} (table {parent_name(values.column)}{'; ' if samples else ''}{', '.join(samples)})"


RULE = Rule(
    "column-type-incompatible",
    Severity.BLOCK,
    "a change of type loses or changes values",
    check,
    "public.orders.total",
)
