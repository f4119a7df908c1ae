"""What a person approves: each thing that counts changes the hash by itself, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from pytest_dbdeploy.config.models import Acknowledgement, Rollback, Thresholds
from pytest_dbdeploy.model import Gate, GitState, Migration, Mode, Phase, Plan, Severity
from pytest_dbdeploy.plan import covered, plan_hash

GATES = [
    Gate("gates/test_a.py::test_a", Phase.SANDBOX, Severity.BLOCK),
    Gate("gates/test_b.py::test_b", Phase.PREFLIGHT, Severity.WARN),
]
ACKNOWLEDGED = Acknowledgement(rule="table-removed", object="public.x", reason="why")
SETTINGS = SimpleNamespace(thresholds=Thresholds(), acknowledge=(), rollback=Rollback())
PLAN = Plan(
    environment="prod",
    mode=Mode.DEPLOY,
    layout="sql",
    migrations=(Migration("0001", "migrations/0001.sql", "sum", content="text"),),
    target=None,
    target_error=None,
    history=None,
    git=GitState("main", "c" * 40, (), "production", "b" * 40),
    fingerprint="f",
    policy={"table-removed": Severity.BLOCK, "column-removed": Severity.WARN},
)


def digest(plan=PLAN, gates=GATES, **settings):
    return plan_hash(covered(plan, gates, SimpleNamespace(**{**vars(SETTINGS), **settings})))


def changed(**values):
    return digest(replace(PLAN, **values))


@pytest.mark.parametrize(
    "other",
    [
        lambda: changed(environment="uat"),
        lambda: changed(fingerprint="g"),
        lambda: changed(migrations=()),
        lambda: changed(migrations=(Migration("0001", "x.sql", "sum", content="edited"),)),
        lambda: changed(migrations=(Migration("0002", "x.sql", "sum", content="text"),)),
        lambda: changed(command="migrate"),
        lambda: changed(git=replace(PLAN.git, commit="d" * 40)),
        lambda: changed(git=replace(PLAN.git, target_commit="d" * 40)),
        lambda: changed(git=replace(PLAN.git, target_branch="other")),
        lambda: changed(git=None),
        lambda: changed(policy={**PLAN.policy, "column-removed": Severity.IGNORE}),
        lambda: digest(gates=GATES[:1]),
        lambda: digest(gates=[GATES[0], replace(GATES[1], severity=Severity.BLOCK)]),
        lambda: digest(gates=[GATES[0], replace(GATES[1], phase=Phase.SANDBOX)]),
        lambda: digest(thresholds=Thresholds(lock_rows=5)),
        lambda: digest(acknowledge=(ACKNOWLEDGED,)),
        lambda: digest(rollback=Rollback(strategies=("restore",))),
    ],
)
def test_each_thing_that_counts_changes_the_hash(other):
    assert other() != digest()


@pytest.mark.parametrize(
    "same",
    [
        lambda: changed(mode=Mode.DRY_RUN),
        lambda: changed(notes=("a note",), last_deployment="x"),
        lambda: changed(git=replace(PLAN.git, dirty=("README.md",), branch="detached")),
        lambda: changed(migrations=(Migration("0001", "elsewhere/0001.sql", "crlf", content="text"),)),
        lambda: changed(policy=dict(reversed(PLAN.policy.items()))),
        lambda: digest(gates=GATES[::-1]),
    ],
)
def test_what_belongs_to_a_machine_or_a_run_does_not(same):
    assert same() == digest()
