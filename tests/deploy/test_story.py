"""The whole of it: a feature branch and a bare remote, Vercel, an application, and everybody who is told; nothing else is reachable.

One story in five chapters, as each deployment builds on the one before.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from xml.etree import ElementTree

import pytest

from tests.servers import missing
from tests.standins import (
    Mailbox,
    MailServer,
    Slack,
    Webhook,
    blocks_of,
    free_port,
    make_certificate,
    serving,
)
from tests.vercel import TOKEN, Vercel

SECRETS = {
    "slack": "T00SECRET00B00SLACKPATH",
    "hook": "s3cret-path-of-the-hook",
    "signing": "s3cret-that-signs",
    "mail": "s3cret-of-the-mailer",
    "token": "s3cret-of-the-health-check",
}
DUMPS = ("backup.dump", "failed.dump")
CONFIG = """
environments:
  dev:
    app_url: ${DEV_URL}
    branch: production
    health: {path: /ready, headers: {X-Token: "${APP_TOKEN}"}, timeout: 500ms, interval: 100ms}
release: {vercel: {project: prj_shop, timeout: 30s}}
alerts: {email: {from: dbdeploy@example.org}}
"""


def git(folder, *arguments):
    words = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


class World:
    """The project on branch ``feature``, its remote, its application (what Vercel serves), and the channels."""

    def __init__(self, project, folder, stack):
        self.project, self.remote = project, folder / "remote.git"
        self.slack, self.webhook = Slack(f"/services/{SECRETS['slack']}"), Webhook(SECRETS["signing"])
        self.mailbox = Mailbox(SECRETS["mail"])
        self.asked, self.outputs = [], []
        certificate, tls = make_certificate(folder)
        mail = MailServer(
            self.mailbox,
            tls_context=tls,
            require_starttls=True,
            authenticator=self.mailbox.authenticate,
            auth_required=True,
        )
        mail.start()
        stack.callback(mail.stop)
        self.variables = {
            "DEV_URL": stack.enter_context(serving(self._application)),
            "APP_TOKEN": SECRETS["token"],
            "VERCEL_TOKEN": TOKEN,
            "SLACK_WEBHOOK_URL": stack.enter_context(serving(self.slack)) + self.slack.path,
            "ALERT_WEBHOOK_URL": stack.enter_context(serving(self.webhook)) + f"/{SECRETS['hook']}",
            "ALERT_WEBHOOK_SECRET": SECRETS["signing"],
            "ALERT_EMAIL": "team@example.org, boss@example.org",
            "SMTP_HOST": "localhost",
            "SMTP_PORT": str(mail.port),
            "SMTP_USER": "dbdeploy",
            "SMTP_PASSWORD": SECRETS["mail"],
            "SSL_CERT_FILE": str(certificate),
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(project.root),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "team/shop",
            "GITHUB_RUN_ID": "77",
        }
        self.summary = folder / "summary.md"
        self._repository(folder)
        self.vercel = stack.enter_context(Vercel(self.remote).serving())
        self.vercel.add(self.released)
        self.variables["VERCEL_API_URL"] = self.vercel.url

    def _repository(self, folder):
        project = self.project
        project.write("dbdeploy.yaml", CONFIG)
        project.write("app.txt", "healthy")
        project.write(".gitignore", "__pycache__/\n.pytest_cache/\n.deployments/\n")
        git(folder, "init", "-q", "--bare", str(self.remote))
        git(project.root, "init", "-q", "-b", "main")
        git(project.root, "remote", "add", "origin", str(self.remote))
        git(project.root, "add", "-A")
        git(project.root, "commit", "-q", "-m", "start")
        git(project.root, "push", "-q", "origin", "main:production")
        git(project.root, "switch", "-q", "-c", "feature")

    def _application(self, request):
        self.asked.append((request.path, request.headers["X-Token"]))
        serves = self.vercel.commit_of(self.vercel.current)
        return 200 if git(self.remote, "show", f"{serves}:app.txt") == "healthy" else 503, b""

    @property
    def released(self):
        return git(self.remote, "rev-parse", "production")

    def commit(self, message, **files):
        for name, text in files.items():
            self.project.write(name, text)
        git(self.project.root, "add", "-A")
        git(self.project.root, "commit", "-q", "-m", message)

    def run(self, *arguments, **environ):
        result = self.project.run(*arguments, **{**self.variables, **environ})
        self.outputs.append(result.output)
        assert self.vercel.commit_of(self.vercel.current) == self.released, (
            "what is served is what was released"
        )
        return result

    def told(self):
        """What each channel has got since the last call: (Slack's messages, the webhook's, the mails)."""
        assert (self.slack.wrong, self.webhook.wrong) == ([], [])
        taken = tuple(list(x) for x in (self.slack.messages, self.webhook.messages, self.mailbox.mails))
        for channel in (self.slack.messages, self.webhook.messages, self.mailbox.mails):
            channel.clear()
        return taken

    def columns(self):
        found = self.project.sql(
            "select column_name from information_schema.columns where table_name = 'users'"
        )
        return {name for (name,) in found}


@pytest.fixture
def world(project, tmp_path):
    with ExitStack() as stack:
        yield World(project, tmp_path, stack)


def test_a_feature_is_deployed_a_broken_one_put_back_and_everybody_is_told(world):
    first = deployed_with_the_good_news(world)
    put_back_when_the_application_fails(world)
    put_back_when_the_build_fails(world)
    deployed_though_nobody_can_be_told(world)
    rolled_back_by_id(world, first)
    assert leaks(world) == []


def deployed_with_the_good_news(world):
    world.project.migration("0002_phone", "alter table users add phone text;")
    world.commit("phone")
    result = world.run("--dbdeploy-env=dev", "-n", "2")
    assert result.ended == (0, "deployed")
    assert world.released != git(world.project.root, "rev-parse", "main")
    assert git(world.remote, "show", "production:migrations/0002_phone.sql").startswith("alter table")
    assert "phone" in world.columns()
    assert set(world.asked) == {("/ready", SECRETS["token"])}
    ((slack,), (hook,), ((recipients, mail, session),)) = world.told()
    assert slack["attachments"][0]["color"] == "#2eb886"
    assert [hook[k] for k in ("kind", "outcome", "exitStatus", "deploymentId", "environment", "mode")] == [
        "success", "deployed", 0, result.id, "dev", "deploy",
    ]  # fmt: skip
    assert hook["migrations"] == ["0001_init", "0002_phone"]
    assert hook["link"] == "https://github.example/team/shop/actions/runs/77"
    assert any("migrated, verified and kept" in line for line in hook["whatStandsWhere"])
    assert (recipients, mail["Subject"]) == (
        ["team@example.org", "boss@example.org"],
        "[dbdeploy] DEPLOYED: dev, verified and kept",
    )
    assert session.ssl is not None
    assert {a["status"] for a in result.report["alerts"]} == {"sent"}
    return result


def put_back_when_the_application_fails(world):
    before = world.released
    world.project.migration("0003_mail", "alter table users add mail text;")
    world.commit("mail", **{"app.txt": "broken"})
    result = world.run("--dbdeploy-env=dev", "-q")
    assert result.ended == (11, "rolled_back")
    assert world.released == before
    assert "mail" not in world.columns()
    ((slack,), (hook,), ((_, mail, _),)) = world.told()
    assert (hook["kind"], hook["urgent"], hook["outcome"]) == ("failure", False, "rolled_back")
    assert "answered 503, expected 200" in hook["reasons"][0]
    shown = "".join(b["text"]["text"] for b in blocks_of(slack) if "text" in b)
    assert "answered 503, expected 200" in shown
    assert "as it was, verified" in mail.get_body(["plain"]).get_content()
    assert re.search(r"(?m)^::error title=dbdeploy/postdeploy/test_application\.py", result.output)
    assert "ROLLED BACK: dev is verified to be as it was" in world.summary.read_text()


def put_back_when_the_build_fails(world):
    before = world.released
    world.commit("does not build", **{"app.txt": "healthy"})
    world.vercel.states = ["BUILDING", "ERROR"]
    result = world.run("--dbdeploy-env=dev")
    world.vercel.states = ["QUEUED", "BUILDING", "READY"]
    assert result.ended == (11, "rolled_back")
    assert world.released == before
    assert "mail" not in world.columns()
    (_, (hook,), _) = world.told()
    assert "BUILD_FAILED" in " ".join(hook["reasons"])


def deployed_though_nobody_can_be_told(world):
    world.commit("mended", **{"readme.txt": "it builds again"})
    world.slack.broken = True
    broken = {
        "SMTP_PASSWORD": "not-the-password",
        "ALERT_WEBHOOK_URL": f"http://127.0.0.1:{free_port()}/{SECRETS['hook']}",
    }
    result = world.run("--dbdeploy-env=dev", **broken)
    assert result.ended == (0, "deployed")
    assert "mail" in world.columns()
    assert world.told() == ([], [], [])
    errors = {a["channel"]: a["error"] for a in result.report["alerts"] if a["status"] == "failed"}
    assert errors["slack"] == "the server answered 500: server_error"
    assert errors["webhook"] == "no connection: refused"
    assert "535" in errors["email"]
    assert "webhook: failed: no connection: refused" in result.output
    world.slack.broken = False
    world.last = result


def rolled_back_by_id(world, first):
    result = world.run(f"--dbdeploy-rollback={world.last.id}")
    assert result.ended == (0, "rolled_back_on_request")
    assert result.id == world.last.id
    assert "mail" not in world.columns() and "phone" in world.columns()
    assert git(world.remote, "show", "production:migrations/0002_phone.sql").startswith("alter table")
    (_, (hook,), _) = world.told()
    assert (hook["mode"], hook["outcome"], hook["exitStatus"]) == ("rollback", "rolled_back_on_request", 0)
    assert world.project.states()[world.last.id] == "rolled_back"
    assert world.project.states()[first.id] == "kept"


def leaks(world):
    """Where a secret is found: files (dumps aside), outputs, alerts."""
    places = {f"output {i}": text.encode() for i, text in enumerate(world.outputs)}
    places["summary"] = world.summary.read_bytes()
    for path in world.project.artifacts.rglob("*"):
        if path.is_file() and not set(DUMPS) & set(path.parts):
            places[str(path)] = path.read_bytes()
    secrets = {
        **SECRETS,
        "vercel": TOKEN,
        "database": world.project.url.password.reveal() if world.project.url.password else "",
    }
    return [
        (place, name)
        for place, text in places.items()
        for name, s in secrets.items()
        if s and s.encode() in text
    ]


@pytest.mark.slow
def test_the_story_needs_no_network_but_these():
    """In a network of its own, where only loopback is."""
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("ip")):
        missing("root, unshare and ip")
    story = f"{__file__}::{test_a_feature_is_deployed_a_broken_one_put_back_and_everybody_is_told.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", story]
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    environ = {name: value for name, value in os.environ.items() if name != "DBDEPLOY_TEST_SHARE"}
    done = subprocess.run(alone, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


# -- those who must be told besides ------------------------------------------------------------------------------


def test_an_unreachable_target_is_told_and_noted_once(project):
    webhook = Webhook(SECRETS["signing"])
    with serving(webhook) as address:
        result = project.deploy(
            DEV_POSTGRES_URL=f"postgresql://app:pw-of-nobody@127.0.0.1:{free_port()}/shop",
            ALERT_WEBHOOK_URL=address,
            ALERT_WEBHOOK_SECRET=SECRETS["signing"],
            SLACK_WEBHOOK_URL="",
            GITHUB_ACTIONS="true",
        )
    assert result.ended == (10, "aborted")
    (told,) = webhook.messages
    assert webhook.wrong == []
    assert "refused" in " ".join(told["reasons"])
    assert "no alert goes to Slack: variable SLACK_WEBHOOK_URL is empty" in " ".join(result.output.split())
    lines = result.output.splitlines()
    assert len([line for line in lines if line.startswith("::error")]) == 2, (
        "the reason, and what is not known for it"
    )


def test_a_finding_stands_beside_its_line_on_github_and_on_gitlab(deployed):
    deployed.migration("0002_drop", "-- legacy is no longer read\nalter table users drop column legacy;\n")
    result = deployed.deploy(
        "-n", "2", "-o", "junit_family=xunit1", "--junitxml=out.xml",
        GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(deployed.root.parent),
    )  # fmt: skip
    assert result.ended == (10, "aborted")
    (line,) = [line for line in result.output.splitlines() if line.startswith("::error")]
    place = "file=project/migrations/0002_drop.sql,line=2,title=dbdeploy%3A column-removed"
    assert line.startswith(f"::error {place}::column public.users.legacy (text) is removed")
    cases = {case.get("name"): case for case in ElementTree.parse(deployed.root / "out.xml").iter("testcase")}
    case = cases["test_rule[column-removed]"]
    assert (case.get("file"), case.get("line")) == ("migrations/0002_drop.sql", "2")
    assert case.get("classname") == "dbdeploy.sandbox.test_rules"
    message = "migrations/0002_drop.sql:2: column public.users.legacy (text) is removed"
    assert message in case.find("failure").get("message")
    assert message in case.find("failure").text
    assert cases["test_rule[table-removed]"].get("file") == "", "our own files are not in the repository"


def test_who_presses_ctrl_c_is_told_how_it_ended_and_so_is_everybody_else(deployed):
    deployed.migration("0002_phone", "alter table users add phone text;")
    gate = "import os, signal\n\n\ndef test_it():\n    os.kill(os.getpid(), signal.SIGINT)\n"
    deployed.write("gates/postdeploy/test_stop.py", gate)
    webhook = Webhook(SECRETS["signing"])
    with serving(webhook) as address:
        result = deployed.deploy(ALERT_WEBHOOK_URL=address, ALERT_WEBHOOK_SECRET=SECRETS["signing"])
    assert result.ended == (2, "interrupted")
    (told,) = webhook.messages
    assert (told["outcome"], told["exitStatus"]) == ("interrupted", 2)
    assert "rolled back first, verified" in told["title"]
