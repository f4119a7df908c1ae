"""report.json: exactly the documented shape, for every outcome, without a secret; the schema refuses what is wrong."""

from __future__ import annotations

import copy
import datetime as dt
import json
from pathlib import Path

import jsonschema
import pytest

from pytest_dbdeploy.model import (
    Backup,
    Change,
    ChangeType,
    Decision,
    DroppedObject,
    ExitStatus,
    GateOutcome,
    GateRecord,
    GitState,
    Lock,
    LogPhase,
    Migration,
    Mode,
    NotCompared,
    Outcome,
    Phase,
    Plan,
    Reason,
    RowCounts,
    RowsWritten,
    Severity,
    Statement,
    StatementError,
    StatementEvidence,
    Verdict,
)
from pytest_dbdeploy.reports import json_report
from pytest_dbdeploy.reports.artifacts import Artifacts
from pytest_dbdeploy.reports.record import Phases, RunRecord
from pytest_dbdeploy.reports.samples import presentable
from pytest_dbdeploy.secret import redactor
from pytest_dbdeploy.steps import Steps

STATUS = {
    Outcome.DEPLOYED: ExitStatus.OK,
    Outcome.NOTHING_TO_DEPLOY: ExitStatus.OK,
    Outcome.DRY_RUN: ExitStatus.OK,
    Outcome.ABORTED: ExitStatus.ABORTED,
    Outcome.ROLLED_BACK: ExitStatus.ROLLED_BACK,
    Outcome.ROLLED_BACK_ON_REQUEST: ExitStatus.OK,
    Outcome.ROLLBACK_FAILED: ExitStatus.ROLLBACK_FAILED,
    Outcome.INTERRUPTED: ExitStatus.INTERRUPTED,
    Outcome.EQUAL: ExitStatus.OK,
    Outcome.DIFFERENT: ExitStatus.ABORTED,
}


def plan(**values):
    migration = Migration(
        "0003_add_phone",
        "drizzle/0003_add_phone.sql",
        "abc",
        (Statement("select 1", 1), Statement("select 2", 2)),
    )
    git = GitState("feature", "b" * 40, ("x.sql",), "develop", "a" * 40)
    defaults = {
        "environment": "dev",
        "mode": Mode.DEPLOY,
        "layout": "drizzle",
        "migrations": (migration,),
        "target": None,
        "target_error": None,
        "history": None,
        "git": git,
        "fingerprint": "f" * 64,
        "policy": {},
        "hash": "1234abcd" * 8,
    }
    return Plan(**{**defaults, **values})


def gate(name="test_a", outcome=GateOutcome.PASSED, phase=Phase.SANDBOX, severity=Severity.BLOCK, **values):
    return GateRecord(f"dbdeploy/{phase}/{name}.py::{name}", phase, severity, outcome, **values)


def record(outcome=Outcome.DEPLOYED, **values):
    """A run with something in every list."""
    evidence = StatementEvidence(
        "0003_add_phone", "drizzle/0003_add_phone.sql", 1, "ALTER TABLE users ADD phone text", "ALTER TABLE", 0.01, True,
        locks=(Lock("public.users", "AccessExclusiveLock", True),), rewritten=("public.users",),
        dropped=(DroppedObject("index", "public.users_x", True),), rows={"public.users": RowCounts(1, 2, 3)}, wal_bytes=1234,
        error=StatementError("23505", 'could not create unique index "u"', "Key (email)=(ann@example.com) is duplicated.", None, 2),
    )  # fmt: skip
    run = RunRecord(
        "deploy-dev-1764000000000", "dev", Mode.DEPLOY, Path("/x/.deployments/deploy-dev-1764000000000")
    )
    run.plan = plan()
    run.decision = Decision(
        Verdict.ABORT,
        (Reason("gate-failed", "Failing row contains (1, secret value).", "gates/test_a.py::test_a"),),
    )
    run.gates = [
        gate(duration_seconds=0.02),
        gate("test_b", GateOutcome.FAILED, message="Failing row contains (1, secret value)."),
    ]
    run.changes = [
        Change(
            "column",
            ChangeType.REMOVED,
            "public.users.legacy",
            {"type": "text"},
            None,
            "column-removed",
            Severity.BLOCK,
        ),
        Change("column", ChangeType.ADDED, "public.users.phone", None, {"type": "text"}),
    ]
    run.not_compared = [NotCompared("operator class", "public.x", "not known")]
    run.evidence = [evidence]
    run.backup = Backup(Path("/x/backup.dump"), "custom", "0" * 64, 100, 0.5, "pg_dump 17")
    run.rollback.strategy, run.rollback.rehearsed, run.rollback.rehearsed_seconds = "restore", True, 0.3
    run.rollback.rows_written = RowsWritten(2, True, {"public.users": 2})
    run.alerts = [
        {"channel": "slack", "status": "sent"},
        {"channel": "email", "status": "failed", "error": "refused"},
    ]
    run.phases.enter(LogPhase.PREFLIGHT)
    run.finish(outcome, STATUS[outcome])
    for name, value in values.items():
        setattr(run, name, value)
    return run


