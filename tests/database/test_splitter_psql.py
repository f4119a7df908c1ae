"""The splitter against its oracle: real psql, every version that is here."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pytest_dbdeploy.db.splitter import scan
from pytest_dbdeploy.db.tools import find_installations
from tests.database.psql_recorder import Recorder, blank_length
from tests.servers import missing

CASES = json.loads((Path(__file__).parents[1] / "cases/splitting.json").read_text())
PSQLS = {tools.major: tools.path("psql") for tools in find_installations() if tools.has("psql")}

# Pieces that change what the ones after them mean. Numbers end in a space: what may be glued to them changed in 16.
SPECIAL = [
    "'",
    "''",
    '"',
    '""',
    "$$",
    "$a$",
    "$é$",
    "$",
    "E'",
    "e'",
    "U&'",
    'U&"',
    "N'",
    "B'",
    "\\",
    "\\'",
    "\\\\",
]
BETWEEN = [
    ";",
    ";",
    ";",
    "--",
    "/*",
    "*/",
    "(",
    ")",
    "[",
    "]",
    ",",
    ":",
    "::",
    ":a",
    ":=",
    "-",
    "+",
    "*",
    "/",
]
BLANKS = [" ", " ", "\n", "\n\n", "\r\n", "\t"]
WORDS = [
    "select",
    "é",
    "a",
    "b$c",
    "_",
    "1 ",
    "$1 ",
    "begin",
    "end",
    "case",
    "create",
    "function",
    "or",
    "replace",
    "copy",
]
PHRASES = [
    "create or replace function f() ",
    "create procedure p() begin atomic ",
    "create rule r ",
    "begin atomic ",
]
SOUP = st.lists(st.sampled_from([*SPECIAL, *BETWEEN, *BLANKS, *WORDS, *PHRASES]), max_size=40).map("".join)

WHOLE = st.sampled_from(
    [
        "select 1;",
        "select ';', \"a;b\", E'\\';', $x$;$x$ -- ;\n;",
        "create function f() returns int language sql begin atomic select case when true then 1 end; select 2; end;",
        "create rule r as on insert to t do also (delete from t; delete from u);",
        "do $é$ begin perform ';'; end $é$;",
        "/* ; /* ; */ ; */",
        "copy t from stdin;\n1;2\n'\n$$\n\\.\n",
        "copy t (a, b) from stdin with (format csv); select 'same line';\n1;2\n\\.\n",
        "\\echo hello; there\n",
        "\\set x 'a;b' \\\\ select 2;\n",
        "\\set ON_ERROR_STOP on\n",
        "select 3 \\g\n",
        "select 4\n\\echo in between\n+ 4;",
        "begin; commit;",
        "insert into t values ('a\nb;', 'c');",
    ]
)
BREAKS = st.sampled_from(["", " ", "\n", "\r\n", "\n\n"])
TAILS = st.sampled_from(
    ["", "select 5", "select 5 -- no semicolon\n", "select ';", "/* ;", "select $a$;$b$", "( ;"]
)
SCRIPTS = st.builds(
    lambda parts, tail: "".join(text + end for text, end in parts) + tail,
    st.lists(st.tuples(WHOLE, BREAKS), max_size=8),
    TAILS,
)


@pytest.fixture(scope="module", params=sorted(PSQLS) or [None], ids=lambda major: f"psql{major}")
def psql(request, tmp_path_factory):
    """Runs a script with one version of psql: the statements that it sends, comments around them left out."""
    if request.param is None:
        missing("psql is not installed")
    file = tmp_path_factory.mktemp("psql") / "script.sql"
    with Recorder(PSQLS[request.param]) as recorder:

        def run(script: str) -> list[str]:
            file.write_bytes(script.encode())
            return [text for message in recorder.messages(file) if (text := essential(message))]

        yield run


def essential(message: str) -> str:
    """A message without blanks and comments before it; empty when it is nothing but a semicolon."""
    text = squeeze(message)
    text = text[blank_length(text) :]
    return "" if text == ";" else text


def squeeze(text: str) -> str:
    """psql leaves out empty lines."""
    return re.sub(r"\n+", "\n", text)


def assert_agrees(psql, script: str) -> None:
    ours = [squeeze(statement.sql) for statement in scan(script).statements]
    theirs = psql(script)
    assert len(ours) == len(theirs), (ours, theirs)
    for own, sent in zip(ours, theirs, strict=True):
        own = own.removesuffix("\n")  # the last line end of a file is not part of an open quote
        assert sent.startswith(own)
        rest = sent[len(own) :]
        rest = rest[blank_length(rest) :].removeprefix(";")
        assert blank_length(rest) == len(rest)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["mode"] == "psql" and "\\if" not in c["sql"]], ids=lambda c: c["id"]
)
def test_psql_sends_the_statements_of_a_case(psql, case):
    assert_agrees(psql, case["sql"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(script=SOUP)
def test_any_soup_of_quotes_and_comments_is_split_as_psql_splits_it(psql, script):
    # A command's effect is the other test's; what \\; joins is one message for psql, and two statements here.
    assume(not scan(script).meta and "\\;" not in script)
    assert_agrees(psql, script)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(script=SCRIPTS)
def test_scripts_with_commands_and_copy_data_are_split_as_psql_splits_them(psql, script):
    assert_agrees(psql, script)


@settings(max_examples=100)
@given(script=SOUP | SCRIPTS)
def test_a_statement_stands_where_its_place_says(script):
    found = scan(script)
    lines = script.split("\n")
    for statement in found.statements:
        assert lines[statement.line - 1][statement.column - 1] == statement.sql[0]
