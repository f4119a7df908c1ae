"""Do the migrations apply to a clone of the target?"""

import pytest

LONGEST = 12


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
        text.append(f"{error.violating_rows:,} rows{of} violate it{keys}{more}")
    text += [f"in migration {evidence.migration}:", *(f"    {line}" for line in shown)]
    text.append(
        "Nothing was deployed. Correct the migration (it was applied nowhere but on the clone), or the rows that it meets."
    )
    return "\n".join(text)
