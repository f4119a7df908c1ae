"""Do the migrations do what the policy forbids? One gate a rule; its page is docs/rules/<rule>.md."""

import pytest

from pytest_dbdeploy import facts, not_applicable
from pytest_dbdeploy.rules import RULES, severity_of


def pytest_generate_tests(metafunc):
    if "rule" not in metafunc.fixturenames:
        return
    known = facts(metafunc.config)
    policy = known.get("policy") or {}
    gates = []
    for rule in known["rules"]:
        severity = severity_of(rule, policy)
        marks = [pytest.mark.dbdeploy(severity="warn")] if severity == "warn" else []
        gates.append(pytest.param(rule, id=rule, marks=marks))
    metafunc.parametrize("rule", gates or [pytest.param(None, id="no rules")])


def test_rule(rule, _dbdeploy_checks):
    if rule is None:
        return
    severity = severity_of(rule, _dbdeploy_checks["policy"])
    if severity == "ignore":
        not_applicable(f"the policy ignores {rule}: {RULES[rule].summary}")
    findings = [
        f
        for f in _dbdeploy_checks["findings"]
        if f.rule == rule and f.severity == severity and not f.acknowledged
    ]
    if findings:
        pytest.fail(told(findings), pytrace=False)


def told(findings):
    """Each finding with its place and what to do; the first line, which the summary shows, speaks for all."""
    texts = [f"{f.place or 'the migrations'}: {f.message}\n{f.hint or ''}".rstrip() for f in findings]
    if len(findings) > 1:
        objects = ", ".join(dict.fromkeys(f.object for f in findings))
        texts.insert(0, f"{len(findings)} findings: {objects}")
    return "\n\n".join(texts)


@pytest.mark.dbdeploy(severity="warn")
def test_blocking_rules_find_nothing_to_warn_of(_dbdeploy_checks):
    """What a rule that blocks only warns of, as the rows that a trigger adds to an audit table."""
    policy = _dbdeploy_checks["policy"]
    findings = [
        f
        for f in _dbdeploy_checks["findings"]
        if f.severity == "warn"
        and severity_of(f.rule, policy) == "block"
        and not f.acknowledged
        # a gate of pre-flight has said it
        and f.rule != "schema-drift"
    ]
    if findings:
        pytest.fail(told(findings), pytrace=False)


@pytest.mark.dbdeploy(severity="warn")
def test_acknowledgements_acknowledge_something(_dbdeploy_checks):
    unused = _dbdeploy_checks["unused_acknowledgements"]
    if unused:
        pytest.fail("\n".join([*unused, "Remove it, or correct the name of the object."]), pytrace=False)
