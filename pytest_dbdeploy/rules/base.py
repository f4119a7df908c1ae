"""What a rule is, what it judges, and which statement made a change. No I/O."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..compare.names import parent_name, split_name
from ..model import Change, ChangeType, Facts, Finding, Severity, StatementEvidence

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TAKES_AWAY = re.compile(r"\b(drop|rename|set\s+schema)\b", re.IGNORECASE)
#: What a statement says that makes such a change, or changes such a property.
_SAYS = {
    ChangeType.ADDED: r"\badd\b",
    ChangeType.RENAMED: r"\b(rename|set\s+schema)\b",
    "type": r"\btype\b",
    "not_null": r"\b(null|primary)\b",
    "default": r"\bdefault\b",
    "row_security": r"\brow\s+level\s+security\b",
    "privileges": r"\b(grant|revoke)\b",
}
_ON_ALL = re.compile(r"\bon\s+all\s+\w+\s+in\s+schema\b", re.IGNORECASE)
_EXCERPT = 100


@dataclass(frozen=True, slots=True)
class Seen:
    """What a rule judges: folded changes, what each statement did, and what else was measured."""

    changes: Sequence[Change] = ()
    evidence: Sequence[StatementEvidence] = ()
    facts: Facts = field(default_factory=Facts)


Check = Callable[[Seen], list[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of change, or of evidence, that breaks something.

    ``name``: kebab-case; its page is docs/rules/<name>.md. ``default``: what the policy says of it unless told otherwise.
    ``summary``: one line. ``check``: one finding for each thing found; a rule about changes must not need the evidence to
    find them, only to say where they come from; a ``severity`` that it gives to a finding is the most that comes of it. ``example``: an object that it might name, for its page.
    """

    name: str
    default: Severity
    summary: str
    check: Check
    example: str = "public.orders"


class Acknowledgement(Protocol):
    """An entry of ``acknowledge``: a change that somebody wants in spite of the rule. Globs in ``object`` and ``migration``.

    ``until``: the last day on which it counts. An attribute that is None leaves that open.
    """

    @property
    def rule(self) -> str: ...
    @property
    def object(self) -> str | None: ...
    @property
    def migration(self) -> str | None: ...
    @property
    def until(self) -> dt.date | None: ...


@dataclass(frozen=True, slots=True)
class Responsible:
    """The statement that made a change. ``place``: ``file:line``."""

    migration: str
    file: str
    place: str
    statement: str
    rename: bool


def responsible(change: Change, evidence: Sequence[StatementEvidence]) -> Responsible | None:
    """The statement that made a change: by what was measured to be dropped, else by what changes schema and names the object.

    None where neither tells. A command made them all.
    """
    if len(evidence) == 1 and not _is_sql(evidence[0].file):
        return place_of(evidence[0])
    found = next((e for e in evidence if any(d.object == change.object for d in e.dropped)), None)
    if change.change is ChangeType.ADDED:
        found = next((e for e in evidence if any(c.object == change.object for c in e.created)), found)
    if found is None:
        found = _naming(change, change.object, evidence)
    if found is None and change.change is ChangeType.REMOVED:  # a part of what was dropped and made again
        whole = parent_name(change.object)
        found = next((e for e in evidence if any(d.object == whole for d in e.dropped)), None)
        found = found or _dropping_another(change, evidence)
    elif found is None:
        own = _own(change)
        found = next((e for e in reversed(evidence) if any(a.object in own for a in e.altered)), None)
    if found is None and change.kind == "constraint" and change.change is ChangeType.ADDED:
        # PostgreSQL made up its name
        found = _naming(change, parent_name(change.object), evidence)
    if found is None:
        found = _granting_all(change, evidence) if _of_privileges(change) else _locking(change, evidence)
    if found is None:
        return None
    return place_of(found)


def _dropping_another(change: Change, evidence: Sequence[StatementEvidence]) -> StatementEvidence | None:
    """The only statement that dropped one like it of another table: as the object's own was called by then."""
    last = change.object[len(parent_name(change.object)) :]
    dropping = [
        e for e in evidence if any(d.kind == change.kind and d.object.endswith(last) for d in e.dropped)
    ]
    return dropping[0] if len(dropping) == 1 else None


def _own(change: Change) -> set[str]:
    """Names of the object, of what it is part of, and of what it became."""
    return {change.object, parent_name(change.object), str((change.after or {}).get("name"))}


def _of_privileges(change: Change) -> bool:
    return "privileges" in {**(change.before or {}), **(change.after or {})}


def _granting_all(change: Change, evidence: Sequence[StatementEvidence]) -> StatementEvidence | None:
    """The last GRANT or REVOKE on all objects of the schema."""
    schema = parent_name(change.object.partition("(")[0])
    for e in reversed(evidence):
        if e.tag in ("GRANT", "REVOKE") and _ON_ALL.search(e.statement) and names(e, schema):
            return e
    return None


