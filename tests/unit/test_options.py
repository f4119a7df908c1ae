"""The command line: which action, which value from where."""

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_dbdeploy.errors import ConfigError
from pytest_dbdeploy.invocation import Action, requested_action, resolve_options
from pytest_dbdeploy.model import Mode
from pytest_dbdeploy.options import OPTIONS

ID = "deploy-dev-1764000000000"


@pytest.fixture
def config(pytester):
    return pytester.parseconfig


def test_without_an_action_the_plugin_has_nothing_to_do(config):
    assert requested_action(config()) is None
    assert requested_action(config("--dbdeploy-keep-sandbox", "--dbdeploy-approve=12345678")) is None


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        (["--dbdeploy-env=dev"], Action(Mode.DEPLOY, "dev")),
        (["--dbdeploy-env", "dev"], Action(Mode.DEPLOY, "dev")),
        (["--dbdeploy-env=dev", "--dbdeploy-dry-run"], Action(Mode.DRY_RUN, "dev")),
        (["--dbdeploy-compare=local,dev"], Action(Mode.COMPARE, compare=("local", "dev"))),
        (
            ["--dbdeploy-compare=local,dev", "--dbdeploy-compare=prod"],
            Action(Mode.COMPARE, compare=("local", "dev", "prod")),
        ),
        (
            ["--dbdeploy-compare=local", "--dbdeploy-compare=dev"],
            Action(Mode.COMPARE, compare=("local", "dev")),
        ),
        (
            ["--dbdeploy-compare=postgres://h1,h2/d", "--dbdeploy-compare=dev"],
            Action(Mode.COMPARE, compare=("postgres://h1,h2/d", "dev")),
        ),
        ([f"--dbdeploy-rollback={ID}"], Action(Mode.ROLLBACK, "dev", deployment=ID)),
        ([f"--dbdeploy-rollback={ID}", "--dbdeploy-env=dev"], Action(Mode.ROLLBACK, "dev", deployment=ID)),
        (
            [f"--dbdeploy-rollback={ID}", "--dbdeploy-lose-writes"],
            Action(Mode.ROLLBACK, "dev", deployment=ID, lose_writes=True),
        ),
        (["--dbdeploy-rollback=last", "--dbdeploy-env=dev"], Action(Mode.ROLLBACK, "dev", deployment="last")),
        (
            ["--dbdeploy-resume=deploy-pre-prod-1764000000000"],
            Action(Mode.RESUME, "pre-prod", deployment="deploy-pre-prod-1764000000000"),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_command_line_asks_for_an_action(config, arguments, action):
    assert requested_action(config(*arguments)) == action


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dbdeploy-dry-run"], "--dbdeploy-dry-run needs an environment"),
        (["--dbdeploy-env="], "--dbdeploy-env is empty"),
        (["--dbdeploy-env=dev", "--dbdeploy-env=uat"], "--dbdeploy-env was given more than once: dev, uat"),
        (
            [f"--dbdeploy-resume={ID}", f"--dbdeploy-resume={ID}0"],
            "--dbdeploy-resume was given more than once",
        ),
        (["--dbdeploy-env=postgres://app:hunter22@h/d"], "it was given a URL"),
        (["--dbdeploy-compare="], "needs two sides"),
        (["--dbdeploy-compare=dev"], "needs two sides"),
        (["--dbdeploy-compare=dev,"], "needs two sides"),
        (["--dbdeploy-compare=dev,dev"], "same side twice"),
        (["--dbdeploy-compare=dev,uat,dev"], "same side twice"),
        (["--dbdeploy-compare=postgres://h/a,postgres://h/b"], "one database URL"),
        (
            ["--dbdeploy-compare=a,b", "--dbdeploy-env=dev"],
            "--dbdeploy-compare and --dbdeploy-env cannot be combined",
        ),
        (
            ["--dbdeploy-compare=a,b", f"--dbdeploy-rollback={ID}"],
            "--dbdeploy-compare and --dbdeploy-rollback cannot",
        ),
        (
            [f"--dbdeploy-resume={ID}", f"--dbdeploy-rollback={ID}"],
            "--dbdeploy-rollback and --dbdeploy-resume cannot",
        ),
        (
            [f"--dbdeploy-rollback={ID}", "--dbdeploy-dry-run"],
            "--dbdeploy-dry-run cannot be combined with --dbdeploy-rollback",
        ),
        (["--dbdeploy-env=dev", "--dbdeploy-lose-writes"], "--dbdeploy-lose-writes says how"),
        (["--dbdeploy-lose-writes"], "--dbdeploy-lose-writes says how"),
        (["--dbdeploy-rollback=last"], "--dbdeploy-rollback=last needs an environment"),
        (["--dbdeploy-rollback="], "--dbdeploy-rollback is empty"),
        (["--dbdeploy-rollback=yesterday"], "this is no deployment ID"),
        ([f"--dbdeploy-rollback={ID}", "--dbdeploy-env=prod"], f"{ID} is a deployment to dev"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_with_what_to_do(config, arguments, message):
    with pytest.raises(ConfigError) as caught:
        requested_action(config(*arguments))
    assert message in caught.value.message
    assert caught.value.hint
    assert "hunter22" not in str(caught.value)


def test_an_action_does_not_print_the_urls_that_it_holds(config):
    action = requested_action(
        config("--dbdeploy-compare=postgres://app:hunter22@h/d", "--dbdeploy-compare=dev")
    )
    assert "hunter22" not in repr(action)


def test_an_action_in_the_ini_file_is_refused_because_a_plain_pytest_must_never_deploy(pytester):
    pytester.makeini("[pytest]\naddopts = -q --dbdeploy-env=prod\n")
    with pytest.raises(ConfigError, match="addopts holds --dbdeploy-env"):
        requested_action(pytester.parseconfig())


def test_an_action_in_pytest_addopts_counts_as_command_line(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--dbdeploy-env=dev")
    assert requested_action(pytester.parseconfig()) == Action(Mode.DEPLOY, "dev")
    assert requested_action(pytester.parseconfig("--dbdeploy-env=dev")) == Action(Mode.DEPLOY, "dev")
    with pytest.raises(ConfigError, match="more than once: dev, uat"):
        requested_action(pytester.parseconfig("--dbdeploy-env=uat"))


def test_only_options_that_are_no_action_exist_as_ini_key_or_variable():
    assert [option.flag for option in OPTIONS if option.action] == [
        f"--dbdeploy-{name}" for name in ("env", "dry-run", "compare", "rollback", "resume", "lose-writes")
    ]
    assert not [option for option in OPTIONS if option.action and (option.ini or option.variable)]


def test_command_line_beats_variable_beats_ini(pytester):
    pytester.makeini(
        "[pytest]\ndbdeploy_artifacts = from-ini\ndbdeploy_config = a.yaml\ndbdeploy_keep_sandbox = true\n"
    )
    environ = {"DBDEPLOY_ARTIFACTS": "from-variable", "DBDEPLOY_APPROVE": "12345678"}
    line = resolve_options(pytester.parseconfig("--dbdeploy-artifacts=from-line"), environ)
    variable = resolve_options(pytester.parseconfig(), environ)
    ini = resolve_options(pytester.parseconfig(), {})
    assert (line.artifacts.value.name, line.artifacts.source) == ("from-line", "command line")
    assert (variable.artifacts.value.name, variable.artifacts.source) == (
        "from-variable",
        "variable DBDEPLOY_ARTIFACTS",
    )
    assert (ini.artifacts.value, ini.artifacts.source) == (pytester.path / "from-ini", "ini")
    assert (ini.config_file.value, ini.config_file.source) == (pytester.path / "a.yaml", "ini")
    assert (variable.approve.value, variable.approve.source) == ("12345678", "variable DBDEPLOY_APPROVE")
    assert (ini.keep_sandbox.value, ini.keep_sandbox.source) == (True, "ini")


def test_a_variable_that_says_no_beats_an_ini_that_says_yes(pytester):
    pytester.makeini("[pytest]\ndbdeploy_keep_sandbox = true\n")
    found = resolve_options(pytester.parseconfig(), {"DBDEPLOY_KEEP_SANDBOX": "0"})
    assert (found.keep_sandbox.value, found.keep_sandbox.source) == (False, "variable DBDEPLOY_KEEP_SANDBOX")


def test_an_empty_approval_on_the_command_line_beats_the_variable(config):
    found = resolve_options(config("--dbdeploy-approve="), {"DBDEPLOY_APPROVE": "12345678"})
    assert (found.approve.value, found.approve.source) == (None, "command line")


def test_an_empty_variable_counts_as_unset(config):
    found = resolve_options(config(), {"DBDEPLOY_ARTIFACTS": "", "DBDEPLOY_KEEP_SANDBOX": ""})
    assert (found.artifacts.source, found.keep_sandbox.value) == ("default", False)


def test_the_defaults_are_in_rootdir(pytester):
    found = resolve_options(pytester.parseconfig(), {})
    assert found.artifacts.value == pytester.path / ".deployments"
    assert (found.config_file.value, found.config_file.source) == (None, "default")


def test_a_word_that_is_neither_true_nor_false_is_refused(pytester):
    with pytest.raises(ConfigError, match="DBDEPLOY_KEEP_SANDBOX must be true or false"):
        resolve_options(pytester.parseconfig(), {"DBDEPLOY_KEEP_SANDBOX": "maybe"})
    pytester.makeini("[pytest]\ndbdeploy_keep_sandbox = maybe\n")
    with pytest.raises(ConfigError, match="dbdeploy_keep_sandbox"):
        resolve_options(pytester.parseconfig(), {})


def test_help_explains_every_option(pytester):
    text = " ".join(pytester.runpytest_subprocess("--help").stdout.str().split())
    assert "database deployment gates" in text
    for option in OPTIONS:
        assert option.flag in text
        assert option.help.split(".")[0].split(":")[0] in text


def test_importing_the_options_imports_nothing_heavy():
    code = "import sys, pytest, pytest_dbdeploy.options; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"yaml", "pydantic", "psycopg", "git", "requests", "dotenv"} & set(modules)
    assert "pytest_dbdeploy.model" not in modules  # its many dataclasses alone take ten milliseconds


def test_every_option_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    for option in OPTIONS:
        for name in filter(None, (option.flag, option.ini, option.variable)):
            assert f"`{name}" in page


def test_help_fits_eighty_columns_and_says_of_every_option_where_else_it_is_set(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = pytester.runpytest_subprocess("--help").stdout.lines
    first = lines.index("database deployment gates:")
    ours = lines[first + 1 : lines.index("", first)]
    assert all(len(line) <= 80 for line in ours)
    text = " ".join(" ".join(ours).split())
    assert "pytest --dbdeploy-env=dev --dbdeploy-dry-run" in text, "the first dry run, to copy"
    starts = [text.index(f"{option.flag}=" if option.metavar else option.flag) for option in OPTIONS]
    for option, start, end in zip(OPTIONS, starts, [*starts[1:], len(text)], strict=True):
        said = text[start:end]
        assert said.rstrip().endswith("."), said
        if option.action:
            assert "On the command line only." in said
        else:
            assert "(default: " in said
            assert f"variable {option.variable}" in said
            assert option.ini is None or f"ini key {option.ini}" in said


def test_fixtures_fit_eighty_columns(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = pytester.runpytest_subprocess("--fixtures", "-v").stdout.lines
    first = next(i for i, line in enumerate(lines) if "fixtures defined from pytest_dbdeploy" in line)
    ours = [line for line in lines[first + 1 :] if line.startswith("    ")]
    assert len(ours) > 15
    assert all(len(line) <= 80 for line in ours)
