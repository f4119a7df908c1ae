"""The fault matrix: a deployment broken at each of its points, with users who write all the while; nothing of theirs is lost.

All of it: ``pytest -m slow tests/deploy/test_fault_matrix.py``; the last line says how many points survived.
"""

import sys

import pytest

from tests.servers import enterable_folder

from .conftest import filled
from .faults import FINISHED, Arena, Fault, copy_of, lose

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


@pytest.fixture
def arena(make_project, postgres17, deployed_once):
    with enterable_folder() as temporary:
        temporary.chmod(0o777)
        yield Arena(filled(make_project(copy_of(postgres17, deployed_once.url))), temporary, postgres17)


KILLS = [
    Fault("after unit-started 1"),
    Fault("before unit-committed 1"),
    Fault("before unit-committed 1", then="rollback"),
    Fault("before unit-committed 2", plan="split"),
    Fault("after state rolling_back", gate=False),
    Fault("before step-finished rollback", gate=False, workers=2, then="rollback"),
    Fault("before step-finished rollback", gate=False, loses="discard"),
    Fault("in deploy"),
    Fault("in restore", gate=False, loses="discard"),
    Fault("before unit-committed 1", then="rollback", again="after step-started rollback"),
    Fault("after unit-started 1", elsewhere=True),
    Fault("after unit-started 1", lost=1),
    Fault("some time 1"),
]


def go_on(arena, fault, writers, died):
    """What a person does next: the command, and when that stops for a person, what it says."""
    command = fault.then
    if fault.again:
        arena.start(f"--dbdeploy-{command}={died.id}", at=fault.again).kill()
    if fault.elsewhere:
        died.folder.rename(arena.project.root / died.id)
    for _ in range(3):
        result = arena.run(f"--dbdeploy-{command}={died.id}", "-n", str(fault.workers))
        if result.status != 12:
            break
        assert arena.row(died.id) not in FINISHED
        if "a restore would lose them" in result.output:
            writers.stop()  # what is written while it is restored is not asked of anybody
            settings = arena.project.root / "dbdeploy.yaml"
            settings.write_text(settings.read_text().replace("stop}", "discard}"))
            command = "rollback"
        else:
            assert fault.elsewhere
            assert "bring its artifacts folder here" in " ".join(result.output.split())
            (arena.project.root / died.id).rename(died.folder)
    return result


@pytest.mark.parametrize("fault", KILLS, ids=str)
def test_a_killed_deployment_is_finished_or_put_back_and_no_row_is_lost(arena, fault):
    arena.prepare(fault)
    with arena.writers as writers:
        died = arena.start("--dbdeploy-env=dev", "-n", str(fault.workers), at=fault.at)
        died.kill()
        if fault.lost:
            lose(died.folder, fault.lost)
        arena.no_gates()
        row = arena.row(died.id)
        if row is None or row in FINISHED:
            result = arena.run(f"--dbdeploy-resume={died.id}")
            assert result.status == (4 if row is None else 0)
        else:
            result = go_on(arena, fault, writers, died)
    account(arena, writers, died, result)


def account(arena, writers, died, result):
    """The target is what the row and the report say that it is; all rows are there; nothing is left."""
    row = arena.row(died.id)
    assert row is None or row in FINISHED
    expected = "new" if row == "kept" else "old"
    if result.status != 4 and result.report["outcome"] != "nothing_to_deploy":
        says = arena.report_says(result)
        assert (
            "migrated, verified and kept"
            if expected == "new"
            else "as it was before the deployment, verified"
        ) in says
    assert arena.stands() == expected
    arena.check_rows(writers, result)
    arena.check_nothing_left()
