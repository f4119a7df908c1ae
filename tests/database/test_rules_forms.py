"""Every form of statement that rewrites or scans an existing relation while nobody may write to it raises its rule, on every version.

By the evidence alone: where the catalogue says that a type changed, column-type-rewrites takes the place of table-rewritten.
"""

from __future__ import annotations

import pytest

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.splitter import split
from pytest_dbdeploy.model import Facts
from pytest_dbdeploy.rules import Seen, findings_of
from tests.database.test_evidence_locks import SCHEMA
from tests.observing import observed

MORE = """
set allow_in_place_tablespaces = on;
create tablespace dbdeploy_elsewhere location '';
create access method heap_again type table handler heap_tableam_handler;
create table ready (id int primary key, k int, at timestamp, who varchar(10) collate "C", check (k = 8) not valid);
create index ready_who on ready (who);
insert into ready select i, 8, now(), 'x' from generate_series(1, 50) i;
"""
REWRITTEN, REBUILT, SCANNED, INDEX = (
    "table-rewritten",
    "index-rebuilt",
    "scanned-under-lock",
    "index-not-concurrent",
)
FORMS = {
    "alter table loose alter id type bigint": (REWRITTEN, "loose"),
    "alter table t alter n type numeric(12, 3)": (REWRITTEN, "t"),
    "alter table lone alter c type varchar(5)": (REWRITTEN, "lone"),
    "alter table t alter m type text": (REWRITTEN, "t"),
    "alter table ready alter at type timestamptz using at at time zone 'Europe/Berlin'": (REWRITTEN, "ready"),
    'alter table ready alter who type varchar(10) collate "POSIX"': (REBUILT, "ready_who"),
    "alter table t alter b type varchar(20)": (REBUILT, "t_part"),
    "alter table lone add column z timestamptz default clock_timestamp()": (REWRITTEN, "lone"),
    "alter table lone add column z int generated always as (a + 1) stored": (REWRITTEN, "lone"),
    "alter table lone add column z serial": (REWRITTEN, "lone"),
    "alter table lone add column z int generated always as identity": (REWRITTEN, "lone"),
    "alter table lone add column z small check (z > 0)": (SCANNED, "lone"),
    "alter table lone add column z int check (z > 0)": (SCANNED, "lone"),
    "alter table lone alter a set not null": (SCANNED, "lone"),
    "alter table lone add constraint k check (a > 0)": (SCANNED, "lone"),
    "do $$ begin alter table lone add constraint k check (a > 0) not valid; alter table lone validate constraint k; end $$": (SCANNED, "lone"),
    "alter table lone add constraint k foreign key (a) references p": (SCANNED, "lone"),
    "alter table lone add primary key (a)": (SCANNED, "lone"),
    "alter table lone add constraint k primary key using index lone_id": (SCANNED, "lone"),
    "alter table lone add constraint k unique (a)": (SCANNED, "lone"),
    "alter table lone add constraint k exclude (a with =)": (SCANNED, "lone"),
    "create index i on lone (a)": (INDEX, "i"),
    "create unique index i on lone (a)": (INDEX, "i"),
    "create index i on parts (id)": (INDEX, "i"),
    "reindex index t_b": (REBUILT, "t_b"),
    "reindex table lone": (REBUILT, "lone_id"),
    "cluster lone using lone_id": (REWRITTEN, "lone"),
    "alter table lone set unlogged": (REWRITTEN, "lone"),
    "alter table u set logged": (REWRITTEN, "u"),
    "alter table lone set tablespace dbdeploy_elsewhere": (REWRITTEN, "lone"),
    "alter index t_b set tablespace dbdeploy_elsewhere": (REBUILT, "t_b"),
    "alter table lone set access method heap_again": (REWRITTEN, "lone"),
    "alter table parts attach partition loose for values in (7)": (SCANNED, "loose"),
    "create table parts_2 partition of parts for values in (9)": (SCANNED, "parts_rest"),
    "alter domain small add check (value > 0)": (SCANNED, "t"),
    "alter domain small set not null": (SCANNED, "t"),
    "refresh materialized view mv": (REWRITTEN, "mv"),
    "refresh materialized view concurrently mv": (SCANNED, "mv"),
    "do $$ begin execute 'alter ta' || 'ble loose alter id type bigint'; end $$": (REWRITTEN, "loose"),
}  # fmt: skip


@pytest.fixture(scope="module")
def sessions():
    """major -> (the migrating session, another one), each on a database with the schema."""
    opened = {}

    def of(server):
        if server.major not in opened:
            url = server.fresh_database()
            conn = connect(url, purpose="test", autocommit=True)
            have = "select 1 from pg_roles where rolname = 'dbdeploy_reader' and %s like 'create role%%'"
            for statement in (*split(SCHEMA), *split(MORE)):
                if not conn.execute(have, [statement.sql]).fetchone():
                    conn.execute(statement.sql.encode())
            opened[server.major] = (conn, connect(url, purpose="monitor", autocommit=True))
        return opened[server.major]

    yield of
    for pair in opened.values():
        for conn in pair:
            conn.close()


EACH = pytest.mark.parametrize("statement", FORMS)


@EACH
def test_a_form_that_rewrites_or_scans_while_writes_are_locked_out_raises_its_rule(
    sessions, postgres17, statement
):
    raises_its_rule(*sessions(postgres17), statement)


@pytest.mark.slow
@EACH
def test_a_form_raises_its_rule_on_every_version(sessions, server, statement):
    raises_its_rule(*sessions(server), statement)


def raises_its_rule(conn, monitor, statement):
    evidence, _ = observed(conn, monitor, statement)
    found = {
        (finding.rule, finding.object) for finding in findings_of(Seen((), (evidence,), Facts()), {}).findings
    }
    rule, relation = FORMS[statement]
    assert (rule, f"public.{relation}") in found
