"""The migration history of the target, carried out again on an empty database of the sandbox: the schema that it should have."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import psycopg
from psycopg import sql

from ..actions.roles import create_roles, read_roles
from ..compare.snapshot import Snapshot, read_snapshot
from ..db import search_path
from ..db.locale import read_locale
from ..db.url import DatabaseUrl
from ..errors import LayoutError, ReplayError
from ..layouts.base import LayoutReader
from ..model import History, Migration
from ..rehearsal import rehearse
from ..sandboxes.embedded import EmbeddedSandbox
from ..steps import Step
from ..units import initial_units
from .workspace import Workspace

_DATABASE = "replay"


def why_not(layout: LayoutReader, history: History) -> str | None:
    """Why the history cannot be replayed, or None."""
    if layout.name == "command":
        return "a command applies the migrations, and does not say which"
    on_disk = {m.name for m in layout.migrations()}
    changed = [p.migration for p in history.problems if p.kind in ("edited", "missing")]
    changed += [name for name in history.applied if name not in on_disk]
    if changed:
        return f"what was applied is not what the files say: {', '.join(dict.fromkeys(changed))}"
    if not history.applied:
        return "the target's migration history is empty"
    return None


def replay(
    workspace: Workspace,
    sandbox: EmbeddedSandbox,
    target: DatabaseUrl,
    layout: LayoutReader,
    history: History,
    extensions: Collection[str],
    step: Step,
) -> Snapshot:
    """The schema that the applied migrations make, in the order in which they were applied.

    ``extensions``: those that somebody else may have made before; they are made first where the migrations need them.
    ReplayError: the migrations do not make a schema by themselves, as when the history began with a filled database.
    """
    on_disk = {m.name: m for m in layout.migrations()}
    applied = [on_disk[name] for name in history.applied]
    try:
        return _replay(workspace, sandbox, target, layout, applied, (), step)
    except ReplayError:
        if not extensions:
            raise
        return _replay(workspace, sandbox, target, layout, applied, sorted(extensions), step)


def _replay(
    workspace: Workspace,
    sandbox: EmbeddedSandbox,
    target: DatabaseUrl,
    layout: LayoutReader,
    applied: Sequence[Migration],
    extensions: Sequence[str],
    step: Step,
) -> Snapshot:
    database = _empty_database(workspace, sandbox, target)
    state = workspace.settings.state
    try:
        with (
            workspace.connect(database, "replay", autocommit=True) as conn,
            workspace.connect(database, "observer", autocommit=True) as monitor,
        ):
            for name in extensions:
                _create_extension(conn, name)
            search_path.leave_out(conn, state.schema_)
            layout.ensure_history(conn)
            units = list(initial_units(layout.group(applied)))
            done = rehearse(conn, monitor, units, {m.name: m for m in applied}, layout, step)
            if done.error:
                raise ReplayError(done.error.splitlines()[0])
        with workspace.connect(database, "compare", read_only=True) as conn:
            return read_snapshot(conn, exclude_schemas=state.own_schemas)
    except LayoutError as error:
        raise ReplayError(error.message) from None
    except psycopg.Error as error:
        raise ReplayError(error.diag.message_primary or str(error).strip()) from None
    finally:
        sandbox.drop_database(_DATABASE)


def _empty_database(workspace: Workspace, sandbox: EmbeddedSandbox, target: DatabaseUrl) -> DatabaseUrl:
    """As the target was before its first migration, with its roles: migrations grant to them."""
    with workspace.connect(target, "look", read_only=True) as conn:
        locale, (roles, memberships) = read_locale(conn), read_roles(conn)
    with workspace.connect(sandbox.admin_url, "replay", autocommit=True) as admin:
        create_roles(admin, roles, memberships)
    sandbox.drop_database(_DATABASE)
    return sandbox.create_database(_DATABASE, locale=locale)


def _create_extension(conn: psycopg.Connection[object], name: str) -> None:
    try:
        conn.execute(sql.SQL("create extension if not exists {} cascade").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise ReplayError(f"the sandbox cannot make extension {name}: {error.diag.message_primary}") from None
