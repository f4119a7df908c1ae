"""Asks the application of an environment how it is: over HTTP, until it is healthy or the time is up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

if TYPE_CHECKING:
    from .config.models import Health
    from .steps import Step


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``message``: what was seen last (status, or why there was no answer)."""

    healthy: bool
    message: str
    seconds: float


def check_health(app_url: str, health: Health, *, patient: bool, step: Step | None = None) -> HealthCheck:
    """GETs ``app_url`` + ``health.path`` until it answers with the expected status for ``health.stable_for`` seconds.

    ``patient=False`` asks once only (the baseline before a deployment). Redirects are not followed: they have a status of their own.
    """
    import requests

    url = urljoin(app_url.rstrip("/") + "/", health.path.lstrip("/"))
    started = time.monotonic()
    deadline = started + health.timeout
    healthy_since: float | None = None
    while True:
        left = max(1.0, min(10.0, deadline - time.monotonic()))
        try:
            response = requests.get(url, headers=dict(health.headers), timeout=left, allow_redirects=False)
            good = response.status_code == health.expect_status
            message = f"GET {health.path} answered {response.status_code}" + (
                "" if good else f", expected {health.expect_status}"
            )
        except requests.RequestException as error:
            good, message = False, f"GET {health.path} gave no answer ({type(error).__name__})"
        now = time.monotonic()
        healthy_since = (healthy_since or now) if good else None
        if healthy_since is not None and (not patient or now - healthy_since >= health.stable_for):
            return HealthCheck(True, message, now - started)
        if not patient or now + health.interval > deadline:
            return HealthCheck(False, message, now - started)
        if step:
            step.progress(message)
        time.sleep(health.interval)
