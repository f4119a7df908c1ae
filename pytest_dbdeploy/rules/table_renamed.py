"""A table, view or sequence has another name or another schema after the migrations.

## Why it hurts

The application version that runs while you deploy asks for the old name: `ERROR: relation "orders" does not exist`. Code that is put back
by a rollback does, too.

## The safe way

Leave a view under the old name until the next release. Simple views can be written to.

```sql
ALTER TABLE orders RENAME TO purchases;
CREATE VIEW orders AS SELECT * FROM purchases;
```

The view must come in the same transaction; the finding is then gone.
"""

from __future__ import annotations

from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of


def check(seen: Seen) -> list[Finding]:
    """One finding a relation whose old name leads nowhere."""
    there = {c.object for c in changes_of(seen, ("view",), ChangeType.ADDED)}
    kinds = (
        "schema",
        "table",
        "foreign table",
        "view",
        "materialized view",
        "sequence",
        "function",
        "procedure",
        "aggregate",
        "type",
    )
    findings = []
    for change in changes_of(seen, kinds, ChangeType.RENAMED):
        if change.object in there:
            continue
        new = (change.after or {}).get("name")
        advice = "The application that runs now asks for the old name: "
        advice += (
            f"keep a view under it until the next release (CREATE VIEW {change.object} AS SELECT * FROM {new};)."
            if change.kind in ("table", "foreign table", "view", "materialized view")
            else "keep the old one until the next release."
        )
        where = responsible(change, seen.evidence)
        findings.append(
            found(
                RULE.name,
                change.object,
                f"{change.kind} {change.object} is called {new} from now on",
                advice,
                where,
            )
        )
    return findings


RULE = Rule(
    "table-renamed", Severity.BLOCK, "a table, or another object that applications name, is renamed", check
)
