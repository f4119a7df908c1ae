"""An object that no statement names went with another: by `CASCADE`, or because it belonged to a column that was dropped.

## Why it hurts

`DROP COLUMN` silently takes indexes and CHECK constraints over several columns, partial indexes, extended statistics, foreign keys and the
column's own sequence along. `CASCADE` takes views, foreign keys of other tables, columns and functions. Nothing in the migration says so.

## The safe way

Name what is to go. Without `CASCADE` the server refuses, and lists what depends on it.

```sql
DROP VIEW order_totals;               -- meant, so it is said
ALTER TABLE orders DROP COLUMN total; -- without CASCADE
CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id);  -- what is still needed of an index over both
```
"""

from __future__ import annotations

import re

from ..compare.names import parent_name, split_name
from ..model import Change, ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import dropped, inherited

_KINDS = frozenset(
    [
        "index",
        "constraint",
        "statistics",
        "sequence",
        "view",
        "function",
        "procedure",
        "aggregate",
        "trigger",
        "policy",
        "rule",
        "column",
        "type",
        "table",
    ]
) | {"materialized view", "foreign table"}
_WORDS = re.compile(r"\"(?:[^\"]|\"\")+\"|(?<![\w.:'])[a-z_][a-z0-9_$]*(?![\w(.'])")
_PARENTHESES = re.compile(r"\(.*\)", re.DOTALL)


def check(seen: Seen) -> list[Finding]:
    """One finding an object; what belonged to a dropped column alone goes with it naturally."""
    columns = {
        c.object for c in seen.changes if c.kind in ("column", "table") and c.change is ChangeType.REMOVED
    }
    findings = []
    for change in seen.changes:
        if change.change is not ChangeType.REMOVED or change.kind not in _KINDS:
            continue
        gone = dropped(seen, change)
        if gone is None or not gone.implicit:
            continue
        if _of_columns_alone(change, columns) or inherited(seen, change):
            continue
        definition = (change.before or {}).get("definition")
        what = f"{change.kind} {change.object} goes too, though no statement names it"
        short = f" ({definition})" if definition and "\n" not in definition and len(definition) < 200 else ""
        findings.append(
            found(
                RULE.name,
                change.object,
                what + short,
                "Drop it by name where that is meant; where it is not, make again what is still needed.",
                responsible(change, seen.evidence),
            )
        )
    return findings


def _of_columns_alone(change: Change, columns: set[str]) -> bool:
    """Whether an index, constraint or sequence is of nothing but columns, or a table, that are dropped with it."""
    owner = (change.before or {}).get("owned_by")
    if owner:
        return bool({owner, parent_name(owner)} & columns)
    if change.kind not in ("index", "constraint"):
        return False
    before = change.before or {}
    table = before.get("table") or parent_name(change.object)
    inside = _PARENTHESES.search(str(before.get("definition", "")).partition(" REFERENCES ")[0])
    names = (
        {word.strip('"') for word in _WORDS.findall(re.sub(r"'(?:[^']|'')*'|::[a-z ]+", "", inside[0]))}
        if inside
        else set()
    )
    mine = {split_name(column)[-1] for column in columns if parent_name(column) == table}
    return bool(names) and names <= mine


RULE = Rule(
    "object-dropped-implicitly",
    Severity.BLOCK,
    "an object goes with another, and no statement names it",
    check,
    "public.orders_customer_total",
)
