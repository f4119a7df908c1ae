"""Vercel: waits for the build of the pushed commit, and puts the deployment that was current before back.

Vercel builds what is pushed to the branch by its git integration, or what a deploy hook asks for. Everything is looked up by
the commit, so that another session can go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ._vercel_api import Deployment, Vercel, VercelError, call_hook
from .base import Job, Prepared, ReleaseError

_FAILED = ("ERROR", "CANCELED", "BLOCKED", "DELETED")
_UNDER_WAY = ("QUEUED", "INITIALIZING", "BUILDING")
#: Seconds between two questions: few at first, as a stand-in may be quick, and the rate limit is for everybody of the team.
_FIRST, _GROWTH, _MOST = 0.5, 1.5, 5.0
#: What Vercel answers when it cannot roll back to a deployment, which it may still promote.
_NO_ROLLBACK = (402, 403, 409, 422)

Progress = Callable[[str], None]
Found = TypeVar("Found")


class VercelReleaser:
    """Takes part where a project is configured and the environment has a branch."""

    name = "vercel"
    rank = 20

    def configured(self, job: Job) -> bool:
        return job.branch is not None and job.settings.vercel.project is not None

    def prepare(self, job: Job) -> Prepared | None:
        """What is current now. Asked before anything is touched, so that a wrong token or project costs nothing."""
        if job.commit is None:
            return None
        settings = job.settings.vercel
        current = _current(job) if settings.target == "production" else None
        return {
            "project": settings.project,
            "team": settings.team,
            "target": settings.target,
            "commit": job.commit,
            "before": {"id": current.id, "url": current.url} if current else None,
        }

    def release(self, job: Job, prepared: Prepared, progress: Progress) -> str:
        """Until it is READY, and current where it goes to production. ReleaseError when it fails or ``timeout`` is over."""
        api, settings = _api(job, prepared), job.settings.vercel
        waiting = _Waiting(settings.timeout, progress)
        if settings.deploy_hook and not _of_commit(api, job, prepared):
            call_hook(settings.deploy_hook)
        found = waiting.until(lambda: _found(api, job, prepared), _nothing(job))
        ready = waiting.until(lambda: _ready(api, found.id, waiting), _unfinished(found))
        if prepared["target"] == "production" and ready.substate == "STAGED":
            # So it is after a rollback: Vercel no longer moves the domains by itself.
            api.promote(ready.id)
            waiting.until(lambda: _promoted(api, ready.id, waiting), _unpromoted(ready))
        return f"{ready.id} ({ready.url}) is READY, {prepared['target']} of {prepared['project']}"

    def stands(self, job: Job, prepared: Prepared) -> bool:
        return True  # a build that failed may leave another one under way

    def undo(self, job: Job, prepared: Prepared, progress: Progress) -> str:
        """Stops builds of our commit, and rolls back where one is READY."""
        api = _api(job, prepared)
        waiting = _Waiting(job.settings.vercel.timeout, progress)
        states = {one.state for one in self._stopped(api, job, prepared, waiting)}
        project, before = prepared["project"], prepared["before"]
        if prepared["target"] != "production":
            return f"{project}: previews go back with the branch"
        if not states:
            return f"{project}: there was no deployment of {prepared['commit'][:10]}"
        if "READY" not in states and states <= set(_FAILED):
            return f"{project}: {prepared['commit'][:10]} never became current ({', '.join(sorted(states))})"
        if before is None:
            return f"{project}: NOT put back, there was no deployment before"
        _make_current(api, before["id"], job, waiting)
        return f"{before['id']} ({before['url']}) is current again, production of {project}"

    def _stopped(self, api: Vercel, job: Job, prepared: Prepared, waiting: _Waiting) -> list[Deployment]:
        """Our commit's deployments, none of them still under way: a late build would become current."""
        found = [api.deployment(one.id) for one in _of_commit(api, job, prepared)]
        for one in found:
            if one.state in _UNDER_WAY:
                try:
                    api.cancel(one.id)
                except VercelError as error:
                    if error.status is None or error.status >= 500:
                        raise
                    waiting.progress(f"{one.id} was not cancelled: {error.message}")  # it has just ended
        return [waiting.until(partial(_ended, api, one.id), _unfinished(one)) for one in found]


RELEASER = VercelReleaser()


# -- looking


def _api(job: Job, prepared: Prepared | None = None) -> Vercel:
    """Of the project that was written down; token and address are those of now."""
    settings = job.settings.vercel
    if settings.token is None:
        raise ReleaseError(
            "there is no token for Vercel", hint="Set VERCEL_TOKEN, or release.vercel.token in dbdeploy.yaml."
        )
    project = prepared["project"] if prepared else settings.project
    team = prepared["team"] if prepared else settings.team
    return Vercel(base=settings.api, token=settings.token, project=project or "", team=team)


