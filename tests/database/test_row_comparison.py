"""Rows of two real databases: equal exactly when a person would say so, and each difference found."""

from __future__ import annotations

import pytest

from pytest_dbdeploy.compare import row_pair
from pytest_dbdeploy.compare.row_result import Verdict, describe
from tests.rowsides import compare
from tests.servers import execute

EXTENSIONS = "".join(
    f"create extension {name};" for name in ("citext", "hstore", "ltree", "cube", "seg", "isn", "btree_gist")
)


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
    "interval": ("00:00:00.000001", "01:11:34.967296"),
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
    "cube": ("(1,2),(3,4)", "(1,2),(3,5)"),
    "seg": ("1.0 .. 2", "1.0 .. 2.0"),
    "isbn13": ("978-0-393-04002-9", "978-0-11-000533-1"),
    "document": ('{"a":1}', '{"a": 1}'),
    "documents": ('{"{\\"a\\":1}"}', '{"{\\"a\\": 1}"}'),
    "labelled": ('(1,"{\\"a\\":1}")', '(1,"{\\"a\\": 1}")'),
    "labelled[]": ('{"(1,{})"}', '{"(1,[])"}'),
    "nested": ('("(1,5)",{sad},"[1,2)")', '("(1,5)",{sad},"[1,2]")'),
    "json[]": ("{1}", "{2}"),
    "point[]": ('{"(0,0)"}', '{"(0,1e-7)"}'),
    "span": ("[1,2)", "[1,2]"),
    "spans": ("{[1,2)}", "{[1,2]}"),
    "moods": ("[sad,happy)", "[sad,happy]"),
    "citext[]": ("{a}", "{b}"),
    "hstore[]": ('{"a=>1"}', '{"a=>2"}'),
    "money[]": ("{1}", "{2}"),
    "bit(2)[]": ("{01}", "{10}"),
    "timetz[]": ("{12:00+00}", "{13:00+01}"),
    "inet[]": ("{10.0.0.1/8}", "{10.0.0.1}"),
    "tsvector[]": ("{a}", "{b}"),
}
OWN_TYPES = EXTENSIONS + (
    "create type mood as enum ('sad', 'happy'); create type pair as (a int, b numeric);"
    "create domain amount as numeric check (value < 100); create domain amounts as numeric[];"
    "create domain document as json; create domain documents as json[]; create type labelled as (a int, b json);"
    "create type span as range (subtype = float8, multirange_type_name = spans); create type moods as range (subtype = mood);"
    "create type nested as (a pair, b mood[], c span);"
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


ZEROS = {
    "float4": "0", "float8": "0", "numeric": "NaN", "numeric(5,1)": "0", "int": "0", "bigint": "0", "bool": "f", "text": "",
    "bytea": "", "interval": "0", "date": "2000-01-01", "time": "0:00", "inet": "0.0.0.0", "jsonb": "0", "float8[]": "{0}",
    "numeric[]": "{0}", "numrange": "empty", "uuid": "00000000-0000-0000-0000-000000000000", "mood": "sad",
}  # fmt: skip


@pytest.mark.parametrize("equality", ["value", "text"])
def test_a_value_whose_hash_is_nothing_is_not_null(two, equality):
    """hashfloat8(0), as one, is 0: the hash that PostgreSQL takes for null."""
    columns = ", ".join(f"c{n} {type_}" for n, type_ in enumerate(ZEROS))
    values = ", ".join(f"'{value}'" for value in ZEROS.values())
    tables = f"create table t (id int primary key, {columns}); insert into t select n, {values} from generate_series(0, 99) n;"
    changes = "".join(f"update t set c{n} = null where id = {n};" for n in range(len(ZEROS)))
    result = one(two(tables, tables + changes, common=OWN_TYPES), equality=equality)
    assert [(row.key, [c[0] for c in row.columns]) for row in result.samples] == [
        ((("id", str(n)),), [f"c{n}"]) for n in range(len(ZEROS))
    ]


@pytest.mark.parametrize("type_", ["float8[]", "numeric[]"])
def test_a_zero_in_an_array_is_not_null(two, type_):
    table = "create table t (id int primary key, v {}); insert into t values (1, '{}')"
    assert one(two(table.format(type_, "{0}"), table.format(type_, "{NULL}"))).verdict == Verdict.DIFFERENT


# -- what is equal, and what is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "other_type", "value", "other"),
    [
        ("numeric", "numeric", "1.0", "1.00"),
        ("numeric(9,1)", "numeric(9,2)", "1.0", "1.00"),
        ("float8", "float8", "0", "-0"),
        ("jsonb", "jsonb", '{"a": [1.0]}', '{"a": [1]}'),
        ("interval", "interval", "1 day", "24:00:00"),
        ("interval", "interval", "1 year -0.1 seconds", "359 days 23:59:59.9"),
        ("citext", "citext", "a", "A"),
        ("numrange[]", "numrange[]", '{"[1.0,3]"}', '{"[1,3]"}'),
        ("numeric[]", "numeric[]", "{1.0}", "{1}"),
        ("pair", "pair", "(1,5.0)", "(1,5)"),
        ("amount", "amount", "5", "5.00"),
    ],
)
def test_equal_values_written_in_two_ways_differ_only_as_text(two, type_, other_type, value, other):
    urls = two(
        f"create table t (id int primary key, v {type_}); insert into t values (1, '{value}');",
        f"create table t (id int primary key, v {other_type}); insert into t values (1, '{other}');",
        OWN_TYPES,
    )
    assert one(urls).verdict == Verdict.EQUAL
    strict = one(urls, equality="text")
    assert (strict.verdict, strict.changed) == (Verdict.DIFFERENT, 1)


