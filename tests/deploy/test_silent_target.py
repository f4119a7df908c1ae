"""A target from which nothing comes any more, though every connection stays: the session ends, and says what stands there."""

import sys

import pytest

from .faults import Fault
from .test_fault_matrix import account, go_on

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("after step-started clone", 10),
        ("in backup", 10),
        ("after unit-started 1", 12),
        ("before unit-committed 1", 12),
        ("after step-started verify", 12),
    ],
)
def test_a_target_that_falls_silent_is_given_up_in_time(own_arena, at, status):
    arena = own_arena
    fault = Fault(at, then="rollback")
    arena.prepare(fault)
    settings = arena.project.root / "dbdeploy.yaml"
    settings.write_text(settings.read_text().replace("connect: 3s", "connect: 1s"))
    with arena.writers as writers:
        run = arena.start("--dbdeploy-env=dev", at=at)
        arena.place.proxy.silence()
        result = arena.go_on(run)  # within the time limit of a run
        arena.place.proxy.mend()
        assert result.status == status
        words = " ".join(result.output.split())
        assert "does not answer: check firewall" in words
        result = go_on(arena, fault, run)
    account(arena, writers, run, result)
