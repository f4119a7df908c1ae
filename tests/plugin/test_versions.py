"""Which versions of pytest and xdist are refused, which are warned of, and where that is written down."""

import re
from pathlib import Path

import pytest

from pytest_dbdeploy.session.versions import TESTED

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """``installed("pytest", "99.1")``: what the metadata of a session's environment say."""

    def pretend(package, version):
        folder = tmp_path / "metadata" / f"{package.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        monkeypatch.setenv("PYTHONPATH", str(folder.parent))

    return pretend


def test_tested_versions_are_not_mentioned(project, rarely):
    assert "was tested with" not in project.run(*rarely).output


@pytest.mark.parametrize("package", TESTED)
def test_a_newer_version_is_warned_of_and_deploys(project, installed, package):
    major, minor = TESTED[package][1]
    installed(package, f"{major}.{minor + 1}.0rc1")
    run = project.run("-n2")
    assert run.status == 0, run.output
    oldest = ".".join(map(str, TESTED[package][0]))
    line = f"dbdeploy: newer than what it was tested with: {package} {major}.{minor + 1}.0rc1 ({oldest} to {major}.{minor})"
    assert line in run.output.splitlines()


def test_a_newer_xdist_that_is_not_used_is_not_mentioned(project, installed):
    installed("pytest-xdist", "99.0")
    assert "was tested with" not in project.run().output


@pytest.mark.parametrize("package", TESTED)
def test_an_older_version_is_a_usage_error_that_says_what_to_install(project, installed, package):
    installed(package, "1.9.1")
    run = project.run("-n2")
    assert run.status == 4, run.output
    wanted = ".".join(map(str, TESTED[package][0]))
    assert (
        f"dbdeploy: {package} 1.9.1 is too old: {wanted} or newer is needed (pip install '{package}>={wanted}')"
        in run.output
    )
    assert run.events == []


def test_sessions_without_an_action_work_with_any_version(project, installed):
    installed("pytest", "1.9.1")
    project.write("test_it.py", "def test_it():\n    pass\n")
    assert project.run("test_it.py", action=False).status == 0


def test_the_oldest_versions_are_the_same_everywhere():
    """What installers are told, what CI installs, and what a session refuses."""
    told = dict(re.findall(r'"([\w-]+)(?:\[\w+\])?>=([\d.]+)"', (ROOT / "pyproject.toml").read_text()))
    oldest = dict(re.findall(r"(?m)^([\w-]+)==([\d.]+)$", (ROOT / "tests" / "oldest.txt").read_text()))
    needed = re.search(r"(?ms)^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text())[1]
    packages = [*re.findall(r'"([\w-]+)', needed), "pytest-xdist"]
    assert {name: told[name] for name in packages} == {name: oldest[name] for name in packages}
    for package, (minimum, _) in TESTED.items():
        assert oldest[package].split(".")[:2] == [str(number) for number in minimum]
