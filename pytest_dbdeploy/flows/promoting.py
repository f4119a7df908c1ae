"""Reads what another environment was deployed to, for ``promote_from``. Its database is only read."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from ..config.models import Environment
from ..db.state import StateTable
from ..errors import ConfigError, DbDeployError
from ..model import Plan
from ..plan import Schema
from ..promotion import Deployed, Here, promoted
from .workspace import Workspace, error_text


@dataclass(frozen=True, slots=True)
class Checked:
    """For the gate. ``error``: why environment ``name`` could not be asked."""

    name: str
    problems: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()
    error: str | None = None


def check_promotion(workspace: Workspace, source: Environment, plan: Plan, schema: Schema) -> Checked:
    """Whether what ``plan`` would deploy was deployed to ``source`` and kept. Never raises for what is wrong there."""
    try:
        there = _read(workspace, source)
    except (DbDeployError, psycopg.Error) as error:
        if isinstance(error, ConfigError):
            raise
        return Checked(source.name, error=error_text(error))
    here = Here(
        plan.migrations,
        schema.fingerprint,
        schema.parts,
        command=plan.command is not None,
        commit=plan.git.commit if plan.git else None,
    )
    found = promoted(here, there, source.name)
    return Checked(source.name, found.problems, found.proof)


def _read(workspace: Workspace, source: Environment) -> list[Deployed]:
    url = workspace.open_database(source.database.reveal(), name=source.name)
    table = StateTable(workspace.settings.state.schema_)
    with workspace.connect(url, "promotion", read_only=True) as conn:
        rows = table.of_environment(conn, source.name)
        return [Deployed(row, *table.objects(conn, row.id)) for row in rows]
