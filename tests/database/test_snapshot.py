"""Snapshots of real catalogues: every property that is changed shows, nothing that is not changed does."""

from __future__ import annotations

import subprocess

import psycopg
import pytest

from pytest_dbdeploy.compare.diff import KINDS, diff, differences, verify
from pytest_dbdeploy.compare.snapshot import QUERIES, read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.errors import TargetError
from tests.database.conftest import make_roles, rich_database


@pytest.fixture
def before(rich, databases):
    """What that database is at the beginning of every test; read once."""
    key = ("snapshot", rich.info.dbname)
    if key not in databases:
        databases[key] = read_snapshot(rich)
    return databases[key]


@pytest.fixture
def empty(server):
    with connect(server.fresh_database(), purpose="test", autocommit=True) as conn:
        yield conn


def test_every_kind_and_every_query_finds_something(rich):
    snapshot = read_snapshot(rich)
    assert set(snapshot.objects) == set(KINDS)
    assert snapshot.not_compared == ()
    assert len(QUERIES) == len({*QUERIES})


def test_names_are_quoted_as_postgresql_does(rich):
    objects = read_snapshot(rich).objects
    assert '"Odd.Names"."Table ""x""'.replace('""', '""') + '"' in objects["table"]
    assert '"Odd.Names"."Table ""x"""."Column.1"' in objects["column"]
    assert {"shop.double(integer, text)", "shop.double(bigint)"} <= set(objects["function"])


def test_what_postgresql_makes_by_itself_is_not_listed_twice(rich):
    objects = read_snapshot(rich).objects
    assert set(objects["sequence"]) == {"shop.numbers", "public.orders_id_seq"}
    assert not [name for name in objects["function"] if name.startswith(("shop.period", "shop.multirange"))]
    assert "public.orders_pkey" not in objects["index"]
    assert [name for name in objects["trigger"] if "RI_" in name] == []
    assert [name for name in objects["constraint"] if name.startswith("public.refers")] == [
        "public.refers.refers_id_at_fkey"
    ]
    assert not [name for name in objects["constraint"] if "not_null" in name]
    assert "public.events_2024.touch_events" not in objects["trigger"]


def test_a_plain_index_is_written_as_postgresql_writes_it(empty):
    types = [
        "int",
        "text",
        "varchar(9)",
        "char(9)",
        "name",
        "uuid",
        "timestamptz",
        "numeric",
        "int[]",
        "mood",
        "short",
        "period",
    ]
    empty.execute(
        """
        create type mood as enum ('good', 'bad'); create domain short as varchar(3); create type period as range (subtype = date);
        create operator class of_ints for type int using btree as
            operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int);
        create table grown (gone int, "Old" int, b text collate "C") partition by range ("Old");
        alter table grown drop gone, add d int; alter table grown rename "Old" to "New ""x"" y";
        create table grown_1 partition of grown for values from (0) to (9);
        create index on grown (d); create unique index on grown ("New ""x"" y", d desc);
        create index on grown_1 (d, b collate "POSIX"); create index on grown_1 using hash (d);
        """
    )
    columns = [f"c{number}" for number in range(len(types))]
    empty.execute(f"create table t ({', '.join(map(' '.join, zip(columns, types, strict=True)))})")
    for column in columns:
        for order in ("", "desc", "desc nulls last", "nulls first", "asc nulls last"):
            empty.execute(f"create index on t ({column} {order})")
        empty.execute(f"create unique index on t ({column}, c0 desc) where c0 > 1 and {column} is not null")
        empty.execute(f"create index on t (c0) include ({column})")
    empty.execute(
        """
        create index on t (c1 collate "C"); create index on t (c2 collate "C", c1 desc); create index on t (c1 text_pattern_ops);
        create index on t (c2 varchar_ops, c2 text_pattern_ops, c2 bpchar_ops); create index on t (c2 bpchar_ops);
        create index on t (c0 of_ints); create index on t (c0, (c0 + 1)); create index on t (lower(c1));
        create index on t (c0) with (fillfactor = 50); create unique index on t (c0) nulls not distinct;
        """
    )
    with empty.transaction():
        empty.execute("set local search_path = pg_catalog, pg_temp")
        rows = empty.execute(
            "select format('public.%I', relname), pg_get_indexdef(oid) from pg_class "
            "where relkind in ('i', 'I') and relnamespace = 'public'::regnamespace"
        )
        expected = dict(rows.fetchall())
    found = read_snapshot(empty).objects["index"]
    assert len(expected) > 90
    assert {name: index["definition"] for name, index in found.items()} == expected


