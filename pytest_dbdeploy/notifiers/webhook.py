"""A webhook of one's own: a JSON body, signed when there is a secret."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..model import as_json
from ..secret import Secret
from . import http
from .base import AlertMessage, Limits

if TYPE_CHECKING:
    from ..config.models import AlertSettings

HEADER = "X-Dbdeploy-Signature"


class Webhook:
    name = "webhook"

    def configured(self, alerts: AlertSettings) -> bool:
        return bool(alerts.webhook.url)

    def send(self, alerts: AlertSettings, message: AlertMessage, limits: Limits) -> None:
        webhook = alerts.webhook
        assert webhook.url is not None
        content = body(message)

        def headers() -> Mapping[str, str]:
            return {HEADER: signature(webhook.secret, content, int(time.time()))} if webhook.secret else {}

        http.post(webhook.url, content, headers, limits)


NOTIFIER = Webhook()


def body(message: AlertMessage) -> bytes:
    """UTF-8 JSON; docs/alerts.md lists the keys."""
    fields = as_json(
        {f.name: getattr(message, f.name) for f in dataclasses.fields(message) if f.name != "wanted"}
    )
    data = {"schemaVersion": 1, **{_KEYS.get(key, key): value for key, value in fields.items()}}
    return json.dumps(data, ensure_ascii=False).encode("utf-8", errors="replace")


_KEYS = {
    "deployment_id": "deploymentId",
    "exit_status": "exitStatus",
    "seconds": "durationSeconds",
    "what_stands_where": "whatStandsWhere",
    "next_commands": "nextCommands",
}


def signature(secret: Secret, content: bytes, now: int) -> str:
    """``t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">``."""
    digest = hmac.new(secret.reveal().encode(), f"{now}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"
