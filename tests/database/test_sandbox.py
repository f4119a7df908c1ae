"""The embedded sandbox: databases, copies, locales."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.locale import DatabaseLocale, read_locale
from pytest_dbdeploy.errors import CloneError
from pytest_dbdeploy.sandboxes import embedded
from tests.servers import RealServer, execute, fetch


@pytest.fixture(scope="module")
def sandbox() -> Iterator[embedded.EmbeddedSandbox]:
    opened = embedded.open(17, {"plpgsql": "1.0"})
    yield opened
    opened.close()


def test_a_sandbox_is_of_the_major_that_was_asked_for(sandbox: embedded.EmbeddedSandbox) -> None:
    assert sandbox.major == 17
    assert sandbox.missing_extensions == ()
    assert fetch(sandbox.admin_url, "select usesuper from pg_user where usename = current_user") == [(True,)]


def test_a_copy_has_what_its_template_has_and_goes_its_own_way(sandbox: embedded.EmbeddedSandbox) -> None:
    before = sandbox.create_database('be"fore')
    execute(before, "create table t as select generate_series(1, 1000) a")
    after = sandbox.create_database("after", template='be"fore')
    execute(after, "delete from t where a > 10")
    assert fetch(after, "select count(*) from t") == [(10,)]
    assert fetch(before, "select count(*) from t") == [(1000,)]
    sandbox.drop_database("after")
    sandbox.drop_database("after")
    assert fetch(sandbox.admin_url, "select 1 from pg_database where datname = 'after'") == []


def test_a_template_in_use_is_an_error_that_says_so(sandbox: embedded.EmbeddedSandbox) -> None:
    busy = sandbox.create_database("busy")
    with connect(busy, purpose="test"), pytest.raises(CloneError, match="being accessed by other users"):
        sandbox.create_database("copy_of_busy", template="busy")


def test_a_database_gets_the_locale_of_its_original(
    sandbox: embedded.EmbeddedSandbox, server: RealServer
) -> None:
    name = server.fresh_database().dbname
    with connect(server.url.with_dbname(name), purpose="test") as connection:
        locale = read_locale(connection)
    assert locale.encoding == "UTF8"
    with connect(sandbox.create_database(f"like_{name}", locale=locale), purpose="test") as connection:
        assert read_locale(connection) == locale


def test_other_encodings_and_providers_are_kept_too(sandbox: embedded.EmbeddedSandbox) -> None:
    for number, locale in enumerate(
        [
            DatabaseLocale("SQL_ASCII", "c", "C", "C"),
            DatabaseLocale("LATIN1", "c", "C", "C"),
            DatabaseLocale("UTF8", "b", "C", "C", "C.UTF-8"),
        ]
    ):
        with connect(
            sandbox.create_database(f"locale_{number}", locale=locale), purpose="test"
        ) as connection:
            assert read_locale(connection) == locale


def test_a_locale_that_is_not_there_is_replaced_with_a_note(sandbox: embedded.EmbeddedSandbox) -> None:
    locale = DatabaseLocale("UTF8", "c", "xx_XX.UTF-8", "xx_XX.UTF-8")
    url = sandbox.create_database("nowhere", locale=locale)
    assert fetch(url, "select 1") == [(1,)]
    assert "xx_XX.UTF-8" in sandbox.notes[-1]


def test_extensions_that_are_nowhere_are_named_and_do_without() -> None:
    opened = embedded.open(15, ["plpgsql", "no_such_extension"])
    try:
        assert opened.missing_extensions == ("no_such_extension",)
        assert opened.major == 15
    finally:
        opened.close()
