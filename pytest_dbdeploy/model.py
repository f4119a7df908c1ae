"""The words that all rooms share: frozen dataclasses and string enums, no behaviour beyond conversion.

Relations are ``schema.name`` as PostgreSQL prints them with an empty search_path; seconds are floats; sizes are bytes.
``as_json`` turns any of these into the camelCase form of the JSON artifacts.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any

from .measured import ColumnValues as ColumnValues
from .measured import DroppedObject as DroppedObject
from .measured import Fact as Fact
from .measured import Facts as Facts
from .measured import Lock as Lock
from .measured import RelationSize as RelationSize
from .measured import RowCounts as RowCounts
from .measured import StatementError as StatementError
from .measured import StatementEvidence as StatementEvidence
from .measured import TouchedObject as TouchedObject
from .measured import Traffic as Traffic
from .measured import Violation as Violation
from .secret import redact_sql


class Phase(StrEnum):
    """The phase of a gate. ``COMPARE`` exists in a comparison only."""

    PREFLIGHT = "preflight"
    SANDBOX = "sandbox"
    POSTDEPLOY = "postdeploy"
    POSTROLLBACK = "postrollback"
    COMPARE = "compare"


class LogPhase(StrEnum):
    """The phases that deployment.log and report.json name."""

    PREFLIGHT = "PREFLIGHT"
    SANDBOX_VALIDATION = "SANDBOX_VALIDATION"
    BACKUP = "BACKUP"
    DEPLOY = "DEPLOY"
    POST_DEPLOY = "POST_DEPLOY"
    ROLLBACK = "ROLLBACK"
    REPORT = "REPORT"


class Level(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    SUCCESS = "SUCCESS"
    WARN = "WARN"
    ERROR = "ERROR"


class Severity(StrEnum):
    BLOCK = "block"
    WARN = "warn"
    IGNORE = "ignore"


class Mode(StrEnum):
    DEPLOY = "deploy"
    DRY_RUN = "dry_run"
    COMPARE = "compare"
    ROLLBACK = "rollback"
    RESUME = "resume"


class Outcome(StrEnum):
    """How a session ended (report.json ``outcome``)."""

    DEPLOYED = "deployed"
    NOTHING_TO_DEPLOY = "nothing_to_deploy"
    DRY_RUN = "dry_run"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled_back"
    ROLLED_BACK_ON_REQUEST = "rolled_back_on_request"
    ROLLBACK_FAILED = "rollback_failed"
    INTERRUPTED = "interrupted"
    EQUAL = "equal"
    DIFFERENT = "different"


class ExitStatus(IntEnum):
    OK = 0
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE_ERROR = 4
    ABORTED = 10
    ROLLED_BACK = 11
    ROLLBACK_FAILED = 12


class Verdict(StrEnum):
    """``INCOMPLETE``: no gate failed, but one that must pass did not run to a result."""

    DEPLOY = "deploy"
    ABORT = "abort"
    INCOMPLETE = "incomplete"


class GateOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    XFAILED = "xfailed"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not_applicable"
    WARNED = "warned"
    NOT_RUN = "not_run"
    DESELECTED = "deselected"
    CRASHED = "crashed"


class ChangeType(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    MODIFIED = "modified"
    RENAMED = "renamed"


# -- migrations and the plan -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement as the server gets it, with its place: 1-based line and column in the file.

    ``data``: the lines that follow a ``COPY ... FROM STDIN``, which the server is sent when it asks for them.
    """

    sql: str
    line: int
    column: int = 1
    data: str | None = None

    def __repr__(self) -> str:
        """Without passwords: pytest shows it in a failing gate, with its locals."""
        return f"Statement({redact_sql(self.sql)!r}, line={self.line}, column={self.column})"


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration of a layout.

    ``name``: as the tool names it. ``file``: path relative to the root of the project, posix. ``checksum``: as the tool computes it.
    ``statements``: empty for layouts whose tool applies the migration itself.
    ``record``: what the layout needs to write its history row (strings and integers).
    ``transaction``: False when the migration asks to be run outside a transaction.
    ``content``: SHA-256 of the file with Unix line ends, which is the same in every checkout; empty where only the tool knows.
    """

    name: str
    file: str
    checksum: str
    statements: tuple[Statement, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)
    transaction: bool = True
    content: str = ""

    @property
    def identity(self) -> str:
        """What tells this migration from one with other content, on any machine."""
        return self.content or self.checksum


@dataclass(frozen=True, slots=True)
class HistoryProblem:
    """``kind``: edited, missing, late, duplicate, failed. ``blocking`` problems fail the history gate."""

    kind: str
    migration: str
    message: str
    hint: str | None = None
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class History:
    """What the target's history says of the migrations at hand.

    ``applied``: names in the order they were applied. ``rows``: the history rows as read, for the fingerprint.
    ``exists``: whether the tool's history table is there.
    """

    applied: tuple[str, ...]
    pending: tuple[Migration, ...]
    problems: tuple[HistoryProblem, ...]
    rows: tuple[tuple[str, ...], ...]
    exists: bool


@dataclass(frozen=True, slots=True)
class StatementRef:
    """Statement ``index`` (0-based) of migration ``migration``."""

    migration: str
    index: int


@dataclass(frozen=True, slots=True)
class Unit:
    """What is committed together: statements, and then the history rows of ``records`` (migration names).

    ``transactional=False``: exactly one statement, run outside a transaction block; its records follow in one of their own.
    """

    statements: tuple[StatementRef, ...]
    transactional: bool
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GitState:
    """``commit``: HEAD. ``dirty``: uncommitted files, relative posix paths. ``target_branch``: where code is pushed, or None."""

    branch: str | None
    commit: str | None
    dirty: tuple[str, ...] = ()
    target_branch: str | None = None
    target_commit: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A user's table, partitioned table or materialized view on the target at planning time.

    ``kind``: table, partitioned table, materialized view, foreign table. ``rows``: reltuples, -1 when never analysed; an estimate.
    """

    name: str
    kind: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What was seen of the target at planning time; gates judge these.

    ``lock_slots``: size of the server's lock table, max_locks_per_transaction x (max_connections + max_prepared_transactions).
    """

    server_version_num: int
    server_version: str
    database: str
    host: str
    port: int
    user: str
    superuser: bool
    in_recovery: bool
    read_only: bool
    database_bytes: int
    can_create_schema: bool
    state_schema_exists: bool
    unreadable_tables: tuple[str, ...]
    not_owned: tuple[str, ...]
    extensions: Mapping[str, str]
    relations: tuple[Relation, ...]
    user_tables: int
    lock_slots: int

    @property
    def major(self) -> int:
        return self.server_version_num // 10000


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be deployed. ``target`` is None when the target could not be read: ``target_error`` says why.

    ``hash`` covers all that a person approves; it is empty until the gates were collected.
    ``command``: the shell command of the ``command`` layout, whose pending migrations are what it changes.
    ``last_deployment``: ID, state and time of the newest one that the target knows.
    ``covers``: what ``hash`` covers, by name. ``drift``: how the target differs from what the last kept deployment left.
    """

    environment: str
    mode: Mode
    layout: str | None
    migrations: tuple[Migration, ...]
    target: TargetFacts | None
    target_error: str | None
    history: History | None
    git: GitState | None
    fingerprint: str | None
    policy: Mapping[str, Severity]
    command: str | None = None
    units: tuple[Unit, ...] = ()
    app_url: str | None = None
    notes: tuple[str, ...] = ()
    hash: str = ""
    last_deployment: str | None = None
    covers: Mapping[str, Any] = field(default_factory=dict)
    drift: tuple[tuple[str, Fact], ...] = ()

    def statements(self) -> Iterator[tuple[Migration, int, Statement]]:
        for migration in self.migrations:
            for index, statement in enumerate(migration.statements):
                yield migration, index, statement

    @property
    def empty(self) -> bool:
        return not self.migrations and self.command is None


