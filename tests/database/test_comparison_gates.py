"""The built-in gates that judge schema, rows, constraints and indexes: what they let pass, and what they say of what they do not."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_dbdeploy.compare.diff import Verification, diff
from pytest_dbdeploy.compare.row_result import TableResult, Verdict
from pytest_dbdeploy.compare.snapshot import read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.model import (
    Change,
    ChangeType,
    Mode,
    NotCompared,
    Plan,
    RowCounts,
    StatementError,
    StatementEvidence,
)
from pytest_dbdeploy.rules import Seen, findings_of, judge
from pytest_dbdeploy.session.handles import Database, Sandbox

GATES = Path(__file__).parents[2] / "gates"

BEFORE = """
create table public.users (id int primary key, name text, legacy text);
insert into public.users select n, 'user ' || n, 'old' from generate_series(1, 20) n;
create table public.orders (id int primary key, user_id int, total numeric);
insert into public.orders select n, n % 25, n from generate_series(1, 100) n;
create table public.events (id int, at date) partition by range (at);
create table public.events_2024 partition of public.events for values from ('2024-01-01') to ('2025-01-01');
insert into public.events values (1, '2024-05-05')
"""


def gate(name):
    spec = importlib.util.spec_from_file_location(f"gate_{name.replace('/', '_')}", GATES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failure(function, *arguments):
    """The message of a gate that must fail."""
    with pytest.raises(pytest.fail.Exception) as caught:
        function(*arguments)
    assert caught.value.pytrace is False
    return str(caught.value)


def reason(function, *arguments):
    """Why a gate says that it does not apply."""
    with pytest.raises(pytest.skip.Exception) as caught:
        function(*arguments)
    assert caught.value.dbdeploy_not_applicable
    return str(caught.value)


def plan(command=None):
    return Plan(
        environment="dev",
        mode=Mode.DEPLOY,
        layout="sql",
        migrations=(),
        target=None,
        target_error=None,
        history=None,
        git=None,
        fingerprint=None,
        policy={},
        command=command,
    )


def ran(statement, *, line=1, tag="ALTER TABLE", **more):
    return StatementEvidence(
        "0002_more", "migrations/0002_more.sql", line, statement, tag, 0.01, True, **more
    )


class Rehearsed:
    """A sandbox on a real server, on which ``migration`` was run."""

    def __init__(self, server, migration, *, policy=None, evidence=None, files=None):
        self.urls = [server.fresh_database() for _ in range(2)]
        snapshots = []
        for url, statements in zip(self.urls, ([BEFORE], [BEFORE, migration]), strict=True):
            with connect(url, purpose="test", autocommit=True) as conn:
                for statement in statements:
                    conn.execute(statement)
                snapshots.append(read_snapshot(conn))
        self.evidence = (ran(migration),) if evidence is None else evidence
        self.policy = policy or {}
        self.changes = judge(diff(*snapshots), self.policy, evidence=self.evidence, files=files)
        self.judged = findings_of(Seen(self.changes, self.evidence), self.policy, files=files)
        before, after = (
            Database(url.reveal(), name=name, read_only=name == "before")
            for url, name in zip(self.urls, ("before", "after"), strict=True)
        )
        self.sandbox = Sandbox(before, after)
        self.clones = before.connect(), after.connect()
        for conn in self.clones:
            conn.autocommit = True

    def close(self):
        self.sandbox.before.end_of_gate()
        self.sandbox.after.end_of_gate()

    def checks(self):
        return {
            "policy": self.policy,
            "findings": self.judged.findings,
            "unused_acknowledgements": self.judged.unused,
        }

    def rows(self, table, *, checks=None, command=None):
        return (table, plan(command), self.clones, self.changes, self.evidence, checks or {})


@pytest.fixture
def rehearse(postgres17):
    made = []

    def make(migration, **more):
        made.append(Rehearsed(postgres17, migration, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


# -- rules -----------------------------------------------------------------------------------------------------------


def test_a_dropped_column_blocks_with_place_statement_and_remedy(rehearse):
    found = rehearse("alter table users drop column legacy")
    test_rule = gate("sandbox/test_rules").test_rule
    text = failure(test_rule, "column-removed", found.checks())
    assert text.startswith("migrations/0002_more.sql:1: column public.users.legacy (text) is removed")
    assert "-- dbdeploy: allow column-removed public.users.legacy (why)" in text
    test_rule("table-removed", found.checks())


def test_several_findings_are_told_on_the_first_line(rehearse):
    found = rehearse("alter table users drop column legacy, drop column name")
    text = failure(gate("sandbox/test_rules").test_rule, "column-removed", found.checks())
    assert text.startswith(
        "2 findings: public.users.legacy, public.users.name\n\nmigrations/0002_more.sql:1: column"
    )


def test_rows_that_a_trigger_adds_fail_the_gate_that_warns_alone(rehearse):
    added = ran("update orders set id = id", tag="UPDATE 2", rows={"public.users": RowCounts(inserted=2)})
    found = rehearse("select 1", evidence=(added,))
    module = gate("sandbox/test_rules")
    text = failure(module.test_blocking_rules_find_nothing_to_warn_of, found.checks())
    assert "2 rows added to public.users, written by a trigger" in text
    module.test_rule("rows-changed-unexpectedly", found.checks())
    (mark,) = module.test_blocking_rules_find_nothing_to_warn_of.pytestmark
    assert mark.kwargs == {"severity": "warn"}
    warned = rehearse("select 1", evidence=(added,), policy={"rows-changed-unexpectedly": "warn"})
    assert "2 rows" in failure(module.test_rule, "rows-changed-unexpectedly", warned.checks())
    module.test_blocking_rules_find_nothing_to_warn_of(warned.checks())


def test_an_acknowledged_column_passes(rehearse):
    comment = "-- dbdeploy: allow column-removed public.users.legacy (unused)"
    found = rehearse("alter table users drop column legacy", files={"migrations/0002_more.sql": comment})
    module = gate("sandbox/test_rules")
    module.test_rule("column-removed", found.checks())
    module.test_acknowledgements_acknowledge_something(found.checks())


def test_an_acknowledgement_of_nothing_is_told(rehearse):
    comment = "-- dbdeploy: allow column-removed public.users.gone (unused)"
    found = rehearse("select 1", files={"migrations/0002_more.sql": comment})
    text = failure(gate("sandbox/test_rules").test_acknowledgements_acknowledge_something, found.checks())
    assert "column-removed public.users.gone acknowledges nothing" in text


def test_an_ignored_rule_does_not_apply(rehearse):
    found = rehearse("drop table users", policy={"table-removed": "ignore"}, evidence=())
    assert "ignores table-removed" in reason(
        gate("sandbox/test_rules").test_rule, "table-removed", found.checks()
    )


# -- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("migration", "table"),
    [
        ("create index on orders (total)", "public.orders"),
        ("alter table users add column age int default 3", "public.users"),
        ("alter table users drop column legacy", "public.users"),
        ("select 1", "public.events"),
    ],
)
def test_rows_that_stay_pass(rehearse, migration, table):
    gate("sandbox/test_rows").test_rows_are_preserved(*rehearse(migration).rows(table))


@pytest.mark.parametrize(
    "migration",
    [
        "alter table events detach partition events_2024",
        "drop table events_2024",
    ],
)
def test_rows_that_leave_or_come_with_a_partition_are_still_those_of_the_partition(rehearse, migration):
    found = rehearse(migration)
    test = gate("sandbox/test_rows").test_rows_are_preserved
    test(*found.rows("public.events"))
    found = rehearse(
        f"{migration}; create table rest partition of events for values from ('2025-01-01') to (maxvalue);"
        "insert into events values (2, '2026-01-01')"
    )
    text = failure(test, *found.rows("public.events"))
    assert "public.events had 0 rows and has 1, the partitions that it was given or lost aside, after" in text


def test_no_table_at_all_passes():
    gate("sandbox/test_rows").test_rows_are_preserved(None, None, None, None, None, None)


def test_rows_that_vanish_without_a_statement_that_writes_fail(rehearse):
    found = rehearse("delete from orders where id > 90")
    text = failure(gate("sandbox/test_rows").test_rows_are_preserved, *found.rows("public.orders"))
    assert (
        "public.orders had 100 rows and has 90 after the migrations, though no statement writes to it" in text
    )
    assert "Statements that name it: migrations/0002_more.sql:1" in text


def test_values_that_change_without_a_statement_that_writes_fail(rehearse):
    found = rehearse("update orders set total = 0 where id = 1")
    text = failure(gate("sandbox/test_rows").test_rows_are_preserved, *found.rows("public.orders"))
    assert "public.orders has 100 rows as before, but they are not the same" in text


def test_rows_lost_beside_a_changed_column_fail(rehearse):
    found = rehearse("delete from users where id > 5; alter table users drop column legacy")
    text = failure(gate("sandbox/test_rows").test_rows_are_preserved, *found.rows("public.users"))
    assert "public.users had 20 rows and has 5" in text


def test_rows_that_a_statement_writes_do_not_apply(rehearse):
    evidence = (
        ran("delete from events", line=7, tag="DELETE", rows={"public.events_2024": RowCounts(deleted=1)}),
    )
    found = rehearse("delete from events", evidence=evidence)
    text = reason(gate("sandbox/test_rows").test_rows_are_preserved, *found.rows("public.events"))
    assert "written to on purpose, by migrations/0002_more.sql:7" in text


def test_a_truncated_table_counts_as_written_and_one_that_was_not_named_does_not(rehearse):
    evidence = (ran("truncate orders", tag="TRUNCATE TABLE", truncated=("public.orders", "public.users")),)
    found = rehearse("truncate orders, users", evidence=evidence)
    test = gate("sandbox/test_rows").test_rows_are_preserved
    assert "on purpose" in reason(test, *found.rows("public.orders"))
    assert "public.users had 20 rows and has 0" in failure(test, *found.rows("public.users"))


def test_the_rows_of_a_renamed_table_are_compared_under_its_new_name(rehearse):
    found = rehearse("alter table users rename to people")
    renamed = Change(
        "table", ChangeType.RENAMED, "public.users", {"name": "public.users"}, {"name": "public.people"}
    )
    found.changes = (renamed,)
    gate("sandbox/test_rows").test_rows_are_preserved(*found.rows("public.users"))


def test_removed_tables_the_tools_history_and_commands_do_not_apply(rehearse):
    found = rehearse("drop table orders; update users set name = 'x'")
    test = gate("sandbox/test_rows").test_rows_are_preserved
    assert "table-removed judges" in reason(test, *found.rows("public.orders"))
    assert "own history" in reason(
        test, *found.rows("public.users", checks={"history_relations": ("public.users",)})
    )
    assert "command" in reason(test, *found.rows("public.users", command="manage.py migrate"))
    assert "not in the clone" in reason(test, *found.rows("public.nowhere"))


# -- constraints, indexes, migrations --------------------------------------------------------------------------------


def test_a_validated_constraint_passes(rehearse):
    found = rehearse("alter table orders add check (total > 0)")
    module = gate("sandbox/test_constraints")
    module.test_new_constraints_hold(found.changes, found.evidence, found.sandbox)


def test_a_constraint_that_is_left_not_valid_is_the_business_of_its_rule_as_long_as_the_rows_obey_it(
    rehearse,
):
    found = rehearse('alter table orders add constraint "Positive" check (total > 0) not valid')
    gate("sandbox/test_constraints").test_new_constraints_hold(found.changes, found.evidence, found.sandbox)


def test_a_constraint_that_the_rows_violate_fails_with_the_servers_words(rehearse):
    found = rehearse("alter table orders add constraint who foreign key (user_id) references users not valid")
    module = gate("sandbox/test_constraints")
    text = failure(module.test_new_constraints_hold, found.changes, found.evidence, found.sandbox)
    assert "constraint public.orders.who does not hold" in text
    assert "is not present in table" in text


def test_rows_that_violate_a_constraint_may_stay_where_that_is_acknowledged(rehearse):
    found = rehearse("alter table orders add constraint who foreign key (user_id) references users not valid")
    accepted = [replace(change, acknowledged=True) for change in found.changes]
    gate("sandbox/test_constraints").test_new_constraints_hold(accepted, found.evidence, found.sandbox)


def test_a_migration_that_fails_is_told_with_all_the_server_said():
    test = gate("sandbox/test_migrations").test_migrations_apply
    error = StatementError(
        "23505", "could not create unique index", "Key (a)=(1) is duplicated.", "a hint", 7
    )
    text = failure(
        test, (ran("select 1"), ran("alter table t\n  add unique (a)", line=12, tag=None, error=error))
    )
    assert text.startswith("migrations/0002_more.sql:12: could not create unique index (SQLSTATE 23505)\n")
    for part in (
        "detail: Key (a)=(1) is duplicated.",
        "hint: a hint",
        "7 rows violate it",
        "in migration 0002_more:\n    alter table t\n      add unique (a)",
    ):
        assert part in text
    test((ran("select 1"),))


# -- after the deployment, after a rollback, compare -----------------------------------------------------------------

ADDED = Change("column", ChangeType.ADDED, "public.users.phone", None, {"type": "text"})


def test_the_schema_gate_tells_what_is_missing_and_what_nobody_rehearsed():
    test = gate("postdeploy/test_schema").test_schema_is_as_rehearsed
    odd = Change("history", ChangeType.MODIFIED, "x", {}, {})
    checks = {
        "verification": Verification(
            (ADDED,), (Change("column", ChangeType.REMOVED, "public.users.x", {}, None), odd)
        )
    }
    text = failure(test, "column", checks)
    assert "column public.users.phone is not in the target, but in the rehearsal: text" in text
    assert "column public.users.x is in the target before the deployment, but not in the target now" in text
    test("table", checks)
    assert "history x" in failure(test, "other", checks)


def test_a_table_without_rows_after_the_deployment_fails_unless_it_was_meant(postgres17):
    url = postgres17.fresh_database()
    with connect(url, purpose="test", autocommit=True) as conn:
        conn.execute(
            "create table public.a (i int); create table public.b (i int); create table public.c (i int)"
        )
        conn.execute("insert into public.c values (1)")
    target = Database(url.reveal(), name="target", read_only=True)
    test = gate("postdeploy/test_tables").test_no_table_is_emptied
    before = {"public.a": 5, "public.b": 6, "public.c": 1, "public.gone": 9}
    text = failure(test, target, {"rows_before": before, "expected_empty": ["public.b"]})
    assert "public.a had 5 rows" in text
    assert "public.b" not in text
    test(target, {"rows_before": before, "expected_empty": ["public.a", "public.b"]})
    assert "no table had rows" in reason(test, target, {"rows_before": {"public.a": 0}, "expected_empty": []})
    target.end_of_gate()


def test_pending_migrations_after_the_deployment_fail():
    test = gate("postdeploy/test_history").test_history_is_complete
    assert "0003_x" in failure(test, {"history_pending": ["0003_x"]})
    test({"history_pending": []})


def test_what_a_rollback_did_not_bring_back_fails():
    module = gate("postrollback/test_restored")
    checks = {"restored": {"schema": (ADDED,), "rows": {"public.users": (20, 3)}}}
    assert "public.users.phone" in failure(module.test_schema_is_as_it_was, checks)
    assert "public.users had 20 rows when the backup was made, and has 3 now" in failure(
        module.test_rows_are_as_they_were, checks
    )
    good = {"restored": {"schema": (), "rows": {}}}
    module.test_schema_is_as_it_was(good)
    module.test_rows_are_as_they_were(good)


def test_a_comparison_names_both_sides():
    checks = {
        "compare": {
            "labels": ("local", "dev"),
            "pairs": [{"labels": ("local", "dev"), "changes": (ADDED,)}],
            "not_compared": {"local": (NotCompared("cast", "(a AS b)", "unknown"),), "dev": ()},
            "samples": "keys",
            "rows": {
                "public.a": (TableResult("public.a", ("local", "dev"), Verdict.DIFFERENT, rows=(3, 4)),),
                "public.b": (TableResult("public.b", ("local", "dev"), Verdict.DIFFERENT, rows=(2, 2)),),
                "public.c": (TableResult("public.c", ("local", "dev"), Verdict.EQUAL, rows=(2, 2)),),
                "public.d": (
                    TableResult("public.d", ("local", "dev"), Verdict.NOT_COMPARED, "not compared: no"),
                ),
                "public.e": (TableResult("public.e", ("local", "dev"), Verdict.SKIPPED, "elsewhere"),),
            },
        }
    }
    schema, rows = gate("compare/test_schema"), gate("compare/test_rows")
    assert "column public.users.phone is not in local, but in dev: text" in failure(
        schema.test_schema_is_equal, "column", checks
    )
    schema.test_schema_is_equal("table", checks)
    assert "cast (a AS b): unknown" in failure(schema.test_everything_was_compared, checks)
    test = rows.test_rows_are_equal
    assert failure(test, "public.a", checks) == "public.a: 3 rows in local, 4 in dev"
    assert failure(test, "public.b", checks) == (
        "public.b: 2 rows in local and in dev, but not the same ones (their checksums differ)"
    )
    test("public.c", checks)
    assert failure(test, "public.d", checks) == "public.d: not compared: no"
    assert "elsewhere" in reason(test, "public.e", checks)
    assert "no rows are compared" in reason(test, None, checks)
