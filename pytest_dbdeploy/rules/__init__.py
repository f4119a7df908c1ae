"""Rules: which changes, and which evidence, break something. One file a rule; policy decides what that means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from ..model import Change, Facts, Finding, Severity, StatementEvidence
from .base import Acknowledgement, Rule, Seen
from .judging import Acknowledged, Judged, inline_acknowledgements, judge_by, judge_findings, texts_of
from .judging import severity_of as _severity_of
from .registry import find_rules

__all__ = [
    "RULES",
    "Acknowledged",
    "Acknowledgement",
    "Judged",
    "Rule",
    "Seen",
    "evaluate",
    "findings_of",
    "inline_acknowledgements",
    "judge",
    "severity_of",
    "texts_of",
]

RULES: Mapping[str, Rule] = find_rules()


def evaluate(
    rule: str,
    changes: Sequence[Change] = (),
    evidence: Sequence[StatementEvidence] = (),
    facts: Facts | None = None,
) -> list[Finding]:
    """What ``rule`` finds in folded changes (``diff``), evidence and facts. KeyError for an unknown rule."""
    return RULES[rule].check(Seen(changes, evidence, facts or Facts()))


def findings_of(
    seen: Seen,
    policy: Mapping[str, Severity] | Mapping[str, str],
    acknowledgements: Sequence[Acknowledgement] = (),
    *,
    files: Mapping[str, str] | None = None,
    today: dt.date | None = None,
) -> Judged:
    """What all rules find that the policy does not ignore. Parameters as of ``judge``."""
    return judge_findings(RULES, seen, policy, acknowledgements, files=files, today=today)


def severity_of(rule: str, policy: Mapping[str, Severity] | Mapping[str, str]) -> Severity:
    """What the policy says of a rule; its default when it says nothing. KeyError for an unknown rule."""
    return _severity_of(RULES[rule], policy)


def judge(
    changes: Sequence[Change],
    policy: Mapping[str, Severity] | Mapping[str, str],
    acknowledgements: Sequence[Acknowledgement] = (),
    *,
    files: Mapping[str, str] | None = None,
    evidence: Sequence[StatementEvidence] = (),
    today: dt.date | None = None,
) -> tuple[Change, ...]:
    """``changes`` with ``rule``, ``severity`` and ``acknowledged`` filled in where a rule applies.

    ``files``: path -> text of the pending migrations' files, for the comments that acknowledge a change where it is made.
    ``evidence``: tells which migration made a change; without it an acknowledgement for a migration counts while that is
    pending. ``today``: for ``until``, which still counts on its own day; UTC now.
    """
    return judge_by(RULES, changes, policy, acknowledgements, files=files, evidence=evidence, today=today)
