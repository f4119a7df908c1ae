"""A column of a table that stays is gone after the migrations.

## Why it hurts

- Its values are lost. A rollback brings back those of the backup, not what was written since.
- The application version that runs while you deploy still asks for the column: `ERROR: column "legacy" does not exist`.
- Indexes and CHECK constraints over several columns, partial indexes, extended statistics and the column's own sequence
  silently go with it.

An attribute of a composite type is lost with its values in every column of that type.

A rename (`ALTER TABLE users RENAME COLUMN legacy TO old`) does the same to the old name.

## The safe way

1. If the column is NOT NULL without a default, relax it, or the next application's INSERTs fail:

   ```sql
   ALTER TABLE users ALTER COLUMN legacy DROP NOT NULL;
   ```

2. Release an application that neither reads nor writes the column.
3. Drop it in a later migration:

   ```sql
   ALTER TABLE users DROP COLUMN legacy;
   ```

For a rename: add the new column, fill it, release an application that uses the new one, then drop the old one.
"""

from __future__ import annotations

from ..compare.names import parent_name
from ..model import Change, ChangeType, Finding, Severity
from .base import Rule, Seen, found, place_of, responsible
from .removing import attributes, changes_of


def check(seen: Seen) -> list[Finding]:
    """One finding a removed column; columns of removed tables are the business of ``table-removed``."""
    gone = {change.object for change in changes_of(seen, ("table", "foreign table"), ChangeType.REMOVED)}
    return [
        _finding(change, seen)
        for change in changes_of(seen, ("column",), ChangeType.REMOVED)
        if parent_name(change.object) not in gone
    ] + [*_made_again(seen), *_of_types(seen)]


def _of_types(seen: Seen) -> list[Finding]:
    """Attributes of composite types: the values of every column of the type lose them."""
    advice = "Make a new type without it, and a new column of that type, in a later migration."
    return [
        found(
            RULE.name,
            f"{change.object}.{name}",
            f"attribute {change.object}.{name} is removed, with its values in every column of the type",
            advice,
            responsible(change, seen.evidence),
        )
        for change in changes_of(seen, ("type",), ChangeType.MODIFIED)
        for name in attributes(change)[0]
    ]


def _made_again(seen: Seen) -> list[Finding]:
    """Columns in whose place another was made, but for those that were filled from the old ones."""
    findings = []
    for values in seen.facts.values:
        if not values.made_again or (values.unchanged + values.normalised and not values.changed):
            continue
        if not values.changed and parent_name(values.column) in seen.facts.made_again:
            continue  # the rows of the new table are the business of table-removed
        if values.changed:
            total = values.changed + values.unchanged + values.normalised
            what = f"{values.changed:,} of its {total:,} values are others"
        elif values.gone:
            what = f"of its {values.gone:,} rows none is found by its old key"
        else:
            what = f"whether its values stay is not known: {values.problem or 'the table has no rows here'}"
        table = parent_name(values.column)
        drops = [(d.object, e) for e in seen.evidence for d in e.dropped if d.kind == "column"]
        by = next((e for name, e in drops if name == values.column), None)
        # under the name that it had by then
        by = by or next((e for name, e in drops if parent_name(name) == table), None)
        by = by or next((e for e in seen.evidence if any(d.object == table for d in e.dropped)), None)
        message = f"column {values.column} is dropped and made again, and {what}"
        advice = "Change the column instead (ALTER COLUMN ... TYPE), or fill the new one from the old one before that is dropped."
        findings.append(found(RULE.name, values.column, message, advice, place_of(by) if by else None))
    return findings


def _finding(change: Change, seen: Seen) -> Finding:
    where = responsible(change, seen.evidence)
    kind = (change.before or {}).get("type")
    values = seen.facts.values_lost.get(change.object)
    of_values = {None: "its values", 0: "no value in any row", 1: "its one value"}.get(
        values, f"its {values:,} values" if values else ""
    )
    message = f"column {change.object}{f' ({kind})' if kind else ''} is removed, with {of_values}"
    advice = "The application that runs now still asks for it: release one that does not, then drop it in a later migration."
    if where and where.rename:
        message = f"column {change.object} is there no more under this name"
        advice = (
            "The application that runs now still asks for the old name: add the new column beside it, fill it, "
            "release an application that uses the new one, then drop the old one in a later migration."
        )
    return found(RULE.name, change.object, message, advice, where)


RULE = Rule(
    "column-removed",
    Severity.BLOCK,
    "a column of a table that stays is removed",
    check,
    "public.users.legacy",
)
