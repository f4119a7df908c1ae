"""Database URLs: read as libpq reads them, never printed with the password."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from pytest_dbdeploy.db.url import DatabaseUrl, is_embedded
from pytest_dbdeploy.errors import ConfigError
from pytest_dbdeploy.secret import Secret


@pytest.fixture(autouse=True)
def no_pg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)


def parse(text: str) -> DatabaseUrl:
    return DatabaseUrl.parse(text, name="DEV_POSTGRES_URL")


def test_all_parts_are_read() -> None:
    url = parse("postgresql://app:s%40cret-1@db.example.org:6543/shop?sslmode=verify-full&application_name=x")
    assert (url.host, url.port, url.user, url.dbname) == ("db.example.org", 6543, "app", "shop")
    assert url.password.reveal() == "s@cret-1"
    assert url.params == {"sslmode": "verify-full", "application_name": "x"}
    assert url.label == "db.example.org:6543/shop"
    assert url.notes == ()


def test_postgres_is_a_scheme_too() -> None:
    assert parse("postgres://u@h/d").host == "h"


def test_what_is_left_open_comes_from_the_variables_of_libpq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGUSER", "ann")
    monkeypatch.setenv("PGPORT", "5999")
    monkeypatch.setenv("PGPASSWORD", "from-variable")
    url = parse("postgresql://h")
    assert (url.user, url.port, url.dbname) == ("ann", 5999, "ann")
    assert url.password.reveal() == "from-variable"


def test_parameters_of_other_drivers_are_dropped_with_a_note() -> None:
    url = parse("postgres://u:pw-secret@h/d?pgbouncer=true&connection_limit=1&schema=public&sslmode=require")
    assert url.params == {"sslmode": "require"}
    assert [note.split()[2] for note in url.notes] == ["pgbouncer", "connection_limit", "schema"]
    assert all("DEV_POSTGRES_URL" in note for note in url.notes)


@pytest.mark.parametrize(
    ("query", "sslmode"),
    [("ssl=true", "require"), ("sslmode=no-verify", "require"), ("ssl=true&sslmode=verify-ca", "verify-ca")],
)
def test_other_drivers_words_for_tls_are_understood(query: str, sslmode: str) -> None:
    assert parse(f"postgres://u@h/d?{query}").params == {"sslmode": sslmode}


def test_place_may_be_given_by_parameters() -> None:
    url = parse("postgresql:///shop?host=/var/run/postgresql&port=5433&user=ann&password=hidden-one")
    assert (url.host, url.port, url.user, url.dbname) == ("/var/run/postgresql", 5433, "ann", "shop")
    assert "host=/var/run/postgresql" in url.reveal() or "host=%2Fvar" in url.reveal()
    assert "hidden-one" not in str(url)


def test_an_ipv6_address_stands_in_brackets() -> None:
    url = parse("postgresql://u@[::1]:5433/d")
    assert (url.host, url.port) == ("::1", 5433)
    assert url.label == "[::1]:5433/d"
    assert "[::1]:5433" in url.reveal()


@pytest.mark.parametrize(
    "text",
    [
        "mysql://u:top-secret@h/d",
        "postgresql+psycopg://u:top-secret@h/d",
        "u:top-secret@h",
        "host=h password=top-secret",
        "postgresql://u:top-secret/x@h/d",
        "postgresql://u:top%secret@h/d",
        "postgresql://u:top-secret@h:port/d",
        "postgresql://u:top-secret@h:70000/d",
        "postgresql://u:top-secret@h1,h2/d",
        "postgresql://u:top-secret@h1:1,h2:2/d",
        "postgresql://u:top-secret@h/d?sslmode=top-secret",
        "postgresql://u:top-secret@[::1/d",
        "postgresql://u:top-secret @h/d",
        "postgresql://u:top-secret%00@h/d",
        "",
    ],
)
def test_a_text_that_is_no_url_of_one_postgresql_database_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert "DEV_POSTGRES_URL" in caught.value.message
    assert caught.value.hint
    assert "secret" not in str(caught.value)


def test_no_text_of_it_shows_the_password() -> None:
    url = parse("postgresql://app:hush-hush@h/d?sslpassword=hush-too&options=-c%20x%3Dhush")
    for text in (str(url), repr(url), f"{url}", url.label, repr(vars_of(url))):
        assert "hush" not in text
    assert "hush-hush" in url.reveal()
    assert url.tool_env()["PGPASSWORD"] == "hush-hush"


def vars_of(url: DatabaseUrl) -> tuple[object, ...]:
    return (url.host, url.password, url.name)


def test_tools_get_everything_by_variables() -> None:
    env = parse(
        "postgresql://app:pw-secret@h:1234/d?sslmode=require&sslrootcert=/ca.pem&connect_timeout=3"
    ).tool_env()
    assert env["PGHOST"] == "h"
    assert env["PGPORT"] == "1234"
    assert env["PGDATABASE"] == "d"
    assert env["PGSSLMODE"] == "require"
    assert env["PGSSLROOTCERT"] == "/ca.pem"
    assert env["PGCONNECT_TIMEOUT"] == "3"


def test_another_database_of_the_same_server() -> None:
    url = parse("postgresql://app:pw-secret@h/d?sslmode=require")
    other = url.with_dbname("e")
    assert other.dbname == "e"
    assert (other.host, other.password, other.params) == (url.host, url.password, url.params)
    assert url != other
    assert hash(url) == hash(parse("postgresql://app:pw-secret@h/d?sslmode=require"))


def test_it_can_be_pickled() -> None:
    url = parse("postgresql://app:pw-secret@h/d?sslmode=require")
    assert pickle.loads(pickle.dumps(url)) == url


texts = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("C", "Z")),
    min_size=1,
    max_size=20,
)


@given(user=texts, password=texts, dbname=texts)
def test_what_it_reveals_is_read_alike_by_libpq_and_by_itself(user: str, password: str, dbname: str) -> None:
    url = DatabaseUrl("db.example.org", 5433, user, Secret(password), dbname, {"application_name": user})
    assert parse(url.reveal()) == url
    theirs = conninfo_to_dict(url.reveal())
    assert {k: str(v) for k, v in theirs.items()} == url.conninfo()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("embedded://.dbdeploy/dev", Path(".dbdeploy/dev")),
        ("embedded:///srv/db", Path("/srv/db")),
        ("EMBEDDED://x", Path("x")),
        ("embedded://~/db", Path.home() / "db"),
        ("postgresql://embedded", None),
        ("", None),
    ],
)
def test_embedded_paths_are_recognised(text: str, path: Path | None) -> None:
    assert is_embedded(text) == path


def test_embedded_without_a_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no folder"):
        is_embedded("embedded://")
