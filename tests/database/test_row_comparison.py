"""Rows of two real databases: equal exactly when a person would say so, and each difference found."""

from __future__ import annotations

import pytest

from pytest_dbdeploy.compare.row_result import Verdict, describe
from tests.rowsides import compare
from tests.servers import execute

EXTENSIONS = "create extension citext; create extension hstore; create extension ltree;"


@pytest.fixture(scope="session")
def two(postgres17):
    """Makes two databases on 17 with one script each."""

    def make(first, other=None, common=""):
        urls = postgres17.fresh_database(), postgres17.fresh_database()
        for url, script in zip(urls, (first, first if other is None else other), strict=True):
            execute(url, common + script)
        return urls

    return make


def one(urls, **options):
    (result,) = compare(*urls, **options).values()
    return result


# type: (a value, another one that `=` or its text tells from it)
TYPES = {
    "bigint": ("1", "4294967296"),
    "smallint": ("1", "-1"),
    "numeric": ("5", "-5"),
    "numeric(10,2)": ("5", "-5"),
    "numeric(12)": ("10000", "1"),
    "float4": ("1.5", "1.25"),
    "float8": ("0.1", "0.10000000000000002"),
    "money": ("1.00", "-1.00"),
    "text": ("a", "A"),
    "varchar(10)": ("a", "a "),
    "char(5)": ("a", "b"),
    "name": ("a", "b"),
    '"char"': ("a", "b"),
    "bytea": ("\\x00", "\\x0000"),
    "bool": ("t", "f"),
    "date": ("2024-01-01", "2024-01-01 BC"),
    "time": ("00:00:00.000001", "01:11:34.967296"),
    "timetz": ("12:00+00", "13:00+01"),
    "timestamp": ("2000-01-01 00:00:00.000001", "2000-01-01 01:11:34.967296"),
    "timestamptz": ("infinity", "-infinity"),
    "interval": ("1 day", "-1 day"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"),
    "json": ('{"a":1}', '{"a": 1}'),
    "jsonb": ('{"a": 5}', '{"a": -5}'),
    "xml": ("<a/>", "<a></a>"),
    "point": ("(0,0)", "(0,1e-7)"),
    "line": ("{1,2,3}", "{1,2,4}"),
    "lseg": ("[(0,0),(1,1)]", "[(0,0),(1,2)]"),
    "box": ("(2,2),(0,0)", "(4,1),(0,0)"),
    "path": ("[(0,0),(1,1)]", "((0,0),(1,1))"),
    "polygon": ("((0,0),(1,1),(2,0))", "((0,0),(1,1),(3,0))"),
    "circle": ("<(0,0),1>", "<(5,5),1>"),
    "bit(4)": ("0101", "0110"),
    "varbit": ("01", "010"),
    "inet": ("10.0.0.1/8", "10.0.0.1"),
    "cidr": ("10.0.0.0/8", "10.0.0.0/9"),
    "macaddr": ("08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    "macaddr8": ("08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"),
    "tsvector": ("a b", "a c"),
    "tsquery": ("a & b", "a | b"),
    "txid_snapshot": ("10:20:10", "10:20:11"),
    "pg_snapshot": ("10:20:10", "10:20:11"),
    "pg_lsn": ("0/1", "1/0"),
    "xid": ("1", "2"),
    "xid8": ("1", "4294967296"),
    "oid": ("1", "2"),
    "tid": ("(0,1)", "(0,2)"),
    "refcursor": ("a", "b"),
    "jsonpath": ("$.a", "$.b"),
    "regclass": ("pg_class", "pg_type"),
    "int4range": ("[1,5)", "[1,6)"),
    "numrange": ("[1,5)", "[-1,5)"),
    "tstzrange": ("[2024-01-01,2024-01-02)", "[2024-01-01,2024-01-02]"),
    "int8multirange": ("{[1,5)}", "{[1,5),[7,8)}"),
    "int[]": ("{1,2}", "{{1,2}}"),
    "numeric[]": ("{5}", "{-5}"),
    "bigint[]": ("{1}", "{4294967296}"),
    "text[]": ('{a,"b,c"}', "{a,b,c}"),
    "jsonb[]": ('{"1"}', '{"-1"}'),
    "float8[]": ("[0:0]={1}", "{1}"),
    "interval[]": ("{1 day}", "{2 days}"),
    "mood": ("sad", "happy"),
    "mood[]": ("{sad}", "{happy}"),
    "pair": ("(1,5)", "(1,-5)"),
    "pair[]": ('{"(1,5)"}', '{"(2,5)"}'),
    "amount": ("5", "-5"),
    "amounts": ("{5}", "{-5}"),
    "citext": ("a", "b"),
    "hstore": ("a=>1", "a=>NULL"),
    "ltree": ("a.b", "a.c"),
}
OWN_TYPES = EXTENSIONS + (
    "create type mood as enum ('sad', 'happy'); create type pair as (a int, b numeric);"
    "create domain amount as numeric check (value < 100); create domain amounts as numeric[];"
)


def values_of_all_types(place):
    columns = ", ".join(f"c{n} {type_}" for n, type_ in enumerate(TYPES))
    values = ", ".join("'" + pair[place].replace("'", "''") + "'" for pair in TYPES.values())
    return columns, values


def column_of(type_):
    return f"c{list(TYPES).index(type_)}"


def test_each_type_has_equal_digests_on_every_version_whatever_the_settings(
    postgres15, postgres17, postgres18
):
    columns, values = values_of_all_types(0)
    columns = columns.replace(" xml,", " text,")  # which 18 is built without here
    urls = []
    for server, settings in (
        (postgres17, "timezone = 'Asia/Kolkata', datestyle = 'German', lc_monetary = 'C'"),
        (postgres15, "bytea_output = 'escape', intervalstyle = 'iso_8601', extra_float_digits = '-5'"),
        (postgres18, "xmlbinary = 'hex', quote_all_identifiers = 'on', row_security = 'off'"),
    ):
        url = server.fresh_database()
        urls.append(url)
        # Other objects first, so that the oids of the types differ.
        execute(url, f"create type padding{server.major} as enum ('x');" + OWN_TYPES)
        execute(
            url,
            f"create table t (id int primary key, {columns}); insert into t values (1, {values}); insert into t values (2);"
            f"insert into t (id, {column_of('float8')}, {column_of('numeric')}) values (3, 'NaN', 'infinity'), (4, '-infinity', '-0');",
        )
        for setting in settings.split(", "):
            execute(url, f"alter database {url.dbname} set {setting}")
    for equality in ("value", "text"):
        for other in urls[1:]:
            result = one((urls[0], other), equality=equality)
            assert result.verdict == Verdict.EQUAL, describe(result, "values")


@pytest.mark.parametrize("equality", ["value", "text"])
def test_a_changed_value_of_any_type_is_found_and_named(two, equality):
    columns, values = values_of_all_types(0)
    tables = f"create table t (id int primary key, {columns}); insert into t select n, {values} from generate_series(1, 100) n;"
    changes = "".join(
        f"update t set c{n} = '{pair[1]}' where id = {n + 1};" for n, pair in enumerate(TYPES.values())
    )
    result = one(two(tables, tables + changes, common=OWN_TYPES), equality=equality)
    assert (result.verdict, result.changed, result.only_in_first, result.only_in_other) == (
        Verdict.DIFFERENT,
        len(TYPES),
        0,
        0,
    )
    assert [(row.key, [c[0] for c in row.columns]) for row in result.samples] == [
        ((("id", str(n + 1)),), [f"c{n}"]) for n in range(20)
    ]
