"""Do the migrations apply to a clone of the target?"""

import pytest

LONGEST = 12
#: Statements that only an owner may run, by the lock that they take on his table.
NEEDS_OWNER = {
    ("ALTER TABLE", "AccessExclusiveLock"),
    ("DROP TABLE", "AccessExclusiveLock"),
    ("CREATE INDEX", "ShareLock"),
}


def test_migrations_apply(dbdeploy_evidence):
    failed = [evidence for evidence in dbdeploy_evidence if evidence.error]
    if failed:
        pytest.fail("\n\n".join(message(evidence) for evidence in failed), pytrace=False)


def message(evidence):
    """What the server said, where, and of which rows."""
    error = evidence.error
    lines = evidence.statement.strip().splitlines()
    shown = lines[:LONGEST] + (["..."] if len(lines) > LONGEST else [])
    text = [
        f"{evidence.file}:{evidence.line}: {error.message}"
        + (f" (SQLSTATE {error.sqlstate})" if error.sqlstate else "")
    ]
    if error.detail:
        text.append(f"detail: {error.detail}")
    if error.hint:
        text.append(f"hint: {error.hint}")
    if error.violating_rows is not None:
        found = evidence.violation
        of = f" of {found.relation}" if found else ""
        keys = f": {'; '.join(found.keys)}" if found and found.keys else ""
        more = "; ..." if keys and len(found.keys) < error.violating_rows else ""
        one = error.violating_rows == 1
        rows = f"1 row{of} violates" if one else f"{error.violating_rows:,} rows{of} violate"
        text.append(f"{rows} it{keys}{more}")
    text += [f"in migration {evidence.migration}:", *(f"    {line}" for line in shown)]
    text.append(
        "Nothing was deployed. Correct the migration (it was applied nowhere but on the clone), or the rows that it meets."
    )
    return "\n".join(text)


def test_role_owns_what_the_migrations_change(dbdeploy_plan, dbdeploy_evidence):
    """The clone's statements run as its owner; on the target the server would refuse them half-way."""
    others = set(dbdeploy_plan.target.not_owned)
    refused = [
        f"{evidence.file}:{evidence.line}: role {dbdeploy_plan.target.user} is not the owner of {lock.relation}"
        for evidence in dbdeploy_evidence
        for lock in evidence.locks
        if lock.relation in others and (evidence.tag, lock.mode) in NEEDS_OWNER
    ]
    if refused:
        refused.append("deploy as the owner, or let the owner grant his role to this one")
        pytest.fail("\n".join(refused), pytrace=False)
