"""Was what is pending deployed to the environment before this one, and kept there, from the same schema? See docs/promotion.md."""

import pytest

from pytest_dbdeploy import not_applicable


def test_migrations_are_promoted(dbdeploy_plan, _dbdeploy_checks):
    if _dbdeploy_checks["promote_from"] is None:
        not_applicable("the environment has no promote_from")
    promotion = _dbdeploy_checks["promotion"]
    if promotion is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    if promotion.error:
        pytest.fail(
            f"environment {promotion.name}, which this one is promoted from, could not be asked: {promotion.error}",
            pytrace=False,
        )
    if promotion.problems:
        pytest.fail(
            "\n".join(
                [
                    f"only what was deployed to {promotion.name} and kept there may come to {dbdeploy_plan.environment}:",
                    *(f"  {problem}" for problem in promotion.problems),
                    f"deploy it there first (pytest --dbdeploy-env={promotion.name}), from a schema like this one's",
                ]
            ),
            pytrace=False,
        )