def test_a_collation_that_knows_no_case_decides_what_is_equal(postgres15, postgres17):
    collation = "create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
    urls = [postgres15.fresh_database() for _ in range(2)]
    for url, value in zip(urls, ("a", "A"), strict=True):
        execute(
            url,
            collation
            + f"create table t (id text collate blind primary key, v text collate blind); insert into t values ('k{value}', '{value}')",
        )
    assert one(urls).verdict == Verdict.EQUAL
    assert one(urls, equality="text").verdict == Verdict.DIFFERENT
    other = postgres17.fresh_database()
    execute(other, "create table t (id text primary key, v text); insert into t values ('ka', 'a')")
    assert one((urls[0], other)).verdict == Verdict.EQUAL
    assert one((urls[1], other)).verdict == Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("type_", "other"),
    [
        ("int", "bigint"),
        ("int", "numeric"),
        ("smallint", "float8"),
        ("bigint", "text"),
        ("text", "varchar(9)"),
        ("char(3)", "text"),
        ("float4", "float8"),
        ("money", "text"),
        ("mood", "text"),
        ("json", "jsonb"),
    ],
)
def test_a_value_is_the_same_in_another_type(two, type_, other):
    value = {"mood": "sad", "money": "$1.00", "json": '{"a":1}'}.get(type_, "1")
    urls = two(
        *(f"create table t (v {t}); insert into t values ('{value}'), (null);" for t in (type_, other)),
        OWN_TYPES,
    )
    assert one(urls).verdict == Verdict.EQUAL
    changed = {"mood": "happy", "json": "{}"}.get(type_, "2")
    execute(urls[1], f"update t set v = '{changed}' where v is not null")
    assert one(urls).verdict == Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (
            "create table t (a int, b text); insert into t values (1, 'x')",
            "create table t (b text, a int); insert into t values ('x', 1)",
        ),
        ("create table t (); insert into t default values", None),
        ("create table t (a int)", None),
        (
            "create table t (a int, b text) partition by list (a); create table t1 partition of t for values in (1);"
            "create table t2 partition of t default; insert into t values (1, 'x'), (2, 'y')",
            "create table t (a int, b text); insert into t values (2, 'y'), (1, 'x')",
        ),
        (
            "create table t (a int, b int generated always as (a * 2) stored); insert into t values (1)",
            "create table t (a int, b int); insert into t values (1, 2)",
        ),
        ("create materialized view t as select 1 as a", "create table t (a int); insert into t values (1)"),
        (
            f"create table t ({', '.join(f'c{n} int' for n in range(1600))}); insert into t (c0, c1599) values (1, 2)",
            None,
        ),
        (
            "create table t (id int primary key, b text); insert into t values (1, repeat('x', 10000000))",
            None,
        ),
    ],
    ids=[
        "order of columns",
        "no columns",
        "empty",
        "partitioned",
        "generated",
        "materialized view",
        "1600 columns",
        "10 MB",
    ],
)
def test_the_same_rows_are_equal_however_they_are_stored(two, first, other):
    urls = two(first, other)
    for equality in ("value", "text"):
        (result,) = compare(*urls, "public.t", equality=equality).values()
        assert result.verdict == Verdict.EQUAL, describe(result, "values")


