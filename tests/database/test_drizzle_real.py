"""Our reading and writing of Drizzle's history against the real npm packages, 0.x and 1.0, on real servers."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.layouts.base import LayoutRequest
from pytest_dbdeploy.layouts.drizzle import LAYOUT
from tests.servers import execute, fetch, missing

pytestmark = pytest.mark.needs_node

NODE = Path(__file__).parents[1] / "node"
SCHEMA = """
import {{ integer, pgTable, text }} from "drizzle-orm/pg-core";
export const users = pgTable("users", {{ id: integer().primaryKey(), name: text().notNull(), {users} }});
export const posts = pgTable("posts", {{ id: integer().primaryKey(), author: integer().references(() => users.id) }});
"""


class Project:
    """A project in a folder of its own, with the real packages of one major version."""

    def __init__(self, folder: Path, major: int, history: tuple[str, str] | None = None) -> None:
        self.folder = folder
        self.major = major
        self.history = history
        self.package = NODE / f"drizzle-{major}"
        (folder / "node_modules").symlink_to(self.package / "node_modules")
        self.configure("postgresql://nobody@localhost/nothing")

    def configure(self, url: str) -> None:
        config = {
            "dialect": "postgresql",
            "schema": "./schema.ts",
            "out": "./drizzle",
            "dbCredentials": {"url": url},
        }
        if self.history:
            config["migrations"] = dict(zip(("schema", "table"), self.history, strict=True))
        text = f'import {{ defineConfig }} from "drizzle-kit";\nexport default defineConfig({json.dumps(config)});\n'
        (self.folder / "drizzle.config.ts").write_text(text)

    def generate(self, name: str, users: str = "") -> None:
        (self.folder / "schema.ts").write_text(SCHEMA.format(users=users))
        self.kit("generate", "--name", name)

    def kit(self, *arguments: str) -> str:
        return self._run("node", "node_modules/drizzle-kit/bin.cjs", *arguments, cwd=self.folder)

    def kit_migrate(self, url) -> None:
        self.configure(url.reveal())
        self.kit("migrate")

    def orm_migrate(self, url) -> None:
        self._run(
            "node", str(NODE / "migrate.cjs"), str(self.folder / "drizzle"), *(self.history or ()),
            cwd=self.package, DATABASE_URL=url.reveal(),
        )  # fmt: skip

    def _run(self, *argv: str, cwd: Path, **environ: str) -> str:
        done = subprocess.run(
            argv, cwd=cwd, env=os.environ | environ, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def reader(self):
        return LAYOUT.open(LayoutRequest(self.folder))

    def read(self, url):
        with connect(url, purpose="test", read_only=True) as conn:
            return self.reader.history(conn, self.reader.migrations())

    def apply(self, url, count: int | None = None) -> None:
        """As a deployment does: one transaction for all (or the first ``count``) that are pending."""
        reader = self.reader
        with connect(url, purpose="test") as conn:
            reader.ensure_history(conn)
            for migration in reader.history(conn, reader.migrations()).pending[:count]:
                for statement in migration.statements:
                    conn.execute(statement.sql)
                reader.record(conn, migration)

    def rows(self, url) -> list[tuple]:
        return fetch(
            url,
            "select * from {}.{} order by id".format(*(self.history or ("drizzle", "__drizzle_migrations"))),
        )


def installed(major: int) -> int:
    """``major``, once its packages are there: what CI has installed beforehand, else by npm from the lock file."""
    if shutil.which("npm") is None:
        missing("npm is not installed")
    folder = NODE / f"drizzle-{major}"
    if not (folder / "node_modules/drizzle-kit/bin.cjs").is_file():
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return major


@pytest.fixture(scope="session", params=[0, 1], ids=["drizzle0", "drizzle1"])
def packages(request):
    return installed(request.param)


@pytest.fixture
def project(packages, tmp_path):
    project = Project(tmp_path, packages)
    project.generate("init")
    # 1.0 names folders by the second: the second one must not share it.
    if packages == 1:
        backdate(tmp_path / "drizzle")
    project.generate("more", users="phone: text()")
    return project


@pytest.fixture(params=[pytest.param(15, marks=pytest.mark.slow), 18], ids=["postgres15", "postgres18"])
def server(request):
    return request.getfixturevalue(f"postgres{request.param}")


def backdate(folder: Path) -> None:
    for found in folder.iterdir():
        found.rename(folder / f"20250101000000_{found.name.split('_', 1)[1]}")


def dump(url) -> str:
    tools = tools_for(18)
    env = os.environ | url.tool_env()
    done = subprocess.run([tools.path("pg_dump"), "-s"], env=env, capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\", "--")))


def test_what_we_applied_real_drizzle_finds_applied(project, server):
    url = server.fresh_database()
    project.apply(url)
    before = project.rows(url)
    assert len(before) == 2
    project.kit_migrate(url)
    project.orm_migrate(url)
    assert project.rows(url) == before


def test_what_real_drizzle_applied_we_find_applied(project, server):
    for migrate in (project.kit_migrate, project.orm_migrate):
        url = server.fresh_database()
        assert len(project.read(url).pending) == 2
        migrate(url)
        history = project.read(url)
        assert history.applied == tuple(m.name for m in project.reader.migrations())
        assert (history.pending, history.problems) == ((), ())


def test_turns_may_be_taken(project, server):
    url = server.fresh_database()
    project.apply(url, count=1)
    project.kit_migrate(url)
    assert project.read(url).pending == ()
    project.generate("third", users="phone: text(), fax: text()")
    assert len(project.read(url).pending) == 1
    project.apply(url)
    before = project.rows(url)
    project.orm_migrate(url)
    assert project.rows(url) == before
    assert len(before) == 3


def test_schema_and_history_are_what_real_drizzle_makes(project, server):
    ours, theirs = server.fresh_database(), server.fresh_database()
    project.apply(ours)
    project.orm_migrate(theirs)
    assert dump(ours) == dump(theirs)
    assert [row[:4] for row in project.rows(ours)] == [row[:4] for row in project.rows(theirs)]


def test_schema_and_table_of_the_history_are_read_from_the_config(packages, tmp_path, server):
    project = Project(tmp_path, packages, history=("keeping", "done"))
    project.generate("init")
    url = server.fresh_database()
    project.kit_migrate(url)
    assert project.read(url).pending == ()
    other = server.fresh_database()
    project.apply(other)
    before = project.rows(other)
    project.kit_migrate(other)
    project.orm_migrate(other)
    assert project.rows(other) == before


@pytest.mark.parametrize("packages", [0], indirect=True, ids=["drizzle0"])
def test_a_late_entry_that_drizzle_skips_in_silence_is_a_problem(project, postgres18):
    url = postgres18.fresh_database()
    project.kit_migrate(url)
    journal_file = project.folder / "drizzle/meta/_journal.json"
    journal = json.loads(journal_file.read_text())
    journal["entries"].append(
        {"idx": 2, "version": "7", "when": 1000, "tag": "0002_late", "breakpoints": True}
    )
    journal_file.write_text(json.dumps(journal))
    (project.folder / "drizzle/0002_late.sql").write_text("create table late ();")
    project.kit_migrate(url)
    assert fetch(url, "select to_regclass('late')") == [(None,)]
    history = project.read(url)
    assert [m.name for m in history.pending] == ["0002_late"]
    assert [(p.kind, p.migration) for p in history.problems if p.blocking] == [("late", "0002_late")]


@pytest.mark.parametrize("packages", [0], indirect=True, ids=["drizzle0"])
def test_a_table_of_0_x_is_upgraded_as_drizzle_1_upgrades_it(project, postgres18, tmp_path_factory):
    ours, theirs = postgres18.fresh_database(), postgres18.fresh_database()
    for url in (ours, theirs):
        project.kit_migrate(url)
    newer = Project(tmp_path_factory.mktemp("newer"), installed(1))
    shutil.copytree(project.folder / "drizzle", newer.folder / "drizzle")
    shutil.copy(project.folder / "schema.ts", newer.folder)
    newer.kit("up")
    history = newer.read(ours)
    assert (history.pending, [p for p in history.problems if p.blocking]) == ((), [])
    assert len(history.applied) == 2
    newer.apply(ours)
    newer.orm_migrate(theirs)
    assert newer.rows(ours) == newer.rows(theirs)
    assert dump(ours) == dump(theirs)
    newer.orm_migrate(ours)
    assert newer.rows(ours) == newer.rows(theirs)


def test_forgetting_makes_pending_again(project, server):
    url = server.fresh_database()
    project.apply(url)
    last = project.reader.migrations()[-1]
    with connect(url, purpose="test") as conn:
        project.reader.forget(conn, [last.name])
    assert [m.name for m in project.read(url).pending] == [last.name]
    execute(url, "drop schema drizzle cascade")
    with connect(url, purpose="test") as conn:
        project.reader.forget(conn, [last.name])
