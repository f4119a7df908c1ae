"""A table that was there is gone after the migrations.

## Why it hurts

- All its rows are lost. A rollback brings back those of the backup, not what was written since.
- The application version that runs while you deploy still asks for the table: `ERROR: relation "orders" does not exist`.
- Foreign keys, views and functions that use it go with it (`CASCADE`), or the migration fails.

A sequence that belongs to no column counts as well: an application may ask it for numbers.

A rename (`ALTER TABLE orders RENAME TO purchases`) and a move (`SET SCHEMA`) do the same to the old name.

## The safe way

1. Release an application that does not use the table any more.
2. Put it out of reach, rows and all, for as long as somebody may miss it:

   ```sql
   CREATE SCHEMA IF NOT EXISTS attic;
   ALTER TABLE orders SET SCHEMA attic;
   ```

3. Drop it in a later migration:

   ```sql
   DROP TABLE attic.orders;
   ```

For a rename, leave a view under the old name until the next release:

```sql
ALTER TABLE orders RENAME TO purchases;
CREATE VIEW orders AS SELECT * FROM purchases;  -- simple views can be written to
```

Steps 2 and 3, and the rename, still remove a name that was there: acknowledge them.
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..model import ChangeType, Finding, Severity
from .base import Rule, Seen, counted, found, place_of, responsible
from .removing import changes_of, names_in_the_plan

_ROWS = {0: "no row", 1: "its one row"}


def check(seen: Seen) -> list[Finding]:
    """One finding a removed table, foreign table, or sequence that belongs to no column."""
    findings = _sequences(seen)
    for change in changes_of(seen, ("table", "foreign table"), ChangeType.REMOVED):
        where = responsible(change, seen.evidence)
        columns = len((change.before or {}).get("columns", ()))
        rows = seen.facts.rows.get(change.object)
        of_rows = "all its rows" if rows is None else _ROWS.get(rows, f"all its {rows:,} rows")
        message = f"{change.kind} {change.object} is removed"
        message += (
            f", with its {counted(columns, 'column')} and {of_rows}" if columns else f", with {of_rows}"
        )
        advice = "The application that runs now still asks for it: release one that does not, then drop it in a later migration."
        if where and where.rename:
            message = f"{change.kind} {change.object} is there no more under this name"
            advice = (
                "The application that runs now still asks for the old name: keep a view under it until the next release "
                f"(CREATE VIEW {change.object} AS SELECT * FROM <new name>)."
            )
        findings.append(found(RULE.name, change.object, message, advice, where))
    return findings + _made_again(seen)


def _sequences(seen: Seen) -> list[Finding]:
    return [
        found(
            RULE.name,
            change.object,
            f"sequence {change.object} is removed",
            "Whoever asks it for numbers fails from now on: release an application that does not, then drop it in a later migration.",
            responsible(change, seen.evidence),
        )
        for change in changes_of(seen, ("sequence",), ChangeType.REMOVED)
        if not (change.before or {}).get("owned_by")
    ]


def _made_again(seen: Seen) -> list[Finding]:
    """Tables in whose place another was made, but for those whose rows were copied."""
    findings = []
    drops = [e for e in seen.evidence if any(d.kind == "table" for d in e.dropped)]
    for table in sorted(seen.facts.made_again):
        rows, now = seen.facts.rows.get(table), seen.facts.rows_after.get(table)
        gone = max((v.gone for v in seen.facts.values if parent_name(v.column) == table), default=0)
        if rows is not None and now is not None and (gone or not now >= rows > 0):
            message = f"table {table} is dropped and made again, with {now:,} rows where {rows:,} were before"
            message += f", {gone:,} of which are gone" if gone else ""
            advice = "Alter it instead of making it anew, or fill the new one from the old one before that is dropped."
            called = names_in_the_plan(seen, table)  # when it was dropped
            by = next((e for e in drops if any(d.object in called for d in e.dropped)), None)
            by = by or (drops[-1] if drops else None)
            findings.append(found(RULE.name, table, message, advice, place_of(by) if by else None))
    return findings


RULE = Rule("table-removed", Severity.BLOCK, "a table is removed", check)
