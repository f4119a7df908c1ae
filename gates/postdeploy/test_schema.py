"""Is the target's schema what it was, plus what the rehearsal did? One gate a kind of object."""

import pytest

from pytest_dbdeploy.compare.describe import describe_all
from pytest_dbdeploy.compare.diff import KINDS


@pytest.mark.parametrize("kind", [*KINDS, "other"])
def test_schema_is_as_rehearsed(kind, _dbdeploy_checks):
    verification = _dbdeploy_checks["verification"]

    def of_kind(changes):
        return [c for c in changes if c.kind == kind or (kind == "other" and c.kind not in KINDS)]

    text = []
    if missing := of_kind(verification.missing):
        text += [
            "The rehearsal on the clone did this, and the target does not have it:",
            describe_all(missing, before="the target", after="the rehearsal"),
        ]
    if unexpected := of_kind(verification.unexpected):
        text += [
            "The target was changed in a way that the rehearsal did not show (by somebody else meanwhile, or a migration that "
            "does something else there):",
            describe_all(unexpected, before="the target before the deployment", after="the target now"),
        ]
    if text:
        pytest.fail("\n".join(text), pytrace=False)
