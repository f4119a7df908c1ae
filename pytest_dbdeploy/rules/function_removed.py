"""A function, procedure or aggregate that was there is gone after the migrations. Another list of arguments makes another function.

## Why it hurts

- Whoever calls it fails: `ERROR: function total(integer) does not exist`. Triggers and views that use it go with it, or the migration fails.
- Its grants go with it; a function made anew may be executed by everybody.
- An extension takes all its functions and types along.

A function that is made again with a result of another type is a warning.

## The safe way

Keep the old one beside the new one until the last application that calls it is gone.

```sql
CREATE FUNCTION total(order_id bigint, currency text) RETURNS numeric LANGUAGE sql AS $$ SELECT 0.0 $$;
DROP FUNCTION total(integer);  -- a later release
```
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..model import Change, ChangeType, Finding, Severity
from .base import Rule, Seen
from .removing import check_of

_ADVICE = "Whoever calls it fails from now on: keep it beside the new one until the last caller is gone, then drop it."

_RESULT = re.compile(r"^ RETURNS (.*)$", re.MULTILINE)


def check(seen: Seen) -> list[Finding]:
    """One finding a routine, an extension with all of its, or a function whose result is of another type: a warning."""
    return [
        *_GONE(seen),
        *_EXTENSIONS(seen),
        *(replace(one, severity=Severity.WARN) for one in _OTHERS(seen)),
    ]


def _result(change: Change) -> str | None:
    was, now = (_RESULT.search(str((side or {}).get("definition"))) for side in (change.before, change.after))
    # More columns at the end of a table disturb nobody who names them.
    if was is None or now is None or now[1].startswith(was[1].removesuffix(")")):
        return None
    return f"function {change.object} is dropped and made again, and returns {now[1]} instead of {was[1]}"


_GONE = check_of(
    "function-removed",
    ("function", "procedure", "aggregate"),
    ChangeType.REMOVED,
    lambda c: f"{c.kind} {c.object} is removed",
    _ADVICE,
)
_EXTENSIONS = check_of(
    "function-removed",
    ("extension",),
    ChangeType.REMOVED,
    lambda c: f"extension {c.object} is removed, with its functions and types",
    "Whoever uses them fails from now on: drop it in a later migration, when no application and no default does.",
)
_OTHERS = check_of("function-removed", ("function",), ChangeType.MODIFIED, _result, _ADVICE)

RULE = Rule(
    "function-removed",
    Severity.BLOCK,
    "a function, procedure or aggregate is removed",
    check,
    "public.total(integer)",
)
