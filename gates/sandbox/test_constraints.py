"""Do the constraints that the migrations make hold for the rows that are there?"""

import pytest

from pytest_dbdeploy.compare.constraints import violation
from pytest_dbdeploy.compare.names import parent_name
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


@pytest.mark.dbdeploy(
    severity="warn"
)  # the first of two steps of the safe way: the rule constraint-not-valid-left says the second
def test_new_constraints_are_validated(dbdeploy_changes, dbdeploy_evidence):
    found = [
        f"{place(change, dbdeploy_evidence)}: constraint {change.object} is left NOT VALID: the rows that were there before are not "
        "checked.\nAdd to a migration, after the one that creates it (it lets reads and writes go on):\n"
        f"    ALTER TABLE {parent_name(change.object)} VALIDATE CONSTRAINT {quoted_name(change.object)};"
        for change in unchecked(dbdeploy_changes)
    ]
    found += [
        f"{place(change, dbdeploy_evidence)}: NOT NULL of column {change.object} is left NOT VALID: rows that were there before are not checked"
        for change in dbdeploy_changes
        if change.kind == "column" and (change.after or {}).get("not_null_not_valid")
    ]
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)


def test_new_constraints_hold(dbdeploy_changes, dbdeploy_evidence, dbdeploy_sandbox):
    """The server has checked all but those NOT VALID: of these it is asked here."""
    waiting = unchecked(dbdeploy_changes)
    if not waiting:
        return
    with dbdeploy_sandbox.after.connect() as conn:
        broken = [(change, text) for change in waiting if (text := violation(conn, change.object))]
    if broken:
        pytest.fail(
            "\n".join(
                f"{place(change, dbdeploy_evidence)}: constraint {change.object} does not hold: {text}\n"
                "Correct these rows in a migration before the one that adds the constraint."
                for change, text in broken
            ),
            pytrace=False,
        )


def quoted_name(constraint):
    """The last part of ``schema.table.name``, with its quotes if it needs them."""
    return constraint[len(parent_name(constraint)) + 1 :]
