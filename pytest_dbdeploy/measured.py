"""What was measured of statements; ``model`` has these names too.

Relations are ``schema.name`` as PostgreSQL prints them with an empty search_path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on a relation that existed before the plan. ``named``: the statement's text names the relation."""

    relation: str
    mode: str
    named: bool


@dataclass(frozen=True, slots=True)
class StatementError:
    """``violating_rows``: how many rows are at fault, where data is."""

    sqlstate: str | None
    message: str
    detail: str | None = None
    hint: str | None = None
    violating_rows: int | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """The rows at fault when a statement fails: of which table, and the keys of the first 20, as text."""

    relation: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowCounts:
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class RelationSize:
    """A relation on the clone before the plan. ``rows``: an estimate, None where there is none."""

    rows: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class TouchedObject:
    """An object that a statement created or altered."""

    kind: str
    object: str


@dataclass(frozen=True, slots=True)
class DroppedObject:
    """``implicit``: no statement named it; it went with another object."""

    kind: str
    object: str
    implicit: bool


@dataclass(frozen=True, slots=True)
class StatementEvidence:
    """What one statement did on the clone. ``transactional=False``: the server refused it inside a transaction block.

    ``locks``: those that it was the first to take in its transaction; ``held_seconds``: for how long it held them, from its start
    to the commit, None when that did not come. ``lock_seconds``: by relation, for how long at a time it was locked against writes, as it
    was seen from outside a statement that may commit several times. ``scanned``: read as a whole while writes were locked out.
    ``kept_aside_seconds``: for how long rows are copied for an undo before it, under its lock; ``held_seconds`` has them too.
    ``truncated``: emptied by TRUNCATE. ``sizes``: of the relations in ``locks``, ``rewritten``, ``rebuilt``, ``scanned``.
    ``target_seconds``: what it then took on the target, None when it did not run there.
    """

    migration: str
    file: str
    line: int
    statement: str
    tag: str | None
    duration_seconds: float
    transactional: bool
    locks: tuple[Lock, ...] = ()
    rewritten: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    dropped: tuple[DroppedObject, ...] = ()
    rows: Mapping[str, RowCounts] = field(default_factory=dict)
    wal_bytes: int | None = None
    error: StatementError | None = None
    violation: Violation | None = None
    held_seconds: float | None = None
    kept_aside_seconds: float = 0.0
    truncated: tuple[str, ...] = ()
    created: tuple[TouchedObject, ...] = ()
    altered: tuple[TouchedObject, ...] = ()
    sizes: Mapping[str, RelationSize] = field(default_factory=dict)
    target_seconds: float | None = None
    lock_seconds: Mapping[str, float] = field(default_factory=dict)


# -- what rules know beyond changes and statements ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Traffic:
    """A relation on the target. ``scans``: sequential and index scans a second since its statistics began; None: unknown."""

    rows: int
    bytes: int
    scans: float | None


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """A column whose type changes, its rows compared by key. ``changed``: silently, in what they say; ``normalised``: only
    in how it is written; ``gone``: their key is there no more. ``samples``: (key, before, after) of some of the changed. ``problem``: why they were not compared.
    ``made_again``: the column was dropped, and another was made in its place."""

    column: str
    before: str
    after: str
    unchanged: int = 0
    changed: int = 0
    normalised: int = 0
    gone: int = 0
    samples: tuple[tuple[str, str, str], ...] = ()
    problem: str | None = None
    made_again: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is so after the migrations and was not before. ``text``: the measured figure, or the server's words.
    ``related``: other objects, as ``schema.name``, by which the statement that made it so may be known, the closest first."""

    object: str
    text: str
    migration: str | None = None
    hint: str | None = None
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """``rows``, ``rows_after``: exact, of tables of the clone before and after. ``made_again``: tables that are gone, and others have their
    names. ``parents``: partition or inheriting table -> the table it belongs to. ``values_lost``: removed column -> its rows with a value.
    ``filling``: columns that afterwards have a value where an INSERT gives none.

    ``traffic``: of the target; ``blockers``: tables that somebody holds in a transaction there right now. ``history``: (kind, fact).
    ``drift``: (``added`` or ``changed``, what is not as the last kept deployment left it). ``analyzes``: the deployment analyses tables whose columns change type.
    """

    lock_seconds: float = 1.0
    lock_rows: int = 10_000
    analyzes: bool = False
    rows: Mapping[str, int] = field(default_factory=dict)
    rows_after: Mapping[str, int] = field(default_factory=dict)
    made_again: frozenset[str] = frozenset()
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    values_lost: Mapping[str, int] = field(default_factory=dict)
    filling: frozenset[str] = frozenset()
    blockers: tuple[Fact, ...] = ()
    values: tuple[ColumnValues, ...] = ()
    sequences_behind: tuple[Fact, ...] = ()
    sequences_still_int: tuple[Fact, ...] = ()
    int4_headroom: tuple[Fact, ...] = ()
    broken_routines: tuple[Fact, ...] = ()
    invalid_indexes: tuple[Fact, ...] = ()
    without_policy: tuple[Fact, ...] = ()
    history: tuple[tuple[str, Fact], ...] = ()
    drift: tuple[tuple[str, Fact], ...] = ()
