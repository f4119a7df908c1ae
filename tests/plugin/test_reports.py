"""What people and CI see: the terminal, JUnit, the same in both modes, without secrets."""

import pytest


def mixed(project):
    project.gate(
        "preflight", "assert 0, 'the disk is nearly full'", head="@pytest.mark.dbdeploy(severity='warn')"
    )
    project.gate("sandbox", "pytest_dbdeploy.not_applicable('no partitions')")
    project.gate("postdeploy", "assert 1 == 2")


def comparable(run):
    return {name: (kind, message, properties) for name, (kind, message, properties, _) in run.junit.items()}


def test_junit_is_the_same_with_and_without_workers(project):
    mixed(project)
    plain, parallel = project.run(), project.run("-n2")
    assert plain.status == parallel.status == 11
    assert comparable(plain) == comparable(parallel)
    assert plain.properties == parallel.properties == {"dbdeploy.outcome": "ROLLED_BACK"}


def test_junit_tells_steps_warnings_and_what_does_not_apply(project, mode):
    mixed(project)
    run = project.run(*mode)
    assert run.junit["dbdeploy::clone"][0] == "passed"
    assert run.junit["dbdeploy::deploy"][0] == "passed"
    kind, _, properties, out = run.junit["gates.preflight.test_zz_preflight::test_case"]
    assert kind == "passed"
    assert [name for name, _ in properties] == ["dbdeploy.warned"]
    assert "the disk is nearly full" in out
    assert run.junit["gates.sandbox.test_zz_sandbox::test_case"][:2] == (
        "skipped",
        ["not applicable: no partitions"],
    )
    assert run.junit["gates.postdeploy.test_zz_postdeploy::test_case"][0] == "failure"


def test_junit_has_all_that_a_warning_gate_says(project, mode):
    project.gate(
        "sandbox",
        "pytest.fail('\\n'.join(f'finding {number}' for number in range(30)), pytrace=False)",
        head="@pytest.mark.dbdeploy(severity='warn')",
    )
    *_, out = project.run(*mode).junit["gates.sandbox.test_zz_sandbox::test_case"]
    assert [f"finding {number}" in out for number in range(30)] == [True] * 30


def test_the_terminal_has_letters_and_words_for_all_of_it(project, rarely):
    mixed(project)
    run = project.run(*rarely, "-v")
    for text in (
        "WARNED",
        "NOT APPLICABLE",
        "1 warned",
        "1 not applicable",
        "the disk is nearly full",
        "verdict: ROLLED_BACK",
    ):
        assert text in run.output
    assert "dbdeploy::clone" not in run.output


def test_quiet_says_only_the_verdict(project):
    run = project.run("-q")
    assert "verdict: OK" in run.output
    assert "reason:" not in run.output
    assert "clone" not in run.output


def test_a_failed_step_is_a_failed_case_and_does_not_count_for_exitfirst(project, rarely):
    project.gate("postdeploy", "pass")
    run = project.run(*rarely, "-x", deploy=["raise:broken"])
    assert run.junit["dbdeploy::deploy"][0] == "failure"


@pytest.mark.parametrize("own", [False, True])
def test_the_artifacts_have_a_junit_file_in_any_case(project, own):
    args = ["--junitxml="] if not own else []
    run = project.run(*args, junit="artifacts.xml")
    assert run.status == 0, run.output
    from tests.plugin.conftest import read_junit

    cases, properties = read_junit(project.path / "artifacts.xml")
    assert "dbdeploy::deploy" in cases
    assert "gates.sandbox.test_sandbox::test_one" in cases
    assert properties == {"dbdeploy.outcome": "OK"}