def test_no_secret_is_in_a_snapshot(rich):
    assert "hush" not in repr(read_snapshot(rich))


def test_two_databases_of_the_same_content_are_equal(server, rich):
    with connect(rich_database(server), purpose="test") as other:
        one, two = read_snapshot(rich), read_snapshot(other)
    assert differences(one, two) == ()
    assert one.fingerprint() == two.fingerprint()


def test_the_definitions_do_not_depend_on_the_sessions_settings(rich):
    expected = read_snapshot(rich).fingerprint()
    for setting in (
        "search_path = public, shop",
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'SQL, DMY'",
        "quote_all_identifiers = on",
    ):
        rich.execute(f"set {setting}")
    assert read_snapshot(rich).fingerprint() == expected


def test_a_transaction_of_the_caller_keeps_its_settings_and_its_changes_are_seen(rich):
    rich.execute("set local search_path = shop")
    rich.execute("create table public.mine (id int)")
    assert "public.mine" in read_snapshot(rich).objects["table"]
    assert rich.execute("show search_path").fetchone() == ("shop",)
    assert rich.execute("select count(*) from public.mine").fetchone() == (0,)


def test_excluded_schemas_are_left_out_and_chosen_ones_are_all_there_is(rich):
    without = read_snapshot(rich, exclude_schemas=["shop"])
    assert "shop" not in without.objects["schema"]
    assert not [name for names in without.objects.values() for name in names if name.startswith("shop.")]
    only = read_snapshot(rich, schemas=["shop"])
    assert set(only.objects["schema"]) == {"shop"}
    assert "extension" not in only.objects
    assert "column" not in only.objects


