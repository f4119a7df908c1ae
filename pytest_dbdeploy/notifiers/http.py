"""A POST, tried again where the server is busy. Nothing that is raised or logged here holds the URL: whoever knows it can post."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ..secret import Secret
from .base import PAUSES, AlertError, Limits

if TYPE_CHECKING:
    import requests

THREAD = "dbdeploy-alert"


class _NoUrls(logging.Filter):
    """urllib3 logs the path of every request (DEBUG), which pytest's --log-file would keep."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(THREAD)


_no_urls = _NoUrls()


def post(url: Secret, body: bytes, headers: Callable[[], Mapping[str, str]], limits: Limits) -> None:
    """POSTs ``body``; up to twice more after 429 or 5xx, when ``Retry-After`` fits into the limit. AlertError for all but 2xx.

    ``headers`` is asked before each attempt, because a signature holds the time. Redirects are not followed.
    """
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_no_urls)
    for pause in (*PAUSES, None):
        answer = _once(url, body, headers(), limits)
        if 200 <= answer.status < 300:
            return
        if pause is None or not (answer.status == 429 or answer.status >= 500):
            break
        wait = _retry_after(answer.retry_after, pause)
        if wait >= limits.left:
            raise AlertError(
                f"the server answered {answer.status} and asks to wait {wait:.0f} s, which is too long"
            )
        time.sleep(wait)
    raise AlertError(f"the server answered {answer.status}{answer.word}")


@dataclass(frozen=True, slots=True)
class _Answer:
    """``word``: what Slack says is wrong."""

    status: int
    retry_after: str | None
    word: str


def _once(url: Secret, body: bytes, headers: Mapping[str, str], limits: Limits) -> _Answer:
    import requests

    try:
        with requests.post(
            url.reveal(),
            data=body,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "pytest-dbdeploy",
                **headers,
            },
            timeout=limits.patience,
            allow_redirects=False,
            stream=True,  # the status counts: a body may be endless
        ) as response:
            good = 200 <= response.status_code < 300
            return _Answer(
                response.status_code, response.headers.get("Retry-After"), "" if good else _word(response)
            )
    # Their texts hold the URL's path: said in our own words, and without the cause.
    except requests.exceptions.SSLError:
        raise AlertError("TLS: the server's certificate was not accepted, or it does not speak TLS") from None
    except requests.Timeout:
        raise AlertError(f"no answer within {limits.timeout:g} s") from None
    except requests.ConnectionError as error:
        raise AlertError(f"no connection: {_why(error)}") from None
    except (requests.RequestException, ValueError) as error:
        raise AlertError(f"the request could not be made: {type(error).__name__}") from None


def _why(error: requests.ConnectionError) -> str:
    """By its kind alone: the text of urllib3's error holds the URL."""
    inner = error.args[0] if error.args else None
    kind = type(getattr(inner, "reason", inner)).__name__
    return _KINDS.get(kind, "refused, or broken off")


_KINDS = {
    "NameResolutionError": "unknown host",
    "NewConnectionError": "refused",
    "ProtocolError": "broken off",
}


def _retry_after(value: str | None, otherwise: float) -> float:
    """Seconds to wait; the header is a number or a date, or missing, or unreadable."""
    if not value:
        return otherwise
    try:
        return max(0.0, float(value)) if value.strip().isdigit() else _until(value)
    except (ValueError, TypeError):
        return otherwise


def _until(date: str) -> float:
    return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())


def _word(response: requests.Response) -> str:
    """Slack says what is wrong in one word (``no_service``); anything longer could echo the request."""
    length = response.headers.get("Content-Length", "")
    word = response.text.strip() if length.isdigit() and int(length) <= 60 else ""
    return f": {word}" if word.replace("_", "").isalpha() and word == word.lower() else ""
