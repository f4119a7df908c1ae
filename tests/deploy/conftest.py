"""A whole project on disk, deployed by a real pytest in a process of its own to a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pytest_dbdeploy.db.connect import connect

SECONDS = 120


class Result:
    """What one run left: exit status, output, report, JUnit."""

    def __init__(self, process, project):
        self.status = process.returncode
        self.output = process.stdout
        self.project = project
        folders = sorted(project.artifacts.glob("deploy-*"), key=lambda p: p.stat().st_mtime_ns)
        self.folder = folders[-1] if folders else None

    @property
    def report(self):
        return json.loads((self.folder / "report.json").read_text())

    @property
    def id(self):
        return self.report["deploymentId"]

    def gate(self, part):
        """The one gate whose node id holds ``part``."""
        (found,) = [g for g in self.report["gates"] if part in g["nodeid"]]
        return found

    def json(self, name):
        return json.loads((self.folder / name).read_text())

    def junit(self):
        """{(classname, name): outcome} of junit.xml."""
        root = ET.parse(self.folder / "junit.xml").getroot()
        return {
            (case.get("classname"), case.get("name")): next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
            for case in root.iter("testcase")
        }


class Project:
    """A folder with dbdeploy.yaml, SQL migrations and gates; ``url`` is the target, owned by a role that is no superuser."""

    def __init__(self, root: Path, url):
        self.root = root
        self.url = url
        self.artifacts = root / ".deployments"
        self.config = {}
        root.mkdir()
        (root / "migrations").mkdir()
        (root / "pytest.ini").write_text("[pytest]\n")
        self.write("dbdeploy.yaml", "environments:\n  dev:\n    database: ${DEV_POSTGRES_URL}\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def migration(self, name, text):
        return self.write(f"migrations/{name}.sql", text)

    def sql(self, statement, parameters=None):
        """Runs a statement on the target, committed; its rows, if any."""
        with connect(self.url, purpose="test", autocommit=True) as conn:
            cursor = conn.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def environ(self, **more):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "DBDEPLOY_", "PG")) and k not in ("CI",)}
        return {**keep, "DEV_POSTGRES_URL": self.url.reveal(), **more}

    def command(self, *arguments):
        return [sys.executable, "-m", "pytest", "-p", "no:randomly", *arguments]

    def start(self, *arguments, **environ):
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environ(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments, **environ):
        process = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environ(**environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        print(process.stdout)
        return Result(process, self)

    def deploy(self, *arguments, **environ):
        return self.run("--dbdeploy-env=dev", *arguments, **environ)


@pytest.fixture
def make_project(tmp_path):
    def make(url, name="project"):
        return Project(tmp_path / name, url)

    return make


@pytest.fixture
def project(make_project, postgres17):
    """A project with one table of 100 rows; its target is PostgreSQL 17."""
    return filled(make_project(postgres17.owner_database()))


def filled(project):
    project.migration(
        "0001_init",
        "create table users (id int primary key, name text not null, legacy text);\n"
        "insert into users select i, 'user ' || i, 'x' from generate_series(1, 100) i;\n"
        "create table orders (id int primary key, user_id int not null references users, total int not null);\n"
        "insert into orders select i, i, i from generate_series(1, 100) i;\n",
    )
    return project


@pytest.fixture(params=[15, 17, 18], ids=lambda major: f"postgres{major}")
def any_project(request, make_project):
    """The same on each version."""
    return filled(make_project(request.getfixturevalue(f"postgres{request.param}").owner_database()))
