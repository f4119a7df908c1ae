"""Fixtures of gates: a message where one is not there, the server's message where a database does not answer."""

import pytest


def test_a_fixture_outside_its_phase_says_where_it_is(project, rarely):
    project.gate("preflight", "pass", arguments="dbdeploy_sandbox")
    run = project.run(*rarely)
    assert run.outcome("test_case") == "error"
    assert (
        "dbdeploy_sandbox is not available in phase preflight: it is there from phase sandbox on"
        in run.output
    )


def test_a_fixture_that_does_not_exist_is_named_in_the_reason(project, rarely):
    project.gate("preflight", "pass", arguments="dbdeploy_sandbx")
    run = project.run(*rarely)
    assert run.outcome("test_case") == "error"
    assert "ended with an error: fixture 'dbdeploy_sandbx' not found" in run.output


def test_a_fixture_outside_an_action_says_so(project):
    project.write("test_application.py", "def test_it(dbdeploy_target):\n    pass\n")
    run = project.run("test_application.py", action=False)
    assert run.status == 1
    assert "dbdeploy_target exists only for gates" in run.output
    assert "Traceback" not in run.output


def test_a_target_that_does_not_answer_gives_the_servers_message(project, rarely):
    project.gate("preflight", "dbdeploy_target.scalar('select 1')", arguments="dbdeploy_target")
    run = project.run(*rarely)
    assert run.outcome("test_case") == "failed"
    assert "Connection refused" in run.output
    assert "psycopg" not in run.output


def test_the_context_is_that_of_the_phase(project, mode):
    for phase in ("preflight", "sandbox", "postdeploy"):
        project.gate(
            phase, f"assert _dbdeploy_checks == {{'phase': '{phase}'}}", arguments="_dbdeploy_checks"
        )
    run = project.run(*mode)
    assert run.status == 0, run.output


def test_a_session_fixture_may_use_them(project, rarely):
    head = "@pytest.fixture(scope='session')\ndef thing(dbdeploy_target):\n    return dbdeploy_target.url"
    project.gate("sandbox", "assert thing", head=head, arguments="thing")
    assert project.run(*rarely).status == 0


@pytest.mark.parametrize("option", ["--fixtures", "--markers", "--help"])
def test_information_needs_no_settings(project, option):
    run = project.run(option, settings="must not be read")
    assert run.status == 0, run.output
    assert run.events == []
    assert "dbdeploy" in run.output
