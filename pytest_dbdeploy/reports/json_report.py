"""report.json: the run for machines. Its shape is ``schema/report.schema.json``; keys may be added, none is ever removed."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from .. import jsonfile
from ..model import ExitStatus, Finding, GateRecord, GitState, Outcome, Plan, StatementEvidence, as_json
from .artifacts import Artifacts
from .record import RunRecord
from .samples import presentable

SCHEMA_VERSION = 1
NAME = "report.json"


def build(record: RunRecord) -> dict[str, Any]:
    """The report, redacted. A record without an outcome is that of an internal error: nothing was deployed."""
    safe: dict[str, Any] = jsonfile.safe(_report(record))
    return safe


def _report(record: RunRecord) -> dict[str, Any]:
    finished = record.finished
    return {
        "schemaVersion": SCHEMA_VERSION,
        "deploymentId": record.deployment_id,
        "environment": record.environment,
        "mode": record.mode,
        "outcome": record.outcome or Outcome.ABORTED,
        "exitStatus": int(ExitStatus.INTERNAL_ERROR if record.exit_status is None else record.exit_status),
        "started": record.started,
        "finished": finished or record.started,
        "durationSeconds": round(record.seconds if finished else 0.0, 3),
        "plan": _plan(record.plan) if record.plan else None,
        "decision": _decision(record),
        "phases": record.phases.records(record.gates),
        "gates": [_gate(gate, record.samples) for gate in record.gates],
        "changes": _changes(record),
        "notCompared": record.not_compared,
        "evidence": [_evidence(evidence, record.samples) for evidence in record.evidence],
        "rollback": _rollback(record),
        "alerts": record.alerts,
        "backup": record.backup,
        "deployedCommit": record.deployed_commit,
        "code": record.code,
        "health": record.health,
        "notes": record.notes,
        "whatStandsWhere": record.what_stands_where,
        "nextCommands": record.next_commands,
        "findings": [_finding(finding, record.samples) for finding in record.findings],
    }


def _changes(record: RunRecord) -> list[dict[str, Any]]:
    """Of a comparison each with the names of the two databases that it lies between."""
    found = record.comparison
    if found is None:
        return [as_json(change) for change in record.changes]
    first = found.databases[0]["name"]
    return [
        as_json(change) | {"databases": [first, other]}
        for other, changes in found.changes.items()
        for change in changes
    ]


def write(record: RunRecord, artifacts: Artifacts) -> Path:
    """Writes ``report.json``, whole or not at all. OSError goes through."""
    return artifacts.write_json(NAME, _report(record))


def schema(name: str = "report") -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``<name>.json``: report or schema-comparison."""
    text = resources.files(__package__).joinpath("schema", f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "hash": plan.hash,
        "targetFingerprint": plan.fingerprint,
        "layout": plan.layout,
        "migrations": [
            {"name": m.name, "checksum": m.checksum, "statements": len(m.statements), "file": m.file}
            for m in plan.migrations
        ],
        "git": _git(plan.git) if plan.git else None,
        "command": plan.command,
        "targetError": plan.target_error,
        "notes": plan.notes,
    }


def _git(git: GitState) -> dict[str, Any]:
    """``branch``: where code is pushed, else the branch at hand. ``from``: what stands there; ``to``: the commit at hand."""
    return {
        "branch": git.target_branch or git.branch,
        "from": git.target_commit,
        "to": git.commit,
        "dirty": git.dirty,
    }


def _decision(record: RunRecord) -> dict[str, Any] | None:
    if record.decision is None:
        return None
    reasons = [
        {"code": reason.code, "gate": reason.gate, "message": presentable(reason.message, record.samples)}
        for reason in record.decision.reasons
    ]
    return {"verdict": record.decision.verdict, "reasons": reasons}


def _gate(gate: GateRecord, samples: str) -> dict[str, Any]:
    return {
        "nodeid": gate.nodeid,
        "phase": gate.phase,
        "severity": gate.severity,
        "outcome": gate.outcome,
        "durationSeconds": round(gate.duration_seconds, 3),
        "message": None if gate.message is None else presentable(gate.message, samples),
    }


def _evidence(evidence: StatementEvidence, samples: str) -> dict[str, Any]:
    as_dict: dict[str, Any] = as_json(evidence)
    if error := as_dict["error"]:
        for key in ("message", "detail", "hint"):
            if error[key] is not None:
                error[key] = presentable(error[key], samples)
    return as_dict


def _finding(finding: Finding, samples: str) -> dict[str, Any]:
    texts = {
        key: presentable(text, samples) for key in ("message", "hint") if (text := getattr(finding, key))
    }
    return {**as_json(finding), **texts}


def _rollback(record: RunRecord) -> dict[str, Any]:
    rollback = record.rollback
    return {
        "strategy": rollback.strategy,
        "rehearsed": rollback.rehearsed,
        "rehearsedSeconds": rollback.rehearsed_seconds,
        "performed": rollback.performed,
        "verified": rollback.verified,
        "rowsWrittenSinceBackup": rollback.rows_written,
        "putAside": dict(rollback.put_aside),
    }
