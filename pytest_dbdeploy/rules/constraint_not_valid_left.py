"""A constraint that the migrations make is left NOT VALID: rows that were there before are not checked.

## Why it hurts

`NOT VALID` is the right way to begin, but until it is validated nobody may rely on it: the planner does not, and old rows may break it.
An UPDATE of such a row fails later, at the user.

## The safe way

Validate it in a migration of its own: that reads the table and lets reads and writes go on.

```sql
ALTER TABLE orders VALIDATE CONSTRAINT total_positive;
```
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of


def check(seen: Seen) -> list[Finding]:
    """One finding a constraint, or NOT NULL, that is not valid and was not so before."""
    findings = []
    for change_type in (ChangeType.ADDED, ChangeType.MODIFIED):
        for change in changes_of(seen, ("constraint", "column"), change_type):
            after = change.after or {}
            column = change.kind == "column"
            if not after.get("not_null_not_valid" if column else "not_valid") or "NOT ENFORCED" in after.get(
                "definition", ""
            ):
                continue
            name = change.object[len(parent_name(change.object)) + 1 :]
            what = f"NOT NULL of column {change.object}" if column else f"constraint {change.object}"
            advice = f"In a migration after this one: ALTER TABLE {parent_name(change.object)} VALIDATE CONSTRAINT {name};"
            message = f"{what} is left NOT VALID: rows that were there before are not checked"
            findings.append(
                found(RULE.name, change.object, message, advice, responsible(change, seen.evidence))
            )
    return findings


RULE = Rule(
    "constraint-not-valid-left",
    Severity.WARN,
    "a constraint is left NOT VALID",
    check,
    "public.orders.total_positive",
)
