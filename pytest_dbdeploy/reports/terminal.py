"""What a person reads: the header, the plan, and the final section with verdict, reasons, what stands where, what to do next."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..jsonfile import redact_text
from ..model import Change, ChangeType, GateOutcome, GateRecord, Mode, Outcome, Plan, Reason, Severity
from . import schema_comparison
from .reasons import and_more, first_line, grouped
from .record import RunRecord
from .samples import presentable
from .step_lines import ReporterWriter, TerminalReport, Writer

if TYPE_CHECKING:
    from ..config.load import Settings

__all__ = [
    "ReporterWriter",
    "TerminalReport",
    "Writer",
    "header",
    "markup",
    "next_commands",
    "plan_line",
    "plan_text",
    "summary",
    "verdict",
]

_MOST = 10
_LINES = 8
_FINDINGS = 5
_SIGN = {"added": "+", "removed": "-", "modified": "~", "renamed": ">"}
_LABEL = {"database": "target", "app_url": "application"}
_WITH_CHANGES = {Outcome.DEPLOYED: "changes", Outcome.DRY_RUN: "changes", Outcome.DIFFERENT: "differences"}
# What the list of differences says already.
_SCHEMA_GATE = "dbdeploy/compare/test_schema.py::"
_GOOD = {
    Outcome.DEPLOYED,
    Outcome.NOTHING_TO_DEPLOY,
    Outcome.DRY_RUN,
    Outcome.EQUAL,
    Outcome.ROLLED_BACK_ON_REQUEST,
}
_ACTION = {
    Mode.DEPLOY: "deploy to",
    Mode.DRY_RUN: "dry run for",
    Mode.COMPARE: "compare",
    Mode.ROLLBACK: "roll back",
    Mode.RESUME: "resume",
}


# -- the header


def header(settings: Settings, plan: Plan | None) -> list[str]:
    """Lines for pytest's header: what is done where, and which source each setting came from. ``plan``: None where there is none."""
    action = settings.action
    what = (
        ", ".join(_without_password(side) for side in action.compare)
        or action.deployment
        or action.environment
        or ""
    )
    values = _values(settings, plan)
    lines = [f"dbdeploy: {_ACTION[action.mode]} {what}".rstrip()]
    for name in dict.fromkeys((*values, *settings.sources)):
        source = settings.sources.get(name)
        shown = " ".join(filter(None, (values.get(name), f"({source})" if source else None)))
        lines.append(_entry(_LABEL.get(name, name), shown))
    if plan is not None:
        if plan.last_deployment is not None:
            lines.append(_entry("last", plan.last_deployment))
        lines.append(_entry("migrations", plan_line(plan)))
        if plan.git is not None:
            lines.append(_entry("code", _code(plan)))
    notes = dict.fromkeys((*settings.notes, *(plan.notes if plan else ())))
    lines += [_entry("note", note) for note in notes]
    return [redact_text(line) for line in lines]


def _values(settings: Settings, plan: Plan | None) -> dict[str, str]:
    """What the header shows of the settings, by the names that ``settings.sources`` has."""
    values = {}
    environment = settings.environment
    if environment is not None:
        values["environment"] = environment.name + (", protected" if environment.protected else "")
        database = environment.database.reveal()
        values["database"] = _target(plan, database) if plan else _without_password(database)
        if environment.app_url:
            values["app_url"] = environment.app_url
    if settings.file is not None:
        values["config"] = _short(settings.file)
    values["artifacts"] = _short(settings.artifacts)
    return values


def _target(plan: Plan, database: str) -> str:
    if plan.target is not None:
        target = plan.target
        return f"{target.host}:{target.port}/{target.database}, PostgreSQL {target.server_version}"
    first = (plan.target_error or "not read").splitlines()[0]
    return f"{_without_password(database)}: {first}"


def _without_password(text: str) -> str:
    """A name as it is; a database URL as ``host:port/database``."""
    if "://" not in text:
        return text
    from ..db.url import DatabaseUrl, is_embedded
    from ..errors import DbDeployError

    if is_embedded(text) is not None:
        return text
    with contextlib.suppress(DbDeployError):
        return DatabaseUrl.parse(text, name="target").label
    return redact_text(text)


def _code(plan: Plan) -> str:
    assert plan.git is not None
    git = plan.git
    here = f"{(git.commit or 'no commit')[:10]} on {git.branch or 'a detached HEAD'}"
    there = f" -> {git.target_branch}" if git.target_branch else ", not pushed (no branch configured)"
    dirty = f", {_count(len(git.dirty), 'uncommitted file')}" if git.dirty else ""
    return here + there + dirty


# -- the plan


def plan_line(plan: Plan) -> str:
    """The pending migrations on one line."""
    if plan.command is not None:
        return f"what `{plan.command}` changes"
    if plan.target_error is not None:
        return "unknown, the target could not be read"
    if not plan.migrations:
        return f"nothing pending ({plan.layout})"
    names = [m.name for m in plan.migrations]
    shown = ", ".join(names[:3]) + (
        f", … {names[-1]}" if len(names) > 4 else "".join(f", {n}" for n in names[3:])
    )
    return f"{len(names)} pending ({plan.layout}): {shown}"


