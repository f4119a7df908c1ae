"""The rehearsal held against the rules: facts are gathered from the clone and the target, findings and changes are judged."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg

from ..compare.renames import diff_with_renames, made_again
from ..compare.snapshot import Snapshot, read_identities
from ..db.url import DatabaseUrl
from ..errors import DbDeployError
from ..evidence.facts import clone_facts, filling, parents, target_facts
from ..evidence.gathering import BLOCK_WRITES
from ..evidence.values import changed_values, columns_made_again, values_lost
from ..model import Change, Fact, Facts, Finding, Plan, StatementEvidence
from ..rules import Seen, findings_of, judge
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Judgement:
    """``unused``: acknowledgements that acknowledge nothing, as sentences."""

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    unused: tuple[str, ...]


def judge_rehearsal(
    workspace: Workspace,
    plan: Plan,
    urls: tuple[DatabaseUrl, DatabaseUrl, DatabaseUrl],
    snapshots: tuple[Snapshot, Snapshot],
    evidence: Sequence[StatementEvidence],
    rows: tuple[Mapping[str, int], Mapping[str, int]],
) -> Judgement:
    """``urls``: target, clone before, clone after. ``rows``: of the clone before and after."""
    settings = workspace.settings
    files = texts_of_files(workspace, plan)
    before, after = snapshots
    with (
        workspace.connect(urls[1], "compare", read_only=True) as was,
        workspace.connect(urls[2], "compare", read_only=True) as now,
    ):
        identities = read_identities(was), read_identities(now)
    changes = diff_with_renames(before, after, *identities)
    again = made_again(*identities)
    facts = Facts(
        lock_seconds=settings.thresholds.lock_seconds,
        lock_rows=settings.thresholds.lock_rows,
        analyzes=plan.command is None,
        rows=rows[0],
        rows_after=rows[1],
        parents=parents(before.objects.get("table", {})),
        filling=filling(after.objects.get("column", {})),
        made_again=frozenset(again.get("table", ())),
        history=_history(plan),
        drift=plan.drift,
    )
    columns = columns_made_again(
        again, before.objects.get("column", {}), after.objects.get("column", {}), changes
    )
    facts = _of_clone(workspace, urls[1], urls[2], facts, plan, changes, evidence, columns)
    facts = _of_target(workspace, urls[0], facts)
    workspace.record.notes += _waiting(evidence, facts)
    judged = findings_of(Seen(changes, evidence, facts), plan.policy, settings.acknowledge, files=files)
    marked = judge(changes, plan.policy, settings.acknowledge, files=files, evidence=evidence)
    return Judgement(marked, judged.findings, judged.unused)


def _of_clone(
    workspace: Workspace,
    before: DatabaseUrl,
    after: DatabaseUrl,
    facts: Facts,
    plan: Plan,
    changes: Sequence[Change],
    evidence: Sequence[StatementEvidence],
    again: Mapping[str, tuple[str, str]],
) -> Facts:
    with (
        workspace.connect(before, "facts", read_only=True) as was,
        workspace.connect(after, "facts") as now,  # values are compared in temporary tables, rolled back
    ):
        everything = plan.command is not None
        found = clone_facts(was, now, evidence, changes, facts.rows, everything=everything)
        values = changed_values(was, now, changes, again)
        lost = values_lost(was, changes)
        now.rollback()
    samples = workspace.settings.reports.samples
    shown = tuple(replace(one, samples=_presentable(one.samples, samples)) for one in values)
    return replace(facts, values=shown, values_lost=lost, **found)  # type: ignore[arg-type]  # names of fields


def _presentable(found: tuple[tuple[str, str, str], ...], samples: str) -> tuple[tuple[str, str, str], ...]:
    """What ``reports.samples`` lets appear of users' rows."""
    if samples == "none":
        return ()
    return found if samples == "values" else tuple((key, "", "") for key, _, _ in found)


def _of_target(workspace: Workspace, target: DatabaseUrl, facts: Facts) -> Facts:
    """Estimates only: a target that does not answer them is no reason to stop."""
    with (
        contextlib.suppress(DbDeployError, psycopg.Error),
        workspace.connect(target, "traffic", read_only=True) as conn,
    ):
        traffic, blockers = target_facts(conn)
        return replace(facts, traffic=traffic, blockers=blockers)
    return facts


def _waiting(evidence: Sequence[StatementEvidence], facts: Facts) -> list[str]:
    """Who is in the way of the plan's locks on the target right now."""
    locked = {lock.relation: lock.mode for e in evidence for lock in e.locks if lock.mode in BLOCK_WRITES}
    return [
        f"{blocker.object} is in use on the target: {locked[blocker.object]} would wait for {blocker.text}"
        for blocker in facts.blockers
        if blocker.object in locked
    ]


def judge_history(workspace: Workspace, plan: Plan) -> tuple[Finding, ...]:
    """What rules find in the migration history and in the schema that it left, before anything is rehearsed."""
    seen = Seen(facts=Facts(history=_history(plan), drift=plan.drift))
    files = texts_of_files(workspace, plan)
    return findings_of(seen, plan.policy, workspace.settings.acknowledge, files=files).findings


def texts_of_files(workspace: Workspace, plan: Plan) -> dict[str, str]:
    """Path -> text of the pending migrations' files, for the comments that acknowledge what is found."""
    texts = {}
    for migration in plan.migrations:
        with contextlib.suppress(OSError):
            texts[migration.file] = (workspace.settings.rootdir / migration.file).read_text(
                encoding="utf-8", errors="replace"
            )
    return texts


def _history(plan: Plan) -> tuple[tuple[str, Fact], ...]:
    problems = plan.history.problems if plan.history else ()
    return tuple((p.kind, Fact(p.migration, p.message, p.migration, p.hint)) for p in problems if p.blocking)
