"""What rules about statements that fail on the data share, and those about single facts. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..model import Fact, Facts, Finding, StatementEvidence
from .base import Check, Responsible, Seen, found, place_of


def check_of_errors(rule: str, sqlstates: frozenset[str], what: str, advice: str) -> Check:
    """A rule that finds statements that failed with one of ``sqlstates``."""

    def check(seen: Seen) -> list[Finding]:
        return [
            found(
                rule,
                e.violation.relation if e.violation else e.migration,
                error_message(e, what),
                advice,
                place_of(e),
                refused=True,
            )
            for e in seen.evidence
            if e.error and e.error.sqlstate in sqlstates
        ]

    return check


def error_message(evidence: StatementEvidence, what: str) -> str:
    """What the server said of a statement that failed, with the rows at fault. ``what``: what is wrong with them."""
    error = evidence.error
    assert error is not None
    violation = evidence.violation
    if violation is None:
        return f"{what}: {error.message}"
    if error.violating_rows is None:
        return f"rows of {violation.relation} {what}: {error.message}"
    keys = ""
    if violation.keys:
        more = "; ..." if error.violating_rows > len(violation.keys) else ""
        keys = f" ({'; '.join(violation.keys)}{more})"
    return f"{error.violating_rows:,} rows of {violation.relation} {what}{keys}: {error.message}"


def check_of_facts(rule: str, facts: Callable[[Facts], Iterable[Fact]], what: str, advice: str) -> Check:
    """A rule that finds each of these facts. ``what``: the kind of the object."""

    def check(seen: Seen) -> list[Finding]:
        return [
            found(
                rule,
                fact.object,
                f"{what} {fact.object} {fact.text}".strip(),
                fact.hint or advice,
                _made_by(seen, fact),
            )
            for fact in facts(seen.facts)
        ]

    return check


def check_of_history(rule: str, kind: str, advice: str, accepted: str) -> Check:
    """A rule that finds the problems of one kind that the history of the target shows.

    ``accepted``: what becomes of the migration when the team accepts the finding.
    """

    def check(seen: Seen) -> list[Finding]:
        return [
            replace(
                found(rule, fact.object, f"{fact.text}; once accepted, {accepted}", fact.hint or advice),
                migration=fact.migration,
            )
            for found_kind, fact in seen.facts.history
            if found_kind == kind
        ]

    return check


def _made_by(seen: Seen, fact: Fact) -> Responsible | None:
    """The last statement that touched the object, or else that names it."""
    bare = fact.object.partition("(")[0].rpartition(".")[2].strip('"')
    named = re.compile(rf"(?<![\w$]){re.escape(bare)}(?![\w$])", re.IGNORECASE)
    touching = [e for e in seen.evidence if any(o.object == fact.object for o in (*e.created, *e.altered))]
    naming = touching or [e for e in seen.evidence if named.search(e.statement)]
    return place_of(naming[-1]) if naming else None
