"""One POST with one retry. Nothing that is raised or logged here holds the URL: whoever knows it can post."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ..secret import Secret
from .base import AlertError, Limits

if TYPE_CHECKING:
    import requests

THREAD = "dbdeploy-alert"


class _NoUrls(logging.Filter):
    """urllib3 logs the path of every request (DEBUG), which pytest's --log-file would keep."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(THREAD)


_no_urls = _NoUrls()


def post(
    url: Secret, body: bytes, headers: Callable[[], Mapping[str, str]], limits: Limits
) -> requests.Response:
    """POSTs ``body``; once more after 429 or 5xx, when ``Retry-After`` fits into the limit. AlertError for all but 2xx.

    ``headers`` is asked before each attempt, because a signature holds the time. Redirects are not followed.
    """
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_no_urls)
    response = _once(url, body, headers(), limits)
    if response.status_code == 429 or response.status_code >= 500:
        wait = _retry_after(response.headers.get("Retry-After"))
        if wait >= limits.left:
            raise AlertError(
                f"the server answered {response.status_code} and asks to wait {wait:.0f} s, which is too long"
            )
        time.sleep(wait)
        response = _once(url, body, headers(), limits)
    if not 200 <= response.status_code < 300:
        raise AlertError(f"the server answered {response.status_code}{_slack_code(response)}")
    return response


def _once(url: Secret, body: bytes, headers: Mapping[str, str], limits: Limits) -> requests.Response:
    import requests

    try:
        return requests.post(
            url.reveal(),
            data=body,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": "pytest-dbdeploy",
                **headers,
            },
            timeout=limits.patience,
            allow_redirects=False,
        )
    # Their texts hold the URL's path: said in our own words, and without the cause.
    except requests.exceptions.SSLError:
        raise AlertError("TLS: the server's certificate was not accepted, or it does not speak TLS") from None
    except requests.Timeout:
        raise AlertError(f"no answer within {limits.timeout:g} s") from None
    except requests.ConnectionError:
        raise AlertError("no connection: refused, unknown host, or broken off") from None
    except (requests.RequestException, ValueError) as error:
        raise AlertError(f"the request could not be made: {type(error).__name__}") from None


def _retry_after(value: str | None) -> float:
    """Seconds to wait; the header is a number or a date. 1 when it is missing or unreadable."""
    if not value:
        return 1.0
    try:
        return max(0.0, float(value)) if value.strip().isdigit() else _until(value)
    except (ValueError, TypeError):
        return 1.0


def _until(date: str) -> float:
    return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())


def _slack_code(response: requests.Response) -> str:
    """Slack says what is wrong in one word (``no_service``); anything longer could echo the request."""
    word = response.text.strip() if len(response.content) <= 60 else ""
    return f": {word}" if word.replace("_", "").isalpha() and word == word.lower() else ""
