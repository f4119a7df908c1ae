"""column-removed: a column of a table that stays is gone after the migrations.

Why it hurts: its values are lost, and the application version that still runs fails with ``column does not exist``. Indexes,
CHECK constraints and statistics over several columns silently go with it. A rename does the same to the old name.

The safe way: first release an application that neither reads nor writes the column (take away NOT NULL without a default
before that, or its INSERTs fail); drop it in a later release::

    ALTER TABLE users ALTER COLUMN legacy DROP NOT NULL;   -- this release: nothing uses it any more
    ALTER TABLE users DROP COLUMN legacy;                  -- a later one, acknowledged
"""

from __future__ import annotations

from collections.abc import Sequence

from ..compare.names import parent_name
from ..model import Change, ChangeType, Finding, Severity, StatementEvidence
from .base import Rule, acknowledge_hint, responsible


def check(changes: Sequence[Change], evidence: Sequence[StatementEvidence]) -> list[Finding]:
    """One finding a removed column; columns of removed tables are the business of ``table-removed``."""
    removed = [change for change in changes if change.change is ChangeType.REMOVED]
    gone = {change.object for change in removed if change.kind in ("table", "foreign table")}
    return [
        _finding(change, evidence)
        for change in removed
        if change.kind == "column" and parent_name(change.object) not in gone
    ]


def _finding(change: Change, evidence: Sequence[StatementEvidence]) -> Finding:
    where = responsible(change, evidence)
    kind = (change.before or {}).get("type")
    message = f"column {change.object}{f' ({kind})' if kind else ''} is removed, with its values"
    advice = "The application that runs now still asks for it: release one that does not, then drop it in a later migration."
    if where and where.rename:
        message = f"column {change.object} is there no more under this name"
        advice = (
            "The application that runs now still asks for the old name: add the new column beside it, fill it, "
            "release an application that uses the new one, then drop the old one in a later migration."
        )
    if where:
        message += f": {where.statement}"
    hint = f"{advice}\n{acknowledge_hint(RULE.name, change, where)}"
    return Finding(RULE.name, change.object, message, hint, where.place if where else None)


RULE = Rule("column-removed", Severity.BLOCK, "a column of a table that stays is removed or renamed", check)
