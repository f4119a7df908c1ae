"""Is the migration history sound: nothing edited, missing, late or twice?"""

import pytest


def test_history_is_sound(dbdeploy_plan):
    """What the rules migration-edited, -late and -missing find; where the policy only warns of it, the rule's gate does."""
    if dbdeploy_plan.history is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    policy = dbdeploy_plan.policy
    blocking = [
        p
        for p in dbdeploy_plan.history.problems
        if p.blocking and policy.get(f"migration-{p.kind}", "block") == "block"
    ]
    if blocking:
        lines = [f"{p.kind}: {p.message}" + (f"\n  {p.hint}" if p.hint else "") for p in blocking]
        pytest.fail("\n".join(lines), pytrace=False)


@pytest.mark.dbdeploy(severity="warn")
def test_populated_target_has_a_history(dbdeploy_plan):
    """First deployment to a database that was filled by other means: every migration is pending, which is seldom meant."""
    if dbdeploy_plan.target is None or dbdeploy_plan.history is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    if dbdeploy_plan.target.user_tables and not dbdeploy_plan.history.exists and dbdeploy_plan.migrations:
        pytest.fail(
            f"the target has {dbdeploy_plan.target.user_tables} tables but no migration history, so all "
            f"{len(dbdeploy_plan.migrations)} migrations are pending; if they were applied by other means, write the history first",
            pytrace=False,
        )
