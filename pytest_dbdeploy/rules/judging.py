"""Policy and acknowledgements: what a change means for the deployment. No I/O."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ..model import Change, Migration, Severity, StatementEvidence
from .base import Acknowledgement, Responsible, Rule, responsible

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
            if severity is Severity.IGNORE or not rule.check((change,), ()):
                continue
            where = responsible(change, evidence)
            verdicts.append(
                (rule.name, severity, _is_known(rule.name, change, known, where, files or {}, evidence, day))
            )
        if verdicts:
            # Several rules: the worst that nobody acknowledged speaks for the change.
            name, severity, known_change = max(verdicts, key=lambda v: (not v[2], _WEIGHT[v[1]]))
            change = replace(change, rule=name, severity=severity, acknowledged=known_change)
        judged.append(change)
    return tuple(judged)


def _is_known(
    rule: str,
    change: Change,
    acknowledgements: Sequence[Acknowledgement],
    where: Responsible | None,
    files: Mapping[str, str],
    evidence: Sequence[StatementEvidence],
    today: dt.date,
) -> bool:
    for item in acknowledgements:
        if item.rule != rule or (item.until is not None and item.until < today):
            continue
        file = getattr(item, "file", None)
        if item.object is not None and not _matches(change.object, item.object, glob=file is None):
            continue
        if file is not None and where is not None and where.file != file:
            continue
        if item.migration is None or _migration_matches(item.migration, where, files, evidence):
            return True
    return False


def _matches(name: str, pattern: str, *, glob: bool = True) -> bool:
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
