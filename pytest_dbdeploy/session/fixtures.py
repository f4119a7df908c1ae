"""Fixtures for gates. Session-scoped, which here means: made once for a phase in a process, gone before the next boundary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from ..model import Change, Plan, StatementEvidence
    from .handles import App, Database, Sandbox

# Where a fixture's value exists, for the message of a gate that asks for it elsewhere.
_WHERE = {
    "plan": "in every phase of a deployment",
    "target": "in every phase of a deployment, when the target can be reached",
    "sandbox": "from phase sandbox on, when there is something to deploy",
    "hub": "from phase sandbox on, when there is something to deploy",
    "changes": "from phase sandbox on, when there is something to deploy",
    "evidence": "from phase sandbox on, when there is something to deploy",
    "app": "in every phase of a deployment",
    "checks": "in the built-in gates",
}


def _value(request: pytest.FixtureRequest, name: str) -> Any:
    """What the controller sent for this phase; a gate that asks for what is not there fails, and is told where it is."""
    from .state import STATE

    state = request.config.stash.get(STATE, None)
    if state is None:
        _fail(
            f"{request.fixturename} exists only for gates: tests under gates.paths in a session with --dbdeploy-env"
        )
    value = state.values.get(name)
    if value is None:
        plan = state.values.get("plan")
        if name == "target" and plan is not None and plan.target_error:
            _fail(plan.target_error)
        if name == "hub" and state.values.get("hub_error"):
            _fail(f"there is no hub: {state.values['hub_error']}")
        _fail(f"{request.fixturename} is not available in phase {state.phase}: it is there {_WHERE[name]}")
    return value


def _fail(message: str) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(message, pytrace=False)


@pytest.fixture(scope="session")
def dbdeploy_plan(request: pytest.FixtureRequest) -> Plan:
    """What would be deployed: the environment, the pending migrations with
    their statements, the relations of the target at planning time.
    """
    plan: Plan = _value(request, "plan")
    return plan


@pytest.fixture(scope="session")
def dbdeploy_target(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The target database, read only.

    It has ``.url``, ``.connect()``, ``.fetch(sql, params)`` (a list of dicts)
    and ``.scalar(sql, params)`` (one value).
    """
    from .handles import Database

    with Database(_value(request, "target"), name="target", read_only=True) as database:
        yield database


@pytest.fixture(scope="session")
def dbdeploy_sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The clone of the target: ``.before`` as it was, ``.after`` migrated.

    Each has ``.url``, ``.connect()``, ``.fetch(sql, params)`` and
    ``.scalar(sql, params)``. ``.before`` is read only; what a gate writes to
    ``.after`` is undone at its end.
    """
    from .handles import Database, Sandbox

    urls = _value(request, "sandbox")
    with (
        Database(urls["before"], name="sandbox before", read_only=True) as before,
        Database(urls["after"], name="sandbox after", read_only=False) as after,
    ):
        yield Sandbox(before, after)


@pytest.fixture(scope="session")
def dbdeploy_hub(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database that sees target and sandboxes at once, to compare them.

    They are postgres_fdw foreign schemas, named ``<database>__<schema>``.
    """
    from .handles import Database

    with Database(_value(request, "hub"), name="hub", read_only=False) as database:
        yield database


@pytest.fixture(scope="session")
def dbdeploy_changes(request: pytest.FixtureRequest) -> tuple[Change, ...]:
    """The schema changes that the migrations make, each with the rule and
    severity that judge it.
    """
    return tuple(_value(request, "changes"))


@pytest.fixture(scope="session")
def dbdeploy_evidence(request: pytest.FixtureRequest) -> tuple[StatementEvidence, ...]:
    """What each statement of the migrations did on the clone: locks,
    rewrites, scans, seconds, rows, errors.
    """
    return tuple(_value(request, "evidence"))


@pytest.fixture(scope="session")
def dbdeploy_app(request: pytest.FixtureRequest) -> Iterator[App]:
    """An HTTP client for the environment's application.

    It has ``.url`` (None when none is configured) and ``.get(path)``, which
    gets through Vercel's deployment protection where
    ``release.vercel.bypass`` is set.
    """
    from .handles import App

    settings = _value(request, "app")
    with App(
        settings.get("url"), timeout=settings.get("timeout") or 10.0, headers=settings.get("headers")
    ) as app:
        yield app


@pytest.fixture(scope="session")
def _dbdeploy_checks(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the built-in gates judge; no part of the interface."""
    checks: dict[str, Any] = _value(request, "checks")
    return checks
