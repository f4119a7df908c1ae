"""Anything that belongs to a deployment is killed at any moment, and again while it is put back; nothing is lost.

``DBDEPLOY_TEST_KILLS=100``: so many deployments; ``DBDEPLOY_TEST_KILLS_FROM=40``: from that seed on.
"""

import os
import random
import sys

import pytest

from .faults import FINISHED, Fault
from .kills import Killer
from .test_fault_matrix import account

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

FIRST = int(os.environ.get("DBDEPLOY_TEST_KILLS_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("DBDEPLOY_TEST_KILLS", "24")))
FAILING_GATE = "def test_it():\n    assert 0\n"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_deployment_that_is_killed_anywhere_ends_old_or_new(own_arena, seed):
    chance = random.Random(seed)
    arena = own_arena
    fault = Fault(
        "",
        plan=chance.choice(["atomic", "split"]),
        workers=chance.choice([0, 2]),
        back=chance.choice(["restore", "undo, restore"]),
    )
    arena.prepare(fault)
    if chance.random() < 0.5:
        arena.project.write("gates/postdeploy/test_it.py", FAILING_GATE)
    with arena.writers as writers:
        run = arena.begin("--dbdeploy-env=dev", "-n", str(fault.workers))
        with Killer(arena, chance, run, chance.choice([1, 1, 2, 3])) as killer:
            ended = run.ended()
        print(seed, fault.plan, fault.workers, fault.back, killer.strikes, ended.status)
        result = ended if ended.status >= 0 else None
        if result:
            check_end(arena, run, result)
        for attempt in range(6):
            row = arena.row(run.id) if run.folder else None
            if (row is None or row in FINISHED) and result:
                break
            result = go_on(arena, chance, run, row, attempt)
    account(arena, writers, run, result)


def check_end(arena, run, result):
    """What the session says of itself is what stands there."""
    row = arena.row(run.id) if run.folder else None
    assert result.status in (0, 2, 4, 10, 11, 12)
    if row is None or row in FINISHED:
        wanted = {"kept": (0,), "rolled_back": (11, 2), None: (10, 2), "aborted": (10, 2)}
        assert result.status in wanted[row]
    else:
        assert result.status in (0, 10, 12), "unfinished"
        assert f"=deploy-dev-{run.id.rpartition('-')[2]}" in result.output


def go_on(arena, chance, run, row, attempt):
    """The next command; it may be killed too, the last ones are not. None: it was."""
    arena.no_gates()
    if run.folder is None or row is None or row in FINISHED:
        return (
            arena.run(f"--dbdeploy-resume={run.id}")
            if run.folder
            else arena.run("--dbdeploy-env=dev", "--dbdeploy-dry-run")
        )
    if chance.random() < 0.3:
        refused = arena.run("--dbdeploy-env=dev")
        assert refused.status == 10
        assert f"--dbdeploy-rollback={run.id}" in refused.output
    command = f"--dbdeploy-{chance.choice(['resume', 'rollback'])}={run.id}"
    if attempt >= 2 or chance.random() < 0.4:
        result = arena.run(command)
        assert result.status in (0, 10, 11, 12)
        return result
    again = arena.begin(command)
    with Killer(arena, chance, again, chance.choice([1, 2])) as killer:
        ended = again.ended()
    print("   then", command, killer.strikes, ended.status)
    return ended if ended.status >= 0 else None
