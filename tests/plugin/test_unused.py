"""Without an action the plugin costs nothing and changes nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "psycopg",
    "git",
    "requests",
    "yaml",
    "pydantic",
    "sqlglot",
    "testcontainers",
    "jinja2",
    "dotenv",
    "pytest_dbdeploy.model",
    "pytest_dbdeploy.invocation",
)


def lines(run):
    """The output without what differs between any two runs."""
    text = re.sub(r"=+ (.*) in [\d.]+s =+|\[gw\d\]", r"\1", run.output)
    return [line for line in text.splitlines() if "plugins:" not in line]


def test_a_plain_session_imports_nothing_heavy(project):
    project.write(
        "test_it.py",
        f"import sys\n\n\ndef test_it():\n    assert not set({HEAVY!r}) & set(sys.modules)\n",
    )
    project.write("conftest.py", "")
    run = project.run("test_it.py", action=False)
    assert run.status == 0, run.output


@pytest.mark.parametrize("args", [(), pytest.param(("-n2",), marks=pytest.mark.slow), ("-v", "--co")])
def test_the_output_is_that_of_a_session_without_the_plugin(project, args):
    project.write("conftest.py", "")
    project.write("test_it.py", "def test_one(tmp_path):\n    pass\n\n\ndef test_two():\n    assert 0\n")
    with_it, without = project.run(*args, action=False), project.run("-p", "no:dbdeploy", *args, action=False)
    assert with_it.status == without.status
    if "-n2" in args:
        # Which worker ends first is chance: so is the order of lines, and of the letters in one.
        assert sorted(map(sorted, lines(with_it))) == sorted(map(sorted, lines(without)))
    else:
        assert lines(with_it) == lines(without)


def test_the_unused_plugin_takes_less_than_ten_milliseconds():
    script = Path(__file__).parents[2] / "benchmarks" / "import_cost.py"
    done = subprocess.run([sys.executable, str(script), "3"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_public_names_are_there_without_importing_pytest():
    code = "import sys, pytest_dbdeploy\nassert 'pytest' not in sys.modules\nfrom pytest_dbdeploy import facts, not_applicable, __version__"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_action_in_the_inis_addopts_is_refused(project):
    project.write("pytest.ini", "[pytest]\naddopts = --dbdeploy-env=dev\n")
    run = project.run(action=False)
    assert run.status == 4
    assert "addopts" in run.output
    assert run.events == []


@pytest.mark.parametrize("option", ["--pdb", "--trace"])
def test_a_debugger_without_a_terminal_is_a_usage_error(project, option):
    run = project.run(option)
    assert run.status == 4
    assert "terminal" in run.output
