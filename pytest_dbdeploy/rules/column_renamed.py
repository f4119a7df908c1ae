"""A column of a table or view has another name after the migrations.

## Why it hurts

The application version that runs while you deploy asks for the old name: `ERROR: column "name" does not exist`. Bodies of functions that
are only text to the server break when they are next called.

## The safe way

Add the new column beside the old one, keep both equal, release, and drop the old one later.

```sql
ALTER TABLE users ADD COLUMN full_name text;
UPDATE users SET full_name = name WHERE full_name IS NULL;  -- in batches
ALTER TABLE users DROP COLUMN name;                         -- a later release
```
"""

from __future__ import annotations

from ..model import Change, ChangeType, Finding, Severity
from .base import Rule, Seen, found, responsible
from .removing import attributes, changes_of, check_of


def _message(change: Change) -> str:
    return f"{change.kind} {change.object} is called {(change.after or {}).get('name', '').rpartition('.')[2]} from now on"


_ADVICE = (
    "The application that runs now asks for the old name: add the new column beside it, fill it, release an application that "
    "uses the new one, then drop the old one in a later migration."
)

_CHECK = check_of("column-renamed", ("column", "view column"), ChangeType.RENAMED, _message, _ADVICE)


def check(seen: Seen) -> list[Finding]:
    """One finding a column, or attribute of a composite type."""
    return _CHECK(seen) + [
        found(
            RULE.name,
            f"{change.object}.{old}",
            f"attribute {change.object}.{old} is called {new} from now on",
            "The application that runs now asks for the old name: make a new type, and a column of it, instead.",
            responsible(change, seen.evidence),
        )
        for change in changes_of(seen, ("type",), ChangeType.MODIFIED)
        for old, new in attributes(change)[1]
    ]


RULE = Rule("column-renamed", Severity.BLOCK, "a column is renamed", check, "public.users.name")
