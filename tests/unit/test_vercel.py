"""Vercel against a stand-in that takes documented requests only."""

from __future__ import annotations

import logging
import time

import pytest

from pytest_dbdeploy.config.models import Release
from pytest_dbdeploy.releasers import Job, ReleaseError
from pytest_dbdeploy.releasers.vercel import RELEASER
from tests.vercel import HOOK, TOKEN, Vercel

OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def vercel():
    with Vercel().serving() as made:
        made.before = made.add(OLD)
        yield made


def job(vercel, commit=NEW, previous=OLD, **more):
    content = {
        "project": vercel.project,
        "token": TOKEN,
        "api": vercel.url,
        "team": vercel.team,
        "timeout": "20s",
        **more,
    }
    settings = Release.model_validate({"vercel": content})
    return Job(None, "deploy-dev-1", "dev", "production", settings, commit, previous)


def quiet(text):
    """No progress."""


def released(job):
    prepared = RELEASER.prepare(job)
    return prepared, RELEASER.release(job, prepared, quiet)


def test_the_build_of_the_commit_is_waited_for_with_progress(vercel):
    one = job(vercel)
    prepared = RELEASER.prepare(one)
    new = vercel.build(NEW)
    said = []
    assert (
        RELEASER.release(one, prepared, said.append)
        == f"{new} (shop-0002.vercel.app) is READY, production of prj_shop"
    )
    assert [text.split(" ")[0] for text in said] == ["BUILDING", "READY"]
    assert prepared["before"] == {"id": vercel.before, "url": "shop-0001.vercel.app"}
    assert TOKEN not in str(prepared)


def test_rolling_back_makes_the_one_before_current_again(vercel):
    one = job(vercel)
    prepared = RELEASER.prepare(one)
    vercel.build(NEW)
    RELEASER.release(one, prepared, quiet)
    assert vercel.current != vercel.before
    assert "is current again" in RELEASER.undo(one, prepared, quiet)
    assert vercel.current == vercel.before
    assert f"POST /v1/projects/prj_shop/rollback/{vercel.before}" in vercel.requests


@pytest.mark.parametrize("status", [402, 403, 409, 422])
def test_where_vercel_cannot_roll_back_it_promotes(vercel, status):
    one = job(vercel)
    prepared = RELEASER.prepare(one)
    vercel.add(NEW)
    vercel.refuse_rollback = status
    RELEASER.undo(one, prepared, quiet)
    assert vercel.current == vercel.before
    assert vercel.requests[-2:] == [
        f"POST /v10/projects/prj_shop/promote/{vercel.before}",
        "GET /v1/projects/prj_shop/promote/aliases",
    ]


def test_after_a_rollback_the_next_build_is_promoted_and_would_go_back_to_the_one_that_serves(vercel):
    """Vercel no longer moves the domains by itself then, and the newest promoted deployment is the one that was left."""
    first = job(vercel)
    prepared = RELEASER.prepare(first)
    vercel.add(NEW)
    RELEASER.undo(first, prepared, quiet)
    second = job(vercel, commit="c" * 40)
    prepared = RELEASER.prepare(second)
    assert prepared["before"]["id"] == vercel.before
    new = vercel.build("c" * 40)
    RELEASER.release(second, prepared, quiet)
    assert vercel.current == new
    assert f"POST /v10/projects/prj_shop/promote/{new}" in vercel.requests


@pytest.mark.parametrize("state", ["ERROR", "CANCELED"])
def test_a_build_that_fails_says_why_and_leaves_nothing_to_put_back(vercel, state):
    vercel.states = ["QUEUED", state]
    one = job(vercel)
    prepared = RELEASER.prepare(one)
    vercel.build(NEW)
    with pytest.raises(ReleaseError, match=f"ended as {state}") as caught:
        RELEASER.release(one, prepared, quiet)
    assert "https://vercel.com/x/2" in caught.value.hint
    assert state == "CANCELED" or "npm run build" in caught.value.message
    assert "never became current" in RELEASER.undo(one, prepared, quiet)
    assert vercel.current == vercel.before
    assert not any("rollback" in request for request in vercel.requests)


def test_a_build_that_takes_too_long_is_cancelled_so_that_it_never_becomes_current(vercel):
    vercel.states = ["QUEUED", *["BUILDING"] * 100]
    one = job(vercel, timeout="2s")
    prepared = RELEASER.prepare(one)
    new = vercel.build(NEW)
    with pytest.raises(ReleaseError, match=f"not finished .{new}.* after 2 s"):
        RELEASER.release(one, prepared, quiet)
    RELEASER.undo(one, prepared, quiet)
    assert vercel.deployments[-1]["state"] == "CANCELED"
    assert vercel.current == vercel.before


def test_a_commit_that_vercel_never_builds_is_an_error_in_time(vercel):
    one = job(vercel, timeout="1s")
    prepared = RELEASER.prepare(one)
    with pytest.raises(ReleaseError, match="Vercel has no deployment of bbbbbbbbbb after 1 s"):
        RELEASER.release(one, prepared, quiet)
    assert "there was no deployment of bbbbbbbbbb" in RELEASER.undo(one, prepared, quiet)


