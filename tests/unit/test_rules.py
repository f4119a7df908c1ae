"""Rules: found by themselves, documented, and judged by policy and acknowledgement."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pytest_dbdeploy import rules as package
from pytest_dbdeploy.model import (
    Change,
    ChangeType,
    DroppedObject,
    Fact,
    Facts,
    Lock,
    Migration,
    RelationSize,
    Severity,
    Statement,
    StatementError,
    StatementEvidence,
    TouchedObject,
    Traffic,
    Violation,
)
from pytest_dbdeploy.rules import (
    RULES,
    Acknowledged,
    Seen,
    evaluate,
    findings_of,
    inline_acknowledgements,
    judge,
    severity_of,
    texts_of,
)
from pytest_dbdeploy.rules.pages import index, page

ROOT = Path(__file__).parents[2]
COLUMN = Change("column", ChangeType.REMOVED, "public.users.legacy", {"type": "text"}, None)
TABLE = Change("table", ChangeType.REMOVED, "public.orders", {"columns": {"public.orders.id": {}}}, None)


def ran(statement, *, file="drizzle/0007_tidy.sql", line=3, tag="ALTER TABLE", migration="0007_tidy", **more):
    return StatementEvidence(migration, file, line, statement, tag, 0.01, True, **more)


def judged(change=COLUMN, acknowledge=(), **more):
    (found,) = judge((change,), more.pop("policy", {}), acknowledge, **more)
    return found


def test_every_file_of_the_package_with_a_rule_is_found():
    files = {
        path.stem.replace("_", "-")
        for path in Path(package.__file__).parent.glob("*_*.py")
        if path.stem[0] != "_"
    }
    assert set(RULES) == files


BLOCK = """
schema-drift table-removed column-removed primary-key-removed schema-removed view-removed function-removed type-removed enum-value-removed
object-dropped-implicitly table-renamed column-renamed column-type-incompatible not-null-added-without-default
constraint-fails-on-data unique-fails-on-data foreign-key-orphans lock-blocks-reads lock-blocks-writes privilege-lost
privilege-widened rls-disabled rls-enabled-without-policy sequence-behind-max routine-broken rows-changed-unexpectedly
index-invalid-left migration-edited migration-late migration-missing
"""
WARN = """
column-type-rewrites table-rewritten index-rebuilt scanned-under-lock lock-on-unnamed-relation lock-held-across-statements
index-not-concurrent constraint-not-valid-left default-removed trigger-disabled serial-sequence-still-int int4-key-headroom
statistics-lost constraint-removed many-rows-written
"""


def test_each_rule_blocks_or_warns_as_documented():
    expected = dict.fromkeys(BLOCK.split(), "block") | dict.fromkeys(WARN.split(), "warn")
    assert {name: str(rule.default) for name, rule in RULES.items()} == expected


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_has_a_page_that_names_it_and_shows_the_safe_way(rule):
    text = (ROOT / "docs" / "rules" / f"{rule}.md").read_text("utf-8")
    assert text == page(RULES[rule]), (
        "write the pages again: python -m pytest_dbdeploy.rules.pages docs/rules"
    )
    assert text.startswith(f"# {rule}\n")
    assert "## Why it hurts" in text
    assert "## The safe way" in text
    assert "```sql" in text.partition("## To let it pass")[0]
    assert f"Default: `{RULES[rule].default}`" in text


def test_the_list_of_rules_is_complete():
    assert (ROOT / "docs" / "rules" / "README.md").read_text("utf-8") == index()


def test_a_removed_column_is_found_with_its_place_and_what_to_do():
    (finding,) = evaluate("column-removed", [COLUMN], [ran("ALTER TABLE users DROP COLUMN legacy")])
    assert finding.place == "drizzle/0007_tidy.sql:3"
    assert finding.object == "public.users.legacy"
    assert (
        finding.message
        == "column public.users.legacy (text) is removed, with its values: ALTER TABLE users DROP COLUMN legacy"
    )
    assert "-- dbdeploy: allow column-removed public.users.legacy (why)" in finding.hint
    assert "drizzle/0007_tidy.sql" in finding.hint


@pytest.mark.parametrize(
    ("values", "text"), [(0, "no value in any row"), (1, "its one value"), (2_000, "its 2,000 values")]
)
def test_a_removed_column_says_how_many_values_are_lost(values, text):
    facts = Facts(values_lost={"public.users.legacy": values})
    (finding,) = evaluate("column-removed", [COLUMN], facts=facts)
    assert finding.message == f"column public.users.legacy (text) is removed, with {text}"


def test_a_removed_table_is_found_even_when_nobody_knows_which_statement_it_was():
    (finding,) = evaluate("table-removed", [TABLE])
    assert (finding.message, finding.place) == (
        "table public.orders is removed, with its 1 column and all its rows",
        None,
    )


def test_what_a_command_removes_stands_where_the_command_does_and_is_acknowledged_there():
    command = ran("python manage.py migrate", file="dbdeploy.yaml", line=4, tag=None, migration="command")
    (finding,) = evaluate("column-removed", [COLUMN], [command])
    assert finding.place == "dbdeploy.yaml:4"
    snippet = "acknowledge:\n      - {rule: column-removed, object: 'public.users.legacy', reason: why}"
    assert snippet in finding.hint


def test_columns_of_a_removed_table_are_the_tables_business():
    column = Change("column", ChangeType.REMOVED, "public.orders.id", {}, None)
    assert evaluate("column-removed", [TABLE, column]) == []


@pytest.mark.parametrize(
    "change",
    [
        Change("column", ChangeType.ADDED, "public.users.x", None, {}),
        Change("column", ChangeType.MODIFIED, "public.users.x", {"type": "text"}, {"type": "integer"}),
        Change("view column", ChangeType.REMOVED, "public.v.x", {}, None),
        Change("view", ChangeType.REMOVED, "public.v", {}, None),
    ],
)
def test_other_changes_are_no_removal_of_a_table_or_column(change):
    assert [rule for rule in ("table-removed", "column-removed") if evaluate(rule, [change])] == []


def test_a_rename_is_told_as_what_it_is():
    (finding,) = evaluate("table-removed", [TABLE], [ran('ALTER TABLE "orders" RENAME TO "purchases"')])
    assert "no more under this name" in finding.message
    assert "keep a view" in finding.hint


def test_what_was_measured_to_be_dropped_beats_what_a_statement_names():
    measured = ran(
        "DROP SCHEMA attic CASCADE",
        line=9,
        tag="DROP SCHEMA",
        dropped=(DroppedObject("table", "public.orders", True),),
    )
    (finding,) = evaluate("table-removed", [TABLE], [measured, ran("ALTER TABLE orders RENAME TO x")])
    assert finding.place == "drizzle/0007_tidy.sql:9"


def test_a_statement_that_only_writes_or_only_mentions_the_name_in_a_comment_is_not_it():
    evidence = [
        ran("DROP TABLE orders", line=1, tag="DROP TABLE"),
        ran("ALTER TABLE x DROP COLUMN y -- like orders", line=2),
        ran("INSERT INTO orders VALUES (1)", line=3, tag="INSERT"),
        ran("CREATE TABLE orders_new (id int)", line=4, tag="CREATE TABLE"),
    ]
    assert evaluate("table-removed", [TABLE], evidence)[0].place == "drizzle/0007_tidy.sql:1"


def test_a_column_of_a_view_that_was_dropped_and_made_again_went_with_the_drop():
    change = Change("view column", ChangeType.REMOVED, "public.big.note", {}, None)
    again = [
        ran("drop view big", line=4, tag="DROP VIEW", dropped=(DroppedObject("view", "public.big", False),)),
        ran("create view big as select id from orders", line=5, tag="CREATE VIEW"),
    ]
    assert evaluate("view-removed", [change], again)[0].place == "drizzle/0007_tidy.sql:4"


def retyped(column, before, after):
    return Change("column", ChangeType.MODIFIED, f"public.users.{column}", {"type": before}, {"type": after})


def test_a_table_that_another_statement_rewrites_does_not_make_a_free_change_of_type_expensive():
    changes = [retyped("email", "varchar(50)", "varchar(100)"), retyped("score", "integer", "bigint")]
    evidence = [
        ran("do $$ begin execute 'alter table users alter email type varchar(100)'; end $$", tag="DO"),
        ran("alter table users alter score type bigint", rewritten=("public.users",)),
    ]
    assert [f.object for f in evaluate("column-type-rewrites", changes, evidence)] == ["public.users.score"]


def test_a_change_of_type_whose_sql_nobody_sees_is_found_by_what_was_rewritten():
    evidence = [ran("select upgrade()", tag="SELECT", rewritten=("public.users",))]
    (finding,) = evaluate("column-type-rewrites", [retyped("score", "integer", "bigint")], evidence)
    assert finding.place == "drizzle/0007_tidy.sql:3"


@pytest.mark.parametrize("analyzes", [True, False])
def test_lost_statistics_are_found_where_the_deployment_does_not_analyse_the_table_itself(analyzes):
    evidence = [ran("alter table users alter score type bigint", rewritten=("public.users",))]
    seen = Seen([retyped("score", "integer", "bigint")], evidence, Facts(analyzes=analyzes))
    assert [f.object for f in RULES["statistics-lost"].check(seen)] == (
        [] if analyzes else ["public.users.score"]
    )


def test_nobody_is_told_to_acknowledge_what_the_server_refuses():
    error = StatementError("22003", "numeric field overflow", violating_rows=2)
    failed = ran("ALTER TABLE users ALTER score TYPE smallint", error=error)
    (finding,) = evaluate("column-type-incompatible", [], [failed])
    assert "acknowledge" not in finding.hint
    assert "docs/rules/column-type-incompatible.md" in finding.hint


@pytest.mark.parametrize(
    ("rows", "told"), [(1, "1 row of public.users does not fit"), (2, "2 rows of public.users do not fit")]
)
def test_one_row_at_fault_is_one(rows, told):
    error = StatementError("22003", "numeric field overflow", violating_rows=rows)
    failed = ran(
        "ALTER TABLE users ALTER score TYPE smallint", error=error, violation=Violation("public.users")
    )
    (finding,) = evaluate("column-type-incompatible", [], [failed])
    assert finding.message.startswith(told)


MENTIONS = ran("CREATE FUNCTION f() RETURNS int AS 'SELECT phone FROM users'", line=9, tag="CREATE FUNCTION")


@pytest.mark.parametrize(
    ("rule", "change", "statement"),
    [
        ("column-renamed", ChangeType.RENAMED, "ALTER TABLE users RENAME COLUMN phone TO mobile"),
        (
            "not-null-added-without-default",
            ChangeType.ADDED,
            "ALTER TABLE users ADD COLUMN phone text NOT NULL",
        ),
        ("constraint-removed", ChangeType.MODIFIED, "ALTER TABLE users ALTER COLUMN phone DROP NOT NULL"),
    ],
)
def test_a_later_statement_that_only_mentions_the_object_has_not_made_the_change(rule, change, statement):
    sides = {
        ChangeType.RENAMED: ({"name": "public.users.phone"}, {"name": "public.users.mobile"}),
        ChangeType.ADDED: (None, {"type": "text", "not_null": True}),
        ChangeType.MODIFIED: ({"not_null": True}, {"not_null": None}),
    }
    evidence = [
        ran(statement, line=4),
        ran("CREATE INDEX users_phone ON users (phone)", line=8, tag="CREATE INDEX"),
        MENTIONS,
    ]
    changed = Change("column", change, "public.users.phone", *sides[change])
    assert evaluate(rule, [changed], evidence)[0].place == "drizzle/0007_tidy.sql:4"


def test_what_the_server_says_was_altered_tells_a_blocks_change_from_a_mention():
    altered = (TouchedObject("table", "public.users"),)
    block = ran(
        "DO $$ BEGIN ALTER TABLE users RENAME COLUMN phone TO mobile; END $$",
        line=4,
        tag="DO",
        altered=altered,
    )
    change = Change("column", ChangeType.RENAMED, "public.users.phone", {}, {"name": "public.users.mobile"})
    (finding,) = evaluate("column-renamed", [change], [block, MENTIONS])
    assert finding.place == "drizzle/0007_tidy.sql:4"


def test_row_security_is_the_work_of_the_statement_that_turned_it_on():
    turned_on = ran(
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        line=4,
        altered=(TouchedObject("table", "public.users"),),
    )
    facts = Facts(without_policy=(Fact("public.users", "has row level security and no policy"),))
    (finding,) = evaluate("rls-enabled-without-policy", [], [turned_on, MENTIONS], facts)
    assert finding.place == "drizzle/0007_tidy.sql:4"


@pytest.mark.parametrize(
    ("tag", "rows", "found"), [("UPDATE 3", 3, 0), ("UPDATE 3", 20_000, 1), ("ALTER TABLE", 3, 1)]
)
def test_how_a_query_reads_a_small_table_is_no_finding(tag, rows, found):
    evidence = ran("...", tag=tag, scanned=("public.users",))
    findings = evaluate("scanned-under-lock", [], [evidence], Facts(rows={"public.users": rows}))
    assert len(findings) == found


def test_a_table_that_is_locked_again_in_the_same_transaction_is_told_once_unless_the_lock_is_stronger():
    size = {"public.users": RelationSize(3, 8192)}
    evidence = [
        ran("...", line=line, locks=(Lock("public.users", mode, True),), sizes=size, held_seconds=seconds)
        for line, mode, seconds in (
            (3, "ShareLock", 4.0),
            (4, "AccessExclusiveLock", 3.0),
            (5, "ShareLock", 2.0),
        )
    ]
    findings = evaluate("lock-held-across-statements", [], evidence)
    assert [f.place for f in findings] == ["drizzle/0007_tidy.sql:3", "drizzle/0007_tidy.sql:4"]


# -- policy ----------------------------------------------------------------------------------------------------------


def test_the_policy_decides_and_is_silent_about_what_it_does_not_name():
    assert severity_of("column-removed", {"column-removed": "warn"}) is Severity.WARN
    assert severity_of("column-removed", {}) is Severity.BLOCK


def test_a_change_gets_its_rule_and_severity():
    found = judged(policy={"column-removed": Severity.WARN})
    assert (found.rule, found.severity, found.acknowledged) == ("column-removed", Severity.WARN, False)


def test_an_ignored_rule_says_nothing_of_a_change():
    assert judged(policy={"column-removed": Severity.IGNORE}) == COLUMN


def test_a_change_without_a_rule_stays_as_it_is():
    harmless = Change("index", ChangeType.ADDED, "public.i", None, {})
    assert judged(harmless) == harmless


# -- acknowledgements ------------------------------------------------------------------------------------------------

DROP = (ran("ALTER TABLE users DROP COLUMN legacy"),)


@pytest.mark.parametrize(
    "entry",
    [
        Acknowledged("column-removed", "public.users.legacy"),
        Acknowledged("column-removed", "public.users.*"),
        Acknowledged("column-removed", "public.users.legacy", migration="0007_*"),
        Acknowledged("column-removed", "public.users.legacy", migration="drizzle/0007_tidy.sql"),
        Acknowledged("column-removed", "public.users.legacy", until=dt.date(2027, 1, 31)),
    ],
)
def test_an_acknowledgement_that_fits_counts(entry):
    assert judged(acknowledge=[entry], evidence=DROP, today=dt.date(2027, 1, 31)).acknowledged


@pytest.mark.parametrize(
    "entry",
    [
        Acknowledged("table-removed", "public.users.legacy"),
        Acknowledged("column-removed", "public.users.other"),
        Acknowledged("column-removed", "public.users.LEGACY"),
        Acknowledged("column-removed", "public.users.legacy", migration="0008_*"),
        Acknowledged("column-removed", "public.users.legacy", until=dt.date(2027, 1, 30)),
    ],
)
def test_an_acknowledgement_of_something_else_or_of_yesterday_does_not_count(entry):
    found = judged(acknowledge=[entry], evidence=DROP, today=dt.date(2027, 1, 31))
    assert (found.rule, found.severity, found.acknowledged) == ("column-removed", Severity.BLOCK, False)


def test_without_evidence_a_migration_that_is_pending_is_good_enough():
    entry = Acknowledged("column-removed", "public.users.legacy", migration="0007_*")
    assert judged(acknowledge=[entry], files={"drizzle/0007_tidy.sql": ""}).acknowledged
    assert not judged(acknowledge=[entry], files={"drizzle/0008_more.sql": ""}).acknowledged


def test_a_change_that_no_measured_statement_explains_is_not_acknowledged_for_one_migration():
    entry = Acknowledged("column-removed", "public.users.legacy", migration="0007_*")
    assert not judged(acknowledge=[entry], evidence=(ran("SELECT 1", tag="SELECT"),)).acknowledged


COMMENT = "-- dbdeploy: allow column-removed public.users.legacy (unused since 2.3)\nALTER TABLE users DROP COLUMN legacy;"


@pytest.mark.parametrize(
    "text",
    [
        COMMENT,
        COMMENT.replace("\n", "\r\n"),
        "ALTER TABLE users DROP COLUMN legacy; -- dbdeploy: allow column-removed public.users.legacy",
        "  --dbdeploy: allow  column-removed  public.users.legacy  (why (really))",
    ],
)
def test_a_comment_in_the_migration_acknowledges_its_change(text):
    assert judged(files={"drizzle/0007_tidy.sql": text}, evidence=DROP).acknowledged


@pytest.mark.parametrize(
    "text",
    [
        "-- dbdeploy: allow column-removed",
        "-- dbdeploy: allow column-removed\npublic.users.legacy",
        "-- dbdeploy: allow column-removed public.users.*",
        "-- dbdeploy: allow everything public.users.legacy",
        "-- dbdeploy: allow column-removed public.users.legacy2 (why)",
        "-- dbdeploy: allow column-removed public.users.legacy and more",
    ],
)
def test_a_comment_that_is_not_exactly_about_it_does_not(text):
    assert not judged(files={"drizzle/0007_tidy.sql": text}, evidence=DROP).acknowledged


def test_a_comment_counts_for_its_own_file_only():
    assert not judged(files={"drizzle/0001_init.sql": COMMENT}, evidence=DROP).acknowledged


def test_a_comment_may_name_a_quoted_object():
    (found,) = inline_acknowledgements({"f": '-- dbdeploy: allow table-removed public."My Table" (old)'})
    assert (found.object, found.reason) == ('public."My Table"', "old")


def test_the_statements_of_a_migration_stand_in_for_its_file():
    migration = Migration("0007_tidy", "f.sql", "c", (Statement(COMMENT, 1), Statement("SELECT 1", 4)))
    assert inline_acknowledgements(texts_of([migration]))[0].object == "public.users.legacy"


# -- findings --------------------------------------------------------------------------------------------------------

SLOW = ran(
    "ALTER TABLE users ADD CHECK (id > 0)",
    locks=(Lock("public.users", "AccessExclusiveLock", True),),
    sizes={"public.users": RelationSize(1_000, 81_920)},
    scanned=("public.users",),
    held_seconds=4.1,
)


def judged_findings(acknowledge=(), policy=None, evidence=(SLOW,), files=None, changes=(), **facts):
    seen = Seen(changes, evidence, Facts(**facts))
    return findings_of(seen, policy or {}, acknowledge, files=files, today=dt.date(2027, 1, 31))


def test_a_lock_is_told_with_its_seconds_the_size_and_the_traffic_and_who_is_in_the_way():
    found = judged_findings(
        rows={"public.users": 2_100_000},
        traffic={"public.users": Traffic(2_000_000, 310_000_000, 300.0)},
        blockers=(Fact("public.users", "psql (pid 7, in a transaction for 73 s)"),),
    )
    worst = found.findings[0]
    assert (worst.rule, worst.severity, worst.object) == ("lock-blocks-reads", Severity.BLOCK, "public.users")
    assert worst.message == (
        "ACCESS EXCLUSIVE about 4.1 s on public.users (2,100,000 rows, 80 kB, 300 scans a second on the target): nobody reads or writes "
        "it until the commit; it would wait for psql (pid 7, in a transaction for 73 s) now: ALTER TABLE users ADD CHECK (id > 0)"
    )
    assert (worst.place, worst.migration) == ("drizzle/0007_tidy.sql:3", "0007_tidy")
    assert "-- dbdeploy: allow lock-blocks-reads public.users (why)" in worst.hint


@pytest.mark.parametrize(
    ("facts", "blocks"),
    [
        ({"lock_seconds": 4.0}, True),
        ({"lock_seconds": 5.0}, False),
        ({"lock_seconds": 5.0, "lock_rows": 999}, True),
        ({"lock_seconds": 5.0, "lock_rows": 1_000}, False),
    ],
)
def test_thresholds_decide_whether_a_lock_blocks(facts, blocks):
    rules = {f.rule for f in judged_findings(**facts).findings}
    assert ("lock-blocks-reads" in rules) is blocks
    assert "scanned-under-lock" in rules, "warnings come at any size"


def test_a_finding_is_acknowledged_by_entry_or_comment_and_ignored_by_policy():
    entry = Acknowledged("lock-blocks-reads", "public.users", migration="0007_*")
    by_entry = judged_findings([entry])
    assert {f.rule: f.acknowledged for f in by_entry.findings}["lock-blocks-reads"] is True
    assert by_entry.unused == ()
    comment = {"drizzle/0007_tidy.sql": "-- dbdeploy: allow scanned-under-lock public.users (small)"}
    by_comment = judged_findings(files=comment)
    assert {f.rule for f in by_comment.findings if f.acknowledged} == {"scanned-under-lock"}
    assert "lock-blocks-reads" not in {
        f.rule for f in judged_findings(policy={"lock-blocks-reads": "ignore"}).findings
    }


def test_an_acknowledgement_that_acknowledges_nothing_is_told():
    entries = [
        Acknowledged("column-removed", "public.users.gone"),
        Acknowledged("lock-blocks-reads", "public.users", until=dt.date(2027, 1, 30)),
        Acknowledged("lock-blocks-reads", "public.users", migration="0008_*"),
    ]
    comment = {"drizzle/0007_tidy.sql": "-- dbdeploy: allow table-removed public.users (old)"}
    assert judged_findings(entries, files=comment).unused == (
        "acknowledge in dbdeploy.yaml: column-removed public.users.gone acknowledges nothing that was found",
        "acknowledge in dbdeploy.yaml: lock-blocks-reads public.users counted until 2027-01-30: it does not any more",
        "acknowledge in dbdeploy.yaml: lock-blocks-reads public.users acknowledges nothing that was found",
        "drizzle/0007_tidy.sql: table-removed public.users acknowledges nothing that was found",
    )


def test_a_comment_may_name_a_function_with_several_arguments():
    change = Change("function", ChangeType.REMOVED, "public.total(integer, text)", {}, None)
    drop = ran("DROP FUNCTION total(int, text)", tag="DROP FUNCTION")
    hint = judged_findings(changes=[change], evidence=(drop,)).findings[0].hint
    (comment,) = [line.strip() for line in hint.splitlines() if line.strip().startswith("--")]
    found = judged_findings(changes=[change], evidence=(drop,), files={drop.file: comment})
    assert [(f.rule, f.acknowledged) for f in found.findings] == [("function-removed", True)]


@pytest.mark.parametrize(
    ("kind", "before", "after", "lost", "gained"),
    [
        ("table", ["app: SELECT, UPDATE", "me: ALL"], ["app: SELECT", "me: ALL"], "app: UPDATE", ""),
        ("table", ["app: SELECT", "me: ALL"], None, "app: SELECT", ""),
        ("table", None, ["app: SELECT", "me: ALL"], "", "app: SELECT"),
        ("table", ["app: SELECT"], ["app: ALL"], "", "app: ALL"),
        ("table", ["app: ALL"], ["app: SELECT"], "app: ALL", ""),
        ("function", ["me: ALL"], None, "", "PUBLIC: EXECUTE"),
        ("function", None, ["app: EXECUTE", "me: ALL"], "PUBLIC: EXECUTE", "app: EXECUTE"),
        ("function", ["PUBLIC: ALL", "app: EXECUTE", "me: ALL"], None, "app: EXECUTE", ""),
        ("view", ["app: SELECT (grantable)", "me: ALL"], ["app: SELECT by eve", "me: ALL"], "", ""),
        ("table", ["nobody"], None, "", ""),
    ],
)
def test_privileges_that_are_lost_and_gained_are_told_apart(kind, before, after, lost, gained):
    change = Change(kind, ChangeType.MODIFIED, "public.x", {"privileges": before}, {"privileges": after})
    for rule, expected in (("privilege-lost", lost), ("privilege-widened", gained)):
        messages = [f.message.partition(": ")[2] for f in evaluate(rule, [change])]
        assert messages == ([expected] if expected else [])


@pytest.mark.parametrize("kind", ["edited", "late", "missing"])
def test_problems_of_the_history_are_findings(kind):
    problem = Fact("0003_x", f"0003_x is {kind}", "0003_x", "do this")
    (finding,) = evaluate(f"migration-{kind}", facts=Facts(history=((kind, problem),)))
    assert (finding.object, finding.migration) == ("0003_x", "0003_x")
    assert finding.message.startswith(f"0003_x is {kind}; once accepted, ")
    assert finding.hint.startswith("do this")
    assert ("-- dbdeploy: allow" in finding.hint) == (kind == "late")


@pytest.mark.parametrize("kind", ["edited", "late", "missing"])
@pytest.mark.parametrize(("migration", "counts"), [("0003_*", True), ("0004_*", False), (None, True)])
def test_problems_of_the_history_are_acknowledged_by_their_migration_whatever_was_rehearsed(
    kind, migration, counts
):
    problem = Fact("0003_x", f"0003_x is {kind}", "0003_x", "do this")
    seen = Seen(evidence=(ran("select 1"),), facts=Facts(history=((kind, problem),)))
    entry = Acknowledged(f"migration-{kind}", "0003_*", migration, "known")
    assert [f.acknowledged for f in findings_of(seen, {}, [entry]).findings] == [counts]