def plan_text(plan: Plan) -> str:
    """The plan for the person who approves it, with the command to copy."""
    lines = [f"Plan for {plan.environment}", ""]
    if plan.target is not None:
        lines.append(_entry("target", _target(plan, "")))
    if plan.git is not None:
        lines.append(_entry("code", _code(plan)))
    lines.append(
        _entry(
            "migrations",
            plan_line(plan)
            if plan.empty or plan.command
            else f"{len(plan.migrations)} pending ({plan.layout})",
        )
    )
    width = max((len(m.name) for m in plan.migrations), default=0)
    for migration in plan.migrations:
        lines.append(
            f"    {migration.name:<{width}}  {_count(len(migration.statements), 'statement')}  {migration.file}"
        )
    blocked = [rule for rule, severity in sorted(plan.policy.items()) if severity is Severity.BLOCK]
    other = [
        f"{rule}: {severity}"
        for rule, severity in sorted(plan.policy.items())
        if severity is not Severity.BLOCK
    ]
    lines.append(_entry("policy", "blocks " + (", ".join(blocked) or "nothing")))
    if other:
        lines.append(_entry("", "; ".join(other)))
    lines.append(_entry("hash", plan.hash))
    lines += ["", "To approve exactly this plan:", f"  {_approve(plan)}"]
    return redact_text("\n".join(lines))


def _approve(plan: Plan) -> str:
    return f"pytest --dbdeploy-env={plan.environment} --dbdeploy-approve={plan.hash}"


# -- the final section


def verdict(record: RunRecord) -> str:
    """The one line that says how it ended."""
    name = record.environment
    undone = record.rollback.performed and record.rollback.verified
    aborted = {
        Mode.COMPARE: f"NOT COMPARED: {name}",
        Mode.ROLLBACK: f"NOT ROLLED BACK: {name}",
        Mode.RESUME: f"NOT RESUMED: {name}",
    }.get(record.mode, f"NOT DEPLOYED: {name} is untouched")
    nothing = {Mode.RESUME: f"NOTHING TO RESUME: that deployment to {name} is finished"}.get(
        record.mode, f"NOTHING TO DEPLOY: {name} is up to date"
    )
    texts = {
        Outcome.DEPLOYED: f"DEPLOYED: {name}, verified and kept",
        Outcome.NOTHING_TO_DEPLOY: nothing,
        Outcome.DRY_RUN: f"DRY RUN: {name} would be deployed; nothing was written",
        Outcome.ABORTED: aborted,
        Outcome.ROLLED_BACK: f"ROLLED BACK: {name} is verified to be as it was",
        Outcome.ROLLED_BACK_ON_REQUEST: f"ROLLED BACK ON REQUEST: {name} is verified to be as it was",
        Outcome.ROLLBACK_FAILED: f"ROLLBACK FAILED: A PERSON MUST LOOK at {name}",
        Outcome.INTERRUPTED: f"INTERRUPTED: {name} "
        + ("was rolled back first, verified" if undone else "is untouched"),
        Outcome.EQUAL: f"EQUAL: {name}",
        Outcome.DIFFERENT: f"DIFFERENT: {name}{_differences(record)}",
    }
    outcome = record.outcome
    return redact_text(texts[outcome] if outcome is not None else f"INTERNAL ERROR: {aborted}")


def _differences(record: RunRecord) -> str:
    """How many objects differ; where none does, rows do, or something could not be compared: the reasons say what."""
    count = len(record.comparison.matrix) if record.comparison else len(record.changes)
    return f", {_count(count, 'difference')}" if count else ""


def markup(record: RunRecord) -> dict[str, bool]:
    """Markup of the verdict's line for pytest's terminal writer."""
    colour = (
        "green" if record.outcome in _GOOD else "yellow" if record.outcome is Outcome.INTERRUPTED else "red"
    )
    return {"bold": True, colour: True}


def summary(record: RunRecord) -> list[str]:
    """The final section; its first line is the verdict."""
    lines = [f"{verdict(record)} ({record.seconds:.1f} s)"]
    lines += _reasons(record) + _warnings(record)
    if record.comparison is not None and len(record.comparison.databases) > 2:
        if record.comparison.matrix:
            lines += _section("which differ", schema_comparison.matrix_lines(record.comparison), most=None)
    elif record.outcome in _WITH_CHANGES:
        title = _WITH_CHANGES[record.outcome] + _legend(record)
        lines += _section(title, (_change(change) for change in record.changes))
    here = f"{Path.cwd()}{os.sep}"
    stands = (line.replace(here, "") for line in record.what_stands_where)
    lines += _section("what stands where", stands, most=None)
    lines += _section("notes", dict.fromkeys(record.notes), most=None)
    lines += _section(
        "alerts",
        (": ".join(filter(None, (a["channel"], a["status"], a.get("error")))) for a in record.alerts),
    )
    lines += _section("next", next_commands(record), most=None)
    files = [schema_comparison.NAME] if record.comparison else []
    files += ["report.json", "deployment.log"]
    lines += _section("files", [f"{_short(record.artifacts)}{os.sep}  ({', '.join(files)})"])
    return [redact_text(presentable(line, record.samples)) for line in lines]


