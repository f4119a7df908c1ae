"""What may come from one environment to the next: what was deployed and kept there, from the same schema."""

from __future__ import annotations

import datetime as dt

import pytest

from pytest_dbdeploy.db.state import DeploymentRow, State
from pytest_dbdeploy.model import Migration
from pytest_dbdeploy.promotion import Deployed, Here, promoted

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
EMPTY = {"server": "17", "migration history": "- 0"}


def migration(name, checksum=None, content=""):
    return Migration(name, f"migrations/{name}.sql", checksum or f"sum of {name}", content=content)


def schema(*names):
    """(fingerprint, parts) of a schema with a table for each name."""
    tables = {f"table public.{name}": f"{name} {name}" for name in names}
    return f"fp {' '.join(names)}", EMPTY | tables


def deployed(number, names, *, before, after, state=State.KEPT, parts=True, content=None, commit=None):
    entries = [
        {"name": n, "checksum": f"sum of {n}"} | ({"content": content} if content else {}) for n in names
    ]
    row = DeploymentRow(
        id=f"deploy-uat-{number}",
        environment="uat",
        state=state,
        plan_hash=None,
        fingerprint_before=schema(*before)[0],
        fingerprint_after=schema(*after)[0] if state is State.KEPT else None,
        migrations=entries,
        git_from=None,
        git_to=commit,
        backup=None,
        host="h",
        user="u",
        started=NOW + dt.timedelta(hours=number),
        updated=NOW + dt.timedelta(hours=number),
        finished=None,
    )
    return Deployed(row, schema(*before)[1] if parts else None, schema(*after)[1] if parts else None)


def here(*names, at=(), **more):
    fingerprint, parts = schema(*at)
    return Here(tuple(migration(n) for n in names), fingerprint, parts, **more)


def problem(wanted, *there):
    (text,) = promoted(wanted, there, "uat").problems
    return text


ONE = deployed(1, ["0001"], before=[], after=["a"])
TWO = deployed(2, ["0002"], before=["a"], after=["a", "b"])


def test_one_deployment_there_is_one_here():
    found = promoted(here("0001"), [ONE, TWO], "uat")
    assert (found.problems, found.proof) == ((), ("deploy-uat-1",))


def test_several_deployments_there_make_up_one_here():
    found = promoted(here("0001", "0002"), [ONE, TWO], "uat")
    assert (found.problems, found.proof) == ((), ("deploy-uat-1", "deploy-uat-2"))
    assert promoted(here("0002", at=["a"]), [ONE, TWO], "uat").proof == ("deploy-uat-2",)


@pytest.mark.parametrize(
    ("there", "part"),
    [
        ([], "0001 was never deployed to uat"),
        (
            [deployed(1, ["0001"], before=[], after=[], state=State.ROLLED_BACK)],
            "0001 is not kept on uat: deploy-uat-1 is rolled back",
        ),
        (
            [deployed(1, ["0001"], before=[], after=[], state=State.APPLYING)],
            "deploy-uat-1 is unfinished",
        ),
    ],
)
def test_what_is_not_kept_there_is_missing_and_its_state_is_told(there, part):
    assert part in problem(here("0001"), *there)


def test_other_content_of_the_same_name_is_told():
    edited = Here((migration("0001", "other"),), *schema())
    assert "with other content (deploy-uat-1)" in problem(edited, ONE)


def test_a_migration_that_was_rolled_back_and_then_kept_counts():
    back = deployed(0, ["0001"], before=[], after=[], state=State.ROLLED_BACK)
    assert promoted(here("0001"), [back, ONE], "uat").proof == ("deploy-uat-1",)


def test_line_ends_of_a_checkout_make_no_difference():
    windows = deployed(1, ["0001"], before=[], after=["a"], content="same")
    wanted = Here((migration("0001", "crlf", "same"),), *schema())
    assert promoted(wanted, [windows], "uat").problems == ()


def test_all_that_is_missing_is_named():
    assert len(promoted(here("0001", "0002", "0003"), [ONE], "uat").problems) == 2


def test_another_schema_to_begin_with_is_told_by_its_objects():
    text = problem(here("0001", at=["x"]), ONE)
    assert "deploy-uat-1 on uat began with another schema than this one" in text
    assert "table public.x is only here" in text


def test_a_schema_that_differs_by_its_owners_only_is_the_same():
    wanted = Here((migration("0001"),), "fp of other owners", schema()[1])
    assert promoted(wanted, [ONE], "uat").problems == ()


def test_a_row_of_an_earlier_version_counts_by_its_fingerprint():
    old = deployed(1, ["0001"], before=[], after=["a"], parts=False)
    assert promoted(here("0001"), [old], "uat").problems == ()
    assert "earlier version" in problem(here("0001", at=["x"]), old)


def test_a_change_by_hand_between_two_deployments_there_breaks_the_chain():
    two = deployed(2, ["0002"], before=["a", "by_hand"], after=["a", "b", "by_hand"])
    text = problem(here("0001", "0002"), ONE, two)
    assert "deploy-uat-2 did not begin with the schema that deploy-uat-1 left" in text
    assert "public.by_hand" in text


def test_what_went_together_there_must_go_together_here():
    both = deployed(1, ["0001", "0002"], before=[], after=["a", "b"])
    assert "together with 0001" in problem(here("0002", at=["a"]), both)
    swapped = deployed(1, ["0002", "0001"], before=[], after=["a", "b"])
    assert "in another order: 0002, 0001" in problem(here("0001", "0002"), swapped)


def test_a_command_is_promoted_by_its_commit():
    kept = deployed(1, [], before=[], after=["a"], commit="c" * 40)
    assert promoted(here(command=True, commit="c" * 40), [kept], "uat").proof == ("deploy-uat-1",)
    assert "commit dddddddddddd was not deployed" in problem(here(command=True, commit="d" * 40), kept)
    assert "in no git repository" in problem(here(command=True), kept)
    assert "another schema" in problem(here(command=True, commit="c" * 40, at=["x"]), kept)
