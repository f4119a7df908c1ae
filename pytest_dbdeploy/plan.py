"""Settings, layout, git and the target's catalogue -> the plan. Reads only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg

from .compare.snapshot import Snapshot, read_snapshot
from .db.connect import connect
from .db.facts import read_facts
from .db.state import StateTable
from .db.url import DatabaseUrl
from .errors import LayoutError, TargetError
from .model import Gate, GitState, History, HistoryProblem, Mode, Plan, Severity
from .units import initial_units

if TYPE_CHECKING:
    from .config.load import Settings
    from .layouts.base import LayoutReader


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan, and the catalogue it was made from (None when the target could not be read)."""

    plan: Plan
    snapshot: Snapshot | None


def make_plan(
    settings: Settings,
    *,
    mode: Mode,
    environment: str,
    layout: LayoutReader,
    url: DatabaseUrl | None,
    target_error: str | None,
    git: GitState | None,
    policy: Mapping[str, Severity],
    app_url: str | None,
) -> Planned:
    """Reads the target through one read-only connection. A target that cannot be read gives a plan with ``target_error``."""
    plan = Plan(
        environment=environment,
        mode=mode,
        layout=layout.name,
        migrations=(),
        target=None,
        target_error=target_error,
        history=None,
        git=git,
        fingerprint=None,
        policy=policy,
        command=settings.migrations.apply if layout.name == "command" else None,
        app_url=app_url,
    )
    if url is None:
        return Planned(plan, None)
    try:
        with connect(url, purpose="plan", connect_timeout=settings.timeouts.connect) as conn:
            conn.read_only = True
            return _read_target(plan, conn, url, layout, settings.state.own_schemas)
    except psycopg.Error as error:
        text = error.diag.message_primary or str(error).strip()
        return Planned(replace(plan, target_error=f"reading the target {url.label} failed: {text}"), None)
    except TargetError as error:
        return Planned(replace(plan, target_error=str(error)), None)


def _read_target(
    plan: Plan,
    conn: psycopg.Connection[Any],
    url: DatabaseUrl,
    layout: LayoutReader,
    own_schemas: tuple[str, ...],
) -> Planned:
    facts = read_facts(conn, host=url.host, port=url.port, own_schemas=own_schemas)
    snapshot = read_snapshot(conn, exclude_schemas=own_schemas)
    history = read_history(conn, layout)
    units = tuple(initial_units(layout.group(history.pending)))
    notes = list(plan.notes) + list(url.notes)
    if facts.user_tables and not history.exists and history.pending:
        notes.append(
            f"the target has {facts.user_tables} tables but no migration history: all migrations are pending"
        )
    plan = replace(
        plan,
        migrations=history.pending,
        target=facts,
        history=history,
        fingerprint=fingerprint(snapshot, history),
        units=units,
        notes=tuple(notes),
        last_deployment=_last_deployment(conn, own_schemas[0]) if facts.state_schema_exists else None,
    )
    return Planned(plan, snapshot)


def _last_deployment(conn: psycopg.Connection[Any], state_schema: str) -> str | None:
    """For the header only: a role that may not read the state gets none."""
    try:
        with conn.transaction():
            row = StateTable(state_schema).newest(conn)
    except psycopg.Error:
        return None
    return f"{row.id} {row.state} {row.updated.astimezone():%Y-%m-%d %H:%M}" if row else None


def read_history(conn: psycopg.Connection[Any], layout: LayoutReader) -> History:
    """The history as the layout reads it; one that it cannot read is a blocking problem, not an error."""
    migrations = layout.migrations()
    try:
        with conn.transaction():
            return layout.history(conn, migrations)
    except (LayoutError, psycopg.Error) as error:
        text = str(error) if isinstance(error, LayoutError) else (error.diag.message_primary or str(error))
        problem = HistoryProblem("failed", "-", f"the migration history cannot be read: {text}")
        return History((), (), (problem,), (), exists=True)


def fingerprint(snapshot: Snapshot, history: History) -> str:
    """Schema and migration history, no data: the same as long as nobody changed either."""
    rows = json.dumps(sorted(history.rows), ensure_ascii=False)
    return hashlib.sha256(f"{snapshot.fingerprint()}\n{rows}".encode()).hexdigest()


def plan_hash(plan: Plan, gates: Sequence[Gate], strategies: Sequence[str]) -> str:
    """What a person approves: a change in any of these asks for a new approval."""
    covered = {
        "environment": plan.environment,
        "fingerprint": plan.fingerprint,
        "migrations": [[m.name, m.checksum] for m in plan.migrations],
        "command": plan.command,
        "git": [plan.git.commit, plan.git.target_branch, plan.git.target_commit] if plan.git else None,
        "policy": {rule: str(severity) for rule, severity in sorted(plan.policy.items())},
        "gates": sorted([g.nodeid, str(g.phase), str(g.severity)] for g in gates),
        "rollback": list(strategies),
    }
    return hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()