def test_a_change_in_the_last_of_1600_columns_and_at_the_end_of_10_megabytes_is_found(two):
    table = f"create table t ({', '.join(f'c{n} int' for n in range(1600))}); insert into t (c0, c1599) values (1, 2);"
    result = one(two(table, table + "update t set c1599 = 3"))
    assert (result.verdict, result.only_in_first, result.only_in_other) == (Verdict.DIFFERENT, 1, 1)
    table = "create table t (id int primary key, b text); insert into t values (1, repeat('x', 10000000));"
    result = one(two(table, table + "update t set b = b || 'y'"))
    assert result.changed == 1
    assert len(describe(result, "values")) < 500


def test_values_that_trade_places_and_rows_that_are_there_twice_are_found(two):
    rows = "create table t (a int, b text, c bool); insert into t values (1, 'x', true), (2, 'y', false), (3, 'z', true), (3, 'z', true);"
    swapped = one(two(rows, rows + "update t set c = not c where a < 3"))
    assert (swapped.only_in_first, swapped.only_in_other) == (2, 2)
    twice = one(two(rows, rows + "insert into t values (4, 'w', true), (4, 'w', true)"))
    assert (twice.only_in_first, twice.only_in_other) == (0, 2)
    pair = one(two(rows, rows + "delete from t where a = 3"))
    assert (pair.only_in_first, pair.only_in_other) == (2, 0)


def test_the_rows_of_an_inheriting_table_are_its_own(two):
    tables = "create table t (a int); create table heir () inherits (t); insert into t values (1); insert into heir values (2);"
    found = compare(*two(tables, tables + "update heir set a = 3"))
    assert (found["public.t"].verdict, found["public.heir"].verdict) == (Verdict.EQUAL, Verdict.DIFFERENT)
    moved = compare(*two(tables, tables + "delete from heir; insert into t values (2)"))
    assert {result.verdict for result in moved.values()} == {Verdict.DIFFERENT}


def test_columns_on_one_side_are_named_and_the_others_compared(two):
    result = one(
        two(
            "create table t (id int primary key, a int, b int); insert into t values (1, 1, 1)",
            "create table t (id int primary key, a int); insert into t values (1, 1)",
        )
    )
    assert result.verdict == Verdict.DIFFERENT
    assert describe(result, "keys") == (
        "public.t: the columns are not the same\n  only a has the columns b; the others were compared"
    )


def test_a_table_on_one_side_and_one_that_is_elsewhere_are_named(two):
    foreign = (
        "create extension postgres_fdw; create server s foreign data wrapper postgres_fdw;"
        "create foreign table f (a int) server s; create materialized view m as select 1 as a with no data;"
    )
    found = compare(*two(foreign + "create table t (a int)", foreign))
    assert found["public.t"].verdict == Verdict.DIFFERENT
    assert describe(found["public.t"], "keys") == "public.t: is only in a"
    assert found["public.f"].verdict == found["public.m"].verdict == Verdict.SKIPPED
    assert "foreign table in a" in found["public.f"].reason


def test_awkward_names_are_only_names(two):
    script = 'create schema "A.b"; create table "A.b"."t %s; drop ""x""" ("i %d" int primary key, "Ü\n{}" text); insert into "A.b"."t %s; drop ""x""" values (1, \'a\'), (2, \'b\');'
    result = one(two(script, script + 'update "A.b"."t %s; drop ""x""" set "Ü\n{}" = \'z\' where "i %d" = 2'))
    assert result.table == '"A.b"."t %s; drop ""x"""'
    assert "i %d='2': Ü\\n{} is 'b' in a, 'z' in b" in describe(result, "values")


# -- which rows differ -----------------------------------------------------------------------------------------------

