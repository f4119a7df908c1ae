"""Commands in the documentation and in the examples exist; the examples work."""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pytest_dbdeploy import cli
from pytest_dbdeploy.model import ExitStatus
from pytest_dbdeploy.options import OPTIONS

REPOSITORY = Path(__file__).resolve().parents[2]
CI = sorted((REPOSITORY / "examples" / "ci").glob("*.yml"))
JOBS = ("plan", "plan"), ("production", "deploy")
PAGES = sorted(
    page
    for page in [
        REPOSITORY / "README.md",
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "examples").rglob("*.md"),
    ]
    if "node_modules" not in page.parts
)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def scripts(node) -> list[str]:
    """Every shell line below keys ``run``, ``script`` and ``before_script``."""
    if isinstance(node, list):
        return [line for entry in node for line in scripts(entry)]
    if not isinstance(node, dict):
        return []
    found = []
    for key, value in node.items():
        if key in ("run", "script", "before_script"):
            found += value if isinstance(value, list) else value.splitlines()
        else:
            found += scripts(value)
    return found


def ci_commands() -> list[tuple[str, str]]:
    return [(file.name, line) for file in CI for line in scripts(yaml.safe_load(file.read_text()))]


def page_commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in CONSOLE.findall(page.read_text()):
            lines = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
            found += [
                (str(page.relative_to(REPOSITORY)), part.strip())
                for line in lines
                for part in line.split("&&")
            ]
    return found


@pytest.fixture(scope="module")
def pytests_options() -> set[str]:
    """All options of pytest with its plugins."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, check=True, cwd="/"
    )
    return {
        *re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", run.stdout),
        "--junitxml",
    }  # the help says --junit-xml


@pytest.mark.parametrize(
    ("where", "line"),
    ci_commands() + page_commands(),
    ids=lambda value: value if len(value) < 60 else value[:57] + "...",
)
def test_a_command_that_is_shown_exists(where, line, pytests_options):
    program, *words = itertools.takewhile(lambda word: word not in ("|", ">"), shlex.split(line))
    if program.endswith("pytest"):
        flags = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert flags <= pytests_options, where
    elif program.endswith("dbdeploy"):
        with pytest.raises(SystemExit) as ended:
            cli.main([words[0], "--help"])
        assert ended.value.code == 0, where
    elif program == "pip":
        assert all(
            re.fullmatch(r"install|-\w+|pytest-dbdeploy(\[(embedded|xdist|docker|test|docs)(,\w+)*\])?", word)
            for word in words
        ), where
    else:
        assert program in {"export", "env", "cp", "cd", "echo", "jq", "npm", "apt-get"}, where


def test_the_ci_files_deploy_and_make_dry_runs():
    commands = ci_commands()
    assert len({file for file, _ in commands}) == len(CI) == 2
    for file in CI:
        lines = [line for name, line in commands if name == file.name and line.startswith("pytest")]
        assert any("--dbdeploy-dry-run" in line for line in lines)
        assert any("--dbdeploy-env=dev" in line and "dry-run" not in line for line in lines)


@pytest.mark.parametrize("file", CI, ids=lambda file: file.name)
def test_the_ci_files_hand_the_hash_of_a_dry_run_to_a_job_that_a_person_starts(file):
    jobs = yaml.safe_load(file.read_text())
    jobs = jobs.get("jobs", jobs)
    plan, deploy = (jobs.get(name) or jobs[f"production {other}"] for name, other in JOBS)
    dry, echo = [line for line in scripts(plan) if "prod" in line]
    assert "--dbdeploy-env=prod --dbdeploy-dry-run" in dry
    assert ".plan.hash .deployments/deploy-prod-*/report.json" in echo
    (line,) = [line for line in scripts(deploy) if "prod" in line]
    assert line.startswith("pytest --dbdeploy-env=prod")
    assert "dry-run" not in line
    if file.name == "github-actions.yml":
        assert deploy["environment"] == "production"
        assert deploy["env"]["DBDEPLOY_APPROVE"] == "${{ needs.plan.outputs.hash }}"
        assert plan["outputs"]["hash"] == "${{ steps.plan.outputs.hash }}"
        assert '>> "$GITHUB_OUTPUT"' in echo
    else:
        assert echo.startswith('echo "DBDEPLOY_APPROVE=')
        assert echo.endswith(f"> {plan['artifacts']['reports']['dotenv']}")
        assert deploy["rules"][0]["when"] == "manual"
        assert deploy["needs"] == ["production plan"]


def test_the_page_of_commands_names_every_action_and_every_status():
    text = (REPOSITORY / "docs" / "commands.md").read_text()
    assert [option.flag for option in OPTIONS if option.action and option.flag not in text] == []
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == set(
        map(int, ExitStatus)
    )
    shown = set(re.findall(r"^\| `dbdeploy (\w+)`", text, re.MULTILINE))
    run = subprocess.run(
        [sys.executable, "-c", "from pytest_dbdeploy.cli import main; main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown == set(re.findall(r"^    (\w+)  ", run.stdout, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_example_of_a_gate_deploys_and_refuses_what_its_page_says(open_folder):
    project = open_folder / "bank"
    shutil.copytree(
        REPOSITORY / "examples" / "custom_gate",
        project,
        ignore=shutil.ignore_patterns(".data", ".deployments"),
    )

    def deploy():
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "--dbdeploy-env=dev"]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=120)

    first = deploy()
    assert first.returncode == 0, first.stdout
    assert "gates/sandbox/test_money.py" in first.stdout
    (added,) = re.findall(r'echo "(.*)" > (migrations/\S+)', (project / "README.md").read_text())
    (project / added[1]).write_text(added[0] + "\n")
    second = deploy()
    assert second.returncode == 10, second.stdout
    assert "test_no_money_appears_or_vanishes" in second.stdout
    assert "NOT DEPLOYED" in second.stdout
