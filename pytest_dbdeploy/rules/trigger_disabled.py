"""A trigger that fired does not fire after the migrations, or is gone.

## Why it hurts

What it did (checking, copying, auditing) is no longer done, and nothing says so. A migration that disables triggers for a bulk change often
forgets to enable them again, above all when it fails half-way outside a transaction.

## The safe way

Disable them in the same transaction in which you enable them again, or for the own session only.

```sql
SET LOCAL session_replication_role = replica;  -- ends with the transaction; needs a role that may
UPDATE orders SET total = 0 WHERE total IS NULL;
```
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of, turned


def check(seen: Seen) -> list[Finding]:
    """One finding a trigger."""
    advice = "Enable it again in the same migration (ALTER TABLE ... ENABLE TRIGGER ...), if what it does is still wanted."
    findings = []
    for change in changes_of(seen, ("trigger", "event trigger"), ChangeType.MODIFIED):
        state = turned(change, "enabled")
        if state and state[1] in ("disabled", "replica"):
            message = f"{change.kind} {change.object} on {parent_name(change.object) or 'the database'} does not fire any more"
            findings.append(
                found(RULE.name, change.object, message, advice, responsible(change, seen.evidence))
            )
    for change in changes_of(seen, ("trigger", "event trigger"), ChangeType.REMOVED):
        where = responsible(change, seen.evidence)
        findings.append(
            found(RULE.name, change.object, f"{change.kind} {change.object} is removed", advice, where)
        )
    return findings


RULE = Rule(
    "trigger-disabled", Severity.WARN, "a trigger does not fire any more", check, "public.orders.audit"
)
