"""An additive deployment taken back by undo and by restore: the same target, in one run.

    python benchmarks/rollback.py [MEGABYTES]

The undo is derived and proven on a small database of the same schema; what is timed runs on the large one, each as a rollback does it: the undo with
its comparison of the schema, the restore with ``failed.dump`` before and the count of rows after it. Status 1 when the goal is missed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from psycopg import sql

from pytest_dbdeploy.actions.apply import run_unit
from pytest_dbdeploy.actions.dump import dump
from pytest_dbdeploy.actions.restore import restore
from pytest_dbdeploy.actions.toc import parse, reader_for
from pytest_dbdeploy.compare.rows import count_rows, user_tables
from pytest_dbdeploy.compare.snapshot import read_identities, read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.splitter import scan
from pytest_dbdeploy.db.state import UNDO_SCHEMA
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import ToolError
from pytest_dbdeploy.model import Migration
from pytest_dbdeploy.rehearsal import rehearse
from pytest_dbdeploy.undo import store
from pytest_dbdeploy.undo.carrying import Carrying
from pytest_dbdeploy.undo.model import Undo
from pytest_dbdeploy.undo.proof import Prover, Rehearsed
from pytest_dbdeploy.units import initial_units

GOAL = 20.0
BYTES_A_ROW = 400
SCHEMA = """
create table users (id int primary key, name text not null);
create table orders (id int primary key, user_id int references users, note text not null, more text not null);
insert into users select i, 'user ' || i from generate_series(1, greatest({rows} / 10, 1)) i;
insert into orders select i, 1 + i % greatest({rows} / 10, 1), repeat(md5(i::text), 4), repeat(md5(i::text || 'x'), 5) from generate_series(1, {rows}) i;
create index orders_user on orders (user_id);
"""
MIGRATION = """
alter table orders add phone text not null default '';
create index orders_note on orders (left(note, 8));
create table notes (id int primary key, order_id int references orders, body text);
create view recent as select * from orders where id > 100;
"""


class NoHistory:
    def ensure_history(self, conn: Any) -> None: ...
    def record(self, conn: Any, migration: Migration) -> None: ...
    def forget(self, conn: Any, names: Any) -> None: ...


PLAN = Migration("0002", "0002.sql", "", scan(MIGRATION).statements)
UNITS = initial_units([[PLAN]])


def database(server: EmbeddedServer, name: str, rows: int = 0, *, template: str | None = None) -> DatabaseUrl:
    with connect(server.url, purpose="benchmark", autocommit=True) as conn:
        source = (
            sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template))
            if template
            else sql.SQL("")
        )
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)) + source)
    url = server.url.with_dbname(name)
    if template is None:
        with connect(url, purpose="benchmark", autocommit=True) as conn:
            conn.execute(SCHEMA.replace("{rows}", str(rows)).encode())
    return url


def proven(server: EmbeddedServer, folder: Path) -> Undo:
    before = database(server, "before", 100)
    after, copy = (database(server, name, template="before") for name in ("after", "copy"))
    backup = dump(before, folder / "small.dump", tools=tools_for(server.major), format="custom", jobs=1)
    reader, listed = reader_for(backup.path, server.major, ToolError)
    with (
        connect(before, purpose="benchmark", autocommit=True) as original,
        connect(after, purpose="benchmark", autocommit=True) as migrated,
        connect(after, purpose="benchmark", autocommit=True) as monitor,
        connect(copy, purpose="benchmark", autocommit=True) as conn,
    ):
        was = read_snapshot(original)
        found = rehearse(migrated, monitor, list(UNITS), {PLAN.name: PLAN}, NoHistory())
        rehearsed = Rehearsed(
            "deploy-benchmark-1", found.units, {PLAN.name: PLAN}, found.evidence, was, was, read_snapshot(migrated),
            read_identities(migrated), backup.path, parse(listed, schemas=["public"]), reader,
        )  # fmt: skip
        return Prover(rehearsed, NoHistory(), original, conn, (UNDO_SCHEMA,), 0).run().undo  # type: ignore[arg-type]  # of a layout it needs no more


def deploy(url: DatabaseUrl, undo: Undo) -> None:
    with connect(url, purpose="benchmark", autocommit=True) as conn:
        run_unit(
            conn, UNITS[0], {PLAN.name: PLAN}, NoHistory(), before_commit=lambda: store.write(conn, undo, complete=True)
        )  # fmt: skip


def undone(url: DatabaseUrl, undo: Undo) -> float:
    with connect(url, purpose="benchmark", autocommit=True) as conn:
        stored = store.load(conn, undo.deployment)
        assert stored is not None
        started = time.perf_counter()
        Carrying(
            stored.undo,
            stored.xids,
            (UNDO_SCHEMA,),
            forget=lambda conn: None,
            finish=lambda conn: store.forget(conn, [undo.deployment]),
        ).run(conn)
        return time.perf_counter() - started


def main(megabytes: int) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="dbdeploy-benchmark-") as name,
        EmbeddedServer.temporary(minimum_major=17, settings={"fsync": "off"}) as server,
    ):
        folder = Path(name)
        undo = proven(server, folder)
        target = database(server, "target", megabytes * 1_000_000 // BYTES_A_ROW)
        with connect(target, purpose="benchmark", autocommit=True) as conn:
            row = conn.execute(
                "select pg_database_size(current_database()), pg_postmaster_start_time()"
            ).fetchone()
        assert row is not None
        print(f"target of {row[0] / 1e6:.0f} MB, PostgreSQL {server.major}")
        backup = dump(
            target, folder / "backup.dump", tools=tools_for(server.major), format="directory", jobs=2
        )
        deploy(target, undo)
        by_undo = undone(target, undo)
        deploy(target, undo)
        started = time.perf_counter()
        dump(target, folder / "failed.dump", tools=tools_for(server.major), format="custom", jobs=1)
        dumped = time.perf_counter() - started
        restore(target, backup, server_major=server.major, keep_schemas=(UNDO_SCHEMA,))
        with connect(target, purpose="benchmark", read_only=True) as conn:
            count_rows(conn, user_tables(conn, (UNDO_SCHEMA,)))
        by_restore = time.perf_counter() - started
    ratio = by_restore / by_undo
    print(
        f"undo     {by_undo:8.2f} s\nrestore  {by_restore:8.2f} s   (of which failed.dump {dumped:.2f} s)\ntimes    {ratio:8.1f}   (goal: at least {GOAL:.0f})"
    )
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
