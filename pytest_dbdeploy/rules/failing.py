"""What rules about statements that fail on the data share, and those about single facts. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..model import Fact, Facts, Finding, StatementEvidence
from .base import Check, Responsible, Seen, found, names, place_of

_OF_ONE = {"do": "does", "have": "has", "refer": "refers", "violate": "violates"}


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
        return f"rows {what}: {error.message}"
    if error.violating_rows is None:
        return f"rows of {violation.relation} {what}: {error.message}"
    keys = ""
    if violation.keys:
        more = "; ..." if error.violating_rows > len(violation.keys) else ""
        keys = f" ({'; '.join(violation.keys)}{more})"
    if error.violating_rows == 1:
        verb, _, rest = what.partition(" ")
        return f"1 row of {violation.relation} {_OF_ONE[verb]} {rest}{keys}: {error.message}"
    return f"{error.violating_rows:,} rows of {violation.relation} {what}{keys}: {error.message}"


def check_of_facts(
    rule: str, facts: Callable[[Facts], Iterable[Fact]], what: str, advice: str, says: str = ""
) -> Check:
    """A rule that finds each of these facts. ``what``: the kind of the object. ``says``: what a statement that makes it so most likely
    has in its text, as a regular expression."""

    def check(seen: Seen) -> list[Finding]:
        return [
            found(
                rule,
                fact.object,
                f"{what} {fact.object} {fact.text}".strip(),
                fact.hint or advice,
                _made_by(seen, fact, re.compile(says, re.IGNORECASE)),
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


def _made_by(seen: Seen, fact: Fact, says: re.Pattern[str]) -> Responsible | None:
    """The statement that most likely made it so: by its words, by what it touched or names, and how much of it; the last of several."""
    own, closest = {fact.object, *fact.related}, (fact.object, *fact.related[:1])
    likely = []
    for at, e in enumerate(seen.evidence):
        close = _touches(e, own) + any(names(e, name) for name in closest)
        named = sum(names(e, name) for name in own)
        if close or named:
            likely.append((says.search(e.statement) is not None, close, named, at, e))
    return place_of(max(likely, key=lambda one: one[:-1])[-1]) if likely else None


def _touches(evidence: StatementEvidence, those: set[str]) -> bool:
    touched = {one.object for one in (*evidence.created, *evidence.altered)}
    return not those.isdisjoint({*touched, *evidence.rows, *(one.object for one in evidence.dropped)})