def validator():
    jsonschema.Draft202012Validator.check_schema(json_report.schema())
    return jsonschema.Draft202012Validator(json_report.schema())


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_valid_report(outcome):
    report = json_report.build(record(outcome))
    validator().validate(report)
    assert report["outcome"] == outcome
    assert report["exitStatus"] == STATUS[outcome]
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize("mode", Mode)
def test_a_run_that_knew_nothing_yet_has_a_valid_report(mode):
    empty = RunRecord("deploy-dev-1764000000000", "dev", mode, Path("/x"))
    report = json_report.build(empty)
    validator().validate(report)
    assert (report["outcome"], report["exitStatus"], report["plan"], report["decision"]) == (
        "aborted",
        3,
        None,
        None,
    )


def test_the_report_has_the_documented_keys_in_the_documented_shape():
    report = json_report.build(record())
    assert list(report)[:17] == [
        "schemaVersion", "deploymentId", "environment", "mode", "outcome", "exitStatus", "started", "finished", "durationSeconds",
        "plan", "decision", "phases", "gates", "changes", "notCompared", "evidence", "rollback",
    ]  # fmt: skip
    assert report["schemaVersion"] == 1
    assert report["plan"]["hash"] == "1234abcd" * 8
    assert report["plan"]["targetFingerprint"] == "f" * 64
    migration = report["plan"]["migrations"][0]
    assert (migration["name"], migration["checksum"], migration["statements"]) == ("0003_add_phone", "abc", 2)
    assert {k: report["plan"]["git"][k] for k in ("branch", "from", "to")} == {
        "branch": "develop",
        "from": "a" * 40,
        "to": "b" * 40,
    }
    assert report["phases"][0]["name"] == "PREFLIGHT"
    assert report["gates"][0] == {
        "nodeid": "dbdeploy/sandbox/test_a.py::test_a",
        "phase": "sandbox",
        "severity": "block",
        "outcome": "passed",
        "durationSeconds": 0.02,
        "message": None,
    }
    assert report["changes"][0] == {
        "kind": "column",
        "change": "removed",
        "object": "public.users.legacy",
        "rule": "column-removed",
        "severity": "block",
        "acknowledged": False,
        "before": {"type": "text"},
        "after": None,
    }
    evidence = report["evidence"][0]
    assert evidence["locks"] == [{"relation": "public.users", "mode": "AccessExclusiveLock", "named": True}]
    assert evidence["rows"] == {"public.users": {"inserted": 1, "updated": 2, "deleted": 3}}
    assert evidence["walBytes"] == 1234
    assert set(evidence["error"]) == {"sqlstate", "message", "detail", "hint", "violatingRows"}
    assert report["rollback"] == {
        "strategy": "restore",
        "rehearsed": True,
        "rehearsedSeconds": 0.3,
        "performed": False,
        "verified": None,
        "rowsWrittenSinceBackup": {"count": 2, "exact": True, "tables": {"public.users": 2}},
        "putAside": {},
    }
    assert report["alerts"] == [
        {"channel": "slack", "status": "sent"},
        {"channel": "email", "status": "failed", "error": "refused"},
    ]


def test_a_project_without_git_has_no_git():
    assert json_report.build(record(plan=plan(git=None)))["plan"]["git"] is None


