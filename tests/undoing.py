"""A plan and its undo on a real server, without a whole run: what the rehearsal does in the sandbox."""

from __future__ import annotations

import contextlib
import secrets

from psycopg import sql

from pytest_dbdeploy.actions.apply import run_unit
from pytest_dbdeploy.actions.dump import dump
from pytest_dbdeploy.actions.toc import parse, reader_for
from pytest_dbdeploy.compare.snapshot import read_identities, read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.splitter import scan
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.errors import ToolError
from pytest_dbdeploy.model import Migration
from pytest_dbdeploy.rehearsal import rehearse
from pytest_dbdeploy.undo import store
from pytest_dbdeploy.undo.carrying import Carrying
from pytest_dbdeploy.undo.keeping import Keeper
from pytest_dbdeploy.undo.proof import Prover, Rehearsed
from pytest_dbdeploy.undo.row_proof import RowsChange
from pytest_dbdeploy.units import initial_units

OWN = ("dbdeploy", "dbdeploy_undo")
ID = "deploy-test-1764000000000"


class NoHistory:
    """A layout that keeps none."""

    def ensure_history(self, conn): ...
    def record(self, conn, migration): ...
    def forget(self, conn, names): ...


def database(server, text):
    """A database made by this script."""
    url = server.fresh_database()
    with connect(url, purpose="test", autocommit=True) as conn:
        conn.execute(text)
    return url


def copy_of(server, url):
    name = f"t_{secrets.token_hex(6)}"
    server.execute(
        sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(url.dbname))
    )
    return url.with_dbname(name)


def snapshot(url):
    with connect(url, purpose="test") as conn:
        return read_snapshot(conn, exclude_schemas=OWN)


def plan(migration):
    made = Migration("0002_change", "0002_change.sql", "x", scan(migration).statements)
    return {made.name: made}, initial_units([[made]])


def _prove(
    server, before, migration, folder, *, keep_aside_max=10**9, target=None, layout=None, changed_rows=()
):
    """(the proof, the database it was made on). Raises what the prover raises. ``target``: another server's database."""
    migrations, units = plan(migration)
    after, copy = copy_of(server, before), copy_of(server, before)
    tools = tools_for(server.major)
    backup = dump(before, folder / f"{secrets.token_hex(4)}.dump", tools=tools, format="custom", jobs=1)
    with (
        connect(after, purpose="test", autocommit=True) as conn,
        connect(after, purpose="test", autocommit=True) as monitor,
    ):
        rehearsal = rehearse(conn, monitor, units, migrations, NoHistory())
        identities = read_identities(conn)
    assert rehearsal.error is None, rehearsal.error
    reader, listed = reader_for(backup.path, server.major, ToolError)
    with (
        contextlib.closing(connect(before, purpose="test", autocommit=True)) as original,
        contextlib.closing(connect(copy, purpose="test", autocommit=True)) as conn,
    ):
        schemas = [row[0] for row in original.execute("select nspname from pg_namespace")]
        roles = [row[0] for row in original.execute("select rolname from pg_roles")]
        found = Rehearsed(
            ID,
            rehearsal.units,
            migrations,
            rehearsal.evidence,
            snapshot(target or before),
            snapshot(before),
            snapshot(after),
            identities,
            backup.path,
            parse(listed, schemas=schemas, roles=roles),
            reader,
        )
        return Prover(
            found, layout or NoHistory(), original, conn, OWN, keep_aside_max, (), changed_rows
        ).run(), copy


def prove(*arguments, **more):
    """(the proof, the database it was made on). Raises what the prover raises. ``target``: another server's database."""
    try:
        return _prove(*arguments, **more)
    except RowsChange as found:
        return _prove(*arguments, **more, changed_rows=found.tables)


def deployed(server, before, migration, undo):
    """A copy of ``before`` to which the plan was deployed as a target is."""
    url = copy_of(server, before)
    migrations, (unit,) = plan(migration)
    keeper = Keeper(undo.keeps)

    def committing():
        keeper.committing()
        store.write(conn, undo, complete=True)

    with connect(url, purpose="test", autocommit=True) as conn:
        run_unit(conn, unit, migrations, NoHistory(), keeper, before_commit=committing)
    return url


def carrying(conn, **more):
    """The undo that this database holds."""
    stored = store.load(conn, ID)
    return Carrying(
        stored.undo, stored.xids, OWN, lambda conn: None, lambda conn: store.forget(conn, [ID]), **more
    )
