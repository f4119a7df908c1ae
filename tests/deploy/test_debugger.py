"""A person sits in pdb after the deployment: nobody waits for them, and what others did meanwhile is not undone."""

import sys

import pexpect
import pytest

from .conftest import Result
from .test_killed import ADD_PHONE, migrated, whole

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

GATE = "gates/postdeploy/test_it.py"
HELD = """
select application_name, state from pg_stat_activity a where datname = current_database() and pid <> pg_backend_pid()
and (state like 'idle in transaction%%' or exists (select from pg_locks l where l.pid = a.pid and locktype = 'advisory'))
"""


class Person:
    """At the prompt of a gate that has read the target."""

    def __init__(self, project, statement, action="--dbdeploy-env=dev"):
        self.project = project
        project.migration("0002_phone", ADD_PHONE)
        project.write(
            GATE,
            f"def test_it(dbdeploy_target):\n    dbdeploy_target.scalar('select count(*) from users')\n    {statement}\n",
        )
        before = project.folders()
        python, *words = project.command(action, "--pdb")
        self.child = pexpect.spawn(
            python, words, cwd=project.root, env=project.environ(TERM="dumb"), encoding="utf-8", timeout=90
        )
        self.child.expect(r"\(Pdb\) ")
        (self.folder,) = project.folders() - before

    def type(self, word):
        self.child.sendline(word)
        self.child.expect(pexpect.EOF)
        self.child.close()
        return Result(self.child.exitstatus, self.child.before, self.project, self.folder)


def test_pdb_holds_neither_lock_nor_transaction_and_the_verdict_follows(deployed):
    person = Person(deployed, "assert 0")
    assert deployed.sql(HELD, []) == []
    assert person.type("c").ended == (11, "rolled_back")
    whole(deployed)


@pytest.mark.slow
def test_to_quit_rolls_back(deployed):
    person = Person(deployed, "assert 0")
    assert person.type("q").ended == (11, "rolled_back")
    whole(deployed)


@pytest.mark.slow
def test_a_breakpoint_in_a_gate_that_passes_keeps(deployed):
    person = Person(deployed, "breakpoint()")
    assert deployed.sql(HELD, []) == []
    assert person.type("c").ended == (0, "deployed")
    migrated(deployed)


@pytest.mark.parametrize("word", ["c", pytest.param("q", marks=pytest.mark.slow)])
def test_what_another_rolled_back_meanwhile_is_left_as_it_is(deployed, word):
    person = Person(deployed, "breakpoint()")
    (deployed.root / GATE).rename(deployed.root / "test_it.py")  # the other one does not deploy it
    other = deployed.run(f"--dbdeploy-rollback={person.folder.name}")
    assert other.ended == (0, "rolled_back_on_request")
    result = person.type(word)
    assert result.ended == (12, "rollback_failed")
    assert "changed while a person sat in the debugger" in result.output
    assert deployed.states()[person.folder.name] == "rolled_back"
    whole(deployed)


@pytest.mark.slow
def test_whoever_has_the_target_when_the_person_returns_is_named(deployed):
    person = Person(deployed, "breakpoint()")
    with deployed.holding("select pg_advisory_lock(7142698608507414415)"):
        result = person.type("c")
        assert result.ended == (12, "rollback_failed")
        assert "another deployment holds the deployment lock" in result.output
        assert "a user of the target" in result.output
        assert deployed.states()[person.folder.name] == "applied"
    assert deployed.run(f"--dbdeploy-rollback={person.folder.name}").status == 0
    whole(deployed)


@pytest.mark.slow
@pytest.mark.parametrize(("word", "ended"), [("c", (0, "deployed")), ("q", (12, "rollback_failed"))])
def test_a_resumed_deployment_pauses_too(deployed, word, ended):
    deployed.migration("0002_phone", ADD_PHONE)
    deployed.write(GATE, "import os\ndef test_it():\n    os.kill(os.getpid(), 9)\n")
    killed = deployed.start("--dbdeploy-env=dev")
    killed.process.communicate()
    person = Person(deployed, "breakpoint()", f"--dbdeploy-resume={killed.id}")
    assert deployed.sql(HELD, []) == []
    assert person.type(word).ended == ended
    if word == "c":
        migrated(deployed)
    else:
        assert deployed.states()[killed.id] == "applied", "it can be resumed again"
        assert deployed.run(f"--dbdeploy-rollback={killed.id}").status == 0
        whole(deployed)
