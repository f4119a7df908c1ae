"""What was deployed to an environment, from the rows on its target: outcomes, durations, rollback rate; as text and JSON. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .db.state import DeploymentRow, State
from .model import timestamp

_OUTCOMES = {
    State.KEPT: "deployed",
    State.ABORTED: "aborted",
    State.ROLLBACK_FAILED: "rollback_failed",
}
#: What counts as a rollback; an aborted deployment never touched its target, and counts as neither.
_BACK = ("rolled_back", "rolled_back_on_request", "rollback_failed")


@dataclass(frozen=True, slots=True)
class EnvironmentHistory:
    """``rows``: oldest first. ``error``: why its target could not be read. ``server``: host:port/database, where known."""

    name: str
    server: str | None = None
    rows: tuple[DeploymentRow, ...] = ()
    error: str | None = None


def outcome_of(row: DeploymentRow) -> str:
    """In the words of report.json; ``unfinished`` for what is under way or died."""
    if row.state is State.ROLLED_BACK:
        later = row.finished is not None and row.updated > row.finished
        return "rolled_back_on_request" if later else "rolled_back"
    return _OUTCOMES.get(row.state, "unfinished")


def seconds_of(row: DeploymentRow) -> float | None:
    """From the first moment on the target to the end; a rollback on request later is not counted in."""
    return (row.finished - row.started).total_seconds() if row.finished else None


def numbers(rows: Iterable[DeploymentRow]) -> dict[str, Any]:
    """Counts by outcome, ``rollbackRate`` (of all that changed the target; None where there is none) and ``medianSeconds``."""
    rows = list(rows)
    outcomes = [outcome_of(row) for row in rows]
    deployed = outcomes.count("deployed")
    back = sum(outcome in _BACK for outcome in outcomes)
    times = [seconds for row in rows if (seconds := seconds_of(row)) is not None]
    return {
        "deployments": len(rows),
        "deployed": deployed,
        "rolledBack": back,
        "aborted": outcomes.count("aborted"),
        "unfinished": outcomes.count("unfinished"),
        "rollbackRate": round(back / (deployed + back), 4) if deployed + back else None,
        "medianSeconds": round(median(times), 3) if times else None,
    }


def by_month(rows: Iterable[DeploymentRow]) -> dict[str, dict[str, Any]]:
    """``2026-11`` (UTC) -> its ``numbers``, oldest first."""
    months: dict[str, list[DeploymentRow]] = {}
    for row in rows:
        months.setdefault(f"{row.started.astimezone(dt.UTC):%Y-%m}", []).append(row)
    return {month: numbers(months[month]) for month in sorted(months)}


# -- JSON --------------------------------------------------------------------------------------------------------


def as_json(found: Sequence[EnvironmentHistory], limit: int | None) -> dict[str, Any]:
    """Newest first; ``limit`` cuts the list of deployments, never what is counted."""
    return {
        "schemaVersion": 1,
        "environments": [
            {
                "name": one.name,
                "server": one.server,
                "error": one.error,
                "summary": numbers(one.rows) | {"months": by_month(one.rows)},
                "deployments": [_deployment(row) for row in _newest(one.rows, limit)],
            }
            for one in found
        ],
    }


def _deployment(row: DeploymentRow) -> dict[str, Any]:
    return {
        "deploymentId": row.id,
        "environment": row.environment,
        "outcome": outcome_of(row),
        "state": str(row.state),
        "started": timestamp(row.started),
        "updated": timestamp(row.updated),
        "finished": timestamp(row.finished) if row.finished else None,
        "durationSeconds": seconds_of(row),
        "planHash": row.plan_hash,
        "fingerprintBefore": row.fingerprint_before,
        "fingerprintAfter": row.fingerprint_after,
        "migrations": row.migrations,
        "git": {"from": row.git_from, "to": row.git_to},
        "backup": row.backup,
        "host": row.host,
        "user": row.user,
    }


# -- text --------------------------------------------------------------------------------------------------------

_HEAD = ("started", "deployment", "outcome", "took", "migrations", "by")
_MONTH_HEAD = ("month", "deployments", "rolled back", "rate", "median")


def as_text(found: Sequence[EnvironmentHistory], limit: int | None) -> str:
    """A table for people for each environment."""
    return "\n\n".join("\n".join(_environment(one, limit)) for one in found)


def _environment(one: EnvironmentHistory, limit: int | None) -> list[str]:
    lines = [f"{one.name}  {one.server}" if one.server else one.name]
    if one.error is not None:
        return [*lines, "  could not be read:", *(f"    {line}" for line in one.error.splitlines())]
    if not one.rows:
        return [*lines, "  no deployment is known here"]
    shown = _newest(one.rows, limit)
    lines += _table(_HEAD, [_cells(row) for row in shown])
    if len(shown) < len(one.rows):
        lines.append(f"  ... and {len(one.rows) - len(shown)} older ones (--limit 0 shows all)")
    months = by_month(one.rows)
    lines += ["", *_table(_MONTH_HEAD, [_month(month, told) for month, told in months.items()])]
    if len(months) > 1:
        lines[-1:] = [lines[-1], *_table(_MONTH_HEAD, [_month("all", numbers(one.rows))])[1:]]
    return lines


def _cells(row: DeploymentRow) -> tuple[str, ...]:
    names = [str(entry.get("name")) for entry in row.migrations]
    listed = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    return (
        f"{row.started.astimezone():%Y-%m-%d %H:%M}",
        row.id,
        outcome_of(row).replace("_", " "),
        _took(seconds_of(row)),
        listed or "-",
        f"{row.user}@{row.host}",
    )


def _month(month: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    rate = told["rollbackRate"]
    return (
        month,
        str(told["deployments"]),
        str(told["rolledBack"]),
        "-" if rate is None else f"{rate:.0%}",
        _took(told["medianSeconds"]),
    )


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]


def _newest(rows: Sequence[DeploymentRow], limit: int | None) -> list[DeploymentRow]:
    newest = list(reversed(rows))
    return newest if limit is None else newest[:limit]