# what is changed, which objects must show it (kind, name), and the SQL
MUTATIONS = [
    ("schema", "shop", "ALTER SCHEMA shop OWNER TO writer"),
    ("schema", "extra", "CREATE SCHEMA extra"),
    ("schema", "shop", "GRANT CREATE ON SCHEMA shop TO writer"),
    ("schema", "public", "COMMENT ON SCHEMA public IS NULL"),
    ("table", "public.orders", "ALTER TABLE public.orders SET (fillfactor = 70)"),
    ("table", "public.orders", "ALTER TABLE public.orders SET (toast.autovacuum_enabled = off)"),
    ("table", "public.orders", "ALTER TABLE public.orders REPLICA IDENTITY FULL"),
    ("table", "public.orders", "ALTER TABLE public.orders REPLICA IDENTITY USING INDEX orders_pkey"),
    ("table", "public.orders", "ALTER TABLE public.orders OWNER TO writer"),
    ("table", "public.orders", "GRANT INSERT ON public.orders TO reader"),
    ("table", "public.orders", "GRANT SELECT ON public.orders TO reader WITH GRANT OPTION"),
    ("table", "public.orders", "GRANT SELECT ON public.orders TO PUBLIC"),
    ("table", "public.orders", "COMMENT ON TABLE public.orders IS 'x'"),
    ("table", "public.orders", "ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY"),
    ("table", "public.users", "ALTER TABLE public.users FORCE ROW LEVEL SECURITY"),
    ("table", "public.parent", "ALTER TABLE public.parent SET UNLOGGED"),
    ("table", "public.child", "ALTER TABLE public.child NO INHERIT public.parent"),
    ("table", "public.events_rest", "ALTER TABLE public.events DETACH PARTITION public.events_rest"),
    ("table", "public.new", "CREATE TABLE public.new (id int)"),
    ("table", "public.refers", "DROP TABLE public.refers"),
    ("column", "public.users.name", "ALTER TABLE public.users ALTER name SET STORAGE EXTERNAL"),
    ("column", "public.users.mood", "ALTER TABLE public.users ALTER mood SET NOT NULL"),
    ("column", "public.users.name", "ALTER TABLE public.users ALTER name SET DEFAULT 'x'"),
    (
        "column",
        "public.orders.code",
        "ALTER TABLE public.orders ALTER code TYPE varchar(9)",
    ),
    ("column", "public.users.email", "ALTER TABLE public.users ALTER email SET STATISTICS 7"),
    ("column", "public.users.email", "ALTER TABLE public.users ALTER email SET (n_distinct = 5)"),
    ("column", "public.users.email", "ALTER TABLE public.users ALTER email SET COMPRESSION pglz"),
    ("column", "public.users.id", "ALTER TABLE public.users ALTER id SET GENERATED BY DEFAULT"),
    ("column", "public.users.id", "ALTER TABLE public.users ALTER id SET INCREMENT BY 5"),
    ("column", "public.users.slug", "ALTER TABLE public.users ALTER slug DROP EXPRESSION"),
    ("column", "public.users.name", "GRANT SELECT (name) ON public.users TO reader"),
    ("column", "public.orders.total", "COMMENT ON COLUMN public.orders.total IS 'in dollars'"),
    ("column", "public.orders.extra", "ALTER TABLE public.orders ADD extra int"),
    ("column", "public.orders.renamed", "ALTER TABLE public.orders RENAME code TO renamed"),
    (
        "column",
        "public.remote.id",
        "ALTER FOREIGN TABLE public.remote ALTER id OPTIONS (SET column_name 'j')",
    ),
    ("column", "public.parent.a", 'ALTER TABLE public.parent ALTER a TYPE text COLLATE "C"'),
    ("constraint", "public.orders.later", "ALTER TABLE public.orders VALIDATE CONSTRAINT later"),
    ("constraint", "public.orders.positive", "ALTER TABLE public.orders DROP CONSTRAINT positive"),
    (
        "constraint",
        'public.orders."user"',
        'ALTER TABLE public.orders RENAME CONSTRAINT orders_user_id_fkey TO "user"',
    ),
    (
        "constraint",
        "public.orders.orders_user_id_fkey",
        "ALTER TABLE public.orders ALTER CONSTRAINT orders_user_id_fkey DEFERRABLE INITIALLY DEFERRED",
    ),
    ("constraint", "public.orders.orders_pkey", "ALTER INDEX public.orders_pkey SET (fillfactor = 50)"),
    ("constraint", "public.orders.orders_pkey", "ALTER TABLE public.orders CLUSTER ON orders_pkey"),
    ("constraint", "public.orders.positive", "COMMENT ON CONSTRAINT positive ON public.orders IS 'x'"),
    ("index", "public.orders_total", "ALTER INDEX public.orders_total SET (fillfactor = 50)"),
    ("index", "public.orders_total", "COMMENT ON INDEX public.orders_total IS 'x'"),
    ("index", "public.orders_lower", "ALTER TABLE public.orders CLUSTER ON orders_lower"),
    ("index", "public.orders_lower", "ALTER INDEX public.orders_lower ALTER COLUMN 1 SET STATISTICS 9"),
    (
        "index",
        "public.orders_total",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.orders_total'::regclass",
    ),
    (
        "index",
        "public.orders_total",
        "DROP INDEX public.orders_total; CREATE INDEX orders_total ON public.orders (total) INCLUDE (code) WHERE total > 10",
    ),
    ("view", "public.rich", "ALTER VIEW public.rich SET (security_barrier = false)"),
    ("view", "public.plain", "ALTER VIEW public.plain SET (security_invoker = true)"),
    (
        "view",
        "public.plain",
        "CREATE OR REPLACE VIEW public.plain AS SELECT id, total FROM public.orders WHERE id > 0",
    ),
    ("view", "public.plain", "ALTER VIEW public.plain OWNER TO writer"),
    ("view column", "public.plain.total", "ALTER VIEW public.plain ALTER total SET DEFAULT 3"),
    ("view column", "public.plain.total", "COMMENT ON COLUMN public.plain.total IS 'x'"),
    ("materialized view", "public.sums", "REFRESH MATERIALIZED VIEW public.sums WITH NO DATA"),
    ("sequence", "shop.numbers", "ALTER SEQUENCE shop.numbers INCREMENT 3"),
    ("sequence", "shop.numbers", "ALTER SEQUENCE shop.numbers CYCLE"),
    ("sequence", "shop.numbers", "ALTER SEQUENCE shop.numbers CACHE 9"),
    ("sequence", "shop.numbers", "ALTER SEQUENCE shop.numbers AS bigint"),
    ("sequence", "shop.numbers", "ALTER SEQUENCE shop.numbers OWNER TO writer"),
    ("sequence", "public.orders_id_seq", "ALTER SEQUENCE public.orders_id_seq OWNED BY NONE"),
    ("sequence", "shop.numbers", "GRANT USAGE ON SEQUENCE shop.numbers TO reader"),
    ("function", "shop.double(integer, text)", "ALTER FUNCTION shop.double(integer, text) STABLE"),
    ("function", "shop.double(integer, text)", "ALTER FUNCTION shop.double(integer, text) PARALLEL SAFE"),
    ("function", "shop.double(integer, text)", "ALTER FUNCTION shop.double(integer, text) LEAKPROOF"),
    ("function", "shop.double(integer, text)", "ALTER FUNCTION shop.double(integer, text) COST 7"),
    (
        "function",
        "shop.double(integer, text)",
        "ALTER FUNCTION shop.double(integer, text) SET work_mem = '1MB'",
    ),
    ("function", "shop.double(integer, text)", "ALTER FUNCTION shop.double(integer, text) SECURITY DEFINER"),
    (
        "function",
        "shop.double(integer, text)",
        "GRANT EXECUTE ON FUNCTION shop.double(integer, text) TO PUBLIC",
    ),
    ("procedure", "shop.reset()", "CREATE OR REPLACE PROCEDURE shop.reset() LANGUAGE sql AS 'SELECT 1'"),
    (
        "aggregate",
        "shop.total(integer)",
        "DROP AGGREGATE shop.total(integer); CREATE AGGREGATE shop.total(integer) (sfunc = int4pl, stype = integer, initcond = '1')",
    ),
    ("trigger", "public.orders.touch", "ALTER TABLE public.orders DISABLE TRIGGER touch"),
    (
        "trigger",
        "public.events_2024.touch_events",
        "ALTER TABLE public.events_2024 DISABLE TRIGGER touch_events",
    ),
    ("event trigger", "watch", "ALTER EVENT TRIGGER watch DISABLE"),
    ("rule", "public.parent.no_delete", "ALTER TABLE public.parent DISABLE RULE no_delete"),
    ("policy", "public.users.mine", "ALTER POLICY mine ON public.users USING (true)"),
    ("policy", "public.users.mine", "ALTER POLICY mine ON public.users TO reader, writer"),
    ("type", "shop.mood", "ALTER TYPE shop.mood RENAME VALUE 'sad' TO 'blue'"),
    ("type", "shop.mood", "ALTER TYPE shop.mood ADD VALUE 'fine' BEFORE 'happy'"),
    ("type", "shop.address", "ALTER TYPE shop.address ADD ATTRIBUTE country text"),
    ("type", "shop.email", "ALTER DOMAIN shop.email SET NOT NULL"),
    ("type", "shop.email", "ALTER DOMAIN shop.email DROP DEFAULT"),
    ("type", "shop.email", "ALTER DOMAIN shop.email DROP CONSTRAINT has_at"),
    ("type", "shop.mood", "REVOKE USAGE ON TYPE shop.mood FROM PUBLIC"),
    ("statistics", "public.users_stats", "ALTER STATISTICS public.users_stats SET STATISTICS 8"),
    ("collation", "shop.plain", "COMMENT ON COLLATION shop.plain IS 'x'"),
    ("publication", "feed", "ALTER PUBLICATION feed SET (publish = 'insert')"),
    ("publication", "feed", "ALTER PUBLICATION feed ADD TABLE public.parent"),
    ("publication", "feed", "ALTER PUBLICATION feed SET TABLE public.orders (id, total) WHERE (total > 6)"),
    ("foreign data wrapper", "wrapper", "ALTER FOREIGN DATA WRAPPER wrapper OPTIONS (SET debug 'no')"),
    ("foreign server", "far", "ALTER SERVER far OPTIONS (SET password 'louder')"),
    ("foreign server", "far", "GRANT USAGE ON FOREIGN SERVER far TO reader"),
    ("user mapping", "reader on far", "ALTER USER MAPPING FOR reader SERVER far OPTIONS (SET username 'q')"),
    ("foreign table", "public.remote", "ALTER FOREIGN TABLE public.remote OPTIONS (SET table_name 'u')"),
    (
        "default privileges",
        "postgres in schema shop on tables",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT INSERT ON TABLES TO reader",
    ),
    (
        "default privileges",
        "postgres on functions",
        "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    ),
    (
        "setting",
        "app.secret of reader",
        "UPDATE pg_db_role_setting SET setconfig = '{app.secret=louder}' WHERE setrole <> 0",
    ),
    ("extension", "plpgsql", "UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'plpgsql'"),
]


@pytest.mark.parametrize(
    ("kind", "name", "statement"), MUTATIONS, ids=[f"{m[0]}-{i}" for i, m in enumerate(MUTATIONS)]
)
def test_one_changed_property_shows_on_its_object(rich, before, kind, name, statement):
    user = rich.info.user
    rich.execute("set local event_triggers = off" if rich.info.server_version >= 170000 else "select 1")
    rich.execute(statement)
    after = read_snapshot(rich)
    assert (kind, name.replace("postgres", user)) in {(c.kind, c.object) for c in differences(before, after)}
    assert before.fingerprint() != after.fingerprint()


UNCHANGED = [
    "ALTER TABLE public.orders ADD gone int; ALTER TABLE public.orders DROP gone",
    "GRANT ALL ON public.parent TO writer; REVOKE ALL ON public.parent FROM writer",
    "GRANT SELECT ON public.plain TO writer; REVOKE SELECT ON public.plain FROM writer",
    "REVOKE SELECT ON public.orders FROM reader; GRANT SELECT ON public.orders TO reader",
    "SELECT nextval('shop.numbers')",
    "CREATE TEMPORARY TABLE users (id int)",
    "INSERT INTO public.parent VALUES (1); ANALYZE public.parent",
    "DROP INDEX public.orders_lower; CREATE INDEX orders_lower ON public.orders USING btree (lower(code), total)",
    "ALTER TABLE public.orders ALTER total SET STATISTICS -1",
    "ALTER TABLE public.orders DROP CONSTRAINT positive; ALTER TABLE public.orders ADD CONSTRAINT positive CHECK (total > 0)",
    "DROP VIEW public.plain; CREATE VIEW public.plain AS SELECT orders.id, orders.total FROM public.orders",
    "CREATE TABLE public.new (id serial); DROP TABLE public.new",
]


@pytest.mark.parametrize("statement", UNCHANGED)
def test_what_comes_to_the_same_is_no_difference(rich, before, statement):
    rich.execute(statement)
    assert differences(before, read_snapshot(rich)) == ()


def test_the_members_of_an_extension_are_its_own_business(empty):
    before = read_snapshot(empty)
    try:
        empty.execute("create extension citext")
    except psycopg.errors.FeatureNotSupported:
        pytest.skip("this build has no contrib")
    after = read_snapshot(empty)
    assert [(c.kind, c.object) for c in differences(before, after)] == [("extension", "citext")]
    assert after.not_compared == ()


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("base type", "CREATE TYPE public.shell"),
        ("language", "CREATE LANGUAGE other HANDLER plpgsql_call_handler"),
        (
            "transform",
            "CREATE FUNCTION public.f(internal) RETURNS internal LANGUAGE internal IMMUTABLE AS 'pg_node_tree_out';"
            "CREATE TRANSFORM FOR int LANGUAGE plpgsql (FROM SQL WITH FUNCTION public.f(internal))",
        ),
        (
            "subscription",
            "CREATE SUBSCRIPTION sub CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)",
        ),
        (
            "security label",
            "INSERT INTO pg_seclabel VALUES ('public'::regnamespace, 'pg_namespace'::regclass, 0, 'guard', 'secret')",
        ),
        (
            "object of class pg_proc in a schema of the system",
            "SET allow_system_table_mods = on;"
            "CREATE FUNCTION pg_catalog.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ),
    ],
)
def test_an_object_of_a_class_that_is_not_known_is_named_as_not_compared(empty, kind, statement):
    for part in statement.split(";"):
        empty.execute(part)
    assert {item.kind for item in read_snapshot(empty).not_compared} == {kind}
    if kind == "subscription":
        empty.execute("alter subscription sub set (slot_name = none)")
        empty.execute("drop subscription sub")


