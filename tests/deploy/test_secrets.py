"""No secret leaves by any way: artifacts, output, JUnit, pytest's debug log, the server's log, arguments of processes, alerts."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from psycopg import sql

from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.secret import Secret
from tests.servers import execute

TALKATIVE = (
    "-n",
    "2",
    "-vv",
    "--showlocals",
    "-rA",
    "--junitxml=out.xml",
    "--debug",
    "-o",
    "junit_logging=all",
)
GATE = (
    "import logging\n\n\ndef test_it(dbdeploy_target, dbdeploy_plan):\n"
    "    url = dbdeploy_target.url\n"
    "    plan = dbdeploy_plan\n"
    "    print('printed', url, plan)\n"
    "    logging.getLogger().error('logged %s', url)\n"
)
DUMPS = ("backup.dump", "clone.dump", "failed.dump")


class Secrets:
    """Texts that must be found nowhere. Each is the odd core of a password with characters that every format writes its own way."""

    def __init__(self) -> None:
        self.cores: dict[str, str] = {}

    def make(self, name: str, pattern: str = "{}") -> str:
        self.cores[name] = secrets.token_hex(9)
        return pattern.format(self.cores[name])

    def found_in(self, content: bytes) -> list[str]:
        return [name for name, core in self.cores.items() if core.encode() in content]


class Arguments:
    """Arguments of every process of this machine, looked at again and again while the block lasts."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._end.wait(0.01):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    self.seen.add((process / "cmdline").read_bytes())

    def __enter__(self) -> Arguments:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


class Receiver(BaseHTTPRequestHandler):
    """An application that is healthy, and a webhook that keeps what it was sent."""

    received: list[bytes]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver():
    handler = type("Handler", (Receiver,), {"received": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hidden():
    return Secrets()


def with_password(server, hidden, name: str, *, options: str = "") -> DatabaseUrl:
    """The URL of a fresh database whose owner has a password that needs encoding in URLs, SQL, JSON and XML."""
    url = server.owner_database(options=options)
    password = hidden.make(name, "g/eh'e\"im@{}%é &<\\")
    server.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(url.user), sql.Literal(password))
    )
    return DatabaseUrl(url.host, url.port, url.user, Secret(password), url.dbname, url.params, url.name)


@pytest.fixture
def guarded(make_project, postgres17, hidden, receiver):
    """A project that has every kind of secret, and its environment variables."""
    project = make_project(with_password(postgres17, hidden, "target", options="createrole"))
    address = f"127.0.0.1:{receiver.server_address[1]}"
    project.variables = {
        "DEV_URL": f"http://user:{hidden.make('app')}@{address}",
        "APP_TOKEN": hidden.make("health header"),
        "ALERT_WEBHOOK_URL": f"http://{address}/hooks/{hidden.make('webhook url')}",
        "ALERT_WEBHOOK_SECRET": hidden.make("webhook secret"),
        "SLACK_WEBHOOK_URL": f"http://127.0.0.1:1/services/{hidden.make('slack')}",
        "ALERT_EMAIL": "somebody@example.org",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "1",
        "SMTP_USER": "somebody",
        "SMTP_PASSWORD": hidden.make("smtp"),
    }
    project.write(
        "dbdeploy.yaml",
        "environments:\n  dev:\n    health: {headers: {Authorization: 'Bearer ${APP_TOKEN}'}, timeout: 3s}\n"
        "alerts: {email: {from: dbdeploy@example.org, tls: none}}\n",
    )
    role = f"role_{secrets.token_hex(6)}"
    project.migration(
        "0001_init",
        "create table users (id int primary key);\n"
        "insert into users values (1);\n"
        f"create role {role} login password '{hidden.make('migration')}';\n"
        f"do $do$ begin execute 'alter role {role} password ''{hidden.make('nested')}'''; end $do$;\n",
    )
    for phase in ("preflight", "sandbox"):
        project.write(f"gates/{phase}/test_told.py", GATE)
    return project


def leaks(project, hidden, output: str, *more: Path) -> list[str]:
    """Where secrets were found, dumps aside."""
    found = [f"output: {name}" for name in hidden.found_in(output.encode())]
    paths = [*project.artifacts.rglob("*"), *project.root.glob("*.xml"), *project.root.glob("*.log"), *more]
    for path in paths:
        if path.is_file() and not any(part in DUMPS for part in path.parts):
            found += [f"{path}: {name}" for name in hidden.found_in(path.read_bytes())]
    return found


