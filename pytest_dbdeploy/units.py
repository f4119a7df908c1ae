"""Units: which statements and history rows are committed together. Pure.

A layout says how its tool groups migrations into transactions. What the server then refuses inside a transaction block
(found by the rehearsal) is split off, and history rows follow the last statement of their migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .errors import LayoutError
from .model import Migration, Statement, StatementRef, Unit
from .secret import redact_sql

_Part = tuple[tuple[StatementRef, ...], bool]

_BEGIN = re.compile(r"(begin|start\s+transaction)\b(?!\s+atomic)", re.IGNORECASE)
#: They end our transaction, or leave it open, in ways that nobody could undo.
_REFUSED = re.compile(
    r"(rollback(?!\s+(work\s+|transaction\s+)?to\b)|abort\b|commit\s+(work\s+|transaction\s+)?and\s+chain|end\s+(work\s+|transaction\s+)?and\s+chain"
    r"|prepare\s+transaction|commit\s+prepared)",
    re.IGNORECASE,
)
#: They change the server beside the database, or (a subscription) another server: no transaction and no backup takes that back.
_BEYOND = re.compile(
    r"((create|drop|alter)\s+(tablespace|subscription)|(create|drop)\s+database|alter\s+system)\b",
    re.IGNORECASE,
)
_ROLLBACK = re.compile(r"(rollback|abort)(\s+(work|transaction))?\s*;?\s*\Z", re.IGNORECASE)
_COMMIT = re.compile(r"(commit|end)(\s+(work|transaction))?(\s+and\s+no\s+chain)?\s*;?\s*\Z", re.IGNORECASE)


def initial_units(groups: Iterable[Sequence[Migration]]) -> list[Unit]:
    """One transactional unit a group; a migration that asks for no transaction is cut into single statements.

    A script's own BEGIN is left out, its own COMMIT ends the unit: inside our transaction they would end ours unseen.
    """
    return [unit for group in groups for unit in _with_records(_parts(group), [m.name for m in group])]


def split_off(unit: Unit, ref: StatementRef) -> list[Unit]:
    """The unit with ``ref`` run on its own, outside a transaction block."""
    at = unit.statements.index(ref)
    return _with_records(
        [(unit.statements[:at], True), ((ref,), False), (unit.statements[at + 1 :], True)], unit.records
    )


def split_before(unit: Unit, ref: StatementRef) -> list[Unit]:
    """The unit with a commit before ``ref`` (a new enum value must be committed before its use)."""
    at = unit.statements.index(ref)
    return _with_records([(unit.statements[:at], True), (unit.statements[at:], True)], unit.records)


def _parts(group: Sequence[Migration]) -> list[_Part]:
    parts: list[_Part] = []
    together: list[StatementRef] = []

    def commit() -> None:
        parts.append((tuple(together), True))
        together.clear()

    for migration in group:
        if not migration.transaction:
            commit()
        just_committed = False
        for index, statement in enumerate(migration.statements):
            ref = StatementRef(migration.name, index)
            if just_committed and _ROLLBACK.match(statement.sql):
                continue  # after its own COMMIT there is nothing to roll back
            just_committed = _COMMIT.match(statement.sql) is not None
            _refuse(migration, statement)
            if just_committed:
                commit()
            elif _BEGIN.match(statement.sql):
                continue
            elif migration.transaction:
                together.append(ref)
            else:
                parts.append(((ref,), False))
    commit()
    return parts


def _refuse(migration: Migration, statement: Statement) -> None:
    """LayoutError where a statement would take the way back from the deployment."""
    place = f"{migration.file}:{statement.line}: {' '.join(redact_sql(statement.sql).split())[:60]}"
    if _REFUSED.match(statement.sql):
        raise LayoutError(
            f"{place} would end the deployment's transaction unseen",
            hint="Delete the statement: a migration is committed as a whole, and rolled back when one of its statements fails.",
        )
    if _BEYOND.match(statement.sql):
        raise LayoutError(
            f"{place} reaches beyond the database: neither a rehearsal on a clone nor a rollback can hold it",
            hint="Take the statement out of the migration, and run it by hand or with what sets the server up.",
        )


def _with_records(parts: Sequence[_Part], records: Sequence[str]) -> list[Unit]:
    """A history row goes where its migration's last statement is, never before the row of an earlier migration."""
    parts = [part for part in parts if part[0]] or ([((), True)] if records else [])
    placed: list[list[str]] = [[] for _ in parts]
    at = 0
    for name in records:
        at = max(
            [at, *(i for i, (refs, _) in enumerate(parts) if any(ref.migration == name for ref in refs))]
        )
        placed[at].append(name)
    return [
        Unit(refs, transactional, tuple(names))
        for (refs, transactional), names in zip(parts, placed, strict=True)
    ]