def test_a_role_without_any_right_sees_the_same_schema(server, rich):
    expected = read_snapshot(rich)
    role = server.role()
    with connect(role.with_dbname(rich.info.dbname), purpose="test") as conn:
        seen = read_snapshot(conn)
    assert differences(expected, seen) == ()
    # options of others' user mappings are hidden from it
    assert [(item.kind, item.object) for item in seen.not_compared] == [("user mapping", "reader on far")]


def test_a_connection_that_is_lost_is_a_clear_error(empty):
    empty.close()
    with pytest.raises(TargetError, match="catalogue"):
        read_snapshot(empty)


def copy_of(url, server):
    """A database on ``server`` restored from a dump of ``url``; the settings of a database are in no dump."""
    tools, to = tools_for(server.major), server.fresh_database()
    with connect(to, purpose="test", autocommit=True) as conn:
        make_roles(conn)
    dump = subprocess.run(
        [tools.path("pg_dump")], env=url.tool_env(), capture_output=True, text=True, check=True
    )
    subprocess.run(
        [tools.path("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"],
        env=to.tool_env(),
        input=dump.stdout,
        capture_output=True,
        text=True,
        check=True,
    )
    return to


def restored_differences(url, server):
    snapshots = []
    for database in (url, copy_of(url, server)):
        with connect(database, purpose="test") as conn:
            snapshots.append(read_snapshot(conn))
    return [change for change in differences(*snapshots) if change.kind != "setting"]


def test_a_restored_dump_is_equal(server, rich, databases):
    assert restored_differences(databases[server.major], server) == []


def test_a_dump_restored_on_a_newer_version_is_equal(postgres15, postgres17, postgres18, databases):
    for old, new in ((postgres15, postgres18), (postgres17, postgres18)):
        if old.major not in databases:
            databases[old.major] = rich_database(old)
        assert restored_differences(databases[old.major], new) == []


MIGRATION = """
alter table public.orders drop column code, add column note text not null default '-';
create index orders_user on public.orders (user_id);
create or replace view public.plain as select id, total from public.orders where total > 1;
create table public.invoices (id int generated by default as identity primary key, order_id int references public.orders);
alter type shop.mood add value 'fine';
grant select on public.child to reader;
alter table public.orders validate constraint positive
"""


@pytest.mark.parametrize("left_out", [None, *range(7)])
def test_a_target_of_another_version_is_verified_against_the_rehearsal(
    postgres15, postgres17, databases, left_out
):
    snapshots = []
    for server in (postgres15, postgres17):
        if server.major not in databases:
            databases[server.major] = rich_database(server)
        with connect(databases[server.major], purpose="test") as conn:
            snapshots.append(read_snapshot(conn))
            for index, statement in enumerate(MIGRATION.split(";")):
                if server is postgres17 or index != left_out:
                    conn.execute(statement)
            snapshots.append(read_snapshot(conn))
            conn.rollback()
    baseline, now, before, after = snapshots
    found = verify(baseline, before, after, now)
    assert found.unexpected == found.meanwhile == ()
    nothing_to_do = left_out in (None, 6)  # the last statement changes nothing
    assert bool(found.missing) != nothing_to_do, found


def test_a_table_that_is_gone_is_told_with_its_columns(rich, before):
    rich.execute("drop table public.refers")
    (change,) = diff(before, read_snapshot(rich))
    assert set(change.before["columns"]) == {"public.refers.id", "public.refers.at"}


def test_what_is_equal_in_two_readings_is_made_once_and_the_rest_is_as_read_alone(empty):
    empty.execute("create table public.kept (id int)")
    empty.execute("create table public.changed (id int)")
    known = {}
    before = read_snapshot(empty, known=known)
    empty.execute("alter table public.changed alter id set not null")
    after = read_snapshot(empty, known=known)
    assert after == read_snapshot(empty) != before
    assert after.objects["column"]["public.kept.id"] is before.objects["column"]["public.kept.id"]
