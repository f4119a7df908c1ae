"""What others wrote to tables since the backup's snapshot: told by the transactions that wrote the rows, not by statistics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql

from ..db.connect import Connection
from ..db.sql import query
from ..model import RowsWritten
from .backup_keys import count_in_backup

_ROOTS = """
select name, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
from unnest(%s::text[]) as name
join pg_class p on p.oid = name::regclass and p.relispartition
join pg_class c on c.oid = pg_partition_root(p.oid)
join pg_namespace n on n.oid = c.relnamespace
"""


@dataclass(frozen=True, slots=True)
class Writes:
    """What tells others' rows from ours. ``snapshot``: the backup's, as pg_current_snapshot() gives it.

    ``rows``: of each table in it, partitions counted under their root. ``own``: the deployment's own transactions.
    ``net``: by how many rows its migrations grow each table, as rehearsed. ``unknown``: tables of which that cannot be told.
    ``restored``: transactions of other rollbacks, whose rows bear their mark, whoever had written them.
    ``backup``: the archive and the server's major, to tell updates by the key; None: not told.
    """

    snapshot: str
    rows: Mapping[str, int]
    own: Collection[str]
    net: Mapping[str, int] = field(default_factory=dict)
    unknown: Collection[str] = ()
    restored: Collection[str] = ()
    backup: tuple[Path, int] | None = None


def rows_written_since(conn: Connection, tables: Sequence[str], writes: Writes) -> RowsWritten:
    """Rows of ``tables`` that others wrote and a restore would lose. Call it when nobody can write to them any more.

    Inserted, updated and deleted rows, each once. Not exact where the migrations wrote rows too: one that others wrote and they
    wrote again is theirs; nor where rows are both new and gone, and no key tells an update from one that came and another that went.
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
    parameters = {
        "snapshot": writes.snapshot,
        "own": sorted(writes.own),
        "restored": sorted(writes.restored),
    }
    row = conn.execute(statement, parameters).fetchone()
    assert row is not None
    fresh, ours, restored, total = row
    before = writes.rows.get(table)
    if before is None:
        return fresh, not partition  # else the deployment made it
    if restored or table in writes.unknown:
        return fresh, False
    gone = before + writes.net.get(table, 0) - (total - fresh)
    if ours == 0 and fresh and gone > 0 and (updated := _updated(conn, table, writes)) is not None:
        return fresh + gone - updated, True
    return max(fresh, gone, fresh - gone), ours == 0 and gone >= 0 and (fresh == 0 or gone == 0)


def _updated(conn: Connection, table: str, writes: Writes) -> int | None:
    """Those of the new rows whose key is in the backup; None when that cannot be told."""
    if writes.backup is None:
        return None
    relation = conn.execute("select %s::regclass::oid::bigint", [table]).fetchone()
    assert relation is not None
    keys = conn.execute(query("row_keys"), {"relations": [relation[0]]}).fetchall()
    if not keys:
        return None
    columns = [
        quoted
        for (quoted,) in conn.execute("select quote_ident(c) from unnest(%s::text[]) as c", [keys[0][1]])
    ]
    statement = sql.SQL(query("fresh_keys")).format(
        key=sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(column)) for column in keys[0][1]),
        table=sql.SQL(table),
        snapshot=sql.Literal(writes.snapshot),
    )
    with conn.transaction(force_rollback=True):
        for setting in (
            "datestyle = iso",
            "intervalstyle = postgres",
            "extra_float_digits = 3",
        ):  # as pg_dump's
            conn.execute(sql.SQL("set local {}").format(sql.SQL(setting)))
        with conn.cursor() as cursor, cursor.copy(statement) as copy:
            fresh = b"".join(bytes(block) for block in copy).splitlines()
    archive, major = writes.backup
    return count_in_backup(archive, table, columns, frozenset(fresh), server_major=major)