@pytest.mark.parametrize(
    "body",
    [
        "assert dbdeploy_target.url == 'x'",
        "print(dbdeploy_target.url)\nassert 0",
        "pytest.skip(dbdeploy_target.url)",
        pytest.param("password = 'verysecret'\nassert 0", marks=pytest.mark.slow),
    ],
)
def test_no_password_leaves_a_gate(project, rarely, body):
    project.gate("sandbox", body, arguments="dbdeploy_target")
    run = project.run(*rarely, "--showlocals", "-rs")
    assert run.status == 10
    assert (
        "verysecret" not in run.output.replace("'verysecret'", "").replace('"verysecret"', "")
        or "password =" in body
    )
    assert "verysecret" not in str(run.junit) or "password =" in body
    assert "verysecret" not in str(run.event("close"))


def test_a_setup_failure_of_a_warning_gate_is_one_warned_test(project, rarely):
    head = "@pytest.fixture\ndef thing():\n    raise ValueError('no thing')\n\n@pytest.mark.dbdeploy(severity='warn')"
    project.gate("sandbox", "pass", head=head, arguments="thing")
    run = project.run(*rarely)
    assert run.status == 0, run.output
    assert run.outcome("test_case") == "warned"
    assert "no thing" in run.output
    kind, _, properties, _ = run.junit["gates.sandbox.test_zz_sandbox::test_case"]
    assert (kind, [name for name, _ in properties]) == ("passed", ["dbdeploy.warned"])


def test_no_option_that_shows_more_shows_a_password(project, rarely):
    """The URL printed, logged, recorded, in a local variable, in an argument, in a long text that pytest shortens."""
    project.gate(
        "sandbox",
        "url = dbdeploy_target.url\n"
        "among_others = {f'key{i}': url for i in range(20)}\n"
        "behind_others = 'x' * 90 + url + 'x' * 300\n"
        "record_property('url', url)\n"
        "print(url); print(url, file=sys.stderr); logging.getLogger('gate').error('at %s', url)\n"
        "def connect(to): raise OSError(f'no way to {to}')\n"
        "connect(url)",
        head="import logging, sys",
        arguments="dbdeploy_target, record_property",
    )
    project.gate("preflight", "print(dbdeploy_target.url)", arguments="dbdeploy_target")
    shown = ("-vv", "-l", "--tb=long", "--setup-show", "-rA", "--trace-config", "-o", "junit_logging=all")
    run = project.run(*rarely, *shown, "-o", "log_cli=true", "--log-file=gates.log")
    assert run.status == 10
    assert "no way to" in run.output
    assert "u:***@127.0.0.1:1/db" in run.output, "what is no secret stays"
    written = [
        (project.path / name).read_text()
        for name in ("junit.xml", "gates.log")
        if (project.path / name).exists()
    ]
    for text in (run.output, *written):
        assert not [line for line in text.splitlines() if "verys" in line or "ecret@" in line]


def test_half_a_password_in_a_shortened_value_is_none(project):
    """pytest cuts values of more than 240 characters in the middle: here wherever it can be in the password."""
    project.gate(
        "sandbox",
        "url = dbdeploy_target.url\n"
        "assert url == 'postgresql://u:***@127.0.0.1:1/db'.replace('***', ''.join(chr(c) for c in b'verysecret'))\n"
        "for n in range(85, 125):\n"
        "    vars(everything)[f'tail{n}'] = 'x' * n + url + 'x' * 300\n"
        "    vars(everything)[f'head{n}'] = 'x' * 300 + url + 'x' * n\n"
        "shown = [reprlib_of(value) for value in vars(everything).values()]\n"
        "raise ValueError('\\n'.join(shown))",
        head="import types\nfrom _pytest._io.saferepr import saferepr as reprlib_of\neverything = types.SimpleNamespace()",
        arguments="dbdeploy_target",
    )
    run = project.run("--tb=long")
    assert run.status == 10
    assert run.output.count("postgresql://u:***...") > 8, "cut in the password"
    for part in ("u:v", "verys", "ysec", "cret@", "ret@", "t@127"):
        found = [line for line in run.output.splitlines() if part in line and "b'verysecret'" not in line]
        assert not found, part
