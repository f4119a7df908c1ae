"""Random tables and mutations: what the comparison says of two tables is what Python says that holds all rows of both."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_dbdeploy.compare import row_pair
from pytest_dbdeploy.compare.row_result import Verdict
from pytest_dbdeploy.compare.row_tables import compare_tables
from pytest_dbdeploy.db.connect import connect
from tests.rowsides import open_side

TYPES = {
    "integer": ["0", "1", "-1", "2147483647", "-2147483648"],
    "bigint": ["0", "1", "4294967296", "-1", "-4294967296", "9223372036854775807", "-9223372036854775808"],
    "numeric": ["0", "1", "1.0", "1.00", "-1", "-1.0", "10000", "0.0001", "NaN", "Infinity", "-Infinity"],
    "numeric(9,3)": ["0", "1", "-1", "10000", "0.001", "NaN"],
    "double precision": ["0", "-0", "1", "-1", "1e300", "NaN", "Infinity"],
    "text": ["", " ", "a", "A", "a ", "é", "NULL", ',"\\', "1", "1.0", "\n"],
    "char(3)": ["", "a", "a ", "b"],
    "boolean": ["true", "false"],
    "bytea": ["", "\\x00", "\\x0000"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "date": ["2024-02-29", "0044-03-15 BC", "infinity", "-infinity"],
    "timestamptz": ["2024-01-01 00:00:00+00", "2024-01-01 00:00:00.000001+00", "infinity"],
    "interval": ["1 day", "24:00:00", "-1 day", "1 mon", "30 days"],
    "jsonb": [
        "1",
        "1.0",
        "-1",
        "10000",
        "{}",
        "[]",
        "null",
        '{"a": 1}',
        '{"a": 1.0}',
        '{"a": -1}',
        '["1.0"]',
        '["1"]',
        "[[1], 1]",
        "[1, [1]]",
    ],
    "json": ['{"a":1}', '{"a": 1}', "1.0", "1"],
    "numeric[]": ["{}", "{1}", "{1.0}", "{-1}", "{10000}", "{NULL}", "{{1}}", "[0:0]={1}", "{1,1}"],
    "float8[]": ["{0}", "{-0}", "{1}"],
    "numrange": ["empty", "[1,2)", "[1.0,2)", "[1,2]", "(,)"],
    "point": ["(0,0)", "(0,1e-7)"],
    "bit(2)": ["00", "01"],
}
KEYS = {
    "integer": ["1", "2", "3", "-5"],
    "text": ["a", "A", "b", "ä", ""],
    "numeric": ["1", "2.50", "-3"],
    "uuid": [f"{n}" * 8 + "-0000-0000-0000-000000000000" for n in (0, 1, 9)],
}


def same(type_, text):
    """Equal exactly for texts that are equal values of the type."""
    if text is None:
        return None
    if type_.startswith("numeric(") or type_ in ("numeric", "integer", "bigint"):
        return "NaN" if text == "NaN" else str(Decimal(text).normalize() + 0)
    if type_ == "double precision":
        return str(float(text) + 0.0)
    if type_ == "interval":
        return {"24:00:00": "1 day", "1 mon": "30 days"}.get(text, text)
    if type_ == "jsonb":
        return json.dumps(
            json.loads(text, parse_float=lambda n: int(float(n)) if float(n).is_integer() else float(n))
        )
    if type_ == "numeric[]":
        return text.replace("1.0", "1")
    if type_ == "float8[]":
        return text.replace("-0", "0")
    if type_ == "numrange":
        return text.replace("1.0", "1")
    return text


@st.composite
def pairs(draw):
    """(types of the columns, of them in the key, rows of a, rows of b); values are texts or None."""
    key = draw(st.lists(st.sampled_from(sorted(KEYS)), max_size=2))
    types = [*key, *draw(st.lists(st.sampled_from(sorted(TYPES)), max_size=3))]
    values = [
        st.sampled_from(KEYS[t]) if n < len(key) else st.none() | st.sampled_from(TYPES[t])
        for n, t in enumerate(types)
    ]
    size = len(key)
    unique = (lambda row: tuple(row[:size])) if key else None
    rows = st.lists(st.tuples(*values), max_size=8, unique_by=unique)
    a = draw(rows)
    b = draw(rows) if draw(st.booleans()) else [*a]
    if b and draw(st.booleans()):
        place = draw(st.integers(0, len(b) - 1))
        changed = draw(st.tuples(*values))
        b[place] = (*b[place][:size], *changed[size:])
    return types, size, a, draw(st.permutations(b))


def expected(types, size, a, b, equality):
    """(changed, only in a, only in b): keys, or without a key how often each row."""

    def value(type_, text):
        return same(type_, text) if equality == "value" else text

    if not size:
        ours, theirs = (Counter(tuple(map(value, types, row)) for row in rows) for rows in (a, b))
        return set(), (ours - theirs).total(), (theirs - ours).total()
    ours, theirs = ({row[:size]: tuple(map(value, types, row)) for row in rows} for rows in (a, b))
    changed = {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]}
    return changed, len(ours.keys() - theirs.keys()), len(theirs.keys() - ours.keys())


class Arena:
    """Two databases in which tables are made and compared, on one server or two."""

    def __init__(self, stack, first, other):
        self.urls = first, other
        self.conns = [stack.enter_context(connect(url, purpose="test", autocommit=True)) for url in self.urls]
        for conn in self.conns:
            conn.execute("set timezone = 'UTC'")

    def fill(self, types, size, *sides):
        columns = ", ".join(f"c{n} {t}" for n, t in enumerate(types))
        key = ", primary key (" + ", ".join(f"c{n}" for n in range(size)) + ")" if size else ""
        for conn, rows in zip(self.conns, sides, strict=True):
            conn.execute(f"drop table if exists t; create table t ({columns}{key})")
            for row in rows:
                marks = ", ".join(["%s"] * len(row))
                conn.execute(
                    f"insert into t values ({marks})" if row else "insert into t default values", row
                )

    def texts(self):
        """The rows of both sides, as the servers print them."""
        found = []
        for conn in self.conns:
            names = [
                r[0]
                for r in conn.execute(
                    "select attname from pg_attribute where attrelid = 't'::regclass and attnum > 0"
                )
            ]
            texts = ", ".join(f"{name}::text" for name in names)
            found.append(
                [tuple(row) for row in conn.execute(f"select {texts} from t")]
                if names
                else [() for _ in conn.execute("select from t")]
            )
        return found

    def compare(self, equality):
        with ExitStack() as stack:
            sides = [open_side(stack, label, url) for label, url in zip("ab", self.urls, strict=True)]
            found = compare_tables(
                sides, ["public.t"], mode="checksum", equality=equality, tell=lambda text: None
            )
        return found["public.t"][0]


def agrees(arena, pair, equality):
    types, size, a, b = pair
    arena.fill(types, size, a, b)
    texts = arena.texts()
    changed, only_a, only_b = expected(types, size, *texts, equality)
    result = arena.compare(equality)
    assert (result.verdict == Verdict.EQUAL) == (not changed and not only_a and not only_b)
    assert result.rows == (len(a), len(b))
    assert (result.changed, result.only_in_first, result.only_in_other) == (len(changed), only_a, only_b)
    assert len(result.samples) == len(changed) + min(only_a + only_b, 20 if size else len(result.samples))
    if size:
        assert {tuple(text for _, text in row.key) for row in result.samples if not row.only_in} == changed
        for row in result.samples:
            if row.only_in is None:
                names = {name for name, *_ in row.columns}
                ours, theirs = ({r[:size]: r for r in rows}[tuple(t for _, t in row.key)] for rows in texts)
                value = same if equality == "value" else lambda type_, text: text
                assert names == {
                    f"c{n}" for n, t in enumerate(types) if value(t, ours[n]) != value(t, theirs[n])
                }


def run(examples):
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.fixture(params=[False, True], ids=["small", "as if big"])
def as_if_big(request, monkeypatch):
    """Tables of a few rows take the way of big ones: many buckets."""
    if request.param:
        monkeypatch.setattr(row_pair, "_ROWS_A_BUCKET", 1)


@pytest.fixture
def arena(request):
    first, other = (request.getfixturevalue(f"postgres{major}") for major in request.param)
    with ExitStack() as stack:
        yield Arena(stack, first.fresh_database(), other.fresh_database())


@pytest.mark.parametrize("arena", [(17, 15)], indirect=True, ids=str)
@run(40)
@given(pair=pairs(), equality=st.sampled_from(["value", "text"]))
def test_equal_exactly_when_all_rows_are_and_differences_are_the_same(arena, as_if_big, pair, equality):
    agrees(arena, pair, equality)


@pytest.mark.slow
@pytest.mark.parametrize("arena", [(15, 18), (17, 17), (18, 15)], indirect=True, ids=str)
@run(200)
@given(pair=pairs(), equality=st.sampled_from(["value", "text"]))
def test_many_more_of_them_on_all_versions(arena, as_if_big, pair, equality):
    agrees(arena, pair, equality)