def _current(job: Job) -> Deployment | None:
    """The production deployment that serves now: of those that were promoted that of the branch's commit, else the newest.

    After a rollback the newest is the one that was left.
    """
    ready = [
        one
        for one in _api(job).deployments(target="production", state="READY", limit=20)
        if one.state == "READY" and one.target in (None, "production") and one.commit != job.commit
    ]
    promoted = [one for one in ready if one.substate in (None, "PROMOTED")]
    of_branch = [one for one in promoted if one.commit == job.previous]
    return next(iter([*of_branch, *promoted]), None)


def _of_commit(api: Vercel, job: Job, prepared: Prepared) -> list[Deployment]:
    """Deployments of our commit and target, the newest first."""
    commit, target = prepared["commit"], prepared["target"]
    branch = job.branch if target == "preview" else None
    production = "production" if target == "production" else None
    found = api.deployments(sha=commit, target=production, branch=branch, limit=20)
    return [
        one
        for one in found
        if one.commit in (None, commit)
        and (one.target in (None, target) if production else one.target != "production")
    ]


def _found(api: Vercel, job: Job, prepared: Prepared) -> Deployment | None:
    return next(iter(_of_commit(api, job, prepared)), None)


def _ready(api: Vercel, deployment_id: str, waiting: _Waiting) -> Deployment | None:
    one = api.deployment(deployment_id)
    if one.state in _FAILED:
        more = "".join(f": {text}" for text in [one.error] if text)
        raise ReleaseError(
            f"the build on Vercel ended as {one.state}{more} ({one.id}, {one.url})",
            hint=f"Look at its log: {one.inspector}" if one.inspector else "Look at its log on Vercel.",
        )
    waiting.progress(f"{one.state} {one.id}")
    return one if one.state == "READY" else None


def _promoted(api: Vercel, deployment_id: str, waiting: _Waiting) -> Deployment | None:
    one = api.deployment(deployment_id)
    waiting.progress(f"{one.state} {one.substate or ''} {one.id}")
    return one if one.substate in (None, "PROMOTED") else None


def _ended(api: Vercel, deployment_id: str) -> Deployment | None:
    one = api.deployment(deployment_id)
    return None if one.state in _UNDER_WAY else one


# -- putting back


def _make_current(api: Vercel, deployment_id: str, job: Job, waiting: _Waiting) -> None:
    """By a rollback, which stops Vercel from moving the domains to later builds; where it cannot, by a promotion."""
    try:
        api.roll_back(deployment_id, f"rolled back by pytest-dbdeploy, {job.deployment}")
        return
    except VercelError as error:
        if error.status not in _NO_ROLLBACK:
            raise
        refused = error.message
    try:
        api.promote(deployment_id)
    except VercelError as error:
        raise ReleaseError(
            f"Vercel does not make {deployment_id} current again: {refused}; {error.message}",
            hint=f"Roll back to it on Vercel, under Deployments of project {api.project}.",
        ) from None
    waiting.until(lambda: None if api.aliases_to_come() else True, f"{deployment_id} is not current yet")


# -- waiting


class _Waiting:
    """Asks again and again until ``timeout`` seconds are over; a question that gets no answer is asked again too."""

    def __init__(self, timeout: float, progress: Progress) -> None:
        self._deadline = time.monotonic() + timeout
        self._started = time.monotonic()
        self._timeout = timeout
        self._progress = progress
        self._pause = _FIRST

    def progress(self, text: str) -> None:
        self._progress(f"{text}, {time.monotonic() - self._started:.0f} s")

    def until(self, ask: Callable[[], Found | None], late: str) -> Found:
        """The first answer that is not None. ReleaseError with ``late`` when the time is up."""
        last = ""
        while True:
            try:
                found = ask()
                if found is not None:
                    return found
                last = ""
            except VercelError as error:
                if error.status is not None and error.status < 500 and error.status != 429:
                    raise
                last = f" ({error.message})"
                self.progress(error.message)
            if time.monotonic() + self._pause > self._deadline:
                raise ReleaseError(
                    f"{late} after {self._timeout:.0f} s{last}",
                    hint="release.vercel.timeout is how long is waited.",
                )
            time.sleep(self._pause)
            self._pause = min(self._pause * _GROWTH, _MOST)


def _nothing(job: Job) -> str:
    return f"Vercel has no deployment of {(job.commit or '')[:10]}"


def _unfinished(one: Deployment) -> str:
    return f"the build on Vercel is not finished ({one.id}, {one.url})"


def _unpromoted(one: Deployment) -> str:
    return f"Vercel has not promoted {one.id} ({one.url})"
