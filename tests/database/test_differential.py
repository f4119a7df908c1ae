"""The comparison against pg_dump: wherever the text of ``pg_dump -s`` differs, ours does, and nowhere else.

``tests/cases/schema/*.sql`` holds the cases. Those that live in a schema share one pair of databases; the others (casts,
publications, ...) have a pair each.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from pytest_dbdeploy.compare.diff import KINDS, diff, differences
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


IN_SCHEMAS = [*cases("relations.sql"), *cases("programs.sql"), *cases("same.sql"), *cases("views.sql")]
WHOLE = cases("whole.sql")


def run(url, script, tools, stop=True):
    done = subprocess.run(
        [tools.path("psql"), "-X", "-q", "-v", f"ON_ERROR_STOP={int(stop)}", "-o", "/dev/null", "-f", "-"],
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
    return {(change.kind, change.object) for change in diff(one, two)}


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
        one, two = self.urls = server.fresh_database(), server.fresh_database()
        every = list(self.cases.values())
        run(one, "".join(in_schema(case, case.first) for case in every), tools)
        run(two, "".join(in_schema(case, case.second) for case in reversed(every)), tools)
        self.snapshots = snapshot(one), snapshot(two)
        texts = [entries(pg_dump(url, tools, "--schema-only")) for url in (one, two)]
        self.dumped = texts[0] ^ texts[1]


@pytest.fixture(scope="module")
def made():
    return {}


def prepare(server):
    """The server with what the cases need that is not a database's."""
    with connect(server.url, purpose="test", autocommit=True) as conn:
        for role in ("reader", "writer", "PUBLIC"):
            if not conn.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                conn.execute(f'create role "{role}"')
        if not conn.execute("select 1 from pg_tablespace where spcname = 'other_space'").fetchone():
            conn.execute("set allow_in_place_tablespaces = on")
            conn.execute("create tablespace other_space location ''")
    return server


def batch_of(server, made):
    if server.major not in made:
        made[server.major] = Batch(prepare(server))
    return made[server.major]


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
    same = [case for case in (*IN_SCHEMAS, *WHOLE) if not case.expected]
    record_property("cases", f"{len(mutations)} mutations, {len(same)} pairs without a difference")
    assert len(mutations) >= 150
    assert len(same) >= 30
    assert len({case.name for case in (*IN_SCHEMAS, *WHOLE)}) == len(IN_SCHEMAS) + len(WHOLE)


def wrong(cases, found, dumped):
    """Case -> why it is not as it should be."""
    told = {}
    for case in cases:
        ours = {
            (kind, "" if name == case.schema else name.replace(f"{case.schema}.", ""))
            for kind, name in found
            if about(case.schema).search(name)
        }
        expected = case.expected and (case.expected[0], case.expected[1].replace(":s", case.schema))
        try:
            judge(replace(case, expected=expected), ours, named(case.schema, dumped))
        except AssertionError as error:
            told[case.name] = str(error)
    return told


def test_what_lives_in_schemas_differs_exactly_where_pg_dump_says(server, made):
    batch = batch_of(server, made)
    assert wrong(batch.cases.values(), changes(*batch.snapshots), batch.dumped) == {}


PAIRS = [(15, 17), (15, 18), (17, 18), (17, 15), (18, 15), (18, 17)]


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def batches(request, made):
    return [batch_of(request.getfixturevalue(f"postgres{major}"), made) for major in request.param]


def test_between_two_versions_the_same_differs_as_within_one(batches):
    older = min(batches, key=lambda batch: batch.snapshots[0].major)
    both = [case for case in older.cases.values() if case.since == 0]
    assert wrong(both, changes(batches[0].snapshots[0], batches[1].snapshots[1]), older.dumped) == {}


def test_a_clone_on_another_version_is_equal(batches, request):
    source = batches[0]
    majors = [batch.snapshots[0].major for batch in batches]
    tools = tools_for(majors[0])
    dump = pg_dump(source.urls[0], tools).replace("SET transaction_timeout = 0;", "")
    url = request.getfixturevalue(f"postgres{majors[1]}").fresh_database()
    run(
        url, dump, tools_for(majors[1]), stop=False
    )  # what only the newer version has is refused by the older
    left_out = [case.schema for case in source.cases.values() if case.since > majors[1]]
    found = [
        change
        for change in differences(source.snapshots[0], snapshot(url))
        if not any(about(schema).search(change.object) for schema in left_out)
    ]
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case.name)
def test_what_belongs_to_a_database_differs_exactly_where_pg_dump_says(case, server):
    if case.since > server.major:
        pytest.skip(f"PostgreSQL {case.since} has it first")
    tools = tools_for(prepare(server).major)
    urls = [server.fresh_database() for _ in range(2)]
    for url, script in zip(urls, (case.first, case.second), strict=True):
        run(url, script.replace(":d", url.dbname), tools)
    one, two = [entries(pg_dump(url, tools, "--schema-only")) for url in urls]
    judge(case, changes(*map(snapshot, urls)), one ^ two)
