"""The fault matrix: a deployment broken at each of its points, with users who write all the while; nothing of theirs is lost.

All of it: ``pytest -m slow tests/deploy/test_fault_matrix.py``; the last line says how many points survived.
"""

import sys

import pytest

from .faults import FINISHED, Fault, lose

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

BEFORE_THE_ROW = [
    *(Fault(f"after step-started {step}") for step in ("plan", "rehearsal", "rollback-rehearsal", "lock")),
    Fault("in clone"),
    Fault("after step-finished decision", workers=2),
    Fault("before step-finished state"),
]
BEFORE_THE_COMMIT = [
    Fault("after step-finished state", then="rollback"),
    Fault("in backup"),
    Fault("after step-finished backup", workers=2),
    Fault("before state applying", lost=1),
    Fault("after state applying", elsewhere=True),
    Fault("after unit-started 1", elsewhere=True, then="rollback"),
    Fault("after unit-started 1", plan="split", elsewhere=True),
    Fault("in deploy"),
    Fault("in deploy", plan="split", workers=2, then="rollback"),
]
AFTER_A_COMMIT = [
    Fault("before unit-committed 1"),
    Fault("before unit-committed 1", lost=1, then="rollback"),
    Fault("before unit-committed 1", plan="split"),
    Fault("before unit-committed 1", plan="split", lost=1),
    Fault("after unit-committed 1", plan="split", workers=2, then="rollback"),
    Fault("after unit-started 2", plan="split", lost=1),
    Fault("before unit-committed 2", plan="split", lost=2, then="rollback"),
    Fault("after unit-started 3", plan="split", elsewhere=True),
    Fault("before unit-committed 3", plan="split", elsewhere=True),
    Fault("before step-finished deploy", elsewhere=True),
    Fault("after step-started verify", workers=2),
    Fault("before state kept", lost=3),
    Fault("after state kept", then="rollback"),
    Fault("after step-finished keep"),
    Fault("after verdict", workers=2),
    Fault("after finished", plan="split"),
]
WHILE_IT_IS_PUT_BACK = [
    Fault("after state rolling_back", gate=False, loses="discard"),
    Fault("after step-started rollback", gate=False, workers=2),
    Fault("in restore", gate=False, loses="discard"),
    Fault("in restore", plan="split", gate=False, loses="discard", then="rollback"),
    Fault("before step-finished rollback", gate=False, loses="discard"),
    Fault("after step-finished rollback", gate=False, loses="discard", lost=1, workers=2),
    Fault("after state rolled_back", gate=False, loses="discard", then="rollback"),
    Fault("after verdict", gate=False, loses="discard"),
    Fault("before unit-committed 1", then="rollback", again="after state rolling_back"),
    Fault("before unit-committed 2", plan="split", again="before step-finished rollback"),
]
OUTSIDE = [
    Fault("after unit-started 2", plan="outside", back="undo"),
    Fault("after unit-started 3", plan="outside", back="undo", elsewhere=True, then="rollback"),
    Fault("after unit-started 4", plan="outside"),
    Fault("before unit-committed 4", plan="outside", back="undo", lost=1, workers=2),
]
UNDONE = [
    Fault("after step-started undo-rehearsal", back="undo"),
    Fault("after unit-started 1", back="undo", then="rollback"),
    Fault("before unit-committed 1", back="undo", then="rollback"),
    Fault("before unit-committed 1", back="undo", elsewhere=True, then="rollback"),
    Fault("before step-finished deploy", back="undo", lost=2, workers=2, then="rollback"),
    Fault("after state rolling_back", back="undo", gate=False),
    Fault("after step-started rollback", back="undo", gate=False, elsewhere=True, workers=2),
    Fault("in undo", back="undo", gate=False, then="rollback"),
    Fault("before step-finished rollback", back="undo", gate=False),
    Fault("after state rolled_back", back="undo", gate=False, then="rollback"),
    Fault("after step-finished keep", back="undo"),
]
AT_RANDOM = [
    Fault(f"some time {i}", workers=2 * (i % 2), plan=("atomic", "split")[i % 3 % 2]) for i in range(8)
]
OTHER_THAN_KILLED = [
    Fault("after step-started rehearsal", strike="sandbox"),
    Fault("after step-finished decision", strike="sandbox"),
    Fault("after step-finished deploy", strike="sandbox", workers=2),
    Fault("after step-finished state", strike="worker", workers=2),
    Fault("before unit-committed 1", strike="worker", workers=2),
    Fault("after step-started backup", strike="cut"),
    Fault("in deploy", strike="cut"),
    Fault("before unit-committed 1", strike="cut", workers=2),
    Fault("after unit-committed 2", plan="split", strike="cut", then="rollback"),
    Fault("after unit-started 1", strike="blip"),
    Fault("before unit-committed 2", plan="split", strike="blip"),
    Fault("after step-started verify", strike="blip"),
    Fault("after step-started clone", strike="server"),
    Fault("in backup", strike="server"),
    Fault("in deploy", strike="server"),
    Fault("before unit-committed 1", strike="server", workers=2),
    Fault("after unit-started 1", strike="crash"),
    Fault("after unit-started 2", plan="split", strike="crash"),
    Fault("before unit-committed 1", strike="crash"),
    Fault("after step-started rollback", gate=False, loses="discard", strike="crash"),
    Fault("after step-started clone", strike="full"),
    Fault("after step-started backup", strike="full"),
    Fault("after unit-started 1", strike="full"),
    Fault("before unit-committed 1", strike="full"),
    Fault("before unit-committed 2", plan="split", strike="full"),
]