KEYS = {
    "integer": ("id int primary key", "{0}"),
    "bigint far apart": ("id bigint primary key", "{0} * 1000000000000"),
    "uuid": ("id uuid primary key", "md5({0}::text)::uuid"),
    "text": ("id text primary key", "'key ' || {0}"),
    "numeric": ("id numeric primary key", "{0} / 4.0"),
    "composite": ("id int, id2 text, primary key (id, id2)", "{0}, 'x' || {0}"),
    "unique index": ("id int not null unique", "{0}"),
}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("number", [300, 30000])
def test_differing_rows_are_found_by_any_key(two, key, number):
    definition, value = KEYS[key]
    rows = (
        f"create table t ({definition}, v text, w int);"
        f"insert into t select {value.format('n')}, 'v' || n, n from generate_series(1, {number}) n;"
    )
    changes = "update t set w = -1 where w % 7 = 0 and w < 200; delete from t where w = 250; update t set w = 0 where w = 251;"
    result = one(two(rows, rows + changes))
    assert (result.rows, result.changed, result.only_in_first, result.only_in_other) == (
        (number, number - 1),
        29,
        1,
        0,
    )
    assert result.complete
    assert len(result.samples) == 20
    assert {tuple(c[0] for c in row.columns) for row in result.samples if row.only_in is None} == {("w",)}
    if key in ("integer", "numeric", "bigint far apart", "unique index"):
        assert [row.columns[0][1] for row in result.samples] == [str(7 * n) for n in range(1, 21)]


# types of the key on both sides, or on each: keys of four rows
ODD_KEYS = {
    "float8": "'-0' | 'NaN' | 'infinity' | '1e-300'",
    "numeric": "1.0 | 'NaN' | -1 | 1e40",
    "timestamptz": "'infinity' | '-infinity' | '2024-01-01' | '4000-01-01 BC'",
    "date": "'infinity' | '-infinity' | '2024-01-01' | '4000-01-01 BC'",
    "interval": "'1 day' | '25:00' | '-1 mon' | '1 year'",
    "bytea": "'' | '\\x00' | '\\x0000' | '\\xff'",
    "bool, int": "true, 1 | true, 2 | false, 1 | false, 2",
    "mood": "'sad' | 'happy' | 'odd' | 'even'",
    "amount": "1 | 2.50 | 3 | -4",
    "pair": "'(1,2)' | '(1,3)' | '(2,1)' | '(,1)'",
    "int[]": "'{}' | '{1}' | '{1,2}' | '{NULL}'",
    "jsonb": "'1' | '\"1\"' | 'null' | '[1]'",
    "int4range": "'empty' | '[1,2)' | '(,)' | '[1,3)'",
    "citext": "'a' | 'b' | '' | ' '",
    'text collate "C"': "'a' | 'A' | '' | ' '",
    "char(4)": "'a' | 'A' | '' | 'abcd'",
    "inet": "'10.0.0.1/8' | '10.0.0.1' | '::1' | '10.0.0.2'",
    "ltree": "'a' | 'a.b' | 'b' | 'c'",
    "isbn13": "'978-0-393-04002-9' | '978-0-11-000533-1' | '9780306406157' | '9781861972712'",
    "int / bigint": "1 | 2 | 3 | -4",
    "int / numeric": "1 | 2 | 3 | -4",
    "bigint / text": "1 | 2 | 3 | -4",
    "text / varchar(9)": "'a' | 'A' | '' | ' '",
    "uuid / text": "'00000000-0000-0000-0000-000000000000' | 'ffffffff-0000-0000-0000-000000000000'"
    " | '00000000-0000-0000-0000-000000000001' | '10000000-0000-0000-0000-000000000000'",
}


@pytest.mark.parametrize("rows_a_bucket", [32, 1])
@pytest.mark.parametrize("unique", ["primary key", "unique"])
def test_differing_rows_are_found_by_a_key_of_any_type(two, monkeypatch, unique, rows_a_bucket):
    monkeypatch.setattr(row_pair, "_ROWS_A_BUCKET", rows_a_bucket)

    def table(name, types, keys):
        columns = ", ".join(f"k{n} {t} not null" for n, t in enumerate(types.split(", ")))
        key = ", ".join(f"k{n}" for n in range(types.count(", ") + 1))
        rows = "".join(f"insert into {name} values ({values}, 'same');" for values in keys)
        return f"create table {name} ({columns}, v text, {unique} ({key}));{rows}"

    first = other = ""
    for number, (types, keys) in enumerate(ODD_KEYS.items()):
        one_type, _, other_type = types.partition(" / ")
        a, b, c, d = keys.split(" | ")
        first += table(f"t{number}", one_type, (a, b, c))
        other += table(f"t{number}", other_type or one_type, (d, b, a))
        other += f"update t{number} set v = 'changed' where ctid = '(0,3)';"
    own = OWN_TYPES.replace("'happy')", "'happy', 'odd', 'even')", 1)
    found = compare(*two(first, other, common=own))
    numbers = [(r.changed, r.only_in_first, r.only_in_other) for r in found.values()]
    assert dict(zip(sorted(found), numbers, strict=True)) == dict.fromkeys(found, (1, 1, 1))


