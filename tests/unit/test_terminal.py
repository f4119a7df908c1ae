"""What people read: lines that fit 80 columns, without colour too, and a verdict that cannot be misread."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from _pytest.terminal import TerminalReporter

from pytest_dbdeploy.model import (
    Change,
    ChangeType,
    Decision,
    ExitStatus,
    Finding,
    GateOutcome,
    GateRecord,
    GitState,
    Level,
    LogPhase,
    Migration,
    Mode,
    Outcome,
    Phase,
    Plan,
    Reason,
    Severity,
    Statement,
    Verdict,
)
from pytest_dbdeploy.reports import terminal
from pytest_dbdeploy.reports.record import Comparison, RunRecord
from pytest_dbdeploy.reports.step_lines import ReporterWriter, TerminalReport, wrapped
from pytest_dbdeploy.secret import Secret, redactor
from pytest_dbdeploy.steps import Steps


class Screen:
    """A writer that remembers: lines, and in ``live`` what stood on the live line."""

    def __init__(self, *, isatty=False, width=80):
        self.isatty, self.width = isatty, width
        self.lines, self.live, self.markup = [], [], []

    def write_line(self, text, **markup):
        self.lines.append(text)
        self.markup.append(markup)

    def write_live(self, text):
        self.live.append(text)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def running(screen, **options):
    """Steps whose lines go to ``screen``, and the clock that they run by."""
    clock, steps = Clock(), Steps()
    steps.listeners.append(TerminalReport(screen, clock=clock, **options))
    return steps, clock


def without_seconds(line):
    return line.rsplit(",", 1)[0]


def test_a_step_is_one_line_when_it_ended():
    screen = Screen()
    steps, _ = running(screen)
    with steps.step("clone", "clone the target", LogPhase.SANDBOX_VALIDATION) as step:
        assert screen.lines == []
        step.done("48.2 MB from localhost:5432/shop")
    (line,) = screen.lines
    assert without_seconds(line) == "  clone                 48.2 MB from localhost:5432/shop"
    assert line.endswith(" s")


def test_without_a_terminal_a_long_step_gives_a_sign_of_life_every_ten_seconds():
    screen = Screen()
    steps, clock = running(screen)
    with steps.step("clone", "clone", LogPhase.SANDBOX_VALIDATION) as step:
        for second in range(0, 26):
            clock.now = float(second)
            step.progress(f"{second} MB, 1 MB/s")
    assert screen.lines[:-1] == [
        "  clone                 10 MB, 1 MB/s … 10.0 s",
        "  clone                 20 MB, 1 MB/s … 20.0 s",
    ]


def test_on_a_terminal_progress_stays_on_one_line():
    screen = Screen(isatty=True)
    steps, clock = running(screen)
    with steps.step("clone", "clone the target", LogPhase.SANDBOX_VALIDATION) as step:
        for tick in range(1, 5):
            clock.now = tick * 0.06
            step.progress(f"{tick} MB")
        step.done("4 MB")
    assert screen.live == [
        "  clone                 clone the target …",
        "  clone                 2 MB … 0.1 s",
        "  clone                 4 MB … 0.2 s",
    ]
    assert [without_seconds(line) for line in screen.lines] == ["  clone                 4 MB"]


def test_a_failed_step_says_so_in_words_and_shows_all_lines_of_the_reason():
    screen = Screen()
    steps, _ = running(screen)
    with pytest.raises(ValueError), steps.step("deploy", "deploy", LogPhase.DEPLOY):
        raise ValueError('relation "users" does not exist\nLINE 1: ALTER TABLE users')
    assert (
        without_seconds(screen.lines[0]) == '  deploy                FAILED: relation "users" does not exist'
    )
    assert screen.lines[1] == "                        LINE 1: ALTER TABLE users"
    assert screen.markup[0]["red"]


def test_long_text_goes_on_below_itself_and_never_breaks_a_path():
    screen = Screen()
    steps, _ = running(screen)
    path = "/a/very-long/path/" + "x" * 90 + "/backup.dump"
    with steps.step("backup", "back up", LogPhase.BACKUP) as step:
        step.done(f"some words that come before the path, and then it is at last here: {path} and more")
    assert any(path in line for line in screen.lines)
    assert all(len(line) < 80 for line in screen.lines if path not in line)
    assert all(line.startswith(" " * 24) for line in screen.lines[1:])


@pytest.mark.parametrize(
    ("verbosity", "seen"), [(-1, ["ERROR"]), (0, ["WARN", "ERROR"]), (1, ["INFO", "WARN", "ERROR"])]
)
def test_messages_follow_the_verbosity(verbosity, seen):
    screen = Screen()
    steps, _ = running(screen, verbosity=verbosity)
    for level in (Level.INFO, Level.WARN, Level.ERROR):
        steps.message(LogPhase.PREFLIGHT, level, level.value)
    assert [line.split()[-1] for line in screen.lines] == seen


def test_quiet_shows_failed_steps_only():
    screen = Screen(isatty=True)
    steps, _ = running(screen, verbosity=-1)
    with steps.step("clone", "clone", LogPhase.SANDBOX_VALIDATION) as step:
        step.progress("1 MB")
    with steps.step("backup", "back up", LogPhase.BACKUP) as step:
        step.failed("disk full")
    assert [without_seconds(line) for line in screen.lines] == ["  backup                FAILED: disk full"]
    assert screen.live == []


def test_no_secret_reaches_the_screen():
    redactor.register("w0rd-on-screen")
    screen = Screen(isatty=True)
    steps, clock = running(screen, verbosity=1)
    with steps.step("clone", "w0rd-on-screen", LogPhase.SANDBOX_VALIDATION) as step:
        clock.now = 5.0
        step.progress("w0rd-on-screen")
        step.done("w0rd-on-screen\nw0rd-on-screen")
    steps.message(LogPhase.DEPLOY, Level.ERROR, "w0rd-on-screen")
    assert "w0rd" not in "".join(screen.lines + screen.live)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("file", [io.StringIO, Terminal])
def test_pytests_own_reporter_is_written_through(request, file):
    out = file()
    writer = ReporterWriter(TerminalReporter(request.config, out))
    assert writer.isatty is (file is Terminal)
    steps, _ = running(writer)
    with steps.step(
        "clone", "a title that is longer than what comes after it", LogPhase.SANDBOX_VALIDATION
    ) as step:
        step.done("1 MB")
    last = out.getvalue().removesuffix("\n").split("\r")[-1]
    assert without_seconds(last) == "  clone                 1 MB"
    assert ("title" in out.getvalue()) is (file is Terminal)


# -- header and plan


def plan(**values):
    migrations = (
        Migration(
            "0003_add_phone", "drizzle/0003_add_phone.sql", "a", (Statement("x", 1), Statement("y", 2))
        ),
        Migration("0004_drop", "drizzle/0004_drop.sql", "b", (Statement("z", 1),)),
    )
    defaults = {
        "environment": "prod",
        "mode": Mode.DEPLOY,
        "layout": "drizzle",
        "migrations": migrations,
        "target": None,
        "target_error": None,
        "history": None,
        "git": GitState("feature", "0123456789abcdef", ("a.ts",), "main", None),
        "fingerprint": None,
        "policy": {"table-removed": Severity.BLOCK, "column-removed": Severity.BLOCK, "slow": Severity.WARN},
        "hash": "ab12cd34" * 8,
    }
    return Plan(**{**defaults, **values})


def settings(**values):
    environment = SimpleNamespace(
        name="dev", protected=False, app_url="http://localhost:3000", database=Secret("postgresql://u:hush-hush@db.example:5433/shop")
    )  # fmt: skip
    action = SimpleNamespace(mode=Mode.DRY_RUN, environment="dev", compare=(), deployment=None)
    defaults = {
        "action": action,
        "environment": environment,
        "sources": {
            "artifacts": "ini",
            "database": "variable DEV_POSTGRES_URL",
            "environment": "command line",
        },
        "file": None,
        "artifacts": Path.cwd() / ".deployments",
        "notes": ("pgbouncer=true was dropped",),
    }
    return SimpleNamespace(**{**defaults, **values})


def test_the_header_says_what_where_and_from_which_source():
    lines = terminal.header(
        settings(), plan(target_error='connection refused\nIs the server running on "db.example"?')
    )
    text = "\n".join(lines)
    assert lines[0] == "dbdeploy: dry run for dev"
    assert "  environment  dev (command line)" in lines
    assert "  target       db.example:5433/shop: connection refused (variable DEV_POSTGRES_URL)" in lines
    assert "  application  http://localhost:3000" in lines
    assert "  artifacts    .deployments (ini)" in lines
    assert "pgbouncer=true was dropped" in text
    assert "0123456789 on feature -> main, 1 uncommitted file" in text
    assert "hush-hush" not in text


def test_the_header_of_a_comparison_shows_no_password():
    action = SimpleNamespace(
        mode=Mode.COMPARE,
        environment=None,
        compare=("dev", "postgresql://u:hush-hush@h:5432/d"),
        deployment=None,
    )
    (first, *_) = terminal.header(settings(action=action, environment=None), None)
    assert first == "dbdeploy: compare dev, h:5432/d"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "2 pending (drizzle): 0003_add_phone, 0004_drop"),
        ({"migrations": ()}, "nothing pending (drizzle)"),
        ({"command": "make migrate"}, "what `make migrate` changes"),
        ({"target_error": "refused"}, "unknown, the target could not be read"),
        (
            {"migrations": tuple(Migration(f"m{i}", "f", "c") for i in range(9))},
            "9 pending (drizzle): m0, m1, m2, … m8",
        ),
        (
            {"migrations": tuple(Migration(f"m{i}", "f", "c") for i in range(4))},
            "4 pending (drizzle): m0, m1, m2, m3",
        ),
    ],
)
def test_the_pending_migrations_fit_on_a_line(values, line):
    assert terminal.plan_line(plan(**values)) == line


def test_the_plan_to_approve_has_the_migrations_the_policy_and_the_whole_command():
    text = terminal.plan_text(plan())
    assert "0003_add_phone  2 statements  drizzle/0003_add_phone.sql" in text
    assert "0004_drop       1 statement  drizzle/0004_drop.sql" in text
    assert "blocks column-removed, table-removed" in text
    assert "slow: warn" in text
    assert text.splitlines()[-1] == f"  pytest --dbdeploy-env=prod --dbdeploy-approve={'ab12cd34' * 8}"


# -- the final section


def record(outcome, status=ExitStatus.OK, mode=Mode.DEPLOY, **values):
    run = RunRecord(
        "deploy-dev-1764000000000", "dev", mode, Path.cwd() / ".deployments" / "deploy-dev-1764000000000"
    )
    for name, value in values.items():
        setattr(run, name, value)
    if outcome is not None:
        run.finish(outcome, status)
    return run


def test_a_refusal_reads_from_verdict_to_files():
    gate = "dbdeploy/sandbox/test_breaking.py::test_no_column_is_removed"
    run = record(
        Outcome.ABORTED,
        ExitStatus.ABORTED,
        decision=Decision(
            Verdict.ABORT, (Reason("gate-failed", "failed: column public.users.legacy\nmore", gate),)
        ),
        what_stands_where=["target   dev (localhost:5432/shop): untouched"],
        notes=["2 uncommitted files"],
    )
    lines = terminal.summary(run)
    assert lines[0].startswith("NOT DEPLOYED: dev is untouched (")
    assert lines[1:] == [
        "  why",
        f"    {gate}",
        "      failed: column public.users.legacy",
        "  what stands where",
        "    target   dev (localhost:5432/shop): untouched",
        "  notes",
        "    2 uncommitted files",
        "  next",
        "    once that is corrected, to try it on a clone only:",
        "      pytest --dbdeploy-env=dev --dbdeploy-dry-run",
        "  files",
        "    .deployments/deploy-dev-1764000000000/  (report.json, deployment.log)",
    ]


@pytest.mark.parametrize(
    ("outcome", "mode", "start"),
    [
        (Outcome.DEPLOYED, Mode.DEPLOY, "DEPLOYED: dev"),
        (Outcome.NOTHING_TO_DEPLOY, Mode.DEPLOY, "NOTHING TO DEPLOY"),
        (Outcome.NOTHING_TO_DEPLOY, Mode.RESUME, "NOTHING TO RESUME: that deployment to dev is finished"),
        (Outcome.DRY_RUN, Mode.DRY_RUN, "DRY RUN: dev would be deployed"),
        (Outcome.ABORTED, Mode.DEPLOY, "NOT DEPLOYED"),
        (Outcome.ABORTED, Mode.COMPARE, "NOT COMPARED"),
        (Outcome.ABORTED, Mode.ROLLBACK, "NOT ROLLED BACK"),
        (Outcome.ABORTED, Mode.RESUME, "NOT RESUMED"),
        (Outcome.ROLLED_BACK, Mode.DEPLOY, "ROLLED BACK: dev is verified"),
        (Outcome.ROLLED_BACK_ON_REQUEST, Mode.ROLLBACK, "ROLLED BACK ON REQUEST"),
        (Outcome.ROLLBACK_FAILED, Mode.DEPLOY, "ROLLBACK FAILED: A PERSON MUST LOOK"),
        (Outcome.INTERRUPTED, Mode.DEPLOY, "INTERRUPTED: dev is untouched"),
        (Outcome.EQUAL, Mode.COMPARE, "EQUAL"),
        (Outcome.DIFFERENT, Mode.COMPARE, "DIFFERENT: dev ("),
        (None, Mode.DEPLOY, "INTERNAL ERROR: NOT DEPLOYED"),
    ],
)
def test_each_outcome_has_its_verdict(outcome, mode, start):
    run = record(outcome, mode=mode)
    lines = terminal.summary(run)
    assert lines[0].startswith(start)
    assert all(len(line) <= 80 for line in lines)
    assert terminal.markup(run)["bold"]


def test_an_interruption_after_a_rollback_says_so():
    run = record(Outcome.INTERRUPTED, ExitStatus.INTERRUPTED)
    run.rollback.performed = run.rollback.verified = True
    assert "was rolled back first, verified" in terminal.verdict(run)


def test_only_the_first_ten_reasons_are_listed():
    reasons = tuple(Reason("gate-failed", "failed", f"gates/test_{i}.py::test") for i in range(14))
    text = "\n".join(terminal.summary(record(Outcome.ABORTED, decision=Decision(Verdict.ABORT, reasons))))
    assert "test_9.py" in text
    assert "test_10.py" not in text
    assert "… and 4 more, see report.json" in text


def test_gates_that_fail_for_one_reason_are_one_entry():
    why = "cannot connect to dev: connection refused"
    reasons = (
        Reason("gate-failed", f"failed: {why}", "g::reachable"),
        Reason("gate-error", f"ended with an error: {why}", "g::version"),
        Reason("gate-failed", f"failed: {why}", "g::history"),
        Reason("gate-failed", "failed: no room", "g::disk"),
    )
    lines = terminal.summary(record(Outcome.ABORTED, decision=Decision(Verdict.ABORT, reasons)))
    assert lines[1:7] == [
        "  why",
        "    g::reachable",
        f"      failed: {why}",
        "      and 2 more gates for the same reason, see report.json",
        "    g::disk",
        "      failed: no room",
    ]


def test_differences_are_listed_once():
    gate = "dbdeploy/compare/test_schema.py::test_schema_is_equal[table]"
    reasons = (
        Reason("gate-failed", "failed: table public.x is not in a", gate),
        Reason("gate-failed", "failed: public.y: 1 row, 2 rows", "dbdeploy/compare/test_rows.py::test_rows"),
    )
    changes = [Change("table", ChangeType.ADDED, f"public.x{i}", None, {}) for i in range(11)]
    run = record(
        Outcome.DIFFERENT, mode=Mode.COMPARE, decision=Decision(Verdict.ABORT, reasons), changes=changes
    )
    text = "\n".join(terminal.summary(run))
    assert "is not in a" not in text
    assert "  why\n    dbdeploy/compare/test_rows.py::test_rows\n" in text
    assert "  differences\n    + table public.x0\n" in text
    assert "public.x10" in text, "and 1 more would take the same line"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (
            Change("column", ChangeType.MODIFIED, 'public.t."A: b"', {"type": "a"}, {"type": "b"}),
            {"kind": "column", "object": 'public.t."A: b"', "property": "type"},
        ),
        (
            Change("table", ChangeType.ADDED, "public.t", None, {"owner": "o"}),
            {"kind": "table", "object": "public.t"},
        ),
    ],
)
def test_where_databases_differ_the_sides_the_files_and_the_rule_that_would_leave_it_out_are_told(
    change, rule
):
    run = record(Outcome.DIFFERENT, mode=Mode.COMPARE, changes=[change])
    run.comparison = Comparison("hub", [{"name": "dev"}, {"name": "prod"}], {"prod": [change]}, [], [])
    text = "\n".join(terminal.summary(run))
    assert "  differences: - only in dev, + only in prod, ~ not the same\n" in text
    assert "(schema-comparison.json, report.json, deployment.log)" in text
    line = text.partition("stands in compare.ignore of dbdeploy.yaml, such as\n")[2].partition("\n")[0]
    assert yaml.safe_load(line) == [rule]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_lines_fit_the_terminal_but_for_what_is_copied(width):
    command = "pytest --dbdeploy-env=prod --dbdeploy-approve=" + "ab12cd34" * 8
    path = "/a/path/" + "x" * 90 + "/backup.dump"
    prose = "the server said that something is wrong and this is why nothing was done about it at all " * 3
    alone = f"    {command}", f"    {path}"
    for line in (
        f"    {prose}",
        f"    to do it: {command}",
        f"    backup   {path}",
        f"    {prose}: {path}",
        *alone,
    ):
        parts = wrapped(line, width)
        assert parts[0].startswith("    ")
        assert all(len(p) < width or path in p or command in p for p in parts)
        assert " ".join(parts).split() == line.split()
        assert all(p.startswith("      ") for p in parts[1:])
    assert any(command in part for part in wrapped(f"  {prose} {command}", width))


def test_seconds_stay_with_their_number():
    screen = Screen()
    steps, _ = running(screen)
    for length in range(40, 60):
        with steps.step("plan", "plan", LogPhase.PREFLIGHT) as step:
            step.done("x" * length)
    assert len(screen.lines) > 20, "some went on below"
    assert not [line for line in screen.lines if line.strip() == "s"]
    assert "\xa0" not in "".join(screen.lines)


def test_what_is_said_again_below_is_brief_in_its_line():
    screen = Screen()
    steps, _ = running(screen)
    with steps.step("decision", "decision", LogPhase.DEPLOY) as step:
        step.failed(
            "gates/test_a.py::test_b: failed: a long story",
            brief="not to be deployed: gates/test_a.py::test_b",
        )
    assert without_seconds(screen.lines[0]).endswith("FAILED: not to be deployed: gates/test_a.py::test_b")
    assert "story" not in "".join(screen.lines)


def test_warnings_and_changes_are_listed_when_it_went_well():
    run = record(
        Outcome.DEPLOYED,
        gates=[
            GateRecord("g::warns", Phase.SANDBOX, Severity.WARN, GateOutcome.WARNED, message="slow lock\nx")
        ],
        changes=[
            Change(
                "column",
                ChangeType.REMOVED,
                "public.users.legacy",
                {},
                None,
                "column-removed",
                Severity.BLOCK,
                True,
            ),
            Change("table", ChangeType.ADDED, "public.x", None, {}),
        ],
    )
    text = "\n".join(terminal.summary(run))
    assert "g::warns\n      slow lock\n" in text
    assert "- column public.users.legacy  [column-removed, acknowledged]" in text
    assert "+ table public.x" in text
    assert "pytest --dbdeploy-rollback=deploy-dev-1764000000000" in text


def test_a_rule_that_warns_of_several_things_names_each_with_its_place():
    nodeid = "dbdeploy/sandbox/test_rules.py::test_rule[table-rewritten]"
    run = record(
        Outcome.DEPLOYED,
        gates=[
            GateRecord(nodeid, Phase.SANDBOX, Severity.WARN, GateOutcome.WARNED, message="7 findings: ...")
        ],
        findings=[
            Finding("table-rewritten", f"public.t{n}", f"public.t{n} is written anew", place=f"a.sql:{n}")
            for n in range(1, 8)
        ],
    )
    text = "\n".join(terminal.summary(run))
    assert "a.sql:1: public.t1 is written anew\n" in text
    assert "a.sql:5: public.t5 is written anew\n      and 2 more findings, see report.json\n" in text


def test_a_dry_run_of_a_protected_environment_gives_the_command_with_the_hash():
    run = record(Outcome.DRY_RUN, mode=Mode.DRY_RUN, plan=plan(), protected=True)
    assert f"pytest --dbdeploy-env=prod --dbdeploy-approve={'ab12cd34' * 8}" in "\n".join(
        terminal.summary(run)
    )


def test_commands_of_the_flow_come_instead_of_the_usual_ones():
    run = record(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED, next_commands=["psql -f fix.sql"])
    text = "\n".join(terminal.summary(run))
    assert "psql -f fix.sql" in text
    assert "once the reason" not in text


def test_an_alert_that_was_not_sent_is_said():
    alerts = [
        {"channel": "email", "status": "failed", "error": "refused"},
        {"channel": "slack", "status": "sent"},
    ]
    text = "\n".join(terminal.summary(record(Outcome.DEPLOYED, alerts=alerts)))
    assert "  alerts\n    email: failed: refused\n    slack: sent\n" in text


def test_the_summary_holds_no_secret_and_no_row_that_may_not_be_shown():
    redactor.register("f1nal-w0rd")
    reason = Reason("action-failed", "f1nal-w0rd: Failing row contains (1, ann).")
    run = record(Outcome.ABORTED, decision=Decision(Verdict.ABORT, (reason,)), notes=["f1nal-w0rd"])
    text = "\n".join(terminal.summary(run))
    assert "f1nal" not in text
    assert "ann" not in text