@pytest.mark.parametrize(
    "fault",
    [
        *BEFORE_THE_ROW,
        *BEFORE_THE_COMMIT,
        *AFTER_A_COMMIT,
        *WHILE_IT_IS_PUT_BACK,
        *OUTSIDE,
        *UNDONE,
        *AT_RANDOM,
    ],
    ids=str,
)
def test_a_killed_deployment_is_finished_or_put_back(arena, fault):
    arena.prepare(fault)
    with arena.writers as writers:
        died = arena.start("--dbdeploy-env=dev", "-n", str(fault.workers), at=fault.at)
        died.kill()
        if fault.lost:
            lose(died.folder, fault.lost)
        result = go_on(arena, fault, died)
    account(arena, writers, died, result)


@pytest.mark.parametrize("fault", OTHER_THAN_KILLED, ids=str)
def test_a_deployment_that_loses_what_it_works_with_ends_by_itself_or_can_be_ended(own_arena, fault):
    arena = own_arena
    arena.prepare(fault)
    with arena.writers as writers:
        run = arena.start("--dbdeploy-env=dev", "-n", str(fault.workers), at=fault.at)
        with arena.struck(run):
            result = arena.go_on(run)
        result = end(arena, fault, run, result)
    account(arena, writers, run, result)


def end(arena, fault, run, result):
    """Of a run that came to its end: its status is what stands there, and what it says to type ends the deployment."""
    assert result.status in (0, 10, 11, 12)
    row = arena.row(run.id)
    if row is None or row in FINISHED:
        assert result.status == (0 if row == "kept" else 10 if row in (None, "aborted") else 11)
        return result
    assert result.status in (10, 12)
    assert f"--dbdeploy-resume={run.id}" in result.output or f"--dbdeploy-rollback={run.id}" in result.output
    return go_on(arena, fault, run)


def go_on(arena, fault, died):
    """What a person does next: the command, and when that stops for a person, what it says."""
    arena.no_gates()
    arena.lose(fault.loses)
    row = arena.row(died.id)
    if row is None or row in FINISHED:
        result = arena.run(f"--dbdeploy-resume={died.id}")
        assert result.status == (4 if row is None else 0)
        return result
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
        if "a restore would lose them" in " ".join(result.output.split()):
            arena.lose("discard")
            command = "rollback"
        else:
            assert fault.elsewhere
            assert "bring its artifacts folder here" in " ".join(result.output.split())
            (arena.project.root / died.id).rename(died.folder)
    return result


def account(arena, writers, died, result):
    """The target is what its row and the report say; all rows are there; nothing is left."""
    row = arena.row(died.id)
    assert row is None or row in FINISHED
    says = " ".join(result.output.split())  # a full disk leaves no report
    if result.status != 4 and "there is nothing to resume" not in says:
        wanted = ("migrated, verified and kept",) if row == "kept" else ("as it was", "untouched")
        assert any(text in says for text in wanted)
    assert arena.stands() == ("new" if row == "kept" else "old")
    arena.check_rows(writers, result)
    arena.check_nothing_left()
