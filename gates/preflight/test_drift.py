"""Is the target's schema still what the last kept deployment left, or what a migration made of it since? See docs/drift.md."""

import pytest

from pytest_dbdeploy import facts, not_applicable
from pytest_dbdeploy.rules import severity_of

RULE = "schema-drift"


def pytest_generate_tests(metafunc):
    """Its severity is that of the policy."""
    if "severity" in metafunc.fixturenames:
        severity = severity_of(RULE, facts(metafunc.config).get("policy") or {})
        marks = [pytest.mark.dbdeploy(severity="warn")] if severity == "warn" else []
        metafunc.parametrize("severity", [pytest.param(str(severity), id=RULE, marks=marks)])


@pytest.fixture
def drift(dbdeploy_plan, _dbdeploy_checks):
    """What was found and is not acknowledged."""
    if _dbdeploy_checks["policy"].get(RULE) == "ignore":
        not_applicable(f"the policy ignores {RULE}")
    if dbdeploy_plan.target is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    if not _dbdeploy_checks["kept"]:
        not_applicable("no deployment was kept here yet that says what it left")
    return [f for f in _dbdeploy_checks["history"] if f.rule == RULE and not f.acknowledged]


def test_schema_is_as_it_was_left(severity, drift, _dbdeploy_checks):
    found = [f for f in drift if f.severity == severity]
    if found:
        pytest.fail(told(found, _dbdeploy_checks["kept"]), pytrace=False)


@pytest.mark.dbdeploy(severity="warn")
def test_nothing_was_added_or_granted(drift, _dbdeploy_checks):
    """Whole objects that others made, and privileges: in nobody's way, but in no migration either."""
    found = [f for f in drift if f.severity == "warn" and _dbdeploy_checks["policy"].get(RULE) == "block"]
    if found:
        pytest.fail(told(found, _dbdeploy_checks["kept"]), pytrace=False)


def told(found, kept):
    objects = list(dict.fromkeys(f.object for f in found))
    return "\n".join(
        [
            f"the target's schema is not what {kept} left: {', '.join(objects)}",
            *(f.message for f in found),
            found[0].hint.splitlines()[0],
            "If it is meant, accept it in dbdeploy.yaml; the next deployment that is kept makes it the new state:",
            "    acknowledge:",
            *(f"      - {{rule: {RULE}, object: {quoted(name)}, reason: why}}" for name in objects),
            f"What comes and goes by itself belongs into compare.ignore. See docs/rules/{RULE}.md.",
        ]
    )


def quoted(name):
    """As YAML takes it."""
    return "'" + name.replace("'", "''") + "'"
