"""What an alert says, and what a channel is."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import DbDeployError
from ..jsonfile import redact_text
from ..model import ExitStatus, Mode, Outcome, Reason
from ..reports.reasons import and_more, first_line, grouped
from ..reports.record import RunRecord
from ..reports.samples import presentable
from ..reports.terminal import next_commands, verdict

if TYPE_CHECKING:
    from ..config.models import AlertSettings

_MOST = 10
PAUSES = (1.0, 2.0)  # seconds before the second and the third attempt, where the server asks for no other
_NOT_WORTH_AN_ALERT = {Outcome.NOTHING_TO_DEPLOY, Outcome.DRY_RUN, Outcome.EQUAL, Outcome.DIFFERENT}


class AlertError(DbDeployError):
    """An alert was not sent. The message holds no URL: a webhook's URL is a secret."""


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """Redacted text for people. ``kind``: success or failure (any rollback is one), which ``alerts.on`` selects.

    ``urgent``: exit status 12, a person must look. ``wanted``: False for dry runs, comparisons and when there was nothing to do.
    ``link``: the CI run, or None.
    """

    kind: str
    urgent: bool
    wanted: bool
    title: str
    deployment_id: str
    environment: str
    mode: str
    outcome: str
    exit_status: int
    seconds: float
    reasons: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    what_stands_where: tuple[str, ...] = ()
    next_commands: tuple[str, ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """``timeout``: seconds for one answer; ``deadline``: on ``time.monotonic``, for everything together."""

    timeout: float
    deadline: float

    @property
    def left(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds to wait for the next answer; never 0, which would mean "do not wait" to sockets."""
        return max(0.1, min(self.timeout, self.left))


class Notifier(Protocol):
    """A channel: a module of this package has one as ``NOTIFIER``, a plugin brings one by ``pytest_dbdeploy_notifier``."""

    name: str

    def configured(self, alerts: AlertSettings) -> bool:
        """Whether the channel is to be used."""

    def send(self, alerts: AlertSettings, message: AlertMessage, limits: Limits) -> None:
        """Sends, or raises AlertError. Runs in a thread of its own."""


def message_from(record: RunRecord, environ: Mapping[str, str] = os.environ) -> AlertMessage:
    """What an alert says of a finished run."""
    outcome = record.outcome or Outcome.ABORTED
    status = ExitStatus.INTERNAL_ERROR if record.exit_status is None else record.exit_status
    success = outcome is Outcome.DEPLOYED
    reasons = record.decision.reasons if record.decision and not success else ()
    names = [m.name for m in record.plan.migrations] if record.plan else []

    def safe(lines: list[str]) -> tuple[str, ...]:
        more = [f"… and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
        return tuple(redact_text(presentable(line, record.samples)) for line in [*lines[:_MOST], *more])

    return AlertMessage(
        kind="success" if success else "failure",
        urgent=outcome is Outcome.ROLLBACK_FAILED,
        wanted=record.mode not in (Mode.DRY_RUN, Mode.COMPARE) and outcome not in _NOT_WORTH_AN_ALERT,
        title=verdict(record),
        deployment_id=record.deployment_id,
        environment=record.environment,
        mode=record.mode.value,
        outcome=outcome.value,
        exit_status=int(status),
        seconds=round(record.seconds, 1),
        reasons=safe([_reason(reason, more) for reason, more in grouped(reasons)]),
        migrations=safe(names),
        what_stands_where=safe(record.what_stands_where),
        next_commands=safe(next_commands(record)),
        link=ci_link(environ),
    )


def _reason(reason: Reason, more: int) -> str:
    text = f"{reason.gate}: {first_line(reason)}" if reason.gate else first_line(reason)
    return f"{text} ({and_more(more)})" if more else text


def ci_link(environ: Mapping[str, str]) -> str | None:
    """The page of this CI run on GitHub, GitLab or Jenkins; None elsewhere."""
    github = [environ.get(f"GITHUB_{key}") for key in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(github):
        return redact_text(f"{github[0]}/{github[1]}/actions/runs/{github[2]}")
    link = environ.get("CI_JOB_URL") or environ.get("CI_PIPELINE_URL") or environ.get("BUILD_URL")
    return redact_text(link) if link and link.startswith(("http://", "https://")) else None


def plain_text(message: AlertMessage) -> str:
    """The whole message as text, for mails and as a fallback."""
    lines = [message.title, ""]
    lines += [f"{name}: {value}" for name, value in facts(message)]
    for title, entries in sections(message):
        lines += ["", f"{title}:", *(f"  {line}" for entry in entries for line in entry.splitlines())]
    return "\n".join(lines) + "\n"


def facts(message: AlertMessage) -> list[tuple[str, str]]:
    """Name and value of the short facts."""
    pairs = [
        ("Environment", message.environment),
        ("Deployment", message.deployment_id),
        ("Outcome", f"{message.outcome} (exit status {message.exit_status})"),
        ("Duration", f"{message.seconds} s"),
    ]
    return [*pairs, ("CI run", message.link)] if message.link else pairs


def sections(message: AlertMessage) -> list[tuple[str, tuple[str, ...]]]:
    """Title and lines of the longer parts that are not empty, the most important first."""
    parts = [
        ("Why", message.reasons),
        ("What stands where", message.what_stands_where),
        ("Next", message.next_commands),
        ("Migrations", message.migrations),
    ]
    return [(title, lines) for title, lines in parts if lines]
