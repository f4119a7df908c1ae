"""Asks the application of an environment how it is: over HTTP, until it is healthy or the time is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from .config.models import Health
    from .steps import Step

#: Seconds for one answer, and bytes of it: a health check that takes more is none.
_PATIENCE, _MOST = 10.0, 1_000_000
#: How often a baseline is asked for: one lost packet must not make every later failure look like an old one.
_BASELINE = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """One distinct answer, ``times`` times in a row. ``first``, ``last``: seconds after the check began."""

    message: str
    healthy: bool
    times: int
    first: float
    last: float

    def __str__(self) -> str:
        when = (
            f"after {self.first:.1f} s"
            if self.times == 1
            else f"from {self.first:.1f} to {self.last:.1f} s, {self.times} times"
        )
        return f"{self.message} ({when})"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``message``: what was seen last (status, or why there was no answer). ``seen``: all of it, in order."""

    healthy: bool
    message: str
    seconds: float
    seen: tuple[Seen, ...] = ()

    @property
    def account(self) -> str:
        """What was seen, a line each."""
        return "\n".join(f"  {one}" for one in self.seen)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HealthCheck:
        """As an earlier session wrote it down."""
        return cls(
            data["healthy"], data["message"], data["seconds"], tuple(Seen(**one) for one in data["seen"])
        )


def check_health(app_url: str, health: Health, *, patient: bool, step: Step | None = None) -> HealthCheck:
    """GETs ``app_url`` + ``health.path`` until it answers with the expected status for ``health.stable_for`` seconds.

    ``patient=False``: the baseline before a deployment, at most three questions and the first good answer. Redirects are not
    followed: they have a status of their own. ``health.timeout`` holds for everything together, also while bytes trickle in.
    """
    import requests  # noqa: F401 - here, so that it takes no time of the first answer

    url = urljoin(app_url.rstrip("/") + "/", health.path.lstrip("/"))
    started = time.monotonic()
    deadline = started + health.timeout
    seen: list[Seen] = []
    asked = 0
    healthy_since: float | None = None
    while True:
        asked_at = time.monotonic() - started
        good, message = _ask(url, health, max(0.1, min(_PATIENCE, deadline - time.monotonic())))
        asked += 1
        _add(seen, message, good, asked_at)
        now = time.monotonic()
        healthy_since = (healthy_since if healthy_since is not None else now) if good else None
        if healthy_since is not None and (not patient or now - healthy_since >= health.stable_for):
            return HealthCheck(True, message, now - started, tuple(seen))
        if now + health.interval > deadline or (not patient and asked == _BASELINE):
            if good:
                message += f", but not for {health.stable_for:g} s"
            return HealthCheck(False, message, now - started, tuple(seen))
        if step:
            step.progress(message)
        time.sleep(health.interval)


def _add(seen: list[Seen], message: str, good: bool, at: float) -> None:
    if seen and seen[-1].message == message:
        before = seen.pop()
        seen.append(Seen(message, good, before.times + 1, before.first, round(at, 1)))
    else:
        seen.append(Seen(message, good, 1, round(at, 1), round(at, 1)))


def _ask(url: str, health: Health, patience: float) -> tuple[bool, str]:
    """One question, in a thread: sockets count the time between two bytes only, and a server may send one a second for ever."""
    answers: list[tuple[bool, str]] = []
    thread = threading.Thread(
        target=lambda: answers.append(_get(url, health, patience)), name="dbdeploy-health", daemon=True
    )
    thread.start()
    thread.join(patience)
    return (
        answers[0] if answers else (False, f"GET {health.path} gave no whole answer within {patience:.1f} s")
    )


def _get(url: str, health: Health, patience: float) -> tuple[bool, str]:
    import requests

    asked = f"GET {health.path}"
    try:
        with requests.get(
            url, headers=dict(health.headers), timeout=patience, allow_redirects=False, stream=True
        ) as response:
            size = 0
            for part in response.iter_content(65536):
                size += len(part)
                if size > _MOST:
                    return False, f"{asked} answered {response.status_code} with more than {_MOST} bytes"
            status = response.status_code
            target = _target(response.headers.get("Location", "")) if response.is_redirect else ""
    except requests.exceptions.SSLError as error:
        return False, f"{asked} gave no answer: TLS: {_reason(error)}"
    except requests.Timeout:
        return False, f"{asked} gave no whole answer within {patience:.1f} s"
    except requests.ConnectionError as error:
        return False, f"{asked} gave no answer: {_reason(error)}"
    except requests.exceptions.ChunkedEncodingError:
        return False, f"{asked} broke off in the middle of its answer"
    except requests.exceptions.ContentDecodingError:
        return False, f"{asked} gave content that cannot be decoded"
    except (requests.RequestException, ValueError) as error:
        return False, f"{asked} gave no answer ({type(error).__name__})"
    good = status == health.expect_status
    return good, f"{asked} answered {status}{target}" + ("" if good else f", expected {health.expect_status}")


def _target(location: str) -> str:
    """Where a redirect leads, without the query: that may hold a token."""
    parts = urlsplit(location)
    return f" (to {parts.scheme + '://' + (parts.hostname or '') if parts.netloc else ''}{parts.path})"


def _reason(error: BaseException) -> str:
    """In few words: the errors of libraries hold each other, and the last one says what the system said."""
    text = str(error)
    for sign, words in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "unknown host"),
        ("NameResolutionError", "unknown host"),
        ("RemoteDisconnected", "it closed the connection without an answer"),
        ("Connection reset", "it reset the connection"),
        ("IncompleteRead", "it broke off in the middle of its answer"),
        ("certificate has expired", "its certificate has expired"),
        ("Hostname mismatch", "its certificate is for another host"),
        ("IP address mismatch", "its certificate is for another host"),
        ("self-signed certificate", "its certificate is self-signed"),
        ("self signed certificate", "its certificate is self-signed"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate was not accepted"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS"),
        ("Network is unreachable", "the network is unreachable"),
    ):
        if sign in text:
            return words
    return type(error).__name__