@pytest.mark.parametrize("type_", ["int", "text"])
def test_a_key_that_may_hold_nulls_after_all_is_none(postgres18, type_):
    urls = [postgres18.fresh_database() for _ in range(2)]
    for url, value in zip(urls, ("1", "2"), strict=True):
        execute(
            url,
            f"create table t (id {type_} unique, v jsonb); insert into t values (null, '{value}'), (null, '1'), (1, '1');"
            "alter table t add constraint later not null id not valid",
        )
    result = one(urls)
    assert (result.verdict, result.rows) == (Verdict.DIFFERENT, (3, 3))
    assert (result.changed, result.only_in_first, result.only_in_other) == (0, 1, 1)


def test_a_key_far_from_the_others_does_not_bring_all_rows_here(two, monkeypatch):
    monkeypatch.setattr(row_pair, "_UNEVEN", 100)
    rows = (
        "create table t (id bigint primary key, v int);"
        "insert into t select n, n from generate_series(1, 3000) n; insert into t values (9223372036854775807, 0), (-9223372036854775808, 0);"
    )
    result = one(two(rows, rows + "update t set v = -1 where id in (1, 2999, 9223372036854775807)"))
    assert (result.changed, result.only_in_first, result.only_in_other) == (3, 0, 0)
    assert [dict(row.key)["id"] for row in result.samples] == ["1", "2999", "9223372036854775807"]


def test_more_differences_than_can_be_told_apart_are_a_minimum(two, monkeypatch):
    monkeypatch.setattr(row_pair, "_MOST_ROWS", 50)
    rows = "create table t (id int primary key, v int); insert into t select n, n from generate_series(1, 3000) n;"
    result = one(two(rows, rows + "update t set v = -v"))
    assert (result.verdict, result.changed, result.complete) == (Verdict.DIFFERENT, 50, False)
    assert [dict(row.key)["id"] for row in result.samples] == [str(n) for n in range(1, 21)]
    assert "at least 50 rows changed; columns: v\n  the first 20:" in describe(result, "keys")


@pytest.mark.parametrize("key", ["int primary key", "text primary key", "int"])
def test_a_change_is_found_among_many_values_that_are_only_written_in_another_way(two, monkeypatch, key):
    monkeypatch.setattr(row_pair, "_MOST_ROWS", 100)
    rows = f"create table t (id {key}, v jsonb); insert into t select n, '1' from generate_series(1, 3000) n;"
    other = rows + "update t set v = '1.0';"
    assert one(two(rows, other)).verdict == Verdict.EQUAL
    result = one(two(rows, other + "update t set v = '1.1' where id::text = '7'"))
    assert result.changed + result.only_in_other == 1
    assert result.complete


def test_a_virtual_column_is_equal_to_a_stored_one(postgres17, postgres18):
    urls = postgres17.fresh_database(), postgres18.fresh_database()
    for url, how in zip(urls, ("stored", "virtual"), strict=True):
        execute(
            url,
            f"create table t (a int, b int generated always as (a * 2) {how}); insert into t values (1), (2)",
        )
    assert one(urls).verdict == Verdict.EQUAL
    execute(urls[1], "update t set a = 3 where a = 2")
    assert one(urls).verdict == Verdict.DIFFERENT


def test_without_a_key_the_rows_of_each_side_are_counted(two):
    rows = "create table t (a int, b text); insert into t select n % 1000, 'x' || n % 10 from generate_series(1, 30000) n;"
    result = one(two(rows, rows + "insert into t values (-1, 'new'), (-1, 'new'); delete from t where a = 5"))
    assert (result.changed, result.only_in_first, result.only_in_other) == (0, 30, 2)
    text = describe(result, "values")
    assert "30 rows only in a, 2 rows only in b" in text
    assert "a row: only in b: a='-1', b='new'" in text


