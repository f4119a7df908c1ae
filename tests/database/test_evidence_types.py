"""Changes of type: rewrite, rebuilt index, metadata only, or refused; the verdict is measured, and compared with PostgreSQL's rules."""

from __future__ import annotations

import psycopg
import pytest

from pytest_dbdeploy.db.connect import connect
from tests.observing import observed

TYPES = """
create type mood as enum ('sad', 'ok');
create domain plain as int; create domain plain_text as text;
create domain checked as int check (value > 0);
"""
# metadata only: binary-coercible, and every index keeps its operators and collation
METADATA = """
varchar(10) > varchar(20)
varchar(10) > varchar(20) using c::varchar(20)
varchar(10) > varchar
varchar(10) > text
varchar > text
text > varchar
numeric(10,2) > numeric(12,2)
numeric(10,2) > numeric
varbit(5) > varbit(10)
varbit(5) > varbit
timestamp(3) > timestamp(6)
timestamp(3) > timestamp
timestamptz(3) > timestamptz
time(3) > time
timetz(3) > timetz
interval(3) > interval(6)
interval(3) > interval
interval hour to minute > interval
cidr > inet
regclass > oid
oid > regclass
int > plain
plain > int
text > plain_text
plain_text > text
varchar(10) > plain_text
int[] > int[][]
"""
# the heap stays and is read, the index is built anew
INDEX = """
text > text collate "C"
varchar(10) > varchar(20) collate "C"
varchar(10) > text collate "C"
int > oid
bit(5) > varbit
timestamp > timestamptz
timestamptz > timestamp
"""
REWRITE = """
smallint > int
smallint > bigint
int > bigint
int > smallint
bigint > int
int > numeric
int > real
int > double precision
bigint > double precision
bigint > numeric
numeric > int
numeric > bigint
numeric > double precision
real > double precision
double precision > real
double precision > numeric
double precision > int
numeric(10,2) > numeric(10,3)
numeric(12,2) > numeric(10,2)
numeric > numeric(10,2)
oid > bigint
varchar(20) > varchar(10)
varchar > varchar(10)
text > varchar(10)
text > char(5)
varchar(5) > char(5)
char(5) > text
char(5) > varchar(10)
char(5) > char(10)
text > name
name > text
varchar(10)[] > varchar(20)[]
varchar(10)[] > text[]
varchar[] > text[]
text[] > varchar[]
numeric(10,2)[] > numeric(12,2)[]
int[] > bigint[]
int > checked
mood > text
mood > varchar
json > jsonb
jsonb > json
json > text
jsonb > text
uuid > text
int > text
bigint > varchar
boolean > text
date > text
inet > text
inet > cidr
date > timestamp
date > timestamptz
timestamp > date
timestamptz > date
timestamp > timestamp(0)
timestamp(6) > timestamp(3)
timestamptz > timestamptz(0)
timestamptz > time
timestamp > time
time > time(0)
time > interval
interval > interval(0)
interval > time
varbit(10) > varbit(5)
macaddr > macaddr8
text[] > text
int > int using c + 0
int > bigint using c + 1
text > text using upper(c)
text > int using c::int
text > uuid using c::uuid
text > jsonb using c::jsonb
text > date using c::date
text > mood using c::mood
int > boolean using c::boolean
boolean > int using c::int
timestamp > timestamptz using c at time zone 'UTC'
"""
REFUSED = """
text > int
text > bigint
text > numeric
text > uuid
text > jsonb
text > json
text > boolean
text > date
text > timestamp
text > inet
text > mood
varchar(10) > int
int > boolean
boolean > int
int > date
int > uuid
jsonb > int
uuid > int
timestamp > int
date > int
mood > int
text > int[]
"""
WITHOUT_INDEX = ("json", "xml")


def cases():
    for verdict, text in (
        ("metadata", METADATA),
        ("index", INDEX),
        ("rewrite", REWRITE),
        ("refused", REFUSED),
    ):
        for line in text.strip().splitlines():
            old, _, new = line.partition(" > ")
            yield pytest.param(old, new, verdict, id=f"{old} to {new}")


@pytest.fixture(scope="module")
def sessions():
    """major -> (the migrating session, another one), in UTC."""
    opened = {}

    def of(server):
        if server.major not in opened:
            url = server.fresh_database()
            conn = connect(url, purpose="test", autocommit=True)
            conn.execute(TYPES + "set timezone = 'UTC'")
            opened[server.major] = (conn, connect(url, purpose="monitor", autocommit=True))
        return opened[server.major]

    yield of
    for pair in opened.values():
        for conn in pair:
            conn.close()


def verdict_of(conn, monitor, old, new):
    conn.execute("drop table if exists t")
    conn.execute(f"create table t (id int, c {old})")
    index = not old.startswith(WITHOUT_INDEX) and not new.startswith(WITHOUT_INDEX)
    if index:
        conn.execute("create index t_c on t (c)")
    conn.execute("insert into t select i, null from generate_series(1, 20) i")
    try:
        found, _ = observed(conn, monitor, f"alter table t alter c type {new}")
    except psycopg.errors.DatatypeMismatch:
        return "refused"
    assert ("public.t", "AccessExclusiveLock") in {(lock.relation, lock.mode) for lock in found.locks}
    if found.rewritten:
        assert found.rewritten == ("public.t",)
        return "rewrite"
    if found.rebuilt:
        assert (found.rebuilt, found.scanned) == (("public.t_c",), ("public.t",))
        return "index"
    assert found.scanned == ()
    return "metadata"


@pytest.mark.parametrize(("old", "new", "verdict"), list(cases()))
def test_the_verdict_on_a_change_of_type_is_what_the_server_does(sessions, postgres17, old, new, verdict):
    assert verdict_of(*sessions(postgres17), old, new) == verdict


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "verdict"), list(cases()))
def test_the_verdict_on_a_change_of_type_is_the_same_on_any_version(sessions, server, old, new, verdict):
    assert verdict_of(*sessions(server), old, new) == verdict


def test_a_session_in_another_time_zone_writes_the_table_anew(sessions, postgres17):
    conn, monitor = sessions(postgres17)
    conn.execute("set timezone = 'Europe/Berlin'")
    try:
        assert verdict_of(conn, monitor, "timestamp", "timestamptz") == "rewrite"
    finally:
        conn.execute("set timezone = 'UTC'")
