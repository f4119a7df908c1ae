"""pytest's own options: each with its verdict, the same with and without workers."""

import pytest

from tests.plugin.modes import run_both

# Options that hide no gate: deployed and kept.
HARMLESS = """
-x | --maxfail=1 | --ff | --nf | -s | -s -vv | -q | -qq | -v | -rA | --setup-show | --runxfail | --doctest-modules | --keep-duplicates
--pyargs | --no-header | --no-summary | --durations=0 | --color=yes | --cache-clear | --assert=plain | --basetemp=base | --fulltrace
--junit-prefix=some | --log-cli-level=DEBUG | --capture=sys | --capture=no | --capture=tee-sys | --capture=fd | --show-capture=no
--tb=auto | --tb=long | --tb=short | --tb=line | --tb=native | --tb=no | --import-mode=importlib | --import-mode=append
--strict-markers | --strict-config | -W error | --disable-warnings | -p no:cacheprovider | -p no:terminal | -p no:capture | -p no:logging
-p no:warnings | -p no:unittest | -p no:assertion | -o python_files=none_*.py | -o addopts=--exitfirst | --debug | --trace-config
--maxprocesses=1 | --maxschedchunk=1 | --dist=loadgroup | --rootdir=. | -c pytest.ini | --ignore=nothing | --timeout=60 | @args
"""

# Options that leave gates out, or report gates that did not run: nothing is deployed.
HIDING = """
-k test_one | -m nothing | -m dbdeploy | --deselect=gates/postdeploy | --lf | --sw | --stepwise-skip | --setup-only | --setup-plan
--ff --last-failed-no-failures=none | --lf --last-failed-no-failures=none | --ignore=gates/sandbox
"""

# Options that list: no boundary, nothing is deployed.
LISTING = "--co | --co -q | --co -k test_one | --collect-only --dist=loadfile"


def table(text, *quick):
    options = [option.strip() for line in text.strip().splitlines() for option in line.split("|")]
    return [pytest.param(option, marks=() if option in quick else pytest.mark.slow) for option in options]


@pytest.mark.parametrize("options", table(HARMLESS, "-x", "-W error"))
def test_options_that_hide_no_gate_deploy(project, options):
    project.write("args", "-v\n")
    run = run_both(project, *options.split())
    assert run.status == 0, run.output


def test_a_session_without_pytests_junit_plugin_deploys(project, rarely):
    run = project.run("-p", "no:junitxml", *rarely, xml_file=False)
    assert run.status == 0, run.output
    assert run.deployed


@pytest.mark.parametrize("options", table(HIDING, "--deselect=gates/postdeploy"))
def test_options_that_leave_gates_out_refuse(project, options):
    run = run_both(project, *options.split())
    assert run.status == 10, run.output
    assert not run.deployed


@pytest.mark.parametrize("options", table(LISTING))
def test_listing_does_nothing(project, options):
    run = run_both(project, *options.split())
    assert (run.status, run.events) == (0, []), run.output


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("--looponfail", "looponfail"),
        ("-p no:dbdeploy", "unrecognized arguments"),
        ("-p no:python", "no:python"),
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in (
                ("gates", "path argument"),
                ("--pyargs gates", "path argument"),
                ("-p no:cacheprovider --lf", "unrecognized arguments"),
                ("-p no:xdist -n2", "unrecognized arguments"),
                ("--dist=each", "--dist=each"),
                ("-p no_such_plugin", "no_such_plugin"),
                ("--no-such-option", "unrecognized arguments"),
            )
        ),
    ],
)
def test_wrong_options_are_usage_errors_and_nothing_runs(project, options, word):
    run = project.run(*options.split())
    assert run.status == 4, run.output
    assert word in run.output
    assert run.events == []


@pytest.mark.slow
@pytest.mark.parametrize("options", ["-k test_one", "--lf", "--ignore=gates/sandbox", "-m nothing"])
def test_options_in_the_environment_are_of_the_command_line(project, monkeypatch, options):
    monkeypatch.setenv("PYTEST_ADDOPTS", options)
    assert run_both(project).status == 10


@pytest.mark.slow
@pytest.mark.parametrize("options", ["gates", "--dist=each"])
def test_wrong_options_in_the_environment_too(project, monkeypatch, options):
    monkeypatch.setenv("PYTEST_ADDOPTS", options)
    assert project.run().status == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    ["-n0", "-n1", "-nauto", "-nlogical", "-n2 --dist=no", "--tx=2*popen --dist=load", "--tx=2*popen", "-d --tx=2*popen"],
)  # fmt: skip
def test_every_way_to_ask_for_workers_deploys(project, options):
    run = project.run(*options.split())
    assert run.status == 0, run.output
    assert list(run.outcomes.values()) == ["passed"] * 6


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["preflight", "sandbox", "postdeploy"])
@pytest.mark.parametrize("options", ["-x", "--maxfail=1", "--maxfail=3"])
def test_a_limit_of_failures_gives_the_same_status(project, phase, options):
    project.gate(phase, "assert 0")
    plain, workers = project.run(options), project.run("-n2", options)
    assert plain.status == workers.status == (11 if phase == "postdeploy" else 10)
    assert plain.rolled_back == workers.rolled_back == (phase == "postdeploy")


@pytest.mark.slow
def test_without_pytests_junit_plugin_the_verdict_is_the_same(project, rarely):
    run = project.run(*rarely, "-p", "no:junitxml", xml_file=False)
    assert run.status == 0, run.output
