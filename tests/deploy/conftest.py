"""A whole project on disk, deployed by a real pytest in a process of its own to a real server."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
from psycopg import sql

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.reports import json_report
from tests.servers import enterable_folder

SECONDS = 120
#: In the environment of every process of a run: what is left of it can be found again.
MARK = "STARTED_BY_DEPLOY_TEST"
SCHEMA = jsonschema.Draft202012Validator(json_report.schema())
COMPARISON = jsonschema.Draft202012Validator(json_report.schema("schema-comparison"))
#: What JUnit calls a gate's outcome; a gate that was deselected is not in it.
JUNIT = {
    "passed": "passed",
    "warned": "passed",
    "failed": "failure",
    "error": "error",
    "crashed": "error",
    "skipped": "skipped",
    "xfailed": "skipped",
    "not_applicable": "skipped",
}


class Result:
    """What one run left: exit status, output, report, JUnit. The report must be valid, and JUnit must agree with it."""

    def __init__(self, status, output, project, folder):
        self.status = status
        self.output = output
        self.project = project
        self.folder = folder
        assert "Traceback (most recent call last)" not in output
        assert folder is None or not (folder / "clone").exists(), "users' data, for the time of the run only"
        if folder is not None and (folder / "report.json").exists():
            self._check()

    def _check(self):
        report = self.report
        SCHEMA.validate(report)
        COMPARISON.validate(self.json("schema-comparison.json"))
        assert report["exitStatus"] == self.status
        last = f"dbdeploy: outcome={report['outcome']} id={report['deploymentId']} exit={self.status}"
        assert self.output.splitlines()[-1] == last, "the last line is for scripts, whatever happened"
        if self.status == 4 or (self.status == 2 and not report["gates"]):
            return  # refused, or interrupted before anything was collected: then pytest writes no JUnit
        cases = self.junit()
        for gate in report["gates"]:
            found = cases.get(_case(gate["nodeid"]))
            if gate["outcome"] in JUNIT:
                assert found == JUNIT[gate["outcome"]], gate
            elif gate["outcome"] == "deselected":
                assert found is None, gate
            else:
                assert found in (None, "skipped"), gate

    @property
    def report(self):
        return json.loads((self.folder / "report.json").read_text())

    @property
    def id(self):
        return self.report["deploymentId"]

    @property
    def ended(self):
        """(exit status, outcome)."""
        return self.status, self.report["outcome"]

    def gate(self, part):
        """The one gate whose node id holds ``part``."""
        (found,) = [g for g in self.report["gates"] if part in g["nodeid"]]
        return found

    def json(self, name):
        return json.loads((self.folder / name).read_text())

    def junit(self, path=None):
        """{(classname, name): outcome} of junit.xml."""
        root = ET.parse(path or self.folder / "junit.xml").getroot()
        return {
            (case.get("classname"), case.get("name")): next(
                (child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed"
            )
            for case in root.iter("testcase")
        }


def _case(nodeid):
    """(classname, name) of a gate in JUnit."""
    file, _, name = nodeid.partition("::")
    return file.removesuffix(".py").replace("/", "."), name


class Run:
    """A run under way: a process of its own that may be signalled, and must leave nothing behind."""

    def __init__(self, project, arguments, environ):
        self.project = project
        self.mark = secrets.token_hex(8)
        self.before = project.folders()
        self._folder = None
        self.process = subprocess.Popen(
            project.command(*arguments),
            cwd=project.root,
            env=project.environ(**environ, **{MARK: self.mark}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def folder(self):
        """The artifacts of this run, None before there are any."""
        if self._folder is None:
            new = self.project.folders() - self.before
            self._folder = new.pop() if len(new) == 1 else None
        return self._folder

    @property
    def id(self):
        return self.folder.name

    def _output(self):
        """All that it says until it ends. One that does not end in time is killed, and what it said and did up to then is shown."""
        try:
            output, _ = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired as late:
            print((late.output or b"").decode(errors="replace"))
            journal = self.folder / "journal.jsonl" if self.folder else None
            print(
                "\n".join(journal.read_text().splitlines()[-5:])
                if journal and journal.exists()
                else "no journal"
            )
            self.process.kill()
            self.process.communicate(timeout=SECONDS)
            raise
        print(output)
        return output

    def result(self):
        output = self._output()
        return Result(self.process.returncode, output, self.project, self.folder)

    def ended(self):
        """As ``result``, also of a run that may be killed: then the report is not judged."""
        output = self._output()
        killed = self.process.returncode < 0
        return Result(self.process.returncode, output, self.project, None if killed else self.folder)

    def until(self, condition):
        """Waits for ``condition``; fails when the run ends before, or the time is up."""

        def check():
            assert self.process.poll() is None, self.process.stdout.read()
            return self.folder is not None and condition()

        until(check, SECONDS)

    def kill(self):
        """SIGKILL for the controller alone."""
        assert self.folder is not None
        self.process.kill()
        self.process.communicate(timeout=SECONDS)

    def servers(self):
        """{process: its data folder} of the servers that run for this run; a server's processes hide their environment."""
        found, parents = {}, parents_of_all()
        for pid in parents:
            line, at = [], pid
            while at in parents and at != self.process.pid:
                line.append(at)
                at = parents[at]
            with contextlib.suppress(OSError):
                folder = Path(f"/proc/{pid}/cwd").readlink()
                if at == self.process.pid and (folder / "PG_VERSION").exists():
                    found[pid] = folder
        return found

    def left(self, servers):
        """What still runs of this run: by its environment, or one of ``servers``, or their folders."""
        alive = parents_of_all()
        return [*marked(self.mark), *(f for pid, f in servers.items() if pid in alive or f.exists())]


