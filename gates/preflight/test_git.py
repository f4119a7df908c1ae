"""Is what would be deployed committed? What is not is on nobody else's machine, and no one can say later what ran."""

import pytest

from pytest_dbdeploy import not_applicable


@pytest.fixture
def git(dbdeploy_plan):
    if dbdeploy_plan.git is None:
        not_applicable("the project is in no git repository")
    return dbdeploy_plan.git


def test_migrations_and_gates_are_committed(git, _dbdeploy_checks):
    dirty = [
        name
        for name in git.dirty
        if name in _dbdeploy_checks["migration_files"] or _is_gate(name, _dbdeploy_checks["gate_paths"])
    ]
    if dirty:
        pytest.fail(
            f"pending migrations or gates that are not committed: {', '.join(dirty)}\ncommit them first",
            pytrace=False,
        )


def test_code_can_be_released(_dbdeploy_checks):
    if _dbdeploy_checks["release_error"]:
        pytest.fail(_dbdeploy_checks["release_error"], pytrace=False)


def test_no_commit_was_reverted_on_the_branch(_dbdeploy_checks):
    """A merge after a revert silently leaves the reverted commits out."""
    if _dbdeploy_checks["release_reverted"]:
        pytest.fail(_dbdeploy_checks["release_reverted"], pytrace=False)


@pytest.mark.dbdeploy(severity="warn")
def test_working_tree_is_clean(git):
    if git.dirty:
        more = " ..." if len(git.dirty) > 5 else ""
        pytest.fail(
            f"{len(git.dirty)} uncommitted file{'s' if git.dirty[1:] else ''}, not deployed: {', '.join(git.dirty[:5])}{more}",
            pytrace=False,
        )


def _is_gate(name, paths):
    return any(name == path or name.startswith(f"{path}/") for path in paths)
