"""What a CI service is told: GitHub's annotations, exactly as it reads them, and a page that no text can break."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_dbdeploy.model import (
    Change,
    ChangeType,
    Decision,
    ExitStatus,
    Finding,
    GateOutcome,
    GateRecord,
    Mode,
    Outcome,
    Phase,
    Reason,
    Severity,
    StatementError,
    StatementEvidence,
    Verdict,
)
from pytest_dbdeploy.reports import ci
from pytest_dbdeploy.reports.ci import github, markdown
from pytest_dbdeploy.reports.record import RunRecord
from pytest_dbdeploy.secret import redactor

ROOT = Path("/work/repository/backend")
HERE = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": "/work/repository"}
RULE = "dbdeploy/sandbox/test_rules.py::test_rule[table-removed]"
TEAM = "gates/sandbox/test_orders.py::test_no_order_without_a_customer"
FINDING = Finding(
    "table-removed",
    "public.payments",
    "table public.payments is removed, with all its rows: 100%",
    "Acknowledge it.",
    "drizzle/0003_drop.sql:7",
    "0003_drop",
    Severity.BLOCK,
)


def gate(nodeid, outcome=GateOutcome.FAILED, message="no", severity=Severity.BLOCK):
    return GateRecord(nodeid, Phase.SANDBOX, severity, outcome, 0.1, message)


def run(*reasons, outcome=Outcome.ABORTED, status=ExitStatus.ABORTED, **values):
    record = RunRecord("deploy-dev-1764000000000", "dev", Mode.DEPLOY, Path("/x"))
    record.decision = Decision(Verdict.ABORT, reasons)
    for name, value in values.items():
        setattr(record, name, value)
    record.finish(outcome, status)
    return record


def annotations(record, environ=HERE):
    return ci.annotation_lines(record, ROOT, environ)


def parsed(line):
    """As the runner reads a command: (command, properties, message)."""
    command, given, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", line, re.DOTALL).groups()

    def plain(text, more=()):
        for code, character in (*more, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            text = text.replace(code, character)
        return text

    pairs = dict(part.split("=", 1) for part in given.split(","))
    also = (("%3A", ":"), ("%2C", ","))
    return command, {key: plain(value, also) for key, value in pairs.items()}, plain(message)


# -- annotations


def test_a_finding_stands_beside_its_line_in_the_repository():
    (line,) = annotations(run(Reason("gate-failed", "no", RULE), findings=[FINDING]))
    assert line == (
        "::error file=backend/drizzle/0003_drop.sql,line=7,title=dbdeploy%3A table-removed"
        "::table public.payments is removed, with all its rows: 100%25%0AAcknowledge it."
    )


def test_elsewhere_nothing_is_written():
    assert annotations(run(findings=[FINDING]), {}) == []
    assert annotations(run(findings=[FINDING]), {"GITHUB_ACTIONS": "false"}) == []


def test_a_statement_that_the_server_refused_is_an_error_at_its_line():
    error = StatementError("42704", 'type "boolen" does not exist', None, "Try boolean.")
    statement = StatementEvidence("0004_x", "drizzle/0004_x.sql", 3, "…", None, 0.1, True, error=error)
    reason = Reason("gate-failed", "no", "dbdeploy/sandbox/test_migrations.py::test_migrations_apply")
    (line,) = annotations(run(reason, evidence=[statement]))
    assert parsed(line) == (
        "error",
        {
            "file": "backend/drizzle/0004_x.sql",
            "line": "3",
            "title": "dbdeploy: migration 0004_x fails",
        },
        'type "boolen" does not exist (SQLSTATE 42704)\nTry boolean.',
    )


def test_a_gate_of_the_team_is_an_error_in_its_file():
    (line,) = annotations(run(Reason("gate-failed", "failed: 3 orders", TEAM)))
    assert parsed(line) == (
        "error",
        {"file": "backend/gates/sandbox/test_orders.py", "title": f"dbdeploy: {TEAM}"},
        "failed: 3 orders",
    )


def test_gates_that_fail_for_one_reason_are_one_error():
    reasons = [Reason("gate-failed", "failed: cannot reach it", f"dbdeploy/x.py::test_{i}") for i in range(9)]
    reasons.append(Reason("gate-failed", "ended with an error: cannot reach it", "dbdeploy/y.py::test_y"))
    (line,) = annotations(run(*reasons))
    assert parsed(line) == (
        "error",
        {"title": "dbdeploy/x.py::test_0"},
        "failed: cannot reach it\nand 9 more gates for the same reason",
    )


def test_warnings_come_after_errors_and_what_is_acknowledged_not_at_all():
    findings = [
        replace(FINDING, rule="a", severity=Severity.WARN),
        replace(FINDING, rule="b", acknowledged=True),
        replace(FINDING, rule="c", severity=Severity.IGNORE),
        replace(FINDING, rule="d", place=None),
    ]
    warned = gate("gates/test_w.py::test_w", GateOutcome.WARNED, "slow", Severity.WARN)
    told = [parsed(line) for line in annotations(run(findings=findings, gates=[warned]))]
    assert [(command, given["title"], given.get("file")) for command, given, _ in told] == [
        ("error", "dbdeploy: d", None),
        ("warning", "dbdeploy: a", "backend/drizzle/0003_drop.sql"),
        ("warning", "dbdeploy: gates/test_w.py::test_w", "backend/gates/test_w.py"),
    ]


def test_no_more_than_github_shows():
    findings = [replace(FINDING, message=f"{i}") for i in range(40)]
    findings += [replace(FINDING, message=f"{i}", severity=Severity.WARN) for i in range(40)]
    lines = annotations(run(findings=findings))
    assert [parsed(line)[0] for line in lines] == ["error"] * 10 + ["warning"] * 10


@pytest.mark.parametrize(
    "text", ["a::b", "a,b=c", "50%", "%0A", "one\ntwo\r\nthree", "::set-output name=x::y", "ü — 🚨", "]]>"]
)
def test_any_text_comes_out_as_it_went_in(text):
    place = f"drizzle/{text.split()[0]}.sql:1"
    (line,) = annotations(run(findings=[replace(FINDING, rule=text, message=text, place=place, hint=None)]))
    assert "\n" not in line
    assert "\r" not in line
    _, given, message = parsed(line)
    assert message == text
    assert given["title"] == f"dbdeploy: {text}"
    assert given["file"] == f"backend/drizzle/{text.split()[0]}.sql"


@pytest.mark.parametrize("workspace", [None, "", "/elsewhere"])
def test_without_a_workspace_above_it_files_are_named_from_the_projects_root(workspace):
    environ = {"GITHUB_ACTIONS": "true", **({"GITHUB_WORKSPACE": workspace} if workspace is not None else {})}
    (line,) = annotations(run(findings=[FINDING]), environ)
    assert parsed(line)[1]["file"] == "drizzle/0003_drop.sql"


@pytest.mark.parametrize("outcome", [Outcome.DEPLOYED, Outcome.ROLLED_BACK_ON_REQUEST, Outcome.EQUAL])
def test_what_went_well_has_no_errors(outcome):
    assert annotations(run(Reason("x", "y"), outcome=outcome, status=ExitStatus.OK)) == []


def test_neither_secrets_nor_users_rows_are_told():
    redactor.register("ci-s3cret")
    text = "ci-s3cret Failing row contains (7, ann@example.com)."
    record = run(Reason("x", text), findings=[replace(FINDING, message=text, hint=text)], notes=["ci-s3cret"])
    told = "".join(annotations(record)) + markdown.page(record)
    assert "s3cret" not in told
    assert "ann@" not in told


# -- the page


def written(record, path, before=b""):
    path.write_bytes(before)
    ci.write_summaries(record, {**HERE, "GITHUB_STEP_SUMMARY": str(path)})
    return path.read_bytes()


def test_the_page_says_what_happened_why_and_what_to_do_next(tmp_path):
    change = Change("table", ChangeType.REMOVED, "public.payments", None, None, "table-removed")
    record = run(
        Reason("gate-failed", "failed: 3 orders", TEAM),
        findings=[FINDING],
        gates=[gate(TEAM, message="failed: 3 orders"), gate(RULE), gate("x.py::y", GateOutcome.PASSED)],
        changes=[change],
        what_stands_where=["target   dev (localhost:5432/shop): untouched"],
        alerts=[{"channel": "slack", "status": "failed", "error": "the server answered 500"}],
    )
    page = written(record, tmp_path / "summary.md", b"before\n").decode()
    assert page.startswith("before\n## ❌ NOT DEPLOYED: dev is untouched\n")
    assert "<code>deploy-dev-1764000000000</code>" in page
    assert "exit status 10" in page
    assert "| ❌ | table\\-removed | <code>drizzle/0003&#95;drop.sql:7</code> | table public.payments" in page
    assert "<code>gates/sandbox/test&#95;orders.py::test&#95;no" in page
    assert "3 gates: 1 passed or not applicable, 0 not reached." in page
    assert "| removed | table | <code>public.payments</code> | table\\-removed |" in page
    assert "target   dev (localhost:5432/shop): untouched" in page
    assert "slack: failed: the server answered 500" in page
    assert "pytest --dbdeploy-env=dev --dbdeploy-dry-run" in page


@pytest.mark.parametrize(
    "text",
    ["a|b", "<script>x</script>", "**b** _i_ `c`", "[x](http://y)", "a\nb\n\n# c", "```\nx", "&lt;", "\\|"],
)
def test_no_text_breaks_the_page(text):
    record = run(
        Reason("x", text),
        findings=[replace(FINDING, rule=text, message=text, place=f"{text.split()[0]}:1")],
        gates=[gate(f"gates/x.py::test[{text}]", message=text)],
        changes=[Change("table", ChangeType.ADDED, text, None, None)],
        notes=[text],
    )
    page = markdown.page(record)
    fence = None
    for line in page.splitlines():
        if line.startswith("```"):
            fence = line.rstrip("tex") if fence is None else None if line == fence else fence
        elif fence is None and line.startswith("|"):
            assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 5, line
            assert not re.search(r"<(?!/?code>|br>)", line)
    assert fence is None
    shown = re.sub(r"(?s)(`{3,})text\n.*?\n\1", "", page)
    assert "**b**" not in shown
    assert "](http" not in shown
    assert "\n# c" not in shown


def test_a_page_is_small_whatever_there_is_to_say(tmp_path):
    long = "<" * 5000
    record = run(
        findings=[replace(FINDING, message=f"{i}{long}", rule=f"{i}{long}", place=long) for i in range(500)],
        gates=[gate(f"gate {i}{long}", message=long) for i in range(500)],
        changes=[Change("table", ChangeType.ADDED, long, None, None)] * 5000,
        notes=[f"{i}{long}" for i in range(100)],
    )
    page = written(record, tmp_path / "summary.md")
    assert 1000 < len(page) < 512 * 1024
    assert "… and 450 more, see report.json" in page.decode()


def test_a_page_that_would_make_the_steps_summary_too_large_is_left_out(tmp_path):
    before = b"x" * (1024 * 1024 - 100)
    assert written(run(), tmp_path / "summary.md", before) == before


def test_a_summary_that_is_not_asked_for_is_not_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ci.write_summaries(run(), HERE)
    github.SERVICE.write_summary(run(), {**HERE, "GITHUB_STEP_SUMMARY": ""})
    assert list(tmp_path.iterdir()) == []


# -- the last line


def test_the_last_line_is_for_scripts():
    assert ci.last_line(run(), 10) == "dbdeploy: outcome=aborted id=deploy-dev-1764000000000 exit=10"
    assert re.fullmatch(r"dbdeploy: outcome=\w+ id=[\w.-]+ exit=\d+", ci.last_line(run(), 10))
