"""A constraint that was there (unique, check, foreign key, exclusion) is gone after the migrations. A dropped NOT NULL counts too.

## Why it hurts

From now on rows are written that it would have refused. When it is wanted back, they are in the way. Old code may rely on it, too: it may
never have checked what the database checked for it, or have read NULL.

## The safe way

Drop it when the last application that relies on it is gone. Replace it in one transaction where another takes its place.

```sql
ALTER TABLE orders DROP CONSTRAINT total_positive, ADD CONSTRAINT total_positive CHECK (total >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT total_positive;
```
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of, dropped, turned

_ADVICE = "What it refused is written from now on: make sure that no application relies on it, or put another in its place in the same transaction."


def check(seen: Seen) -> list[Finding]:
    """One finding a constraint that a statement drops; those that go with a column are told by object-dropped-implicitly."""
    findings = []
    for change in changes_of(seen, ("constraint",), ChangeType.REMOVED):
        kind = (change.before or {}).get("type")
        gone = dropped(seen, change)
        if kind != "primary key" and not (gone and gone.implicit):
            message = f"{kind or ''} constraint {change.object} is removed: {(change.before or {}).get('definition', '')}"
            findings.append(
                found(RULE.name, change.object, message, _ADVICE, responsible(change, seen.evidence))
            )
    for change in changes_of(seen, ("column",), ChangeType.MODIFIED):
        if turned(change, "not_null") == (True, None):
            message = f"column {change.object} of {parent_name(change.object)} may be NULL from now on"
            findings.append(
                found(RULE.name, change.object, message, _ADVICE, responsible(change, seen.evidence))
            )
    return findings


RULE = Rule(
    "constraint-removed", Severity.WARN, "a constraint is removed", check, "public.orders.total_positive"
)
