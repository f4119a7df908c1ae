"""Do all rows refer to rows that exist? One gate a foreign key, and a reference that ``compare.foreign_keys`` names."""

import pytest

from pytest_dbdeploy import facts, not_applicable
from pytest_dbdeploy.compare.orphans import describe_orphans


def pytest_generate_tests(metafunc):
    references = facts(metafunc.config)["references"]
    metafunc.parametrize("reference", references or [pytest.param(None, id="no foreign keys")])


def test_no_row_is_orphaned(reference, _dbdeploy_checks):
    compared = _dbdeploy_checks["compare"]
    if reference is None:
        not_applicable("no database has a foreign key, or compare.rows is none")
    result = compared["orphans"][reference]
    wrong = [found for found in result.found if found.count or found.problem is not None]
    if wrong:
        texts = [describe_orphans(result.reference, found, compared["samples"]) for found in wrong]
        pytest.fail("\n".join(texts), pytrace=False)
