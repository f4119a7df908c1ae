"""A constraint that was there (unique, check, foreign key, exclusion) is gone after the migrations. A dropped NOT NULL counts too, and a unique
index; a key that now has more columns, or a condition, no longer refuses what it refused.

## Why it hurts

From now on rows are written that it would have refused. When it is wanted back, they are in the way. Old code may rely on it, too: it may
never have checked what the database checked for it, or have read NULL. `INSERT ... ON CONFLICT (id)` fails where no key of exactly these columns is
left.

## The safe way

Drop it when the last application that relies on it is gone. Replace it in one transaction where another takes its place.

```sql
ALTER TABLE orders DROP CONSTRAINT total_positive, ADD CONSTRAINT total_positive CHECK (total >= 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT total_positive;
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..compare.names import parent_name
from ..model import Change, ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import changes_of, dropped, turned
from .uniqueness import Unique

_ADVICE = "What it refused is written from now on: make sure that no application relies on it, or put another in its place in the same transaction."


def check(seen: Seen) -> list[Finding]:
    """One finding a constraint that a statement drops; those that go with a column are told by object-dropped-implicitly."""
    findings = []
    for change in changes_of(seen, ("constraint",), ChangeType.REMOVED):
        kind = (change.before or {}).get("type")
        if kind != "primary key" and not _goes_along(seen, change):
            message = f"{kind or ''} constraint {change.object} is removed: {_definition(change.before)}"
            findings.append(_finding(seen, change, message))
    for change in changes_of(seen, ("column",), ChangeType.MODIFIED):
        if turned(change, "not_null") == (True, None):
            message = f"column {change.object} of {parent_name(change.object)} may be NULL from now on"
            findings.append(_finding(seen, change, message))
    return [*findings, *_keys(seen)]


def _keys(seen: Seen) -> list[Finding]:
    """Of unique indexes that are gone, and keys that refuse less than before."""
    findings = []
    for change in changes_of(seen, ("index",), ChangeType.REMOVED):
        unique = Unique.of(_definition(change.before))
        if unique and not _goes_along(seen, change) and not _replaced(seen, change, unique):
            message = f"unique index {change.object} is removed: {_definition(change.before)}"
            findings.append(_finding(seen, change, message))
    for change in changes_of(seen, ("index", "constraint"), ChangeType.MODIFIED):
        before, after = _definition(change.before), _definition(change.after)
        unique = Unique.of(before)
        if unique and after and not unique.holds_by(Unique.of(after)):
            message = f"{change.kind} {change.object} no longer is {before}, but {after}"
            findings.append(_finding(seen, change, message))
    return findings


def _finding(seen: Seen, change: Change, message: str) -> Finding:
    return found(RULE.name, change.object, message, _ADVICE, responsible(change, seen.evidence))


def _definition(properties: Mapping[str, Any] | None) -> str:
    return str((properties or {}).get("definition", ""))


def _goes_along(seen: Seen, change: Change) -> bool:
    gone = dropped(seen, change)
    return gone is not None and gone.implicit


def _replaced(seen: Seen, change: Change, unique: Unique) -> bool:
    """Whether another key of its table refuses as much."""
    table = (change.before or {}).get("table")
    return any(
        unique.holds_by(Unique.of(_definition(one.after)))
        for kind in (ChangeType.ADDED, ChangeType.MODIFIED)
        for one in changes_of(seen, ("index", "constraint"), kind)
        if table in ((one.after or {}).get("table"), parent_name(one.object))
    )


RULE = Rule(
    "constraint-removed", Severity.WARN, "a constraint is removed", check, "public.orders.total_positive"
)
