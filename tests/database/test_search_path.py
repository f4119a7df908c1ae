"""Our own schema stays out of the way of migrations."""

import pytest
from psycopg import sql

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.search_path import leave_out, parse


@pytest.mark.parametrize(
    ("value", "names"),
    [('"$user", public', ["$user", "public"]), ("", []), ('a, "b, c", "d""e"', ["a", "b, c", 'd"e'])],
)
def test_a_search_path_is_read_as_the_server_prints_it(value, names):
    assert parse(value) == names


@pytest.mark.parametrize(
    ("before", "schema", "after"),
    [
        ('"$user", public', "{user}", "public"),
        ("dbdeploy, public", "dbdeploy", "public"),
        ('"$user", public', "dbdeploy", '"$user", public'),
    ],
)
def test_the_state_schema_leaves_the_path_also_where_the_user_is_called_so(postgres17, before, schema, after):
    url = postgres17.owner_database()
    with connect(url, purpose="test", autocommit=True) as conn:
        conn.execute(sql.SQL("set search_path to {}").format(sql.SQL(before)))
        leave_out(conn, schema.format(user=url.user))
        assert conn.execute("show search_path").fetchone() == (after,)
