"""Vercel's REST API: one project, the calls that a release needs, each tried again where Vercel asks for it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..secret import Secret
from .base import ReleaseError

if TYPE_CHECKING:
    import requests
    from urllib3.response import BaseHTTPResponse
    from urllib3.util.retry import Retry

#: Seconds to wait for a connection and for an answer; how often a request is tried again; the longest pause that is waited for.
_TIMEOUTS, _RETRIES, _LONGEST = (10.0, 30.0), 5, 60.0
_TRY_AGAIN = (429, 500, 502, 503, 504)


class VercelError(ReleaseError):
    """Vercel refused, or did not answer. ``status``: of HTTP; None without an answer."""

    def __init__(self, message: str, *, status: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Deployment:
    """``state``: QUEUED, INITIALIZING, BUILDING, READY, ERROR, CANCELED, BLOCKED, DELETED. ``substate`` of READY: STAGED, ROLLING, PROMOTED.

    ``created``: milliseconds since 1970.
    """

    id: str
    url: str
    state: str
    substate: str | None
    target: str | None
    created: int
    commit: str | None
    error: str | None
    inspector: str | None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Deployment:
        """An item of the list (``uid``), or the deployment itself (``id``)."""
        meta = item.get("meta") or {}
        commits = [value for key, value in meta.items() if str(key).endswith(("CommitSha", "commitSha"))]
        return cls(
            id=str(item.get("uid") or item.get("id") or ""),
            url=str(item.get("url") or ""),
            state=str(item.get("readyState") or item.get("state") or item.get("status") or "UNKNOWN"),
            substate=item.get("readySubstate"),
            target=item.get("target"),
            created=int(item.get("createdAt") or item.get("created") or 0),
            commit=str(commits[0]) if commits else None,
            error=" ".join(filter(None, (item.get("errorCode"), item.get("errorMessage")))) or None,
            inspector=item.get("inspectorUrl"),
        )


class Vercel:
    """The API for one project of one team. ReleaseError (VercelError) for every answer but 2xx; messages hold no secret."""

    def __init__(self, *, base: str, token: Secret, project: str, team: str | None) -> None:
        import requests

        self.project = project
        self._base = base.rstrip("/")
        self._team = {"teamId" if team.startswith("team_") else "slug": team} if team else {}
        self._session = requests.Session()

        def bear(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token.reveal()}"
            return request

        self._session.auth = bear  # a header would lose against a netrc file
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _adapter())

    # -- calls

    def deployments(self, **query: str | int | None) -> list[Deployment]:
        """The newest first. ``query``: target, state, sha, branch, since, limit."""
        found = self._call("GET", "/v7/deployments", projectId=self.project, **query)
        items = [Deployment.of(item) for item in found.get("deployments", [])]
        return sorted(items, key=lambda one: -one.created)

    def deployment(self, deployment_id: str) -> Deployment:
        return Deployment.of(self._call("GET", f"/v13/deployments/{_part(deployment_id)}"))

    def cancel(self, deployment_id: str) -> None:
        self._call("PATCH", f"/v12/deployments/{_part(deployment_id)}/cancel")

    def promote(self, deployment_id: str) -> None:
        """Without a build; Vercel goes on with it after its answer."""
        self._call("POST", f"/v10/projects/{_part(self.project)}/promote/{_part(deployment_id)}")

    def roll_back(self, deployment_id: str, description: str) -> None:
        path = f"/v1/projects/{_part(self.project)}/rollback/{_part(deployment_id)}"
        self._call("POST", path, description=description)

    def aliases_to_come(self) -> list[str]:
        """Domains that the last promotion has not moved yet. VercelError when one of them failed."""
        found = self._call("GET", f"/v1/projects/{_part(self.project)}/promote/aliases")
        states = {str(one.get("alias")): str(one.get("status")) for one in found.get("aliases", [])}
        if failed := [alias for alias, status in states.items() if status == "failed"]:
            raise VercelError(f"Vercel could not move {', '.join(failed)}")
        return [alias for alias, status in states.items() if status != "completed"]

    # -- HTTP

    def _call(self, method: str, path: str, **query: str | int | None) -> dict[str, Any]:
        import requests

        parameters = {key: value for key, value in {**self._team, **query}.items() if value is not None}
        what = f"{method} {path}"
        try:
            answer = self._session.request(
                method, self._base + path, params=parameters, timeout=_TIMEOUTS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise VercelError(f"Vercel did not answer to {what}: {_kind(error)}") from None
        if not 200 <= answer.status_code < 300:
            raise self._refused(what, answer)
        try:
            content = answer.json() if answer.content else {}
        except ValueError:
            raise VercelError(f"Vercel's answer to {what} is no JSON") from None
        return content if isinstance(content, dict) else {}

    def _refused(self, what: str, answer: requests.Response) -> VercelError:
        said = ""
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            error = answer.json().get("error") or {}
            said = "".join(f": {error[key]}" for key in ("code", "message") if error.get(key))
        status = answer.status_code
        return VercelError(
            f"Vercel answered {status} to {what}{said}", status=status, hint=_HINTS.get(status)
        )


_HINTS = {
    401: "Check release.vercel.token (VERCEL_TOKEN): it is wrong or has expired.",
    403: "Check release.vercel.token and release.vercel.team: the token may not do this for this team.",
    404: "Check release.vercel.project and release.vercel.team.",
    429: "Vercel's rate limit is exceeded for longer than is waited for.",
}


def call_hook(hook: Secret) -> None:
    """Starts a build. Not tried again after an answer, which may have started one. VercelError never holds the URL, which is a secret."""
    import requests

    with _without_urls_in_logs():
        try:
            with requests.Session() as session:
                for scheme in ("https://", "http://"):
                    session.mount(scheme, _adapter(only=(429,)))
                answer = session.post(hook.reveal(), timeout=_TIMEOUTS, allow_redirects=False)
        except (requests.RequestException, ValueError) as error:
            raise VercelError(f"the deploy hook did not answer: {_kind(error)}") from None
    if not 200 <= answer.status_code < 300:
        raise VercelError(
            f"the deploy hook answered {answer.status_code}",
            status=answer.status_code,
            hint="Check release.vercel.deploy_hook: hooks are in the project's settings, under Git.",
        )


def _adapter(only: tuple[int, ...] = _TRY_AGAIN) -> Any:
    from requests.adapters import HTTPAdapter

    return HTTPAdapter(max_retries=_retry(only))


def _retry(statuses: tuple[int, ...]) -> Retry:
    from urllib3.util.retry import Retry

    class Patient(Retry):
        """Waits as long as Vercel says, by ``Retry-After`` or ``X-RateLimit-Reset``, within reason."""

        def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
            wait = super().get_retry_after(response)
            reset = response.headers.get("X-RateLimit-Reset", "")
            if wait is None and response.status == 429 and reset.isdigit():
                wait = max(0.0, float(reset) - time.time())
            return None if wait is None else min(wait, _LONGEST)

    # What is called again is done once: a rollback to, a promotion of, a cancellation of one named deployment.
    return Patient(
        total=_RETRIES,
        status_forcelist=statuses,
        allowed_methods=None,
        backoff_factor=0.5,
        respect_retry_after_header=True,
        raise_on_status=False,
    )


def _kind(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "TLS: its certificate was not accepted, or it does not speak TLS"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection: refused, unknown host, or broken off"
    return type(error).__name__


class _NoHook(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return False


@contextlib.contextmanager
def _without_urls_in_logs() -> Iterator[None]:
    """urllib3 logs the path of every request (DEBUG), which pytest's --log-file would keep."""
    quiet = _NoHook()
    loggers = [logging.getLogger(name) for name in ("urllib3.connectionpool", "urllib3.util.retry")]
    for logger in loggers:
        logger.addFilter(quiet)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(quiet)


def _part(text: str) -> str:
    return quote(text, safe="")
