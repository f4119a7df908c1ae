"""The run as a page of Markdown: for a person who looks at the job, not at its log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ...model import ChangeType, GateOutcome, Outcome
from ..record import RunRecord
from ..terminal import next_commands, verdict
from .base import notices, shown

_ROWS = 50  # of a table; with the lengths below a page has less than half a megabyte
_CELL = 300
_MARK = {Outcome.ROLLED_BACK_ON_REQUEST: "↩️", Outcome.ROLLED_BACK: "↩️", Outcome.ROLLBACK_FAILED: "🚨"}
_GOOD = {Outcome.DEPLOYED, Outcome.NOTHING_TO_DEPLOY, Outcome.DRY_RUN, Outcome.EQUAL}
_UNREMARKABLE = {GateOutcome.PASSED, GateOutcome.NOT_APPLICABLE}
_NOT_REACHED = {GateOutcome.NOT_RUN, GateOutcome.SKIPPED}


def page(record: RunRecord) -> str:
    """Verdict, gates that did not pass, findings, changes, what stands where, next commands; every text escaped, without secrets."""
    mark = _MARK.get(record.outcome, "✅" if record.outcome in _GOOD else "❌") if record.outcome else "❌"
    parts = [f"## {mark} {escape(verdict(record))}", " · ".join(_facts(record))]
    parts += _table("Findings", ("", "what", "where", "message"), list(_notices(record)))
    parts += _gates(record)
    parts += _table("Changes", ("change", "kind", "object", "rule"), list(_changes(record)))
    parts += _block("What stands where", (shown(line, record) for line in record.what_stands_where))
    parts += _block("Notes", (shown(note, record) for note in dict.fromkeys(record.notes)))
    alerts = (": ".join(filter(None, (a["channel"], a["status"], a.get("error")))) for a in record.alerts)
    parts += _block("Alerts", alerts)
    parts += _block("Next", (shown(line, record) for line in next_commands(record)))
    return "\n\n".join(parts) + "\n\n"


def _facts(record: RunRecord) -> Iterator[str]:
    yield code(record.deployment_id)
    yield f"{record.seconds:.1f} s"
    if record.exit_status is not None:
        yield f"exit status {int(record.exit_status)}"
    if record.plan is not None and record.plan.hash:
        yield f"plan {code(record.plan.hash)}"


def _notices(record: RunRecord) -> Iterator[tuple[str, ...]]:
    """What is not in the table of gates."""
    gates = {gate.nodeid for gate in record.gates}
    for notice in notices(record):
        if notice.title in gates:
            continue
        place = f"{notice.file}:{notice.line}" if notice.file and notice.line else notice.file or ""
        mark = "❌" if notice.error else "⚠️"
        yield mark, escape(notice.title), code(place) if place else "", escape(notice.message)


def _gates(record: RunRecord) -> list[str]:
    """A table of those that ran and did not pass; how many were not reached is said below it."""
    rows, not_reached = [], 0
    for gate in record.gates:
        if gate.outcome in _NOT_REACHED:
            not_reached += 1
        elif gate.outcome not in _UNREMARKABLE:
            message = escape(shown((gate.message or "").strip(), record))
            rows.append((code(gate.nodeid), gate.phase.value, gate.outcome.value, message))
    parts = _table("Gates that did not pass", ("gate", "phase", "outcome", "message"), rows)
    passed = sum(gate.outcome in _UNREMARKABLE for gate in record.gates)
    if record.gates:
        parts.append(
            f"{len(record.gates)} gates: {passed} passed or not applicable, {not_reached} not reached."
        )
    return parts


def _changes(record: RunRecord) -> Iterator[tuple[str, ...]]:
    for change in record.changes:
        new = f" → {(change.after or {}).get('name')}" if change.change is ChangeType.RENAMED else ""
        rule = f"{change.rule}{', acknowledged' if change.acknowledged else ''}" if change.rule else ""
        yield change.change.value, escape(str(change.kind)), code(f"{change.object}{new}"), escape(rule)


# -- Markdown --------------------------------------------------------------------------------------------------


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [_row(head), _row(["---"] * len(head)), *map(_row, rows[:_ROWS])]
    more = [f"… and {len(rows) - _ROWS} more, see report.json"] if len(rows) > _ROWS else []
    return [f"### {title}", "\n".join(lines), *more]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _block(title: str, lines: Iterable[str]) -> list[str]:
    """Lines as they are, to be copied: a fence longer than any run of backticks in them cannot be closed by them."""
    text = "\n".join(_cut(line, 5 * _CELL) for line in list(lines)[:_ROWS])
    if not text:
        return []
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text) or [""]))
    return [f"### {title}", f"{fence}text\n{text}\n{fence}"]


def escape(text: str) -> str:
    """Text that reads as it is, in a table's cell too: no markup, no HTML, one line."""
    text = re.sub(r"([\\`*_{}\[\]()#+\-!|~])", r"\\\1", _cut(text.strip(), _CELL))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<br>".join(text.splitlines())


def code(text: str) -> str:
    """A code span. HTML's, as Markdown's own can hold neither every backtick nor, in a table, every pipe."""
    text = _cut(" ".join(text.split()), _CELL)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return "<code>" + re.sub(r"[\\`*_\[\]|~]", _entity, text) + "</code>"


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
