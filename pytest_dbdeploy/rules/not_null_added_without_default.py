"""A column that is new, or could be NULL before, must now be filled, and has no default.

## Why it hurts

The application version that runs while you deploy does not know the column: its INSERTs fail with `null value in column "phone" violates
not-null constraint`. On a table with rows a new column of this kind does not apply at all.

## The safe way

Give it a default (a constant costs nothing), or let it be NULL until every application fills it.

```sql
ALTER TABLE users ADD COLUMN phone text;                                                      -- this release
ALTER TABLE users ADD CONSTRAINT phone_there CHECK (phone IS NOT NULL) NOT VALID;             -- a later one
ALTER TABLE users VALIDATE CONSTRAINT phone_there;
ALTER TABLE users ALTER COLUMN phone SET NOT NULL;  -- does not read the table, for the constraint says so
```
"""

from __future__ import annotations

from collections.abc import Iterator

from ..compare.defaults import is_filled
from ..model import Change, ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import of_old_tables, turned

_ADVICE = "The application that runs now does not fill it, so its INSERTs fail: give it a default, or make it NOT NULL in a later release."


def check(seen: Seen) -> list[Finding]:
    """One finding a column that old INSERTs do not fill."""
    return [
        found(RULE.name, change.object, message, _ADVICE, responsible(change, seen.evidence))
        for change, message in _broken(seen)
    ]


def _broken(seen: Seen) -> Iterator[tuple[Change, str]]:
    for change in of_old_tables(seen, ("column",), ChangeType.ADDED):
        after = change.after or {}
        if after.get("not_null") and not is_filled(after):
            yield change, f"column {change.object} ({after.get('type')}) is new, NOT NULL, and has no default"
    for change in of_old_tables(seen, ("column",), ChangeType.MODIFIED):
        after = change.after or {}
        filled = is_filled(after) or change.object in seen.facts.filling
        if turned(change, "not_null") == (None, True) and not filled:
            yield change, f"column {change.object} must not be NULL any more"


RULE = Rule(
    "not-null-added-without-default",
    Severity.BLOCK,
    "a column must be filled and old INSERTs do not fill it",
    check,
    "public.users.phone",
)
