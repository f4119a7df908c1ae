"""What others wrote to tables since the backup's snapshot: told by the transactions that wrote the rows, not by statistics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import sql

from ..db.connect import Connection
from ..db.sql import query
from ..model import RowsWritten

_ROOTS = """
select name, pg_partition_root(name::regclass)::text from unnest(%s::text[]) as name
where (select relispartition from pg_class where oid = name::regclass)
"""


@dataclass(frozen=True, slots=True)
class Writes:
    """What tells others' rows from ours. ``snapshot``: the backup's, as pg_current_snapshot() gives it.

    ``rows``: of each table in it, partitions counted under their root. ``own``: the deployment's own transactions.
    ``net``: by how many rows its migrations grow each table, as rehearsed. ``unknown``: tables of which that cannot be told.
    """

    snapshot: str
    rows: Mapping[str, int]
    own: Collection[str]
    net: Mapping[str, int] = field(default_factory=dict)
    unknown: Collection[str] = ()


def rows_written_since(conn: Connection, tables: Sequence[str], writes: Writes) -> RowsWritten:
    """Rows of ``tables`` that others wrote and a restore would lose. Call it when nobody can write to them any more.

    Exact when no row can have been written twice unseen: a row that others wrote and the migrations then wrote again is theirs,
    and where rows are both new and gone, an update cannot be told from a row that came and another that went.
    """
    found: dict[str, int] = {}
    exact = True
    roots: dict[str, str] = dict(conn.execute(_ROOTS, [list(tables)]).fetchall())
    for table in tables:
        if table in roots and roots[table] in tables:
            continue  # counted there
        number, sure = _of(conn, table, writes, partition=table in roots)
        exact = exact and sure
        if number:
            found[table] = number
    return RowsWritten(sum(found.values()), exact, found)


def _of(conn: Connection, table: str, writes: Writes, *, partition: bool) -> tuple[int, bool]:
    statement = sql.SQL(query("rows_since")).format(table=sql.SQL(table))
    row = conn.execute(statement, {"snapshot": writes.snapshot, "own": sorted(writes.own)}).fetchone()
    assert row is not None
    fresh, ours, total = row
    before = writes.rows.get(table)
    if before is None:
        return fresh, not partition  # else the deployment made it
    if table in writes.unknown:
        return fresh, False
    gone = before + writes.net.get(table, 0) - (total - fresh)
    return max(fresh, gone, fresh - gone), ours == 0 and gone >= 0 and (fresh == 0 or gone == 0)