def _locking(change: Change, evidence: Sequence[StatementEvidence]) -> StatementEvidence | None:
    """The only statement that locked the object, or what it is part of, against everything: its text shows nothing."""
    own = _own(change)
    locking = [
        e
        for e in evidence
        if any(lock.mode == "AccessExclusiveLock" and lock.relation in own for lock in e.locks)
    ]
    return locking[0] if len(locking) == 1 else None


def place_of(evidence: StatementEvidence) -> Responsible:
    """The statement as one that is responsible for what was measured."""
    text = " ".join(_COMMENTS.sub(" ", evidence.statement).split())
    return Responsible(
        evidence.migration,
        evidence.file,
        f"{evidence.file}:{evidence.line}",
        text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…",
        re.search(r"\brename\b", text, re.IGNORECASE) is not None,
    )


#: Rules about what no pending file speaks of: what they find is acknowledged in dbdeploy.yaml only.
NOT_IN_A_FILE = frozenset({"migration-edited", "migration-missing", "schema-drift"})


def found(
    rule: str,
    object: str,  # noqa: A002 - the word of ``Finding``
    message: str,
    advice: str,
    where: Responsible | None = None,
    *,
    refused: bool = False,
) -> Finding:
    """A finding in the usual form: what, by which statement; what to do instead, and how to let it pass.

    ``refused``: the server does not carry the statement out, so that there is nothing to let pass.
    """
    if where:
        message += f": {where.statement}"
    hint = f"{advice}\n{f'See docs/rules/{rule}.md.' if refused else acknowledge_hint(rule, object, where)}"
    return Finding(
        rule, object, message, hint, where.place if where else None, where.migration if where else None
    )


def _naming(change: Change, name: str, evidence: Sequence[StatementEvidence]) -> StatementEvidence | None:
    """The statement that names the object and most likely made the change; the last of several."""
    naming = [e for e in evidence if names(e, name) and (_touches(e, change) or _changes_schema(e))]
    if change.change is ChangeType.REMOVED:
        naming = [e for e in naming if _TAKES_AWAY.search(e.statement)]
    likely = [(_touches(e, change), _says(e, change), at, e) for at, e in enumerate(naming)]
    return max(likely, key=lambda one: one[:3])[3] if likely else None


def _changes_schema(evidence: StatementEvidence) -> bool:
    return (evidence.tag or "").startswith(("ALTER", "DROP", "CREATE", "COMMENT", "GRANT", "REVOKE"))


def _touches(evidence: StatementEvidence, change: Change) -> bool:
    """Whether the object, or the table that it is part of, is among what the server says the statement made or altered.
    It does not say what a GRANT is about."""
    if (evidence.tag or "") in ("GRANT", "REVOKE"):
        return _of_privileges(change)
    own = _own(change)
    return any(one.object in own for one in (*evidence.altered, *evidence.created))


def _says(evidence: StatementEvidence, change: Change) -> bool:
    words = [_SAYS[key] for key in (change.change, *(change.after or {})) if key in _SAYS]
    return any(re.search(word, evidence.statement, re.IGNORECASE) for word in words)


def counted(number: int, noun: str) -> str:
    """``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def names(evidence: StatementEvidence, name: str) -> bool:
    """Whether the statement's text names an object: its parts as words."""
    try:
        parts = split_name(name.partition("(")[0])
    except ValueError:
        return False
    text = _COMMENTS.sub(" ", evidence.statement).lower()
    # Of a column, the table too; the schema is often left out, except where it goes as a whole.
    alone = evidence.tag == "DROP SCHEMA" or len(parts) == 1
    end = r"(?![\w$]|\"?\.)" if alone else r"(?![\w$])"  # what is in a schema does not name it
    named = parts[:1] if alone else parts[1:]
    return all(re.search(rf"(?<![\w$]){re.escape(part.lower())}{end}", text) for part in named)


def _is_sql(file: str) -> bool:
    """A command is in the configuration's file."""
    return file.endswith(".sql")


def acknowledge_hint(rule: str, object: str, where: Responsible | None) -> str:  # noqa: A002 - the word of ``Finding``
    """How to let something pass that is meant."""
    if rule in NOT_IN_A_FILE or (where is not None and not _is_sql(where.file)):
        return (
            "If it is meant, acknowledge it in dbdeploy.yaml:\n"
            "    acknowledge:\n"
            f"      - {{rule: {rule}, object: '{object}', reason: why}}\n"
            f"See docs/rules/{rule}.md."
        )
    file = where.file if where else "the migration"
    return (
        f"If it is meant, acknowledge it in {file}:\n"
        f"    -- dbdeploy: allow {rule} {object.replace(', ', ',')} (why)\n"
        f"or under acknowledge in dbdeploy.yaml. See docs/rules/{rule}.md."
    )
