"""The same verdict, status, boundaries and JUnit file with and without workers, whatever becomes of a gate."""

import pytest

from tests.plugin.modes import run_both

EVERYWHERE = ("preflight", "sandbox", "postdeploy")
STOPPED = {"preflight": 10, "sandbox": 10, "postdeploy": 11}
CONTINUED = dict.fromkeys(EVERYWHERE, 0)
THING = "@pytest.fixture(scope={!r})\ndef thing():\n    {}\n    yield\n    {}"
SUBTESTS = "with subtests.test('first'):\n    pass\nwith subtests.test('second', n=1):\n    {}"
WARN = "@pytest.mark.dbdeploy(severity='warn')"

# name: (what the session ends with, the gate's body, its head, its arguments)
GATES = {
    "passes": (CONTINUED, "pass", "", ""),
    "prints": (CONTINUED, "print('x' * 100_000)", "", ""),
    "fails": (STOPPED, "assert 1 == 2, 'the reason'", "", ""),
    "skips": (STOPPED, "pytest.skip('the reason')", "", ""),
    "is marked to be skipped": (STOPPED, "pass", "@pytest.mark.skip(reason='the reason')", ""),
    "xfails": (STOPPED, "pytest.xfail('the reason')", "", ""),
    "is marked as xfail and fails": (STOPPED, "assert 0", "@pytest.mark.xfail(reason='the reason')", ""),
    "is marked as xfail and passes": (CONTINUED, "pass", "@pytest.mark.xfail(reason='the reason')", ""),
    "is marked as strict xfail and passes": (STOPPED, "pass", "@pytest.mark.xfail(strict=True)", ""),
    "does not apply": (CONTINUED, "pytest_dbdeploy.not_applicable('the reason')", "", ""),
    "warns": (CONTINUED, "assert 0, 'the reason'", WARN, ""),
    "warns in a strict xfail": (CONTINUED, "pass", WARN + "\n@pytest.mark.xfail(strict=True)", ""),
    "fails in setup": (STOPPED, "pass", THING.format("function", "assert 0", "pass"), "thing"),
    "fails in teardown": (STOPPED, "pass", THING.format("function", "pass", "assert 0"), "thing"),
    "fails in a session fixture": (STOPPED, "pass", THING.format("session", "assert 0", "pass"), "thing"),
    "fails in a session fixture's teardown": (STOPPED, "pass", THING.format("session", "pass", "assert 0"), "thing"),
    "fails and fails in teardown": (STOPPED, "assert 0", THING.format("function", "pass", "assert 0"), "thing"),
    "skips in setup": (STOPPED, "pass", THING.format("function", "pytest.skip('the reason')", "pass"), "thing"),
    "exits": (STOPPED, "import sys\nsys.exit(0)", "", ""),
    "raises a BaseException": (STOPPED, "raise BaseException('x')", "", ""),
    "recurses": (STOPPED, "def f():\n    f()\nf()", "", ""),
    "is a coroutine without a plugin for it": (STOPPED, "pass", "async def test_other():\n    pass\n", ""),
    "has a failing subtest": (STOPPED, SUBTESTS.format("assert 0, 'the reason'"), "", "subtests"),
    "has a skipping subtest": (STOPPED, SUBTESTS.format("pytest.skip('the reason')"), "", "subtests"),
    "has a subtest that does not apply": (CONTINUED, SUBTESTS.format("pytest_dbdeploy.not_applicable('x')"), "", "subtests"),
    "has a failing subtest and only warns": (CONTINUED, SUBTESTS.format("assert 0, 'x'"), WARN, "subtests"),
}  # fmt: skip
QUICK = {("fails in a session fixture's teardown", "sandbox"), ("has a failing subtest", "postdeploy")}


@pytest.mark.parametrize(
    ("gate", "phase"),
    [
        pytest.param(gate, phase, marks=() if (gate, phase) in QUICK else pytest.mark.slow)
        for gate in GATES
        for phase in EVERYWHERE
    ],
)
def test_a_gate_that(project, gate, phase):
    status, body, head, arguments = GATES[gate]
    if arguments == "subtests":
        pytest.importorskip("_pytest.subtests", reason="subtests are part of pytest from 9 on")
    project.gate(phase, body, head=head, arguments=arguments)
    run = run_both(project)
    assert run.status == status[phase], run.output
    assert run.deployed == (run.status in (0, 11))
    assert run.rolled_back == (run.status == 11)


SESSIONS = {
    "a deployment that raises": (3, {"deploy": ["raise:broken"]}),
    "a rollback that fails": (12, {"deploy": ["raise:broken"], "rolled_back": 12}),
    "a clone that raises": (3, {"sandbox": ["raise:broken"]}),
    "a phase that does not apply": (0, {"close": {"sandbox": "nothing to deploy"}}),
    "a gate that is required and missing": (10, {"require": ["gates/none.py"]}),
    "a plan that is not approved": (4, {"collected": ["config-error:not approved"]}),
}


@pytest.mark.parametrize(
    "session", [pytest.param(s, marks=() if "deployment" in s else pytest.mark.slow) for s in SESSIONS]
)
def test_a_session_with(project, session):
    status, fake = SESSIONS[session]
    run = run_both(project, **fake)
    assert run.status == status, run.output


@pytest.mark.slow
@pytest.mark.parametrize("phase", EVERYWHERE)
def test_a_gate_and_its_severity_in_three_and_four_workers(project, phase):
    project.gate(phase, "assert 0")
    project.write(
        "gates/sandbox/test_more.py",
        "import pytest\n@pytest.mark.parametrize('x', range(40))\ndef test_more(x): pass\n",
    )
    plain, three, four = project.run(), project.run("-n3"), project.run("-n4")
    assert plain.status == three.status == four.status == STOPPED[phase]
    assert plain.outcomes == three.outcomes == four.outcomes