def parents_of_all():
    """{process: its parent}, zombies aside."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def marked(mark):
    """Processes that have the mark in their environment."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def until(condition, seconds=40.0, what=lambda: "not in time"):
    """Polls until it is true. Fails when the time is up, and says ``what``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


class Project:
    """A folder with dbdeploy.yaml, SQL migrations and gates; ``url`` is the target, owned by a role that is no superuser."""

    def __init__(self, root: Path, url):
        self.root = root
        self.url = url
        self.artifacts = root / ".deployments"
        self.before_command = []
        self.runs = []
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

    def states(self):
        """{id: state} of the deployments on the target."""
        return dict(self.sql("select id, state from dbdeploy.deployments"))

    @contextlib.contextmanager
    def holding(self, *statements):
        """An open transaction on the target that has run ``statements``; ends with the block, or when it is closed."""
        with connect(self.url, purpose="a user of the target") as conn:
            for statement in statements:
                conn.execute(statement)
            yield conn
            conn.rollback()

    def waiting(self, purpose):
        """Whether a session of ours with this purpose waits for a lock on the target."""
        query = "select 1 from pg_stat_activity where datname = current_database() and application_name like %s and wait_event_type = 'Lock'"
        return bool(self.sql(query, [f"pytest-dbdeploy {purpose}%"]))

    def folders(self):
        return set(self.artifacts.glob("deploy-*")) if self.artifacts.exists() else set()

    def environ(self, **more):
        keep = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("PYTEST_", "DBDEPLOY_", "PG")) and k not in ("CI",)
        }
        return {**keep, "DEV_POSTGRES_URL": self.url.reveal(), **more}

    def command(self, *arguments):
        return [*self.before_command, sys.executable, "-m", "pytest", "-p", "no:randomly", *arguments]

    def start(self, *arguments, **environ):
        self.runs.append(Run(self, arguments, environ))
        return self.runs[-1]

    def run(self, *arguments, **environ):
        return self.start(*arguments, **environ).result()

    def deploy(self, *arguments, **environ):
        return self.run("--dbdeploy-env=dev", *arguments, **environ)


@pytest.fixture
def make_project(tmp_path):
    made = []

    def make(url, name="project"):
        made.append(Project(tmp_path / name, url))
        return made[-1]

    yield make
    for project in made:
        for run in project.runs:
            if run.process.poll() is None:
                run.kill()
            run.process.stdout.close()


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


@pytest.fixture(
    params=[pytest.param(15, marks=pytest.mark.slow), 17, pytest.param(18, marks=pytest.mark.slow)],
    ids=lambda major: f"postgres{major}",
)
def each_project(request, make_project):
    """As ``any_project``, for what takes several deployments: CI runs the other versions in turn."""
    return filled(make_project(request.getfixturevalue(f"postgres{request.param}").owner_database()))


@pytest.fixture(scope="session")
def deployed_once(tmp_path_factory, postgres17):
    """A project whose first migration was deployed to a database that others are copies of."""
    project = filled(Project(tmp_path_factory.mktemp("deployed") / "project", postgres17.owner_database()))
    assert project.deploy().status == 0
    shutil.rmtree(project.artifacts)
    return project


@pytest.fixture
def deployed(make_project, postgres17, deployed_once):
    """A project with a deployed target of its own: quicker than to deploy it."""
    template = deployed_once.url
    name = f"t_{secrets.token_hex(6)}"
    postgres17.execute(
        sql.SQL("create database {} template {} owner {}").format(
            *map(sql.Identifier, (name, template.dbname, template.user))
        )
    )
    return filled(make_project(template.with_dbname(name)))


@pytest.fixture
def temporary():
    """A folder for temporary files of all kinds, also those of servers."""
    with enterable_folder() as folder:
        folder.chmod(0o777)
        yield folder


@pytest.fixture
def arena(make_project, postgres17, deployed_once, temporary):
    from .faults import Arena, copy_of

    with Arena(filled(make_project(copy_of(postgres17, deployed_once.url))), temporary, postgres17) as made:
        yield made


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A server that may be killed, and the URL of a deployed database on it."""
    from .faults import Place

    with enterable_folder() as folder:
        made = Place(folder / "server")
        with made.proxy:
            project = filled(
                Project(tmp_path_factory.mktemp("place") / "project", made.real.owner_database())
            )
            assert project.deploy().status == 0
            yield made, project.url
        made.embedded.stop()


@pytest.fixture
def own_arena(make_project, place, temporary):
    from .faults import Arena, copy_of

    made, template = place
    url = made.through(copy_of(made.real, template))
    with Arena(filled(make_project(url)), temporary, made.real, made) as arena:
        yield arena
