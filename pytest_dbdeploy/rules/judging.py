"""Policy and acknowledgements: what a change means for the deployment. No I/O."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ..model import Change, Finding, Migration, Severity, StatementEvidence
from .base import Acknowledgement, Responsible, Rule, Seen, responsible

_INLINE = re.compile(
    r"""--[ \t]*dbdeploy:[ \t]*allow[ \t]+
        (?P<rule>[a-z0-9-]+)[ \t]+
        (?P<object>(?:"(?:[^"]|"")*"|[^\s"])+)
        (?:[ \t]+\((?P<reason>.*)\))?[ \t]*\r?$""",
    re.MULTILINE | re.VERBOSE,
)
_WEIGHT = {Severity.BLOCK: 2, Severity.WARN: 1, Severity.IGNORE: 0}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An acknowledgement. ``object``: exact name or glob; ``migration``: name or glob; ``file``: only of this file's statements."""

    rule: str
    object: str | None = None
    migration: str | None = None
    reason: str = ""
    until: dt.date | None = None
    file: str | None = None


def inline_acknowledgements(files: Mapping[str, str]) -> tuple[Acknowledged, ...]:
    """The comments ``-- dbdeploy: allow <rule> <object> (reason)`` in migration files. ``files``: path -> text.

    The object is a literal name; the comment counts for the statements of its own file only.
    """
    return tuple(
        Acknowledged(match["rule"], match["object"], reason=match["reason"] or "", file=file)
        for file, text in files.items()
        for match in _INLINE.finditer(text)
    )


def texts_of(migrations: Iterable[Migration]) -> dict[str, str]:
    """The statements of each migration's file as one text, for when the files themselves are not at hand."""
    texts: dict[str, str] = {}
    for migration in migrations:
        statements = "\n".join(statement.sql for statement in migration.statements)
        texts[migration.file] = "\n".join(filter(None, (texts.get(migration.file), statements)))
    return texts


def severity_of(rule: Rule, policy: Mapping[str, Severity] | Mapping[str, str]) -> Severity:
    """What the policy says of a rule; its default when it says nothing."""
    return Severity(policy.get(rule.name, rule.default))


def judge_by(
    rules: Mapping[str, Rule],
    changes: Sequence[Change],
    policy: Mapping[str, Severity] | Mapping[str, str],
    acknowledgements: Sequence[Acknowledgement] = (),
    *,
    files: Mapping[str, str] | None = None,
    evidence: Sequence[StatementEvidence] = (),
    today: dt.date | None = None,
) -> tuple[Change, ...]:
    """``changes`` with ``rule``, ``severity`` and ``acknowledged`` filled in where a rule applies. See ``judge``."""
    known = [*acknowledgements, *inline_acknowledgements(files or {})]
    day = today or dt.datetime.now(dt.UTC).date()
    judged = []
    for change in changes:
        verdicts = []
        for rule in rules.values():
            severity = severity_of(rule, policy)
            if severity is Severity.IGNORE or not rule.check(Seen((change,))):
                continue
            where = responsible(change, evidence)
            verdicts.append(
                (
                    rule.name,
                    severity,
                    _known(rule.name, change.object, known, where, files or {}, evidence, day) is not None,
                )
            )
        if verdicts:
            # Several rules: the worst that nobody acknowledged speaks for the change.
            name, severity, known_change = max(verdicts, key=lambda v: (not v[2], _WEIGHT[v[1]]))
            change = replace(change, rule=name, severity=severity, acknowledged=known_change)
        judged.append(change)
    return tuple(judged)


@dataclass(frozen=True, slots=True)
class Judged:
    """``unused``: an entry of ``acknowledge``, or a comment, that acknowledges nothing; each as a sentence."""

    findings: tuple[Finding, ...]
    unused: tuple[str, ...]


def judge_findings(
    rules: Mapping[str, Rule],
    seen: Seen,
    policy: Mapping[str, Severity] | Mapping[str, str],
    acknowledgements: Sequence[Acknowledgement] = (),
    *,
    files: Mapping[str, str] | None = None,
    today: dt.date | None = None,
) -> Judged:
    """What every rule finds that the policy does not ignore, with ``severity`` and ``acknowledged``; worst first."""
    known = [*acknowledgements, *inline_acknowledgements(files or {})]
    day = today or dt.datetime.now(dt.UTC).date()
    used: list[Acknowledgement] = []
    judged = []
    for rule in rules.values():
        severity = severity_of(rule, policy)
        if severity is Severity.IGNORE:
            continue
        for finding in rule.check(seen):
            place = (finding.place or "").rpartition(":")[0]
            where = (
                Responsible(finding.migration or "", place, finding.place or "", "", False)
                if place or finding.migration
                else None
            )
            entry = _known(rule.name, finding.object, known, where, files or {}, seen.evidence, day)
            if entry is not None:
                used.append(entry)
            mildest = min(severity, finding.severity or severity, key=_WEIGHT.__getitem__)
            judged.append(replace(finding, severity=mildest, acknowledged=entry is not None))
    judged.sort(key=lambda f: (f.acknowledged, -_WEIGHT[f.severity or Severity.WARN]))
    unused = tuple(_unused(entry, day) for entry in known if not any(entry is one for one in used))
    return Judged(tuple(judged), unused)


def _unused(entry: Acknowledgement, today: dt.date) -> str:
    file = getattr(entry, "file", None)
    what = f"{file or 'acknowledge in dbdeploy.yaml'}: {entry.rule} {entry.object or ''}".rstrip()
    if entry.until is not None and entry.until < today:
        return f"{what} counted until {entry.until}: it does not any more"
    return f"{what} acknowledges nothing that was found"


def _known(
    rule: str,
    name: str,
    acknowledgements: Sequence[Acknowledgement],
    where: Responsible | None,
    files: Mapping[str, str],
    evidence: Sequence[StatementEvidence],
    today: dt.date,
) -> Acknowledgement | None:
    for item in acknowledgements:
        if item.rule != rule or (item.until is not None and item.until < today):
            continue
        file = getattr(item, "file", None)
        if item.object is not None and not _matches(name, item.object, glob=file is None):
            continue
        if file is not None and where is not None and where.file not in ("", file):
            continue
        if item.migration is None or _migration_matches(item.migration, where, files, evidence):
            return item
    return None


def _matches(name: str, pattern: str, *, glob: bool = True) -> bool:
    # A comment has no room for the blanks between a function's arguments.
    name, pattern = name.replace(", ", ","), pattern.replace(", ", ",")
    return name == pattern or (glob and fnmatchcase(name, pattern))


def _migration_matches(
    pattern: str, where: Responsible | None, files: Mapping[str, str], evidence: Sequence[StatementEvidence]
) -> bool:
    """Whether the change comes from a migration that ``pattern`` means, by its name or its file's."""
    if where is not None:
        return any(_matches(name, pattern) for name in (where.migration, *_file_names(where.file)))
    if evidence:  # measured, and still nobody's: not acknowledged for any one migration
        return pattern == "*"
    return any(_matches(name, pattern) for file in files for name in _file_names(file))


def _file_names(file: str) -> tuple[str, ...]:
    path = PurePosixPath(file)
    # Drizzle 1.0 has a folder a migration: its name is the migration's.
    return (file, path.name, path.stem, path.parent.name)
