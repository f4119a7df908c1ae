"""Do the constraints that the migrations make hold for the rows that are there?"""

import pytest

from pytest_dbdeploy.compare.constraints import violation
from pytest_dbdeploy.rules.base import responsible


def unchecked(changes):
    """Constraints that the migrations leave NOT VALID; NOT ENFORCED ones are not meant to hold."""
    return [
        change
        for change in changes
        if change.kind == "constraint"
        and (change.after or {}).get("not_valid")
        and "NOT ENFORCED" not in change.after.get("definition", "")
    ]


def place(change, evidence):
    where = responsible(change, evidence)
    return where.place if where else "the migrations"


def test_new_constraints_hold(dbdeploy_changes, dbdeploy_evidence, dbdeploy_sandbox):
    """The server has checked all but those NOT VALID (the rule constraint-not-valid-left warns of them): of these it is asked here."""
    waiting = [change for change in unchecked(dbdeploy_changes) if not change.acknowledged]
    if not waiting:
        return
    with dbdeploy_sandbox.after.connect() as conn:
        broken = [(change, text) for change in waiting if (text := violation(conn, change.object))]
    if broken:
        pytest.fail(
            "\n".join(
                f"{place(change, dbdeploy_evidence)}: constraint {change.object} does not hold: {text}\n"
                "Correct these rows in a migration before the one that adds the constraint; an UPDATE of one of them fails.\n"
                f"If they are to stay, acknowledge it: -- dbdeploy: allow constraint-not-valid-left {change.object} (why)"
                for change, text in broken
            ),
            pytrace=False,
        )
