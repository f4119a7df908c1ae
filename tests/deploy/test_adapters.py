"""Adapters that the rootdir's conftest.py brings by hooks: used where they fit, refused where they cannot be used yet."""

import pytest

NOTIFIER = """
from pathlib import Path


class Diary:
    name = "diary"

    def configured(self, alerts):
        return True

    def send(self, alerts, message, limits):
        with Path("diary.txt").open("a") as file:
            print(message.kind, message.outcome, message.environment, file=file)


def pytest_dbdeploy_notifier(config):
    return Diary()
"""
LAYOUT = """
from dataclasses import replace

from pytest_dbdeploy.layouts.base import Detected
from pytest_dbdeploy.layouts.sql import SqlLayout


class Steps(SqlLayout):
    name = "steps"

    def places(self, request):
        return ("steps/NNNN_name.sql",)

    def detect(self, request):
        folder = request.rootdir / "steps"
        return Detected(folder, "NNNN_name.sql") if folder.is_dir() else None

    def open(self, request):
        reader = super().open(replace(request, path="steps"))
        reader.name = self.name
        return reader


def pytest_dbdeploy_layout(config):
    return [Steps()]
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_notifier_from_the_conftest_is_told_once_and_stands_in_the_report(project, workers):
    project.write("conftest.py", NOTIFIER)
    result = project.deploy("-n", workers)
    assert result.status == 0
    assert (project.root / "diary.txt").read_text() == "success deployed dev\n"
    assert result.report["alerts"] == [{"channel": "diary", "status": "sent"}]


@pytest.mark.parametrize("config", ["", "migrations: {layout: steps}\n"], ids=["detected", "named"])
def test_a_layout_from_the_conftest_is_detected_and_can_be_named(project, config):
    project.write("conftest.py", LAYOUT)
    (project.root / "migrations").rename(project.root / "steps")
    project.write("dbdeploy.yaml", "environments: {dev: {}}\n" + config)
    result = project.deploy("--dbdeploy-dry-run")
    assert (result.status, result.report["plan"]["layout"]) == (0, "steps")


@pytest.mark.parametrize("kind", ["sandbox_provider"])
def test_an_adapter_of_a_kind_that_cannot_be_used_yet_is_refused_not_ignored(project, kind):
    project.write("conftest.py", f"def pytest_dbdeploy_{kind}(config):\n    return object()\n")
    result = project.deploy()
    assert result.status == 4
    assert f"pytest_dbdeploy_{kind}" in result.output
    assert "cannot use it yet" in result.output
    assert result.folder is None


RELEASER = """
from pathlib import Path
from pytest_dbdeploy.releasers import ReleaseError

class Helm:
    name, rank = "helm", 30

    def configured(self, job):
        return True

    def prepare(self, job):
        return {"before": "v1", "after": "v2"}

    def release(self, job, prepared, progress):
        Path("running").write_text(prepared["after"])
        raise ReleaseError("the pods do not start")

    def stands(self, job, prepared):
        return True

    def undo(self, job, prepared, progress):
        Path("running").write_text(prepared["before"])
        return "chart shop is v1"

def pytest_dbdeploy_releaser(config):
    return Helm()
"""


def test_a_releaser_from_the_conftest_releases_and_is_put_back(project):
    project.write("conftest.py", RELEASER)
    result = project.deploy()
    assert result.ended == (11, "rolled_back")
    assert (project.root / "running").read_text() == "v1"
    assert "the pods do not start" in result.output
    assert "helm     chart shop is v1" in result.report["whatStandsWhere"]


def test_what_is_no_adapter_and_a_hook_that_fails_are_said_without_a_traceback(project):
    project.write("conftest.py", "def pytest_dbdeploy_notifier(config):\n    return 'slack'\n")
    result = project.deploy()
    assert result.status == 4
    assert "brings str, which has no name, configured, send" in result.output
    project.write("conftest.py", "def pytest_dbdeploy_layout(config):\n    return 1 / 0\n")
    result = project.deploy("-n", "2")
    assert result.status == 4
    assert "pytest_dbdeploy_layout failed: ZeroDivisionError" in result.output
    assert "Traceback" not in result.output
