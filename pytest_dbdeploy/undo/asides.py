"""What users wrote meanwhile into tables and columns that an undo drops: how it is put aside. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..compare.diff import parent_of
from ..compare.names import parent_name
from ..compare.snapshot import Snapshot
from ..db.state import UNDO_SCHEMA
from ..model import Change, ChangeType
from .altering import literal
from .model import Aside

#: Rows of ``t`` that others wrote since the deployment: younger than its first transaction, and of none of its own.
#: The age comes first: it needs no column of the row, and nearly all rows are older. Subqueries are evaluated once.
THEIRS = (
    "age(t.xmin) <= (SELECT age(current_setting('dbdeploy.first_xid')::xid))"
    " AND t.xmin::text <> ALL ((SELECT string_to_array(current_setting('dbdeploy.xids'), ','))::text[])"
)


def asides(deployment: str, changes: Sequence[Change], after: Snapshot) -> tuple[Aside, ...]:
    """``changes``: unfolded, names as they are after the deployment. A row is kept as JSON: no type of the users is needed for it."""
    tables = [c.object for c in changes if c.kind == "table" and c.change is ChangeType.ADDED]
    roots = [t for t in tables if after.objects["table"][t].get("partition_of") not in tables]
    columns: dict[str, list[str]] = {}
    for change in changes:
        if change.kind == "column" and parent_of(change) not in tables and _loses_values(change):
            columns.setdefault(parent_name(change.object), []).append(change.object)
    return (
        *(_aside(deployment, table, "true", after) for table in roots),
        *(
            _aside(deployment, table, " OR ".join(_written(name, after) for name in names), after)
            for table, names in columns.items()
        ),
    )


def _loses_values(change: Change) -> bool:
    """A new column, or one whose type is changed back: what was written may not fit into the old one."""
    properties = change.after or {}
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


def _aside(deployment: str, table: str, condition: str, after: Snapshot) -> Aside:
    only = "" if after.objects["table"][table].get("partition_key") else "ONLY "
    return Aside(
        table,
        f"INSERT INTO {UNDO_SCHEMA}.rows (deployment_id, relation, row_data)"
        f" SELECT {literal(deployment)}, {literal(table)}, to_jsonb(t) FROM {only}{table} t WHERE {THEIRS} AND ({condition})",
    )