# -- evidence and changes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two schemas. ``object``: ``schema.name`` (``schema.table.column`` for what belongs to a table).

    ``before``/``after``: the differing properties (``modified``) or all of them (``added``, ``removed``); None on the side where it is not.
    """

    kind: str
    change: ChangeType
    object: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    rule: str | None = None
    severity: Severity | None = None
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class NotCompared:
    """An object that the comparator does not know or may not see: never a pass."""

    kind: str
    object: str
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one change or one statement. ``place``: ``file:line`` where known; ``migration``: its name."""

    rule: str
    object: str
    message: str
    hint: str | None = None
    place: str | None = None
    migration: str | None = None
    severity: Severity | None = None
    acknowledged: bool = False


# -- gates and the decision ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gate:
    """A collected gate, before any deselection."""

    nodeid: str
    phase: Phase
    severity: Severity


@dataclass(frozen=True, slots=True)
class GateRecord:
    """A gate and what became of it. ``message``: first lines of the failure or the reason of a skip."""

    nodeid: str
    phase: Phase
    severity: Severity
    outcome: GateOutcome
    duration_seconds: float = 0.0
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """``code``: kebab-case, for machines; ``gate``: its node id, where a gate is the reason."""

    code: str
    message: str
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()


# -- backup and rollback ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Backup:
    """``path``: file or folder. ``format``: custom or directory. ``sha256``: of the file, or over the folder's files in name order."""

    path: Path
    format: str
    sha256: str
    bytes: int
    seconds: float
    tool_version: str


@dataclass(frozen=True, slots=True)
class RowsWritten:
    """Rows that others wrote since the backup's snapshot. ``exact=False``: from the server's statistics."""

    count: int = 0
    exact: bool = True
    tables: Mapping[str, int] = field(default_factory=dict)


# -- JSON ------------------------------------------------------------------------------------------------------


def camel(name: str) -> str:
    """``wal_bytes`` -> ``walBytes``."""
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), name)


def timestamp(moment: dt.datetime) -> str:
    """RFC 3339, UTC, milliseconds, ``Z``."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(value: Any) -> Any:
    """Dataclasses to camelCase dicts, enums to values, datetimes to RFC 3339; keys of mappings stay as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {camel(f.name): as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(v) for v in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dt.datetime):
        return timestamp(value)
    if isinstance(value, Path):
        return str(value)
    return value
