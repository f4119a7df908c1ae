"""Anything that belongs to a deployment is killed at any moment, and again while it is put back; nothing is lost.

``DBDEPLOY_TEST_KILLS=100``: so many deployments; ``DBDEPLOY_TEST_KILLS_FROM=40``: from that seed on.
"""

import os
import random
import sys

import pytest

from .faults import FINISHED, Fault
from .kills import MOMENTS, MOMENTS_BACK, MOMENTS_OF_SPLIT, Killer
from .test_fault_matrix import account
from .test_release import Shop, commit

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

FIRST = int(os.environ.get("DBDEPLOY_TEST_KILLS_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("DBDEPLOY_TEST_KILLS", "24")))
FAILING_GATE = "def test_it():\n    assert 0\n"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_deployment_that_is_killed_anywhere_ends_old_or_new(own_arena, tmp_path, seed):
    chance = random.Random(seed)
    arena = own_arena
    fault = Fault(
        "",
        plan=chance.choice(["atomic", "split", "outside"]),
        workers=chance.choice([0, 2]),
        back=chance.choice(["restore", "undo, restore"]),
    )
    arena.prepare(fault)
    fails = chance.random() < 0.5
    if fails:
        arena.project.write("gates/postdeploy/test_it.py", FAILING_GATE)
    code = chance.choice(["", "", "database-first", "code-first"])
    shop = with_code(arena, tmp_path, code) if code else None
    moments = MOMENTS + MOMENTS_OF_SPLIT * (fault.plan != "atomic") + MOMENTS_BACK * fails
    with arena.writers as writers:
        run = arena.begin("--dbdeploy-env=dev", "-n", str(fault.workers))
        with Killer(arena, chance, run, chance.choice([1, 1, 2, 3]), moments=moments, events=36) as killer:
            ended = run.ended()
        print("KILLED", seed, *str(fault).split("-")[:2], fault.back, code, killer.strikes, ended.status)
        result = ended if ended.status >= 0 else None
        if result:
            check_end(arena, run, result)
        for attempt in range(6):
            row = arena.row(run.id) if run.folder else None
            if (row is None or row in FINISHED) and result:
                break
            result = go_on(arena, chance, run, row, attempt)
    account(arena, writers, run, result)
    if shop:
        kept = run.folder is not None and arena.row(run.id) == "kept"
        assert shop.released() == kept, "the code goes with the database"


def with_code(arena, tmp_path, order):
    """The project is in a repository, whose branch the deployment releases along."""
    settings = (arena.project.root / "dbdeploy.yaml").read_text()
    shop = Shop(arena.project, tmp_path)
    settings = settings.replace("{dev: {}}", "{dev: {branch: production}}")
    arena.project.write("dbdeploy.yaml", f"{settings}release: {{order: {order}}}\n")
    commit(arena.project, "change")
    return shop


def check_end(arena, run, result):
    """What the session says of itself is what stands there."""
    row = arena.row(run.id) if run.folder else None
    assert result.status in (0, 2, 10, 11, 12)
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
    moments = ("step-finished verify", *MOMENTS_BACK)
    with Killer(arena, chance, again, chance.choice([1, 2]), moments=moments, events=10) as killer:
        ended = again.ended()
    print("KILLED again", command, killer.strikes, ended.status)
    return ended if ended.status >= 0 else None
