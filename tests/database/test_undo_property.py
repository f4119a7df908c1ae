"""For random small schemas and changes: what an undo takes back is exactly what it was, or there is none."""

import contextlib
import os

import psycopg
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from pytest_dbdeploy.compare.diff import differences
from pytest_dbdeploy.undo.altering import CannotUndo
from tests.undoing import database, prove, snapshot

TYPES = ["int", "bigint", "text", "varchar(20)", "numeric(8, 2)", "boolean", "date", "jsonb", "uuid", "int[]"]
VALUES = {
    "int": "i", "bigint": "i * 1000000000::bigint", "text": "'text ' || i", "varchar(20)": "'v' || i", "numeric(8, 2)": "i * 1.25",
    "boolean": "i % 2 = 0", "date": "'2024-01-01'::date + i", "jsonb": "jsonb_build_object('i', i)",
    "uuid": "md5(i::text)::uuid", "int[]": "array[i, i]",
}  # fmt: skip
names = st.sampled_from(["a", "b", "c", '"D d"', '"select"'])


@st.composite
def tables(draw):
    """{table: {column: type}}."""
    return {
        table: draw(st.dictionaries(names, st.sampled_from(TYPES), min_size=1, max_size=4))
        for table in draw(st.lists(st.sampled_from(["t", "u", '"V v"']), min_size=1, max_size=3, unique=True))
    }


def script(schema):
    """Tables with a key, rows, an index, a view and a check each; each refers to the first."""
    first = next(iter(schema))
    for table, columns in schema.items():
        body = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
        yield f"create table {table} (id int primary key, ref int, {body}, check (id > 0))"
        values = ", ".join(VALUES[type_] for type_ in columns.values())
        yield f"insert into {table} select i, i, {values} from generate_series(1, 9) i"
        yield f"alter table {table} add foreign key (ref) references {first}"
        column = next(iter(columns))
        yield f"create index on {table} (ref)"
        yield f"create view {'v_' + table.strip(chr(34))[0]} as select id, {column} from {table}"


@st.composite
def changes(draw, schema):
    found = []
    for _ in range(draw(st.integers(1, 5))):
        table = draw(st.sampled_from(list(schema)))
        column = draw(st.sampled_from(list(schema[table])))
        type_ = draw(st.sampled_from(TYPES))
        view = "v_" + table.strip('"')[0]
        found.append(
            draw(
                st.sampled_from(
                    [
                        f"alter table {table} add column new_{len(found)} {type_}",
                        f"alter table {table} add column new_{len(found)} int not null default 7",
                        f"alter table {table} drop column {column} cascade",
                        f"alter table {table} rename column {column} to other_{len(found)}",
                        f"alter table {table} alter column {column} set not null",
                        f"alter table {table} drop constraint if exists {table.strip(chr(34))[0]}_ref_fkey",
                        f"alter table {table} rename to renamed_{len(found)}",
                        f"create index on {table} ({column})",
                        f"create or replace view {view} as select id, {column}, ref from {table}",
                        f"drop view if exists {view}",
                        f"drop table {table} cascade",
                        f"create table made_{len(found)} (id int primary key, x {type_}, r int references {table})",
                        f"alter table {table} alter column {column} set default null",
                        f"comment on table {table} is 'said'",
                        f"alter table {table} alter column id type bigint",
                        f"alter table {table} enable row level security",
                        f"update {table} set ref = null where id = 3",
                    ]
                )
            )
        )
    return found


@st.composite
def cases(draw):
    schema = draw(tables())
    return "; ".join(script(schema)), draw(changes(schema))


def check(server, case, folder):
    """What the server does not take is left out of the migration."""
    text, statements = case
    before = database(server, text)
    taken = []
    with (
        contextlib.closing(psycopg.connect(before.reveal(), autocommit=True)) as conn,
        conn.transaction(force_rollback=True),
    ):
        for statement in statements:
            with contextlib.suppress(psycopg.Error), conn.transaction():
                conn.execute(statement)
                taken.append(statement)
    assume(taken)
    try:
        proof, copy = prove(server, before, "; ".join(taken), folder)
    except (CannotUndo, psycopg.Error):
        return
    left = differences(snapshot(before), snapshot(copy), ignore_position=True)
    assert left == (), (taken, proof.undo.steps)


def limits(examples):
    return settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )


DROPPED_BEFORE_ROWS_CHANGE = (
    "create table t (id int primary key, ref int, a int); insert into t select i, i, i from generate_series(1, 9) i",
    ["alter table t drop column a cascade", "update t set ref = null where id = 3"],
)


@given(case=cases())
@example(case=DROPPED_BEFORE_ROWS_CHANGE)
@limits(4)
def test_an_undo_after_a_migration_is_the_identity(postgres17, tmp_path, case):
    check(postgres17, case, tmp_path)


@pytest.mark.slow
@given(case=cases())
@limits(int(os.environ.get("DBDEPLOY_EXAMPLES", "100")))
def test_an_undo_after_any_migration_is_the_identity(server, tmp_path, case):
    check(server, case, tmp_path)
