"""Is the migration history sound: nothing edited, missing, late or twice?"""

import pytest

from pytest_dbdeploy.rules import RULES


def test_history_is_sound(dbdeploy_plan, _dbdeploy_checks):
    """What is neither acknowledged nor only a warning; what no rule covers (duplicate, failed) nobody can accept."""
    if dbdeploy_plan.history is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    found = [
        (f.rule, f.message, f.hint)
        for f in _dbdeploy_checks["history"]
        if f.rule.startswith("migration-") and f.severity == "block" and not f.acknowledged
    ]
    found += [
        (p.kind, p.message, p.hint)
        for p in dbdeploy_plan.history.problems
        if p.blocking and f"migration-{p.kind}" not in RULES
    ]
    if found:
        lines = [
            ("" if what == "failed" else f"{what}: ") + message + (f"\n{hint}" if hint else "")
            for what, message, hint in found
        ]
        pytest.fail("\n".join(lines), pytrace=False)


@pytest.mark.dbdeploy(severity="warn")
def test_populated_target_has_a_history(dbdeploy_plan):
    """First deployment to a database that was filled by other means: every migration is pending, which is seldom meant."""
    if dbdeploy_plan.target is None or dbdeploy_plan.history is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    tables = dbdeploy_plan.target.user_tables
    if tables and not dbdeploy_plan.history.exists and dbdeploy_plan.migrations:
        pytest.fail(
            f"the target has {tables} table{'s' if tables > 1 else ''} but no migration history, so all migrations are pending"
            f" ({len(dbdeploy_plan.migrations)}); if they were applied by other means, write the history first",
            pytrace=False,
        )
