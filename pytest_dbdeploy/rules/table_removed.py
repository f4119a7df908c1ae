"""table-removed: a table that was there is gone after the migrations.

Why it hurts: its rows are lost, and the application version that still runs fails with ``relation does not exist`` from the
moment of the deploy. A rename does the same to the old name.

The safe way: first release an application that does not use the table; keep the rows for a while under another name, out of
the application's reach; drop it in a later release::

    ALTER TABLE orders_old SET SCHEMA attic;   -- this release: nothing uses it any more
    DROP TABLE attic.orders_old;               -- a later one, acknowledged
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model import Change, ChangeType, Finding, Severity, StatementEvidence
from .base import Rule, acknowledge_hint, responsible


def check(changes: Sequence[Change], evidence: Sequence[StatementEvidence]) -> list[Finding]:
    """One finding a removed table or foreign table."""
    return [
        _finding(change, evidence)
        for change in changes
        if change.kind in ("table", "foreign table") and change.change is ChangeType.REMOVED
    ]


def _finding(change: Change, evidence: Sequence[StatementEvidence]) -> Finding:
    where = responsible(change, evidence)
    columns = len((change.before or {}).get("columns", ()))
    message = f"{change.kind} {change.object} is removed"
    message += f", with its {columns} columns and all its rows" if columns else ", with all its rows"
    advice = "The application that runs now still asks for it: release one that does not, then drop it in a later migration."
    if where and where.rename:
        message = f"{change.kind} {change.object} is there no more under this name"
        advice = (
            "The application that runs now still asks for the old name: keep a view under it until the next release "
            f"(CREATE VIEW {change.object} AS SELECT * FROM <new name>)."
        )
    if where:
        message += f": {where.statement}"
    hint = f"{advice}\n{acknowledge_hint(RULE.name, change, where)}"
    return Finding(RULE.name, change.object, message, hint, where.place if where else None)


RULE = Rule("table-removed", Severity.BLOCK, "a table is removed or renamed", check)
