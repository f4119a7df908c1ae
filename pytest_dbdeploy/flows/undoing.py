"""The undo as a way back: tried before the restore where ``rollback.strategies`` says so and the rehearsal proved it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import psycopg

from ..db import search_path
from ..db.state import StateTable
from ..db.url import DatabaseUrl
from ..errors import DbDeployError, RestoreError
from ..layouts.base import LayoutReader
from ..model import Level, LogPhase
from ..undo import store
from ..undo.carrying import Carrying, Undone
from . import way_back
from .before import Before
from .restoring import Restored
from .workspace import Workspace, count, error_text


def put_back(
    workspace: Workspace,
    url: DatabaseUrl,
    deployment: str,
    layout: LayoutReader,
    load: Callable[[], Before],
    *,
    lose_writes: bool,
    first: Callable[[], None] = lambda: None,
    code_left: bool = False,
) -> Restored:
    """Puts the target back by the first strategy that holds, see ``way_back.put_back``. ``load``: what a restore needs."""
    strategies = workspace.settings.rollback.strategies
    first = functools.cache(first)  # once, whichever strategy holds in the end
    undone = (
        _undo(workspace, url, deployment, layout, first, code_left=code_left)
        if "undo" in strategies
        else None
    )
    if undone is not None:
        return undone
    if "restore" not in strategies:
        raise RestoreError(
            "the undo did not hold, and rollback.strategies names no other way back",
            hint="add restore to rollback.strategies in dbdeploy.yaml",
        )
    restored = way_back.put_back(
        workspace, url, load(), layout, lose_writes=lose_writes, first=first, code_left=code_left
    )
    with workspace.connect(url, "undo", autocommit=True) as conn, conn.transaction():
        store.forget(conn, [deployment])
    return restored


def undoable(workspace: Workspace, url: DatabaseUrl, deployment: str) -> bool:
    """Whether the target itself holds what an undo needs, also of a plan that was only begun."""
    if "undo" not in workspace.settings.rollback.strategies:
        return False
    try:
        with workspace.connect(url, "undo", read_only=True) as conn:
            stored = store.load(conn, deployment)
    except psycopg.Error as error:
        workspace.record.notes.append(f"whether there is an undo cannot be read: {error_text(error)}")
        return False
    return stored is not None


def _undo(
    workspace: Workspace,
    url: DatabaseUrl,
    deployment: str,
    layout: LayoutReader,
    first: Callable[[], None],
    *,
    code_left: bool,
) -> Restored | None:
    """None when there is none, or it did not hold: then the target is as it was."""
    if not undoable(workspace, url, deployment):
        return None
    record = workspace.record.rollback
    with workspace.steps.step("rollback", "roll back", LogPhase.ROLLBACK, testcase=True) as step:
        first()
        try:
            with workspace.connect_to_hold(url, "undo") as conn:
                undone = _carry_out(workspace, conn, deployment, layout, step.progress, code_left=code_left)
        except (DbDeployError, psycopg.Error) as error:
            if _was_committed(workspace, url, deployment):
                record.strategy, record.performed, record.verified = "undo", True, True
                step.done("undone and verified; the connection was lost right after that")
                return Restored()
            why = error_text(error)
            step.testcase = False  # the rollback is what the next strategy does
            step.skipped(f"the undo did not hold, nothing was changed: {why.splitlines()[0]}")
            workspace.record.notes.append(f"the undo did not hold, and changed nothing: {why}")
            return None
        record.strategy, record.performed, record.verified = "undo", True, True
        step.done(f"undone in {undone.seconds:.2f} s and verified; what users wrote meanwhile is there")
    _say_aside(workspace, undone)
    return Restored(seconds=undone.seconds)


def _was_committed(workspace: Workspace, url: DatabaseUrl, deployment: str) -> bool:
    """A connection that is lost while the commit is under way does not say. DbDeployError: neither does the target."""
    with workspace.connect(url, "verify", read_only=True) as conn:
        return way_back.is_back(StateTable(workspace.settings.state.schema_).find(conn, deployment))


def _carry_out(
    workspace: Workspace,
    conn: psycopg.Connection[Any],
    deployment: str,
    layout: LayoutReader,
    on_retry: Callable[[str], None],
    *,
    code_left: bool,
) -> Undone:
    state = workspace.settings.state
    stored = store.load(conn, deployment)
    assert stored is not None
    search_path.leave_out(conn, state.schema_)

    def finish(conn: psycopg.Connection[Any]) -> None:
        way_back.say_back(conn, StateTable(state.schema_), deployment, code_left=code_left)
        store.forget(conn, [deployment])

    return Carrying(
        stored.undo,
        stored.xids,
        state.own_schemas,
        complete=stored.complete,
        forget=lambda conn: layout.forget(conn, stored.undo.migrations),
        finish=finish,
        lock_timeout=workspace.settings.timeouts.lock,
        on_retry=on_retry,
    ).run(conn)


def _say_aside(workspace: Workspace, undone: Undone) -> None:
    workspace.record.rollback.put_aside = dict(undone.aside)
    if undone.aside:
        tables = ", ".join(f"{count(rows, 'row')} of {name}" for name, rows in undone.aside.items())
        text = f"what users wrote into what is gone now was put aside, in dbdeploy_undo.rows: {tables}"
        if undone.restored:
            text += (
                f"; a rollback since had restored rows of {', '.join(undone.restored)}: they count as written by users, "
                "as nobody can tell who had written them"
            )
        workspace.record.notes.append(text)
        workspace.say(LogPhase.ROLLBACK, Level.WARN, text, tables=dict(undone.aside))
