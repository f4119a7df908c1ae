"""What a CI service is, and what there is to note about a run: each with the file and line that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...jsonfile import redact_text
from ...model import GateOutcome, Outcome, Severity
from ..reasons import and_more, grouped
from ..record import RunRecord
from ..samples import presentable

_PLACE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?\Z")
_WELL = (
    Outcome.DEPLOYED,
    Outcome.DRY_RUN,
    Outcome.EQUAL,
    Outcome.NOTHING_TO_DEPLOY,
    Outcome.ROLLED_BACK_ON_REQUEST,
)


class Service(Protocol):
    """A CI service: a module of this package has one as ``SERVICE``."""

    def here(self, environ: Mapping[str, str]) -> bool:
        """Whether this process is run by it."""

    def annotations(self, record: RunRecord, root: Path, environ: Mapping[str, str]) -> list[str]:
        """Lines for stdout; see ``reports.ci.annotations``."""

    def write_summary(self, record: RunRecord, environ: Mapping[str, str]) -> None:
        """Writes the run's page, if the service shows any. OSError where it cannot be written."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``error``: what keeps from deploying; else a warning. ``file``: relative to the project's root, posix; ``line``: from 1."""

    error: bool
    title: str
    message: str
    file: str | None = None
    line: int | None = None


def notices(record: RunRecord) -> list[Notice]:
    """Errors first, each said once, redacted: findings, statements that failed on the clone, then gates that tell more."""
    found = [*_statements(record), *_findings(record), *_reasons(record), *_warnings(record)]
    return sorted(dict.fromkeys(found), key=lambda notice: not notice.error)


def _findings(record: RunRecord) -> Iterator[Notice]:
    for finding in record.findings:
        if finding.acknowledged or finding.severity not in (Severity.BLOCK, Severity.WARN):
            continue
        text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
        match = _PLACE.match(finding.place or "")
        file, line = (match["file"], int(match["line"])) if match else (finding.place, None)
        yield Notice(finding.severity is Severity.BLOCK, finding.rule, shown(text, record), file, line)


def _statements(record: RunRecord) -> Iterator[Notice]:
    for statement in record.evidence:
        error = statement.error
        if error is not None:
            state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
            text = "\n".join(filter(None, (error.message + state, error.detail, error.hint)))
            title = f"migration {statement.migration} fails"
            yield Notice(True, title, shown(text, record), statement.file, statement.line)


def _reasons(record: RunRecord) -> Iterator[Notice]:
    """Gates that fail for one reason (the target cannot be reached) are one notice."""
    if record.decision is None or record.outcome in _WELL:
        return
    explained = _explained(record)
    others = (reason for reason in record.decision.reasons if reason.gate not in explained)
    for reason, more in grouped(others):
        text = "\n".join(filter(None, (reason.message, and_more(more))))
        yield Notice(True, reason.gate or reason.code, shown(text, record), _file_of(reason.gate))


def _warnings(record: RunRecord) -> Iterator[Notice]:
    explained = _explained(record)
    for gate in record.gates:
        if gate.outcome is GateOutcome.WARNED and gate.nodeid not in explained:
            yield Notice(False, gate.nodeid, shown(gate.message or "warned", record), _file_of(gate.nodeid))


def _explained(record: RunRecord) -> set[str]:
    """Gates whose message stands already where it belongs, in a migration's file."""
    gates = {f"dbdeploy/sandbox/test_rules.py::test_rule[{finding.rule}]" for finding in record.findings}
    if any(statement.error for statement in record.evidence):
        gates.add("dbdeploy/sandbox/test_migrations.py::test_migrations_apply")
    return gates


def _file_of(gate: str | None) -> str | None:
    """The team's file; our own gates are in none of its."""
    return None if gate is None or gate.startswith("dbdeploy/") else gate.partition("::")[0]


def shown(text: str, record: RunRecord) -> str:
    """Without secrets, and without values of users' rows that ``reports.samples`` does not allow."""
    return redact_text(presentable(text, record.samples))