def set_at(report, path, value):
    *parents, last = path
    for key in parents:
        report = report[key]
    if value is ...:
        del report[last]
    else:
        report[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["outcome"], "succeeded"),
        (["mode"], "dry-run"),
        (["exitStatus"], 1),
        (["exitStatus"], 10),
        (["schemaVersion"], 2),
        (["deploymentId"], "dev-1"),
        (["environment"], None),
        (["started"], "2026-01-01 00:00:00"),
        (["durationSeconds"], -1),
        (["plan", "hash"], ...),
        (["plan", "migrations", 0, "statements"], "two"),
        (["plan", "git", "to"], ...),
        (["decision", "verdict"], "maybe"),
        (["decision", "reasons"], []),
        (["decision", "reasons", 0, "code"], "Gate_Failed"),
        (["decision", "reasons", 0, "gate"], ...),
        (["phases", 0, "name"], "preflight"),
        (["phases", 0, "status"], "ok"),
        (["gates", 0, "outcome"], "ok"),
        (["gates", 0, "phase"], "PREFLIGHT"),
        (["gates", 0, "severity"], "error"),
        (["gates", 0, "message"], ...),
        (["changes", 0, "change"], "dropped"),
        (["changes", 0, "acknowledged"], None),
        (["changes", 0, "rule"], ...),
        (["evidence", 0, "locks", 0, "mode"], "Exclusive"),
        (["evidence", 0, "error", "sqlstate"], "2350"),
        (["evidence", 0, "walBytes"], 1.5),
        (["evidence", 0, "rows", "public.users", "deleted"], ...),
        (["rollback", "verified"], "yes"),
        (["rollback", "rowsWrittenSinceBackup", "count"], ...),
        (["alerts", 0, "status"], "pending"),
        (["backup", "sha256"], "xyz"),
        *(
            ([key], ...)
            for key in ("plan", "decision", "phases", "gates", "changes", "evidence", "rollback", "alerts")
        ),
    ],
)
def test_the_schema_refuses_what_is_wrong(path, value):
    report = copy.deepcopy(json_report.build(record()))
    set_at(report, path, value)
    with pytest.raises(jsonschema.ValidationError):
        validator().validate(report)


def test_keys_may_be_added():
    report = json_report.build(record())
    report["new"] = 1
    report["gates"][0]["new"] = 1
    validator().validate(report)


@pytest.mark.parametrize(
    ("pointer", "enum"),
    [
        (("properties", "mode"), Mode),
        (("properties", "outcome"), Outcome),
        (("$defs", "decision", "properties", "verdict"), Verdict),
        (("$defs", "phase", "properties", "name"), LogPhase),
        (("$defs", "gate", "properties", "phase"), Phase),
        (("$defs", "gate", "properties", "outcome"), GateOutcome),
        (("$defs", "severity"), Severity),
        (("$defs", "change", "properties", "change"), ChangeType),
    ],
)
def test_the_schema_names_exactly_the_values_of_the_model(pointer, enum):
    found = json_report.schema()
    for key in pointer:
        found = found[key]
    assert found["enum"] == [member.value for member in enum]


def test_no_secret_and_no_password_of_a_statement_is_in_it(tmp_path):
    redactor.register("p4ss-of-target")
    run = record()
    run.evidence = [
        StatementEvidence(
            "m", "f", 1, "CREATE ROLE a LOGIN PASSWORD 'open-sesame'", "CREATE ROLE", 0.0, True
        ),
    ]
    run.gates = [
        gate(
            message="could not connect to postgresql://u:p4ss-of-target@h/d; it's CREATE ROLE a PASSWORD 'open-sesame'"
        )
    ]
    run.notes = ["p4ss-of-target"]
    text = json_report.write(run, Artifacts(tmp_path, "", "dev", 0.0)).read_text()
    assert "p4ss" not in text
    assert "open-sesame" not in text


@pytest.mark.parametrize(
    ("samples", "row", "email"), [("none", False, False), ("keys", False, True), ("values", True, True)]
)
def test_values_of_users_rows_appear_as_far_as_they_may(samples, row, email):
    text = json.dumps(json_report.build(record(samples=samples)))
    assert ("secret value" in text) is row
    assert ("ann@example.com" in text) is email