def _legend(record: RunRecord) -> str:
    if record.comparison is None:
        return ""
    first, other = (database["name"] for database in record.comparison.databases)
    return f": - only in {first}, + only in {other}, ~ not the same"


def _reasons(record: RunRecord) -> list[str]:
    if record.decision is None or record.outcome in _GOOD:
        return []
    reasons = (
        reason
        for reason in record.decision.reasons
        if record.outcome is not Outcome.DIFFERENT or not (reason.gate or "").startswith(_SCHEMA_GATE)
    )
    return _section("why", (_reason(reason, more) for reason, more in grouped(reasons)))


def _reason(reason: Reason, more: int) -> str:
    # A gate's message stands above in full; of what an action says, this is where its advice is read.
    text = (
        f"{reason.gate}\n  {first_line(reason)}"
        if reason.gate
        else "\n  ".join(reason.message.splitlines()[:_LINES])
    )
    return f"{text}\n  {and_more(more)}, see report.json" if more else text


def _warnings(record: RunRecord) -> list[str]:
    warned = [gate for gate in record.gates if gate.outcome is GateOutcome.WARNED]
    return _section("warnings", ("\n  ".join([gate.nodeid, *_warning(gate, record)]) for gate in warned))


def _warning(gate: GateRecord, record: RunRecord) -> list[str]:
    """What a rule found, a line each; of other gates the first line of the message."""
    found = [f for f in record.findings if gate.nodeid.endswith(f"[{f.rule}]") and not f.acknowledged]
    if not found:
        return [((gate.message or "").splitlines() or [""])[0]]
    lines = [f"{f.place or 'the migrations'}: {f.message.splitlines()[0]}" for f in found]
    more = len(lines) - _FINDINGS
    return [
        *lines[:_FINDINGS],
        *([f"and {_count(more, 'more finding')}, see report.json"] if more > 0 else []),
    ]


def _change(change: Change) -> str:
    mark = f"  [{change.rule}{', acknowledged' if change.acknowledged else ''}]" if change.rule else ""
    new = f" -> {(change.after or {}).get('name')}" if change.change is ChangeType.RENAMED else ""
    return f"{_SIGN[change.change]} {change.kind} {change.object}{new}{mark}"


def next_commands(record: RunRecord) -> list[str]:
    """What one would type next: the flow's commands if it has any, else the usual ones of the outcome, each below its purpose."""
    if record.next_commands:
        return list(dict.fromkeys(record.next_commands))
    deploy = f"pytest --dbdeploy-env={record.environment}"
    back = f"pytest --dbdeploy-rollback={record.deployment_id}"
    match record.outcome, record.mode:
        case Outcome.DEPLOYED, _:
            return [f"to undo it:\n  {back}"]
        case Outcome.DRY_RUN, _:
            command = _approve(record.plan) if record.protected and record.plan else deploy
            return [f"to deploy it:\n  {command}"]
        case Outcome.ROLLBACK_FAILED, _:
            return [f"once the reason is gone:\n  {back}"]
        case ((Outcome.ABORTED | Outcome.ROLLED_BACK | Outcome.INTERRUPTED), (Mode.DEPLOY | Mode.DRY_RUN)):
            first = "" if record.outcome is Outcome.INTERRUPTED else "once that is corrected, "
            return [f"{first}to try it on a clone only:\n  {deploy} --dbdeploy-dry-run"]
        case Outcome.ABORTED, Mode.ROLLBACK:
            return [f"once the reason is gone:\n  {back}"]
        case Outcome.ABORTED, Mode.RESUME:
            return [f"once the reason is gone:\n  pytest --dbdeploy-resume={record.deployment_id}"]
        case Outcome.DIFFERENT, _:
            rules = [f"- {{{_rule(change)}}}" for change in record.changes[:1]]
            return [
                f"what may differ stands in compare.ignore of dbdeploy.yaml, such as\n  {r}" for r in rules
            ]
    return []


def _rule(change: Change) -> str:
    """The entry of ``compare.ignore`` that leaves out one property that differs, or an object that is on one side only."""
    both = change.before is not None and change.after is not None
    differing = [f"property: {key}" for key in [*(change.before or {})][:1] if both]
    return ", ".join([f"kind: {change.kind}", f"object: {json.dumps(change.object)}", *differing])


# -- small parts


def _section(title: str, lines: Iterable[str], *, most: int | None = _MOST) -> list[str]:
    """A title and its indented lines, the first ``most`` of them; nothing when there is none."""
    every = list(lines)
    if not every:
        return []
    # "and 1 more" would take the line that the one more takes.
    shown = every if most is None or len(every) <= most + 1 else every[:most]
    out = [f"  {title}"]
    for text in shown:
        out += [f"    {line}" for line in text.splitlines()]
    if len(shown) < len(every):
        out.append(f"    … and {len(every) - len(shown)} more, see report.json")
    return out


def _entry(name: str, text: str) -> str:
    return f"  {name:<12} {text}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(path: Path) -> str:
    """Relative to where pytest was started, when that is shorter."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
