"""A table that had row level security has none after the migrations, or its owner is no longer bound by it, or a policy is gone.

## Why it hurts

Every role that may read the table reads every row, those of other tenants too. Nothing fails.

## The safe way

Change policies instead of turning row security off; in one transaction nobody sees the moment between.

```sql
ALTER POLICY of_tenant ON orders USING (tenant_id = current_setting('app.tenant')::int);
```
"""

from __future__ import annotations

from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of, turned

_ADVICE = (
    "Whoever may read the table reads every row from now on: keep row security, and change its policies."
)


def check(seen: Seen) -> list[Finding]:
    """One finding a table, or a restrictive policy that is dropped."""
    findings = []
    for change in changes_of(seen, ("table",), ChangeType.MODIFIED):
        for key, what in (
            ("row_security", "has no row level security any more"),
            ("row_security_forced", "does not bind its owner to row level security any more"),
        ):
            if turned(change, key) == (True, None):
                where = responsible(change, seen.evidence)
                findings.append(
                    found(RULE.name, change.object, f"table {change.object} {what}", _ADVICE, where)
                )
    for change in changes_of(seen, ("policy",), ChangeType.REMOVED):
        if (change.before or {}).get("type") == "restrictive":
            where = responsible(change, seen.evidence)
            findings.append(
                found(
                    RULE.name, change.object, f"restrictive policy {change.object} is removed", _ADVICE, where
                )
            )
    return findings


RULE = Rule("rls-disabled", Severity.BLOCK, "row level security is turned off", check)