@pytest.mark.parametrize(
    ("message", "hidden"),
    [
        ("Failing row contains (7, a (b), null).", "a (b)"),
        ("Key (email)=(ann@x.org) already exists.", "ann@x.org"),
        ("Key (a, lower(b))=(1, x) is not present in table \"t\".", "1, x"),
        ("Key (room, during)=(1, [2,3)) conflicts with existing key (room, during)=(1, [1,4)).", "[2,3"),
        ('invalid input syntax for type integer: "12 apples"', "apples"),
        ('a.sql:1: invalid input syntax for type integer: "12 apples" (SQLSTATE 22P02)', "apples"),
        ('rows do not fit: invalid input syntax for type integer: "12 apples": alter table t', "apples"),
        ('Token "apples" is invalid.', "apples"),
        ('value "99999999999" is out of range for type integer', "9999"),
        ('date/time field value out of range: "2026-13-45"', "13-45"),
    ],
)  # fmt: skip
def test_samples_none_hides_every_value_that_the_server_quotes(message, hidden):
    assert hidden in message
    assert hidden not in presentable(message, "none")
    assert presentable(message, "values") == message
    assert presentable(message, "none").split("(")[0].split('"')[0] == message.split("(")[0].split('"')[0]


# -- phases


def test_a_phase_lasts_until_another_one_begins(monkeypatch):
    clock = iter(range(0, 100, 10))
    monkeypatch.setattr("pytest_dbdeploy.reports.record.time.perf_counter", lambda: next(clock))
    phases = Phases()
    phases.enter(LogPhase.PREFLIGHT)
    phases.enter(LogPhase.PREFLIGHT)
    phases.enter(LogPhase.BACKUP)
    phases.enter(LogPhase.PREFLIGHT)
    phases.close()
    assert {r.name: r.duration_seconds for r in phases.records()} == {
        LogPhase.PREFLIGHT: 20,
        LogPhase.BACKUP: 10,
    }


def test_a_failed_step_fails_its_phase():
    steps, phases = Steps(), Phases()
    steps.listeners.append(phases)
    with steps.step("plan", "Plan", LogPhase.PREFLIGHT):
        pass
    with pytest.raises(ValueError), steps.step("backup", "Back up", LogPhase.BACKUP):
        raise ValueError
    assert [(r.name.value, r.status) for r in phases.records()] == [
        ("PREFLIGHT", "passed"),
        ("BACKUP", "failed"),
    ]


@pytest.mark.parametrize(
    ("outcome", "severity", "status"),
    [
        (GateOutcome.FAILED, Severity.BLOCK, "failed"),
        (GateOutcome.XFAILED, Severity.BLOCK, "failed"),
        (GateOutcome.CRASHED, Severity.BLOCK, "failed"),
        (GateOutcome.WARNED, Severity.WARN, "passed"),
        (GateOutcome.NOT_APPLICABLE, Severity.BLOCK, "passed"),
    ],
)
def test_a_blocking_gate_that_was_not_verified_fails_its_phase(outcome, severity, status):
    (only,) = Phases().records([gate(outcome=outcome, severity=severity, duration_seconds=2.0)])
    assert (only.name, only.status, only.duration_seconds) == (LogPhase.SANDBOX_VALIDATION, status, 2.0)


def test_gates_that_never_ran_do_not_begin_a_phase():
    assert Phases().records([gate(outcome=GateOutcome.NOT_RUN, phase=Phase.POSTDEPLOY)]) == ()


def test_seconds_count_from_start_to_finish():
    run = record()
    run.finished = run.started + dt.timedelta(seconds=12.3)
    assert json_report.build(run)["durationSeconds"] == 12.3


def test_a_gate_is_one_line_of_the_file(tmp_path):
    run = record()
    text = json_report.write(run, Artifacts(tmp_path, "", "dev", 0.0)).read_text()
    assert json.loads(text) == json_report.build(run)
    for gate in run.gates:
        (line,) = [line for line in text.splitlines() if f'"nodeid": "{gate.nodeid}"' in line]
        assert json.loads(line.rstrip(","))["outcome"] == gate.outcome
