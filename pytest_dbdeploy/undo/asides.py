"""What users wrote meanwhile into tables and columns that an undo drops: how it is put aside. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..compare.names import parent_name
from ..compare.snapshot import Snapshot
from ..db.state import UNDO_SCHEMA
from ..model import Change, ChangeType
from .altering import CannotUndo, literal
from .model import Aside
from .retyping import columns_of, holds, new_labels, stays_without

#: Rows of ``t`` that others wrote since the deployment: younger than its first transaction, and of none of its own.
#: The age comes first: it needs no column of the row, and nearly all rows are older. Subqueries are evaluated once.
THEIRS = (
    "age(t.xmin) <= (SELECT age(current_setting('dbdeploy.first_xid')::xid))"
    " AND t.xmin::text <> ALL ((SELECT string_to_array(current_setting('dbdeploy.xids'), ','))::text[])"
)


def asides(deployment: str, changes: Sequence[Change], after: Snapshot) -> tuple[Aside, ...]:
    """``changes``: unfolded, names as they are after the deployment. A row is kept as JSON: no type of the users is needed for it."""
    there = after.objects.get("table", {})  # what a foreign table shows is kept elsewhere
    tables = [c.object for c in changes if c.kind == "table" and c.change is ChangeType.ADDED]
    roots = [t for t in tables if there[t].get("partition_of") not in tables]
    columns: dict[str, list[str]] = {}
    for change in changes:
        table = parent_name(change.object)
        if change.kind == "column" and table in there and table not in tables and _loses_values(change):
            columns.setdefault(table, []).append(_written(change.object, after))
    moves = []
    for column, properties, labels in values_that_go(changes, after):
        table = parent_name(column)
        condition = holds(f"t.{column[len(table) + 1 :]}", properties, labels)
        if table in tables:
            continue
        if stays_without(properties):
            columns.setdefault(table, []).append(condition)
        else:
            refuse_followers(table, after)
            moves.append(_aside(deployment, table, condition, after, moved=True))
    return (
        *(_aside(deployment, table, "true", after) for table in roots),
        *(_aside(deployment, table, " OR ".join(found), after) for table, found in columns.items()),
        *moves,
    )


def values_that_go(
    changes: Sequence[Change], after: Snapshot
) -> list[tuple[str, Mapping[str, Any], tuple[str, ...]]]:
    """(column, its properties, values of its enum that go)."""
    return [
        (column, properties, labels)
        for change in changes
        if (labels := new_labels(change))
        for column, properties in columns_of(change.object, after).items()
        if not properties.get("inherited") and parent_name(column) in after.objects.get("table", {})
    ]


def refuse_followers(table: str, snapshot: Snapshot) -> None:
    """CannotUndo where rows of users would follow one of ``table`` that is deleted."""
    for name, properties in snapshot.objects.get("constraint", {}).items():
        text = str(properties.get("definition"))
        if f"REFERENCES {table}(" in text and "ON DELETE " in text:
            raise CannotUndo(f"rows of {table} would have to go, and {name} has rows of others follow them")


def _loses_values(change: Change) -> bool:
    """A new column, or one whose type is changed back: what was written may not fit into the old one."""
    properties = change.after or {}
    if change.before and change.before.get("generated") and "generated" in properties:
        return True
    if properties.get("generated") or properties.get("inherited"):
        return False
    return change.change is ChangeType.ADDED or "type" in properties


def _written(column: str, after: Snapshot) -> str:
    """Whether a row has a value there that is not simply the default."""
    name = column[len(parent_name(column)) + 1 :]
    default = after.objects["column"][column].get("default")
    if default is not None and "nextval(" in default:
        default = None
    return f"t.{name} IS DISTINCT FROM ({default})" if default is not None else f"t.{name} IS NOT NULL"


def _aside(deployment: str, table: str, condition: str, after: Snapshot, *, moved: bool = False) -> Aside:
    """``moved``: the row cannot stay where it is, either."""
    only = "" if after.objects["table"][table].get("partition_key") else "ONLY "
    where = f"FROM {only}{table} t WHERE {THEIRS}"
    return Aside(
        table,
        put_aside(deployment, table, f"{where} AND ({condition})", moved=moved),
        None if moved else put_aside(deployment, table, where, moved=False),
    )


def put_aside(deployment: str, table: str, where: str, *, moved: bool) -> str:
    """``where``: from FROM on; the table is ``t``."""
    into = f"INSERT INTO {UNDO_SCHEMA}.rows (deployment_id, relation, row_data)"
    values = f"{literal(deployment)}, {literal(table)}"
    if moved:
        return f"WITH gone AS (DELETE {where} RETURNING to_jsonb(t) AS row_data) {into} SELECT {values}, row_data FROM gone"
    return f"{into} SELECT {values}, to_jsonb(t) {where}"