def test_a_deployment_that_is_rolled_back_tells_no_secret(guarded, hidden, receiver, postgres17):
    guarded.write("gates/postdeploy/test_no.py", GATE + "    assert url == 'x'\n")
    with Arguments() as arguments:
        result = guarded.deploy(*TALKATIVE, **guarded.variables)
    assert result.ended == (11, "rolled_back")
    assert (guarded.root / "pytestdebug.log").exists()
    assert leaks(guarded, hidden, result.output, postgres17.log_path) == []
    assert [words for words in arguments.seen if hidden.found_in(words)] == []
    assert any(b"pg_dump" in words for words in arguments.seen), "the arguments were looked at"
    (body,) = receiver.RequestHandlerClass.received
    assert hidden.found_in(body) == []
    status = {alert["channel"]: alert["status"] for alert in result.report["alerts"]}
    assert status == {"webhook": "sent", "slack": "failed", "email": "failed"}


def test_a_statement_with_a_password_that_fails_tells_no_secret(guarded, hidden, postgres17):
    """It fails on the target only: the role is there. What the server itself logs of a failing statement is not ours."""
    role = f"role_{secrets.token_hex(6)}"
    postgres17.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    guarded.migration("0002_role", f"create role {role} password '{hidden.make('failing')}';\n")
    result = guarded.deploy(*TALKATIVE, **guarded.variables)
    assert result.ended == (11, "rolled_back")
    assert f"role &quot;{role}&quot; already exists" in (guarded.root / "out.xml").read_text()
    assert leaks(guarded, hidden, result.output) == []
    log = postgres17.log_path.read_bytes()
    assert set(hidden.found_in(log)) <= {"failing", "migration", "nested"}


def test_without_workers_the_debug_log_tells_no_secret_either(guarded, hidden):
    guarded.write("gates/sandbox/test_no.py", GATE + "    assert url == 'x'\n")
    result = guarded.deploy(*TALKATIVE[2:], **guarded.variables)
    assert result.ended == (10, "aborted")
    assert leaks(guarded, hidden, result.output) == []


def test_a_value_of_a_user_that_does_not_fit_is_told_nowhere(deployed, hidden):
    """``reports.samples`` is ``keys``: which row it is may be told."""
    execute(
        deployed.url,
        f"create table tales (id int primary key, told text); insert into tales values (77, '{hidden.make('value')}')",
    )
    deployed.migration("0002_told", "alter table tales alter told type int using told::int;\n")
    result = deployed.deploy("--dbdeploy-dry-run", "--junitxml=out.xml", "-n", "2")
    assert result.ended == (10, "aborted")
    assert 'invalid input syntax for type integer: "…"' in result.gate("test_migrations_apply")["message"]
    assert "id=77" in result.output
    assert leaks(deployed, hidden, result.output) == []


@pytest.mark.parametrize("workers", ["0", "2"])
def test_urls_on_the_command_line_of_a_comparison_go_no_further(guarded, hidden, postgres17, workers):
    other = with_password(postgres17, hidden, "other")
    urls = [f"--dbdeploy-compare={url.reveal()}" for url in (guarded.url, other)]
    with Arguments() as arguments:
        result = guarded.run(*urls, "-n", workers, "-vv", "--junitxml=out.xml", **guarded.variables)
    assert result.ended == (10, "different") or result.ended == (0, "equal")
    assert leaks(guarded, hidden, result.output, postgres17.log_path) == []
    told = [words for words in arguments.seen if hidden.found_in(words)]
    assert all(b"--dbdeploy-compare=" in words for words in told), (
        "no process but the one that was started with them"
    )


def test_workers_are_not_given_the_urls_of_the_command_line(guarded, hidden, postgres17):
    guarded.write(
        "conftest.py",
        "import json, os, sys\nfrom pathlib import Path\n\n\n"
        "def pytest_configure(config):\n"
        "    if hasattr(config, 'workerinput'):\n"
        "        told = [config.invocation_params.args, vars(config.option), config.workerinput, sys.argv]\n"
        "        Path(os.environ['TOLD'], str(os.getpid())).write_text(repr(told))\n",
    )
    told = guarded.root / "told"
    told.mkdir()
    other = with_password(postgres17, hidden, "other")
    words = [w for url in (guarded.url, other) for w in ("--dbdeploy-compare", url.reveal())]
    result = guarded.run(*words, "-n", "2", TOLD=str(told), **guarded.variables)
    assert result.status in (0, 10)
    files = list(told.iterdir())
    assert len(files) == 2
    assert [hidden.found_in(file.read_bytes()) for file in files] == [[], []]


def test_a_report_of_the_plan_names_the_statement_without_its_password(guarded, hidden):
    result = guarded.deploy("--dbdeploy-dry-run", **guarded.variables)
    assert result.ended == (0, "dry_run")
    plan = json.loads((result.folder / "plan.json").read_text())
    assert "password '***'" in json.dumps(plan) or "password" not in json.dumps(plan)
    assert "password '***'" in (result.folder / "evidence.json").read_text()
    assert leaks(guarded, hidden, result.output) == []
