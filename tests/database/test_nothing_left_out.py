"""Whatever a database can hold is compared, or named as not compared: held against the catalogues themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest_dbdeploy.db.sql as queries
from pytest_dbdeploy.compare.diff import differences
from pytest_dbdeploy.compare.snapshot import read_snapshot
from pytest_dbdeploy.db.connect import connect

SQL = "\n".join(
    re.sub(r"--.*", "", path.read_text("utf-8"))
    for path in Path(queries.__file__).parent.glob("catalogue_*.sql")
)
MENTIONED = set(re.findall(r"\w+", SQL))

#: Catalogues whose content is no part of a database's schema.
NOT_SCHEMA = {
    "pg_statistic": "statistics",
    "pg_statistic_ext_data": "statistics",
    "pg_largeobject": "rows",
    "pg_largeobject_metadata": "rows: pg_dump -s leaves large objects out",
    "pg_subscription_rel": "what a subscription, which is named, has fetched so far",
    "pg_replication_origin": "of the server",
    "pg_authid": "of the server",
    "pg_auth_members": "of the server",
    "pg_tablespace": "of the server",
    "pg_shdepend": "of the server",
    "pg_shdescription": "of the server",
    "pg_shseclabel": "of the server",
}
#: Catalogues that are read by a function alone.
RENDERED = {
    "pg_partitioned_table": "pg_get_partkeydef",
    "pg_statistic_ext": "pg_get_statisticsobjdef",
}
#: Privileges on what is of the server, or rows.
NOT_OURS = {("pg_database", "datacl"), ("pg_tablespace", "spcacl"), ("pg_largeobject_metadata", "lomacl")}


def test_every_catalogue_is_read(rich):
    found = rich.execute(
        "select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r'"
    )
    unread = {
        name
        for (name,) in found
        if name not in MENTIONED and RENDERED.get(name) not in MENTIONED and name not in NOT_SCHEMA
    }
    assert unread == set()


def test_every_column_with_privileges_is_read(rich):
    found = rich.execute(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r' and a.atttypid = 'aclitem[]'::regtype"
    )
    assert {(table, column) for table, column in found if column not in MENTIONED} == NOT_OURS


#: Every user's object that depends on something or on a role, but for what goes with another one by itself.
OBJECTS = """
select distinct i.type, i.identity
from (
    select classid, objid from pg_depend
    union
    select classid, objid from pg_shdepend where dbid = (select oid from pg_database where datname = current_database())
) d
cross join lateral pg_identify_object(d.classid, d.objid, 0) as i
where d.objid >= 16384
  and i.schema is distinct from 'pg_toast'
  and not exists (
      select from pg_depend e where e.classid = d.classid and e.objid = d.objid and e.deptype in ('e', 'i'))
  and not exists (  -- of a partition by its parent; and NOT NULL, which is a property of the column
      select from pg_constraint k
      where d.classid = 'pg_constraint'::regclass and k.oid = d.objid and (k.conparentid <> 0 or k.contype = 'n'))
  and not exists (
      select from pg_trigger g where d.classid = 'pg_trigger'::regclass and g.oid = d.objid and g.tgparentid <> 0)
"""


def owner_of(kind, identity):
    """The name under which a snapshot has an object, or has that which it is a part of."""
    if kind in ("table constraint", "trigger", "rule", "policy"):
        name, _, table = identity.rpartition(" on ")
        return f"{table}.{name}"
    part = {
        "default value": r"for (.*)",
        "default acl": r"for role (.*)",
        "domain constraint": r".* on (.*)",
        "operator of access method": r".* of (.*)",
        "function of access method": r".* of (.*)",
        "publication relation": r".* in publication (.*)",
        "publication namespace": r".* in publication (.*)",
    }.get(kind)
    if part:
        return re.fullmatch(part, identity)[1]
    return identity.replace(" on server ", " on ") if kind == "user mapping" else identity


def plain(name):
    return name.replace(" ", "").replace("pg_catalog.", "")


def test_every_object_is_in_the_snapshot_or_named(rich):
    snapshot = read_snapshot(rich)
    known = {name for names in snapshot.objects.values() for name in names}
    known |= {item.object for item in snapshot.not_compared}
    # an index of a constraint stands under the constraint
    known |= {
        f"{name.split('.')[0]}.{name.split('.')[-1]}"
        for name in snapshot.objects["constraint"]
        if '"' not in name
    }
    known = {plain(name) for name in known}
    objects = rich.execute(OBJECTS).fetchall()
    assert len(objects) > 60
    assert [
        (kind, identity) for kind, identity in objects if plain(owner_of(kind, identity)) not in known
    ] == []


def test_what_a_role_may_not_read_is_named_and_the_rest_is_compared(server):
    url = server.fresh_database()
    with connect(url, purpose="test", autocommit=True) as conn:
        conn.execute("create table public.t (a int)")
        expected = read_snapshot(conn)
        conn.execute("revoke select on pg_catalog.pg_policy from public")
    with connect(server.role().with_dbname(url.dbname), purpose="test") as conn:
        seen = read_snapshot(conn)
    assert [(item.kind, item.object) for item in seen.not_compared] == [("policy", "*")]
    assert "pg_policy" in seen.not_compared[0].reason
    assert {change.kind for change in differences(expected, seen)} == {"privileges"}
