"""Rules: which changes, and which evidence, break something. One file a rule; policy decides what that means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from ..model import Change, Finding, Severity, StatementEvidence
from .base import Acknowledgement, Rule
from .judging import Acknowledged, inline_acknowledgements, judge_by, texts_of
from .judging import severity_of as _severity_of
from .registry import find_rules

__all__ = [
    "RULES",
    "Acknowledged",
    "Acknowledgement",
    "Rule",
    "evaluate",
    "inline_acknowledgements",
    "judge",
    "severity_of",
    "texts_of",
]

RULES: Mapping[str, Rule] = find_rules()


def evaluate(
    rule: str, changes: Sequence[Change], evidence: Sequence[StatementEvidence] = ()
) -> list[Finding]:
    """What ``rule`` finds in folded changes (``diff``) and evidence. KeyError for an unknown rule."""
    return RULES[rule].check(changes, evidence)


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
