"""Settings, layout, git and the target's catalogue -> the plan. Reads only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg

from .compare.parts import parts_of
from .compare.snapshot import Snapshot, read_snapshot
from .db.connect import connect
from .db.facts import read_facts
from .db.state import DeploymentRow, StateTable
from .db.url import DatabaseUrl
from .errors import LayoutError, TargetError
from .model import Gate, GitState, History, HistoryProblem, Mode, Plan, Severity
from .units import initial_units

if TYPE_CHECKING:
    from .config.load import Settings
    from .layouts.base import LayoutReader


@dataclass(frozen=True, slots=True)
class Schema:
    """A database's schema and its migration history, read at one moment."""

    snapshot: Snapshot
    history: History

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.snapshot, self.history)

    @property
    def parts(self) -> dict[str, str]:
        """For the deployment's row, see ``compare.parts``."""
        return parts_of(self.snapshot, [self.history.applied, len(self.history.rows)])


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest deployment that the target kept, and the schema that it left, as far as its row says so."""

    row: DeploymentRow
    parts: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan, and what it was made from; None when the target could not be read."""

    plan: Plan
    schema: Schema | None = None
    kept: Kept | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        return self.schema.snapshot if self.schema else None


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
        return Planned(plan)
    try:
        with connect(url, purpose="plan", connect_timeout=settings.timeouts.connect) as conn:
            conn.read_only = True
            return _read_target(plan, conn, url, layout, settings.state.own_schemas)
    except psycopg.Error as error:
        text = error.diag.message_primary or str(error).strip()
        return Planned(replace(plan, target_error=f"reading the target {url.label} failed: {text}"))
    except TargetError as error:
        return Planned(replace(plan, target_error=str(error)))


def _read_target(
    plan: Plan,
    conn: psycopg.Connection[Any],
    url: DatabaseUrl,
    layout: LayoutReader,
    own_schemas: tuple[str, ...],
) -> Planned:
    facts = read_facts(conn, host=url.host, port=url.port, own_schemas=own_schemas)
    schema = read_schema(conn, layout, own_schemas)
    history = schema.history
    units = tuple(initial_units(layout.group(history.pending)))
    notes = list(plan.notes)
    if facts.user_tables and not history.exists and history.pending:
        notes.append(
            f"the target has {facts.user_tables} table{'s' if facts.user_tables > 1 else ''} but no migration history:"
            " all migrations are pending"
        )
    plan = replace(
        plan,
        migrations=history.pending,
        target=facts,
        history=history,
        fingerprint=schema.fingerprint,
        units=units,
        notes=tuple(notes),
    )
    if not facts.state_schema_exists:
        return Planned(plan, schema)
    last, kept = _deployments(conn, StateTable(own_schemas[0]))
    return Planned(replace(plan, last_deployment=last), schema, kept)


def _deployments(conn: psycopg.Connection[Any], table: StateTable) -> tuple[str | None, Kept | None]:
    """The newest deployment, for the header, and the newest that was kept. A role that may not read the state gets none."""
    try:
        with conn.transaction():
            row, kept = table.newest(conn), table.last_kept(conn)
            parts = table.objects(conn, kept.id)[1] if kept else None
    except psycopg.Error:
        return None, None
    last = f"{row.id} {row.state} {row.updated.astimezone():%Y-%m-%d %H:%M}" if row else None
    return last, Kept(kept, parts) if kept else None


def read_schema(conn: psycopg.Connection[Any], layout: LayoutReader, own_schemas: Sequence[str]) -> Schema:
    """What ``fingerprint`` covers. ``own_schemas``: left out."""
    return Schema(read_snapshot(conn, exclude_schemas=own_schemas), read_history(conn, layout))


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


def covered(plan: Plan, gates: Sequence[Gate], settings: Settings) -> dict[str, Any]:
    """What a person approves, by name: a change in any of these asks for a new approval.

    Nothing of it depends on the machine: not on paths, nor on line ends, nor on the order in which anything was found.
    """
    git = plan.git
    return {
        "environment": plan.environment,
        "target": plan.fingerprint,
        "migrations": [[m.name, m.identity] for m in plan.migrations],
        "command": plan.command,
        "commit": git.commit if git else None,
        "branch": [git.target_branch, git.target_commit] if git else None,
        "policy": {rule: str(severity) for rule, severity in sorted(plan.policy.items())},
        "thresholds": settings.thresholds.model_dump(mode="json"),
        "acknowledged": sorted(one.model_dump_json() for one in settings.acknowledge),
        "gates": sorted([g.nodeid, str(g.phase), str(g.severity)] for g in gates),
        "rollback": list(settings.rollback.strategies),
    }


def plan_hash(covers: Mapping[str, Any]) -> str:
    """Of what ``covered`` says."""
    return hashlib.sha256(json.dumps(covers, sort_keys=True).encode()).hexdigest()
