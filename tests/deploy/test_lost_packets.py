"""A network that loses every packet, between one moment and the next: the session ends in bounded time, the target frees its
locks by itself, and the next command heals."""

import sys
from dataclasses import replace

import pytest

from tests.network import island
from tests.servers import running

from .conftest import Project, filled, until
from .faults import SESSIONS, Arena, Fault, copy_of
from .test_fault_matrix import account, end

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="needs its namespaces")]

LOCKED = "select 1 from pg_locks l join pg_stat_activity a using (pid) where a.application_name like 'pytest-dbdeploy%' and a.application_name not in ('pytest-dbdeploy user', 'pytest-dbdeploy test')"


@pytest.fixture(scope="module")
def far_away(tmp_path_factory):
    """A network, and a server that is reached through it: the server, a deployed database there, and the network."""
    with island() as net, running(17, listen_addresses="*") as server:
        rules = server.embedded.folder / "data" / "pg_hba.conf"
        rules.write_text(f"{rules.read_text()}\nhost all all {net.host}/24 scram-sha-256\n")
        server.reload()
        url = replace(server.owner_database(), host=net.host)
        project = filled(Project(tmp_path_factory.mktemp("far") / "project", url))
        assert project.deploy().status == 0
        yield server, url, net


@pytest.mark.parametrize("loses", ["cut", "deafen"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("in backup", then="rollback"),
        Fault("after unit-started 1"),
        Fault("in deploy", then="rollback"),
        Fault("after unit-committing"),
        Fault("after unit-committing", plan="split", then="rollback"),
        Fault("after step-started rollback", gate=False, loses="discard", then="rollback"),
        Fault("after restore-committing", gate=False, loses="discard"),
        Fault("in undo", back="undo", gate=False),
        Fault("before step-finished rollback", back="undo", gate=False, then="rollback"),
    ],
    ids=str,
)
def test_lost_packets_end_the_session_and_free_the_target(far_away, make_project, temporary, fault, loses):
    server, template, net = far_away
    project = filled(make_project(copy_of(server, template)))
    project.before_command = net.command
    with Arena(project, temporary, server) as arena:
        arena.prepare(fault)
        with arena.writers as writers:
            run = arena.start("--dbdeploy-env=dev", at=fault.at)
            getattr(net, loses)()
            try:
                result = arena.go_on(run)  # within the time limit of a run
                until(lambda: not arena.sql(LOCKED), seconds=60, what=lambda: "the target is still locked")
                until(lambda: not arena.sql(SESSIONS), seconds=60, what=lambda: str(arena.sql(SESSIONS)))
            finally:
                net.mend()
            assert result.status in (10, 11, 12)
            assert "does not answer" in " ".join(result.output.split())
            result = end(arena, fault, run, result)
        account(arena, writers, run, result)
