"""The target's schema is no longer what the last kept deployment left, and no migration says why.

## Why it hurts

Somebody changed the target by hand. Other databases do not have it, the migrations do not make it, and a migration that was written against
what they make may fail here, or destroy what was fixed by hand.

## The safe way

Write what was done into a migration, in such a way that it does nothing where it is there already; or take it back by hand.

```sql
ALTER TABLE orders ADD COLUMN IF NOT EXISTS region text;
```

A whole object that somebody added (a table of another application, a view, a function) is in nobody's way, and only a warning; so are another owner
and other privileges, which are an environment's own. What was changed or removed blocks. What else is found, and what is no drift, is in [drift](../drift.md).
"""

from __future__ import annotations

from dataclasses import replace

from ..model import Finding, Severity
from .base import Rule, Seen, found

_ADVICE = (
    "Write it into a migration that does nothing where it is there already (IF NOT EXISTS), or take it back."
)


def _check(seen: Seen) -> list[Finding]:
    return [
        replace(
            found("schema-drift", fact.object, fact.text, _ADVICE),
            severity=Severity.WARN if kind in ("added", "reassigned") else None,
        )
        for kind, fact in seen.facts.drift
    ]


RULE = Rule(
    "schema-drift",
    Severity.BLOCK,
    "the target was changed since the last deployment, by no migration",
    _check,
    "public.orders.region",
)
