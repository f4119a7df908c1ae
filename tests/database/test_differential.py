"""The comparison against pg_dump: wherever the text of ``pg_dump -s`` differs, ours does, and nowhere else.

``tests/cases/schema/*.sql`` holds the cases. Those that live in a schema share one pair of databases; the others (casts,
publications, ...) have a pair each.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from pytest_dbdeploy.compare.diff import KINDS, differences
from pytest_dbdeploy.compare.snapshot import read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.tools import tools_for
from tests.rich import pg_dump

FOLDER = Path(__file__).parents[1] / "cases" / "schema"


@dataclass(frozen=True)
class Case:
    """``first`` and ``second``: the SQL of both databases. ``expected``: kind and object, or None where they come to the same."""

    name: str
    first: str
    second: str
    expected: tuple[str, str] | None
    since: int
    unseen: bool

    @property
    def schema(self) -> str:
        return "case_" + self.name.replace("-", "_")


def cases(file: str) -> list[Case]:
    """``-- case NAME: KIND OBJECT [FIRST MAJOR | unseen]``, SQL, ``-- change`` (after that SQL) or ``-- instead`` (of it), SQL."""
    found = []
    for text in re.split(r"^-- case ", (FOLDER / file).read_text("utf-8"), flags=re.MULTILINE)[1:]:
        head, _, rest = text.partition("\n")
        name, _, about = head.partition(": ")
        about, _, flag = about.rstrip("]").partition(" [")
        before, how, after = re.split(r"^-- (change|instead)\n", rest, flags=re.MULTILINE)
        kind = max((k for k in KINDS if about == k or about.startswith(f"{k} ")), key=len, default=None)
        expected = None if about == "same" else (kind, about[len(kind) :].strip())
        since = int(flag) if flag.isdigit() else 0
        found.append(
            Case(
                name, before, after if how == "instead" else before + after, expected, since, flag == "unseen"
            )
        )
    return found


IN_SCHEMAS = [*cases("relations.sql"), *cases("programs.sql"), *cases("same.sql")]
WHOLE = cases("whole.sql")


def run(url, script, tools):
    done = subprocess.run(
        [tools.path("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", "-"],
        env={**url.tool_env(), **tools.environ()},
        input=script,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def in_schema(case, script):
    named = script.replace(":s", case.schema)
    return f"CREATE SCHEMA {case.schema};\nSET search_path = {case.schema};\n{named}\nRESET search_path;\n"


def snapshot(url):
    with connect(url, purpose="test") as conn:
        return read_snapshot(conn)


def changes(one, two):
    assert one.not_compared == two.not_compared == ()
    return {(change.kind, change.object) for change in differences(one, two)}


def entries(text):
    """The objects in a plain dump, each with its statements; their order is left out, and that of grants."""
    parts = re.split(r"^--\n-- (?=Name: )", text, flags=re.MULTILINE)[1:]
    return {
        "\n".join(sorted(part.split("\n"))).strip() if "Type: ACL;" in part else part.strip()
        for part in parts
    }


@cache
def about(name):
    return re.compile(rf"\b{name}\b")


def named(schema, texts):
    return {text for text in texts if about(schema).search(text)}


class Batch:
    """All cases in schemas, in one pair of databases of a server."""

    def __init__(self, server):
        tools = tools_for(server.major)
        self.cases = {case.name: case for case in IN_SCHEMAS if case.since <= server.major}
        one, two = server.fresh_database(), server.fresh_database()
        every = list(self.cases.values())
        run(one, "".join(in_schema(case, case.first) for case in every), tools)
        run(two, "".join(in_schema(case, case.second) for case in reversed(every)), tools)
        self.changes = changes(snapshot(one), snapshot(two))
        texts = [entries(pg_dump(url, tools, "--schema-only")) for url in (one, two)]
        self.dumped = texts[0] ^ texts[1]


@pytest.fixture(scope="module")
def made():
    return {}


@pytest.fixture
def prepared(server, made):
    """The server with what the cases need that is not a database's."""
    if server.major not in made:
        with connect(server.url, purpose="test", autocommit=True) as conn:
            for role in ("reader", "writer"):
                if not conn.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                    conn.execute(f"create role {role}")
            if not conn.execute("select 1 from pg_tablespace where spcname = 'other_space'").fetchone():
                conn.execute("set allow_in_place_tablespaces = on")
                conn.execute("create tablespace other_space location ''")
        made[server.major] = None
    return server


@pytest.fixture
def batch(prepared, made):
    if made[prepared.major] is None:
        made[prepared.major] = Batch(prepared)
    return made[prepared.major]


def judge(case, ours, dumped):
    """Whether ours is right about a case, by pg_dump and by what the case says."""
    if case.expected is None:
        assert not dumped, f"pg_dump sees a difference, so this case is none: {dumped}"
        assert ours == set()
        return
    assert bool(dumped) is not case.unseen, f"pg_dump: {dumped}"
    assert case.expected in ours, ours


def test_there_are_enough_cases(record_property):
    mutations = [case for case in (*IN_SCHEMAS, *WHOLE) if case.expected]
    same = [case for case in IN_SCHEMAS if not case.expected]
    record_property("cases", f"{len(mutations)} mutations, {len(same)} pairs without a difference")
    assert len(mutations) >= 150
    assert len(same) >= 30
    assert len({case.name for case in (*IN_SCHEMAS, *WHOLE)}) == len(IN_SCHEMAS) + len(WHOLE)


def test_what_lives_in_schemas_differs_exactly_where_pg_dump_says(batch):
    wrong = {}
    for case in batch.cases.values():
        ours = {
            (kind, "" if name == case.schema else name.replace(f"{case.schema}.", ""))
            for kind, name in batch.changes
            if about(case.schema).search(name)
        }
        expected = case.expected and (case.expected[0], case.expected[1].replace(":s", case.schema))
        try:
            judge(Case(case.name, "", "", expected, 0, case.unseen), ours, named(case.schema, batch.dumped))
        except AssertionError as error:
            wrong[case.name] = str(error)
    assert wrong == {}
    print(f"{len(batch.cases)} cases")


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_what_belongs_to_a_database_differs_exactly_where_pg_dump_says(case, prepared):
    if case.since > prepared.major:
        pytest.skip(f"PostgreSQL {case.since} has it first")
    tools = tools_for(prepared.major)
    urls = [prepared.fresh_database() for _ in range(2)]
    for url, script in zip(urls, (case.first, case.second), strict=True):
        run(url, script.replace(":d", url.dbname), tools)
    one, two = [entries(pg_dump(url, tools, "--schema-only")) for url in urls]
    judge(case, changes(*map(snapshot, urls)), one ^ two)
