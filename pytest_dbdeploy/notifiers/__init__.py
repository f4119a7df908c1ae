"""Alerts: one module a channel, each with its ``NOTIFIER``; all are sent at once, and none can change a verdict."""

from __future__ import annotations

import importlib
import pkgutil
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..jsonfile import redact_text
from .base import AlertError, AlertMessage, Limits, Notifier, message_from
from .http import THREAD

if TYPE_CHECKING:
    from ..config.models import AlertSettings

__all__ = ["AlertError", "AlertMessage", "Limits", "Notifier", "message_from", "send_all"]


def send_all(
    alerts: AlertSettings,
    message: AlertMessage,
    *,
    extra: Iterable[Notifier] = (),
    timeout: float = 10.0,
    limit: float = 30.0,
) -> list[dict[str, str]]:
    """Sends to every configured channel in parallel: ``[{"channel", "status": "sent" | "failed", "error"?}]``. Never raises.

    ``timeout``: seconds for one answer; ``limit``: for all together. Empty when the run is not worth an alert, or ``alerts.on``
    does not name its kind. ``extra``: notifiers that plugins bring;
    one with the name of a built-in one takes its place.
    """
    if not message.wanted or message.kind not in alerts.on:
        return []
    limits = Limits(timeout, time.monotonic() + limit)
    errors: dict[str, str | None] = {}
    sending = []
    for notifier in {notifier.name: notifier for notifier in (*_own(), *extra)}.values():
        if not _configured(notifier, alerts, errors):
            continue
        # Daemons: a channel that hangs must not keep the process from ending.
        thread = threading.Thread(
            target=_send,
            args=(notifier, alerts, message, limits, errors),
            name=f"{THREAD}-{notifier.name}",
            daemon=True,
        )
        thread.start()
        sending.append((notifier.name, thread))
    for name, thread in sending:
        thread.join(max(0.0, limits.left))
        errors.setdefault(name, f"not sent within {limit:g} s")
    return [
        {"channel": name, "status": "sent"}
        if error is None
        else {"channel": name, "status": "failed", "error": error}
        for name, error in sorted(errors.items())
    ]


def _own() -> tuple[Notifier, ...]:
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    return tuple(module.NOTIFIER for module in modules if hasattr(module, "NOTIFIER"))


def _configured(notifier: Notifier, alerts: AlertSettings, errors: dict[str, str | None]) -> bool:
    try:
        return notifier.configured(alerts)
    except Exception as error:  # noqa: BLE001 - a broken channel of a plugin is reported and changes nothing else
        errors[notifier.name] = redact_text(f"{type(error).__name__}: {error}")
        return False


def _send(
    notifier: Notifier,
    alerts: AlertSettings,
    message: AlertMessage,
    limits: Limits,
    errors: dict[str, str | None],
) -> None:
    try:
        notifier.send(alerts, message, limits)
    except AlertError as error:
        errors[notifier.name] = redact_text(error.message)
    except Exception as error:  # noqa: BLE001 - its text could hold a URL, so only its type is said
        errors[notifier.name] = f"internal error: {type(error).__name__}"
    else:
        errors[notifier.name] = None