def test_a_preview_of_the_same_commit_is_not_taken_for_the_production_deployment(vercel):
    one = job(vercel)
    prepared = RELEASER.prepare(one)
    vercel.add(NEW, target="preview")
    new = vercel.build(NEW)
    assert new in RELEASER.release(one, prepared, quiet)


def test_previews_are_waited_for_and_go_back_with_the_branch(vercel):
    one = job(vercel, target="preview")
    prepared = RELEASER.prepare(one)
    assert prepared["before"] is None
    vercel.add(NEW, target="preview")
    assert "is READY, preview of" in RELEASER.release(one, prepared, quiet)
    assert "go back with the branch" in RELEASER.undo(one, prepared, quiet)


def test_the_first_deployment_of_a_project_has_none_to_go_back_to():
    with Vercel().serving() as vercel:
        one = job(vercel)
        prepared = RELEASER.prepare(one)
        assert prepared["before"] is None
        vercel.add(NEW)
        assert "NOT put back, there was no deployment before" in RELEASER.undo(one, prepared, quiet)


@pytest.mark.parametrize("team", ["team_abc", "acme"])
def test_the_team_goes_along_with_every_request(team):
    stand_in = Vercel(team=team)
    if not team.startswith("team_"):
        stand_in.answer = _with_slug(stand_in, stand_in.answer)
    with stand_in.serving() as vercel:
        vercel.add(OLD)
        one = job(vercel)
        prepared = RELEASER.prepare(one)
        vercel.build(NEW)
        RELEASER.release(one, prepared, quiet)
        RELEASER.undo(one, prepared, quiet)
        assert vercel.current == "dpl_0001"


def _with_slug(stand_in, answer):
    def checked(method, path, query, headers, body):
        assert "teamId" not in query
        query["teamId"] = query.pop("slug")
        return answer(method, path, query, headers, body)

    return checked


# -- trouble


@pytest.mark.parametrize(
    ("token", "project", "status"), [("wrong", "prj_shop", 401), (TOKEN, "prj_other", 404)]
)
def test_a_wrong_token_or_project_is_said_before_anything_is_touched(vercel, token, project, status):
    with pytest.raises(ReleaseError, match=f"answered {status}") as caught:
        RELEASER.prepare(job(vercel, token=token, project=project))
    assert "Check release.vercel" in caught.value.hint
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "answers",
    [
        [(429, {"Retry-After": "1"}, {})],
        [(429, {"X-RateLimit-Reset": "RESET"}, {})],
        [(500, {}, b"<html>")] * 2,
        [(503, {"Retry-After": "0"}, {})],
    ],
    ids=["retry-after", "x-ratelimit-reset", "500", "503"],
)
def test_rate_limits_and_errors_of_the_server_are_tried_again(vercel, answers):
    one = job(vercel)
    vercel.answers = [
        (status, {k: v.replace("RESET", str(int(time.time()) + 1)) for k, v in headers.items()}, body)
        for status, headers, body in answers
    ]
    assert RELEASER.prepare(one)["before"]["id"] == vercel.before
    assert vercel.answers == []


def test_answers_that_make_no_sense_for_a_while_are_asked_for_again(vercel):
    one = job(vercel)
    prepared = RELEASER.prepare(one)
    vercel.add(NEW)
    vercel.answers = [(200, {}, b"no json")] * 2
    assert "is READY" in RELEASER.release(one, prepared, quiet)


def test_an_address_where_nobody_answers_is_a_clear_error(vercel, monkeypatch):
    monkeypatch.setattr("pytest_dbdeploy.releasers._vercel_api._RETRIES", 0)
    with pytest.raises(ReleaseError, match="Vercel did not answer to GET /v7/deployments: no connection"):
        RELEASER.prepare(job(vercel, api="http://127.0.0.1:9"))


def test_a_netrc_file_does_not_take_the_place_of_the_token(vercel, tmp_path, monkeypatch):
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(path))
    assert RELEASER.prepare(job(vercel))["before"]["id"] == vercel.before


# -- the deploy hook


def test_a_deploy_hook_starts_the_build_once_and_is_in_no_log(vercel, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "refs" / "heads").mkdir(parents=True)
    (tmp_path / "refs" / "heads" / "production").write_text(NEW)
    vercel.remote, vercel.hook_only = tmp_path, True
    one = job(vercel, deploy_hook=vercel.url + HOOK)
    prepared = RELEASER.prepare(one)
    RELEASER.release(one, prepared, quiet)
    RELEASER.release(one, prepared, quiet)
    assert vercel.requests.count(f"POST {HOOK}") == 1
    assert vercel.commit_of(vercel.current) == NEW
    assert "h00kh00k" not in caplog.text + str(prepared)


def test_a_deploy_hook_that_is_refused_is_an_error_without_its_address(vercel):
    one = job(vercel, deploy_hook=vercel.url + "/v1/integrations/deploy/prj_x/secretsecret")
    prepared = RELEASER.prepare(one)
    vercel.answer = lambda *a: (404, {}, {}) if "integrations" in a[1] else Vercel.answer(vercel, *a)
    with pytest.raises(ReleaseError, match="the deploy hook answered 404") as caught:
        RELEASER.release(one, prepared, quiet)
    assert "secretsecret" not in str(caught.value)
