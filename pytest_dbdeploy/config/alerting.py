"""Section ``alerts`` with the mail server of the variables; and channels that somebody wanted, but that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Mode
from ..secret import Secret
from .models import AlertSettings, Smtp
from .problems import Problem, config_error
from .reading import FROM_VARIABLES, Configuration

# Those that send alerts.
_MODES = (Mode.DEPLOY, Mode.ROLLBACK, Mode.RESUME)
_CHANNELS = {
    ("alerts", "slack"): "Slack",
    ("alerts", "email", "to"): "e-mail",
    ("alerts", "webhook", "url"): "the webhook",
}


def alert_settings(read: Configuration) -> AlertSettings:
    """ConfigError for a port that is none."""
    alerts, variables = read.content.alerts, read.variables
    port = variables.get("SMTP_PORT")
    if port is not None and not (
        port.value.isascii() and port.value.isdigit() and 0 < int(port.value) < 65536
    ):
        problem = Problem(
            None, (), "must be a port, a number from 1 to 65535", "Such as 587, 465 or 25.", port.source
        )
        raise config_error(read.shown, [problem])
    password = variables.text("SMTP_PASSWORD")
    smtp = Smtp(
        variables.text("SMTP_HOST"),
        int(port.value) if port else None,
        variables.text("SMTP_USER"),
        Secret(password) if password else None,
    )
    return AlertSettings(alerts.slack, alerts.webhook, alerts.email, alerts.on, smtp)


def silent_channels(read: Configuration, mode: Mode) -> Iterator[str]:
    """A note for each channel that is configured and empty: a secret that CI does not have comes as an empty variable."""
    if mode not in _MODES:
        return
    alerts = read.content.alerts
    used = {"Slack": alerts.slack, "e-mail": alerts.email.to, "the webhook": alerts.webhook.url}
    for path, channel in _CHANNELS.items():
        if used[channel]:
            continue
        variable = FROM_VARIABLES[path]
        if read.is_set(path):
            yield f"no alert goes to {channel}: {'.'.join(path)} is empty ({read.source(path)})"
        elif variable in read.variables.empty and not read.is_null(path):
            yield f"no alert goes to {channel}: variable {variable} is empty"
    if alerts.email.to and not read.variables.text("SMTP_HOST"):
        yield "no alert goes to e-mail: variable SMTP_HOST is not set"
