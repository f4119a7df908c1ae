"""The keys of ``dbdeploy.yaml``, one class a section; names, defaults and allowed values stand here and nowhere else.

In the file every value comes as text (see ``document``), so that ``${VAR}`` can stand for any of them; null means the default.
Durations are seconds, sizes bytes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ..model import Level, Severity
from ..secret import Secret
from .fields import Duration, HttpUrl, SecretText, SecretUrl, Size, SomeTime


class Section(BaseModel):
    """A mapping of the file: unknown keys are refused, null stands for the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, data: object) -> object:
        if data is None:
            return {}
        return (
            {key: value for key, value in data.items() if value is not None}
            if isinstance(data, dict)
            else data
        )


class Health(Section):
    """The application's health check: GET ``path`` must answer ``expect_status`` for ``stable_for`` seconds, within ``timeout``."""

    path: Annotated[str, Field(pattern=r"^/")] = "/api/health"
    expect_status: Annotated[int, Field(ge=100, le=599)] = 200
    headers: dict[str, str] = Field(default={}, repr=False)
    timeout: Duration = 60.0
    interval: SomeTime = 2.0
    stable_for: Duration = 0.0

    @model_validator(mode="after")
    def _stable_within_the_timeout(self) -> Self:
        if self.stable_for >= self.timeout:
            raise ValueError("must have a timeout that is longer than stable_for: it could never be healthy")
        return self


Policy = dict[str, Severity]


class EnvironmentSection(Section):
    """One environment. ``database`` left out: the variable ``<NAME>_POSTGRES_URL``; ``protected``: by its name.

    ``promote_from``: the environment to which everything must have been deployed before, and kept.
    """

    database: SecretText | None = None
    app_url: HttpUrl | None = None
    health: Health = Health()
    branch: str | None = None
    protected: bool | None = None
    read_only: bool = False
    promote_from: str | None = None
    policy: Policy = {}


class Migrations(Section):
    """``layout`` auto: found by its files. ``apply``: the shell command of layout ``command``. ``history``: the tool's table."""

    layout: str = "auto"
    path: str | None = None
    history: str | None = None
    apply: str | None = None

    @model_validator(mode="after")
    def _apply_is_of_the_command_layout(self) -> Self:
        if self.layout == "command" and self.apply is None:
            raise ValueError(
                'with layout command it must have "apply", the shell command that applies the migrations'
            )
        if self.layout not in ("auto", "command") and self.apply is not None:
            raise ValueError(
                f'"apply" must stand with layout command only; layout {self.layout} applies its files itself'
            )
        return self


class Sandbox(Section):
    provider: Literal["auto", "embedded", "docker", "server", "neon"] = "auto"
    data: Literal["full", "schema"] = "full"
    max_size: Size = 20 * 1024**3
    url: SecretText | None = None
    image: str | None = None


class Gates(Section):
    """``paths``: folders of the team's gates, relative to rootdir. ``require``: globs of gates that must exist."""

    paths: tuple[str, ...] = ("gates",)
    require: tuple[str, ...] = ()


class Thresholds(Section):
    lock_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    lock_rows: Annotated[int, Field(ge=0)] = 10_000


class Acknowledgement(Section):
    """A finding that the team has accepted. ``object``, ``migration``: globs. After ``until`` it no longer counts."""

    rule: str
    object: str
    reason: str
    migration: str | None = None
    until: dt.date | None = None


class IgnoredDifference(Section):
    """Each key optional, globs; what is left out matches everything."""

    kind: str | None = None
    property: str | None = None
    object: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.kind is None and self.property is None and self.object is None:
            raise ValueError(
                "must have at least one of kind, property and object: it would ignore every difference"
            )
        return self


_Column = Annotated[str, Field(pattern=r'^("([^"]|"")+"|[^".]+)(\.("([^"]|"")+"|[^".]+)){2}$')]


class ForeignKey(Section):
    """A reference that no constraint holds: ``schema.table.column`` on both sides."""

    from_: _Column = Field(alias="from")
    to: _Column


class Compare(Section):
    schemas: tuple[str, ...] | None = None
    ignore: tuple[IgnoredDifference, ...] = ()
    rows: Literal["none", "count", "checksum"] = "count"
    foreign_keys: tuple[ForeignKey, ...] = ()
    equality: Literal["value", "text"] = "value"
    transport: Literal["auto", "hub", "direct"] = "auto"


class Backup(Section):
    """``directory``: where backups go instead of the deployment's own folder; relative to rootdir."""

    keep: Annotated[int, Field(ge=1)] = 5
    max_age: Duration = 30 * 86400.0
    jobs: Annotated[int, Field(ge=1, le=64)] = 2
    directory: Path | None = None


