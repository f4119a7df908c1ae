"""What rules about locks, rewrites and scans share: how strong, how long, on how much. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..model import Finding, StatementEvidence
from .base import Seen, counted, found, place_of

BLOCKS_READS = frozenset({"AccessExclusiveLock"})
BLOCKS_WRITES = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock"})
_WORDS = {
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ShareLock": "SHARE",
}
_QUERIES = ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "DO", "CALL")
_STRENGTH = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")


@dataclass(frozen=True, slots=True)
class Held:
    """The strongest lock that a statement was the first to take on a table. ``seconds``: until the commit."""

    evidence: StatementEvidence
    relation: str
    mode: str
    named: bool
    seconds: float


def held(evidence: StatementEvidence) -> Iterator[Held]:
    """The locks on tables that block writes, one a table."""
    strongest: dict[str, Held] = {}
    for lock in evidence.locks:
        if lock.mode not in _STRENGTH or lock.relation not in evidence.sizes:
            continue
        one = Held(evidence, lock.relation, lock.mode, lock.named, _seconds(evidence, lock.relation))
        known = strongest.get(lock.relation)
        if known is None or _STRENGTH.index(known.mode) < _STRENGTH.index(one.mode):
            strongest[lock.relation] = one
    yield from strongest.values()


def _seconds(evidence: StatementEvidence, relation: str) -> float:
    if relation in evidence.lock_seconds:
        return evidence.lock_seconds[relation]
    return evidence.duration_seconds if evidence.held_seconds is None else evidence.held_seconds


def words(mode: str) -> str:
    """``ShareLock`` -> ``SHARE``, as LOCK TABLE has it."""
    return _WORDS.get(mode, mode)


def rows_of(seen: Seen, relation: str) -> int | None:
    """Rows of a table of the clone before: counted, or else estimated; those of the target where a clone has no data."""
    counted = seen.facts.rows.get(relation)
    traffic = seen.facts.traffic.get(relation)
    if counted is not None:
        return max(counted, traffic.rows if traffic else 0)
    for evidence in seen.evidence:
        if relation in evidence.sizes:
            return evidence.sizes[relation].rows
    return None


def size(seen: Seen, relation: str) -> str:
    """``2,100,000 rows, 310 MB, 300 scans a second on the target``: as much of it as is known."""
    rows = rows_of(seen, relation)
    taken = next((e.sizes[relation].bytes for e in seen.evidence if relation in e.sizes), None)
    traffic = seen.facts.traffic.get(relation)
    parts = [counted(rows, "row")] if rows is not None else []
    if taken:
        parts.append(_bytes(taken))
    if traffic and traffic.scans is not None and traffic.scans >= 0.05:
        parts.append(f"{traffic.scans:,.{0 if traffic.scans >= 10 else 1}f} scans a second on the target")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """``4.1 s``, ``12 ms``."""
    return f"{seconds:,.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"


def _bytes(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1024 or unit == "GB":
            return f"{number:,.0f} {unit}"
        number /= 1024
    raise AssertionError("unreachable")


def worked_on(seen: Seen, lock: Held) -> bool:
    """Whether the table was written anew or read as a whole while it was locked: that takes longer the larger it is."""
    begun = False
    for evidence in seen.evidence:
        begun = begun or evidence is lock.evidence
        if (
            begun
            and evidence.migration == lock.evidence.migration
            and lock.relation in (*evidence.rewritten, *evidence.scanned)
        ):
            return True
    return False


def findings(seen: Seen, rule: str, modes: frozenset[str], consequence: str, advice: str) -> list[Finding]:
    """One finding a statement and table whose lock of one of ``modes`` is above the thresholds."""
    texts = []
    for evidence in seen.evidence:
        for lock in held(evidence):
            rows = rows_of(seen, lock.relation) or 0
            many = rows > seen.facts.lock_rows and worked_on(seen, lock)
            if lock.mode not in modes or not (lock.seconds > seen.facts.lock_seconds or many):
                continue
            message = f"{words(lock.mode)} about {duration(lock.seconds)} on {lock.relation}"
            known = size(seen, lock.relation)
            message += f" ({known})" if known else ""
            message += f": {consequence}"
            message += "".join(
                f"; it would wait for {b.text} now" for b in seen.facts.blockers if b.object == lock.relation
            )
            texts.append(found(rule, lock.relation, message, advice, place_of(evidence)))
    return texts


def _is_query(evidence: StatementEvidence) -> bool:
    """Whether it only reads and writes rows: how it reads them is the planner's choice."""
    changes = evidence.created or evidence.altered or evidence.dropped
    return (evidence.tag or "").startswith(_QUERIES) and not changes


def of_statements(seen: Seen, rule: str, names: str, message: str, advice: str) -> list[Finding]:
    """One finding a statement and relation in its list ``names`` (``rewritten``, ...); ``message`` with {relation} and {size}."""
    result = []
    for evidence in seen.evidence:
        for relation in getattr(evidence, names):
            # Any query reads a small table as a whole, whatever indexes it has.
            if _is_query(evidence) and (rows_of(seen, relation) or 0) <= seen.facts.lock_rows:
                continue
            known = size(seen, relation)
            text = message.format(
                relation=relation,
                size=f" ({known})" if known else "",
                seconds=duration(evidence.duration_seconds),
            )
            result.append(found(rule, relation, text, advice, place_of(evidence)))
    return result
