"""What the target did, beside the rehearsal."""

from pytest_dbdeploy.flows.target_watch import far_apart
from pytest_dbdeploy.model import Lock, StatementEvidence, TouchedObject

LOCKS = {
    ("public.totals", "AccessExclusiveLock"),
    ("public.totals", "ShareLock"),
    ("public.new", "ShareLock"),
}


def remade(*created):
    lock = Lock("public.totals", "AccessExclusiveLock", named=True)
    return [StatementEvidence("m", "m.sql", 1, "drop ...", "DROP", 0.1, True, locks=(lock,), created=created)]


def test_a_lock_that_the_rehearsal_did_not_take_is_told_of_what_was_there_before():
    assert far_apart(remade(), LOCKS, {"public.totals"}) == [
        "the target took ShareLock on public.totals, the rehearsal did not"
    ]


def test_what_is_dropped_and_made_again_is_new_and_its_locks_are_nobodys_business():
    created = TouchedObject("materialized view", "public.totals")
    assert far_apart(remade(created), LOCKS, {"public.totals"}) == []