class Rollback(Section):
    """``if_restore_loses_writes`` None: stop where the environment is protected, else discard."""

    auto: bool = True
    strategies: Annotated[tuple[Literal["undo", "restore"], ...], Field(min_length=1)] = ("undo", "restore")
    if_restore_loses_writes: Literal["stop", "discard"] | None = None
    keep_aside_max: Size = 200 * 1024**2


class Git(Section):
    remote: str = Field(default="origin", repr=False)
    strategy: Literal["merge", "fast-forward"] = "merge"
    undo: Literal["restore", "revert"] = "restore"


class Vercel(Section):
    """``target``: of the deployments to wait for. ``bypass``: the secret of the deployment protection, for health checks."""

    project: str | None = None
    team: str | None = None
    token: SecretText | None = None
    timeout: Duration = 600.0
    target: Literal["production", "preview"] = "production"
    deploy_hook: SecretUrl | None = None
    bypass: SecretText | None = None
    api: HttpUrl = "https://api.vercel.com"


class Release(Section):
    order: Literal["database-first", "code-first"] = "database-first"
    git: Git = Git()
    vercel: Vercel = Vercel()


class Timeouts(Section):
    """``lock``: for one attempt, of ``lock_retries``. ``statement`` None: no limit."""

    connect: SomeTime = 10.0
    lock: SomeTime = 1.0
    lock_retries: Annotated[int, Field(ge=0)] = 20
    statement: Duration | None = None


class Webhook(Section):
    url: SecretUrl | None = None
    secret: SecretText | None = None


Addresses = Annotated[
    tuple[str, ...],
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Email(Section):
    """``to``: several addresses as a list or separated by commas."""

    to: Addresses = ()
    from_: str | None = Field(default=None, alias="from")
    tls: Literal["starttls", "tls", "none"] = "starttls"

    @field_validator("to", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, list) and any(isinstance(one, str) and "@" not in one for one in value):
            raise ValueError("must be an e-mail address, or several separated by commas")
        return value


class Alerts(Section):
    """``on`` holds ``success`` and ``failure``; a rollback counts as a failure."""

    slack: SecretUrl | None = None
    webhook: Webhook = Webhook()
    email: Email = Email()
    on: tuple[Literal["success", "failure"], ...] = ("success", "failure")


class Log(Section):
    level: Level = Level.INFO
    table: bool = True


class Reports(Section):
    samples: Literal["none", "keys", "values"] = "keys"


class State(Section):
    """``schema_`` (key ``schema``): the schema on the target that is ours."""

    schema_: Annotated[str, Field(alias="schema", min_length=1, max_length=63)] = "dbdeploy"

    @property
    def own_schemas(self) -> tuple[str, ...]:
        """The schemas that are ours: never compared, counted or restored."""
        from ..db.state import UNDO_SCHEMA  # needs a driver

        return self.schema_, UNDO_SCHEMA

    @field_validator("schema_")
    @classmethod
    def _of_our_own(cls, value: str) -> str:
        # What is in it is never compared: the users' schema would be left out of every check.
        if value in ("public", "information_schema") or value.startswith("pg_"):
            raise ValueError(
                "must be a schema of its own, such as dbdeploy, not one of PostgreSQL or of the application"
            )
        return value


class ConfigFile(Section):
    """``dbdeploy.yaml``. Every key is optional."""

    environments: dict[str, EnvironmentSection] = {}
    migrations: Migrations = Migrations()
    sandbox: Sandbox = Sandbox()
    gates: Gates = Gates()
    policy: Policy = {}
    thresholds: Thresholds = Thresholds()
    acknowledge: tuple[Acknowledgement, ...] = ()
    compare: Compare = Compare()
    backup: Backup = Backup()
    rollback: Rollback = Rollback()
    release: Release = Release()
    timeouts: Timeouts = Timeouts()
    alerts: Alerts = Alerts()
    log: Log = Log()
    reports: Reports = Reports()
    state: State = State()


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment whose values are all there. ``policy``: its own overrides only. ``source``: where it comes from."""

    name: str
    database: Secret
    app_url: str | None = None
    health: Health = field(default_factory=Health)
    branch: str | None = None
    protected: bool = False
    read_only: bool = False
    promote_from: str | None = None
    policy: Mapping[str, Severity] = field(default_factory=dict)
    source: str = "command line"


@dataclass(frozen=True, slots=True)
class Smtp:
    """The mail server, from SMTP_HOST, SMTP_PORT, SMTP_USER and SMTP_PASSWORD. ``host`` None: no mail can be sent."""

    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Section ``alerts`` with the mail server, which only variables name."""

    slack: Secret | None = None
    webhook: Webhook = field(default_factory=Webhook)
    email: Email = field(default_factory=Email)
    on: tuple[Literal["success", "failure"], ...] = ("success", "failure")
    smtp: Smtp = field(default_factory=Smtp)