def test_samples_show_keys_or_values_or_nothing(two):
    rows = "create table t (id int primary key, secret text); insert into t values (1, 'one'), (2, 'two');"
    result = one(
        two(
            rows,
            rows
            + "update t set secret = E'\\x1b[31m' || repeat('long', 50) where id = 2; insert into t values (3, 'three')",
        )
    )
    none, keys, values = (describe(result, samples) for samples in ("none", "keys", "values"))
    head = "public.t: 2 rows in a, 3 in b\n  1 row only in b, 1 row changed; columns: secret"
    assert none == head
    assert keys == head + "\n    id='2': secret\n    id='3': only in b"
    assert "secret is 'two' in a, '\\x1b[31mlong" in values
    assert "…'" in values
    assert "\x1b" not in values
    assert "id='3': only in b: id='3', secret='three'" in values


def test_in_the_text_of_an_ascii_database_anything_may_be(postgres17):
    urls = [postgres17.fresh_database() for _ in range(2)]
    for number, url in enumerate(urls):
        name = f"{url.dbname}_ascii"
        execute(
            postgres17.url,
            f"create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
        )
        urls[number] = url.with_dbname(name)
        execute(
            urls[number],
            f"create table t (id int primary key, v text); insert into t values (1, E'\\xff{number}')",
        )
    assert "v is '�0' in a, '�1' in b" in describe(one(urls), "values")


def test_databases_in_two_encodings_hold_the_same_text(postgres17):
    latin, utf8 = postgres17.fresh_database(), postgres17.fresh_database()
    execute(
        postgres17.url,
        f"create database {latin.dbname}_l encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0",
    )
    urls = latin.with_dbname(f"{latin.dbname}_l"), utf8
    for url in urls:
        execute(
            url,
            "create table t (id text primary key, j jsonb, a text[]); insert into t values ('é', '{\"ü\": \"é\"}', '{ä}')",
        )
    assert one(urls).verdict == Verdict.EQUAL
    execute(utf8, "update t set a = '{ö}'")
    assert one(urls).changed == 1


# -- what could not be compared --------------------------------------------------------------------------------------


def test_tables_that_may_not_be_read_in_full_are_not_compared_and_the_others_are(server):
    url, role = server.fresh_database(), server.role()
    execute(
        url,
        "create table open (a int); create table closed (a int); create table hidden (a int); insert into hidden values (1);"
        f"alter table hidden enable row level security; grant select on open, hidden to {role.user}; create schema private; create table private.t (a int)",
    )
    found = compare(url, role.with_dbname(url.dbname))
    assert found["public.open"].verdict == Verdict.EQUAL
    for name, why in (
        ("public.closed", "permission denied"),
        ("public.hidden", "row-level security"),
        ("private.t", "permission denied"),
    ):
        assert found[name].verdict == Verdict.NOT_COMPARED
        assert why in found[name].reason
        assert "BYPASSRLS" in found[name].reason


def test_a_table_that_is_gone_is_not_compared(two):
    urls = two("create table t (a int)")
    (result,) = compare(*urls, "public.gone").values()
    assert result.verdict == Verdict.NOT_COMPARED


def test_counting_alone_sees_numbers_only(two):
    rows = "create table t (id int primary key, v int); insert into t values (1, 1), (2, 2);"
    assert one(two(rows, rows + "update t set v = 3"), mode="count").verdict == Verdict.EQUAL
    result = one(two(rows, rows + "insert into t values (3, 3)"), mode="count")
    assert describe(result, "keys") == "public.t: 2 rows in a, 3 in b"
    result = one(two(rows, rows + "alter table t add w int; delete from t"), mode="count")
    assert describe(result, "keys") == "public.t: 2 rows in a, 0 in b", "columns play no part"


def test_small_tables_are_read_together_and_each_difference_is_still_found(two):
    tables = "".join(
        f"create table t{n} (id int primary key, v text); insert into t{n} select g, 'x' from generate_series(1, {n}) g;"
        for n in range(120)
    )
    urls = two(
        tables, tables + "update t7 set v = 'y' where id = 3; delete from t100 where id = 5; drop table t90"
    )
    for mode, expected in (
        ("checksum", {"public.t7", "public.t90", "public.t100"}),
        ("count", {"public.t90", "public.t100"}),
    ):
        found = compare(*urls, mode=mode)
        assert {name for name, result in found.items() if result.verdict != Verdict.EQUAL} == expected
        assert [found[f"public.t{n}"].rows for n in (0, 1, 119)] == [(0, 0), (1, 1), (119, 119)]
