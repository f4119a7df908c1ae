"""The hash of a row: another one for each value, also where PostgreSQL's own hash is the same, and the same on every version."""

from __future__ import annotations

import pytest
from psycopg import sql

from pytest_dbdeploy.compare import rendering
from pytest_dbdeploy.compare.relations import Column
from pytest_dbdeploy.compare.rendering import Rules, fields, row_hash
from pytest_dbdeploy.compare.rows import PINNED
from pytest_dbdeploy.db.connect import connect

# Different values, many of which have one hash in PostgreSQL, are errors for some function, or the hash that null may have.
TIMES = [
    "-infinity", "4714-11-24 00:00:00 BC", "1999-12-31 22:48:26.032704", "1999-12-31 23:59:59.999999", "2000-01-01",
    "2000-01-01 00:00:01", "2000-01-01 01:11:34.967296", "2000-01-01 01:11:34.967297", "294276-12-31 23:59:59.999999", "infinity",
]  # fmt: skip
VALUES = {
    "bool": ["t", "f"],
    "int2": ["0", "1", "-1", "32767", "-32768"],
    "int4": ["0", "1", "-1", "2147483647", "-2147483648"],
    "int8": ["0", "1", "-1", "4294967295", "-4294967296", "4294967297", "9223372036854775807", "-9223372036854775808"],
    "oid": ["0", "1", "4294967295"],
    "float4": ["0", "1", "-1", "NaN", "Infinity", "-Infinity"],
    "float8": ["0", "1", "-1", "1e-320", "NaN", "Infinity", "-Infinity"],
    "numeric": ["0", "1", "-1", "10000", "-10000", "0.0001", "NaN", "Infinity", "-Infinity"],
    "numeric(9,1)": ["0", "1", "-1", "10000", "-10000", "NaN"],
    "date": ["-infinity", "4714-11-24 BC", "1999-12-31", "2000-01-01", "5874897-12-31", "infinity"],
    "timestamp": TIMES,
    "timestamptz": [f"{time} UTC" if "inf" not in time and "BC" not in time else time for time in TIMES],
    "time": ["00:00", "00:00:00.000001", "01:11:34.967296", "24:00"],
    "text": ["", "a", "A", "a ", "NULL"],
    "bytea": ["", r"\x00", r"\x0000"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "inet": ["0.0.0.0", "0.0.0.0/0", "::", "1.2.3.4"],
    "jsonb": ["null", "0", "[]", "{}", "[0]", "[[[0]]]", "[[1,2],3]", "[[1],2,3]", "[[1,2,3]]", f"{[0] * 64}", f"{[1] * 64}"],
}  # fmt: skip
# Groups of equal values, none of which is equal to one of another group.
WRITTEN = {
    "numeric": [["1", "1.0", "1.00"], ["0", "-0", "0.0"], ["10000", "1e4"], ["NaN"], ["Infinity"]],
    "jsonb": [
        ["1", "1.0", "1.00"], ["100", "1e2", "100.0"], ["1.05", "1.050"], ["1.5", "1.50"], ["0", "0.0", "-0"],
        ['"1.0"'], ['"1.00"'], ['{"a": 1.5, "b": "1.50, 2.0"}', '{"b": "1.50, 2.0", "a": 1.50}'], ['{"a": 1.5, "b": "1.5, 2.0"}'],
        [r'["\\", 1.0, "\"1.0"]', r'["\\", 1, "\"1.0"]'], [r'["\\", 1, "\"1.00"]'],
        [f"{[1] * 64}", f"{[1.0] * 64}"], [f"{[10] * 64}"], [f"{[10000] * 64}"],
    ],
    "jsonb[]": [["{1,2.0}", "{1.0,2}"], ["{10,2}"], ["[0:1]={1,2}"], ["{\"[1, 1]\"}"], ["{\"[10, 10]\"}"]],
    "numeric[]": [["{1,-1}", "{1.0,-1.00}"], ["{10000,-1}"], ["{-1,1}"], ["{{1,-1}}"], ["{NULL}"], ["{0}"], ["{}"]],
    "interval": [["1 day", "24:00:00"], ["30 days", "1 mon", "720:00:00"], ["-1 day"]],
}  # fmt: skip
RULES = Rules(by_value=True, one_encoding=True, one_locale=True)


def column(type_, name="v"):
    base, _, precision = type_.partition("(")
    plain = base.removesuffix("[]")
    return Column(name, type_, 1 if precision else -1, plain != base, frozenset((plain,)))


def hashes(conn, type_, values, copies=1, *, exact=False):
    """The hash of each row that has a value in ``copies`` columns, and of one of nulls."""
    found = fields(column(type_), column(type_), RULES)
    rows = sql.SQL(", ").join(sql.SQL("({})").format(sql.Literal(value)) for value in [*values, None])
    statement = sql.SQL("select {} from (select v::{} from (values {}) found (v)) t")
    hashed = row_hash([*(found.exact if exact else found.strict)] * copies)
    return [row[0] for row in conn.execute(statement.format(hashed, sql.SQL(type_), rows), [])]


@pytest.fixture
def connections(postgres15, postgres17, postgres18):
    found = [
        connect(s.fresh_database(), purpose="test", autocommit=False)
        for s in (postgres15, postgres17, postgres18)
    ]
    for conn in found:
        conn.execute(PINNED)
    yield found
    for conn in found:
        conn.close()


def test_each_value_has_a_hash_of_its_own_on_every_version(connections):
    for type_, values in VALUES.items():
        for copies in (1, 2):
            first, *others = (hashes(conn, type_, values, copies) for conn in connections)
            assert len(set(first)) == len(values) + 1, type_
            assert others == [first, first], type_


def test_equal_values_have_one_exact_hash_however_they_are_written_and_others_another(connections):
    for type_, groups in WRITTEN.items():
        texts = [text for group in groups for text in group]
        for copies in (1, 2):
            first, *others = (hashes(conn, type_, texts, copies, exact=True) for conn in connections)
            of_text = dict(zip(texts, first, strict=False))
            assert [len({of_text[text] for text in group}) for group in groups] == [1] * len(groups), type_
            assert len(set(first)) == len(groups) + 1, type_
            assert others == [first, first], type_


def test_values_that_trade_places_within_a_row_change_its_hash(connections):
    conn = connections[0]
    for type_, (first, second, *_) in VALUES.items():
        columns = [column(type_, name) for name in ("a", "b")]
        hashed = row_hash([field for one in columns for field in fields(one, one, RULES).strict])
        statement = sql.SQL(
            "select {h} from (values ({one}::{t}, {two}::{t}), ({two}::{t}, {one}::{t}), ({one}::{t}, null), (null, {one}::{t})) t (a, b)"
        ).format(h=hashed, one=sql.Literal(first), two=sql.Literal(second), t=sql.SQL(type_))
        assert len({row[0] for row in conn.execute(statement, [])}) == 4, type_


def test_no_two_columns_have_the_same_seed():
    drawn = [
        rendering._drawn(role, place)
        for role in ("seed", "other", "null", "record")
        for place in range(2 * 1600)
    ]
    assert len(set(drawn)) == len(drawn)
    assert all(1 << 62 <= number < 1 << 63 for number in drawn)
    small = {number >> 32 for number in drawn[: 2 * 1600]}  # the part that stands for a bigint's column
    assert len(small) == 2 * 1600
