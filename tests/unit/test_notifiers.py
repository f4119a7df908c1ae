"""Alerts against a real HTTP server and a real SMTP server: what arrives, what is reported, and that no URL leaks."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import re
import socket
import threading
import time
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_dbdeploy import notifiers
from pytest_dbdeploy.config.models import AlertSettings, Email, Smtp, Webhook
from pytest_dbdeploy.model import Decision, ExitStatus, Migration, Mode, Outcome, Plan, Reason, Verdict
from pytest_dbdeploy.notifiers import slack, webhook
from pytest_dbdeploy.notifiers.base import ci_link, message_from
from pytest_dbdeploy.reports.record import RunRecord
from pytest_dbdeploy.secret import Secret, redactor
from tests.standins import Mailbox, MailServer, blocks_of, free_port, make_certificate, slack_problems

SECRET_PATH = "/services/T000/B000/x0x0x0secret"


# -- a real HTTP server


class Server:
    """Answers with ``answers`` in turn (the last one for ever): a status, or (status, headers, body). Keeps what it got."""

    def __init__(self):
        self.answers, self.requests = [200], []
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(SimpleNamespace(path=self.path, headers=self.headers, body=body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if answer == "hang":
                    outer.released.wait(20)
                    return
                status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, "ok")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}{SECRET_PATH}"

    def close(self):
        self.released.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()


def record(outcome=Outcome.ABORTED, status=ExitStatus.ABORTED, **values):
    migrations = tuple(Migration(f"000{i}_m", f"drizzle/000{i}_m.sql", "c") for i in range(2))
    run = RunRecord("deploy-dev-1764000000000", "dev", Mode.DEPLOY, Path("/x"))
    run.plan = Plan(
        "dev", Mode.DEPLOY, "drizzle", migrations, None, None, None, None, None, {}, hash="f" * 64
    )
    run.decision = Decision(
        Verdict.ABORT,
        (Reason("gate-failed", "failed: <public.users> & more\nline 2", "gates/test_a.py::test_a"),),
    )
    run.what_stands_where = ["target   dev (localhost:5432/shop): untouched"]
    run.finish(outcome, status)
    for name, value in values.items():
        setattr(run, name, value)
    return run


def message(*args, **values):
    return message_from(record(*args, **values), {})


def slack_to(url):
    return AlertSettings(slack=Secret(url))


def webhook_to(url, secret=None):
    return AlertSettings(webhook=Webhook(url=url, secret=secret))


# -- Slack


def test_slack_gets_text_blocks_and_a_colour(server):
    assert notifiers.send_all(slack_to(server.url), message()) == [{"channel": "slack", "status": "sent"}]
    (request,) = server.requests
    assert request.path == SECRET_PATH
    assert request.headers["Content-Type"].startswith("application/json")
    data = json.loads(request.body)
    assert data["text"] == "NOT DEPLOYED: dev is untouched"
    assert data["blocks"][0] == {
        "type": "header",
        "text": {"type": "plain_text", "text": "NOT DEPLOYED: dev is untouched", "emoji": True},
    }
    assert any("deploy-dev-1764000000000" in field["text"] for field in data["blocks"][1]["fields"])
    (attachment,) = data["attachments"]
    assert attachment["color"] == "#daa038"
    assert (
        "gates/test_a.py::test_a: failed: &lt;public.users&gt; &amp; more"
        in attachment["blocks"][0]["text"]["text"]
    )


def test_a_failed_rollback_is_the_loudest():
    data = slack.payload(message(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED))
    assert "A PERSON MUST LOOK" in data["blocks"][0]["text"]["text"]
    assert "<!channel>" in data["blocks"][1]["text"]["text"]
    assert data["attachments"][0]["color"] == "#d40e0d"
    assert "<!channel>" not in json.dumps(slack.payload(message()))
    assert slack.payload(message(Outcome.DEPLOYED, ExitStatus.OK))["attachments"][0]["color"] == "#2eb886"


@pytest.mark.parametrize(
    "filler", ["x" * 5000, "&<>" * 2000, "``` " * 500, "a\n" * 3000, "<!channel>" * 500, "🚨" * 3000]
)
def test_any_message_stays_within_slacks_limits(filler):
    big = replace(
        message(),
        title=filler,
        environment=filler,
        reasons=(filler,) * 11,
        migrations=(filler,) * 11,
        what_stands_where=(filler,) * 11,
        next_commands=(filler,) * 11,
        link="https://ci.example/" + "y" * 5000,
    )
    data = slack.payload(big)
    assert slack_problems(data) == []
    for block in blocks_of(data)[1:]:
        if "text" in block:
            assert block["text"]["text"].count("```") == 2
            assert "<!channel>" not in block["text"]["text"]


# -- webhook


def test_the_webhooks_signature_can_be_verified(server):
    result = notifiers.send_all(webhook_to(server.url, "wh-s3cret"), message())
    assert result == [{"channel": "webhook", "status": "sent"}]
    (request,) = server.requests
    parts = dict(part.split("=", 1) for part in request.headers["X-Dbdeploy-Signature"].split(","))
    assert abs(int(parts["t"]) - time.time()) < 30
    signed = f"{parts['t']}.".encode() + request.body
    assert parts["v1"] == hmac.new(b"wh-s3cret", signed, hashlib.sha256).hexdigest()
    data = json.loads(request.body)
    assert data == {
        "schemaVersion": 1,
        "kind": "failure",
        "urgent": False,
        "title": "NOT DEPLOYED: dev is untouched",
        "deploymentId": "deploy-dev-1764000000000",
        "environment": "dev",
        "mode": "deploy",
        "outcome": "aborted",
        "exitStatus": 10,
        "durationSeconds": data["durationSeconds"],
        "reasons": ["gates/test_a.py::test_a: failed: <public.users> & more"],
        "migrations": ["0000_m", "0001_m"],
        "whatStandsWhere": ["target   dev (localhost:5432/shop): untouched"],
        "nextCommands": [
            "once that is corrected, to try it on a clone only:\n  pytest --dbdeploy-env=dev --dbdeploy-dry-run"
        ],
        "link": None,
    }


def test_without_a_secret_nothing_is_signed(server):
    notifiers.send_all(webhook_to(server.url), message())
    assert "X-Dbdeploy-Signature" not in server.requests[0].headers


def test_the_signature_is_as_documented():
    assert webhook.signature(Secret("key-of-test"), b'{"a":1}', 1764000000) == (
        "t=1764000000,v1=" + hmac.new(b"key-of-test", b'1764000000.{"a":1}', hashlib.sha256).hexdigest()
    )


def test_the_documented_verification_accepts_what_is_genuine_and_nothing_else():
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    code = next(
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "is_genuine" in block
    )
    names = {}
    exec(code, names)
    is_genuine, now = names["is_genuine"], int(time.time())
    header = webhook.signature(Secret("key-of-test"), b"{}", now)
    assert is_genuine(header, b"{}", "key-of-test")
    assert not is_genuine(header, b"{ }", "key-of-test")
    assert not is_genuine(header, b"{}", "another key")
    assert not is_genuine(webhook.signature(Secret("key-of-test"), b"{}", now - 3600), b"{}", "key-of-test")


# -- retries, limits, failures


@pytest.mark.parametrize(
    "first",
    [(429, {"Retry-After": "0"}, ""), (503, {"Retry-After": "0"}, ""), (500, {"Retry-After": "0"}, "")],
)
def test_a_busy_server_is_asked_once_more(server, first):
    server.answers = [first, 200]
    assert notifiers.send_all(webhook_to(server.url, "s3cr3t-of-wh"), message())[0]["status"] == "sent"
    assert len(server.requests) == 2


def test_a_server_that_stays_busy_is_asked_three_times(server):
    server.answers = [(503, {"Retry-After": "0"}, "")]
    (result,) = notifiers.send_all(slack_to(server.url), message())
    assert result == {"channel": "slack", "status": "failed", "error": "the server answered 503"}
    assert len(server.requests) == 3


@pytest.mark.parametrize("form", [lambda s: str(s), lambda s: formatdate(time.time() + s, usegmt=True)])
def test_retry_after_is_honoured_up_to_the_limit(server, form):
    server.answers = [(429, {"Retry-After": form(3600)}, "")]
    started = time.monotonic()
    (result,) = notifiers.send_all(slack_to(server.url), message())
    assert "429" in result["error"]
    assert "too long" in result["error"]
    assert time.monotonic() - started < 5
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, 1.5), ("", 1.5), ("7", 7.0), ("soon", 1.5), ("-3", 1.5)]
)
def test_an_odd_retry_after_counts_as_none(value, seconds):
    from pytest_dbdeploy.notifiers import http

    assert http._retry_after(value, 1.5) == seconds


def test_other_refusals_are_not_tried_again(server):
    server.answers = [(404, {}, "no_service")]
    (result,) = notifiers.send_all(slack_to(server.url), message())
    assert result["error"] == "the server answered 404: no_service"
    assert len(server.requests) == 1


def test_redirects_are_not_followed(server):
    server.answers = [(302, {"Location": "/elsewhere"}, "")]
    (result,) = notifiers.send_all(slack_to(server.url), message())
    assert result["error"] == "the server answered 302"
    assert len(server.requests) == 1


def test_a_server_that_does_not_answer_ends_at_the_timeout(server):
    server.answers = ["hang"]
    started = time.monotonic()
    (result,) = notifiers.send_all(slack_to(server.url), message(), timeout=0.3)
    assert result["error"].startswith("no answer within")
    assert time.monotonic() - started < 5


@contextlib.contextmanager
def talking(*parts, then="close", tls=None):
    """A TCP server that says ``parts`` to whoever connects, and then closes, or goes on for ever with a byte now and then."""
    end = threading.Event()

    def serve():
        with contextlib.suppress(OSError):  # the listener is closed, or the client has gone
            while True:
                connection, _ = listener.accept()
                with contextlib.suppress(OSError), connection:
                    if tls is not None:
                        connection = tls.wrap_socket(connection, server_side=True)
                    for part in parts:
                        connection.sendall(part)
                        if part != parts[-1]:
                            connection.recv(65536)
                    while then == "trickle" and not end.wait(0.02):
                        connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            end.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def http_to(port, scheme="http"):
    return slack_to(f"{scheme}://127.0.0.1:{port}{SECRET_PATH}")


def test_bytes_that_trickle_in_for_ever_do_not_outlast_the_limit():
    with (
        talking(b"HTTP/1.1 200 OK\r\nX-Slow: ", then="trickle") as slow,
        talking(b"220-", then="trickle") as mail,
    ):
        alerts = replace(http_to(slow), email=mail_to(mail).email, smtp=Smtp("127.0.0.1", mail))
        results = notifiers.send_all(alerts, message(), timeout=20, limit=0.6)
    assert results == [
        {"channel": name, "status": "failed", "error": "not sent within 0.6 s"} for name in ("email", "slack")
    ]


def test_an_endless_body_is_not_waited_for():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    with talking(head, then="trickle") as port:
        assert notifiers.send_all(http_to(port), message(), limit=20) == [
            {"channel": "slack", "status": "sent"}
        ]


def test_a_connection_that_is_closed_is_reported():
    with talking(b"") as port:
        (result,) = notifiers.send_all(http_to(port), message())
    assert result["error"] == "no connection: broken off"


def test_a_port_where_nobody_listens_and_a_host_that_nobody_knows_are_told_apart():
    (result,) = notifiers.send_all(http_to(free_port()), message())
    assert result["error"] == "no connection: refused"
    (result,) = notifiers.send_all(slack_to(f"http://nowhere.invalid{SECRET_PATH}"), message(), limit=20)
    assert result["error"] == "no connection: unknown host"


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    with talking(b"", tls=certificate[1]) as port:
        (result,) = notifiers.send_all(http_to(port, "https"), message())
    assert result["error"].startswith("TLS: the server's certificate was not accepted")


def test_a_server_that_does_not_speak_tls_is_reported(server):
    (result,) = notifiers.send_all(slack_to(server.url.replace("http:", "https:")), message(), timeout=2)
    assert result["error"].startswith("TLS:")


def test_all_channels_together_have_one_limit(server):
    server.answers = ["hang"]
    alerts = AlertSettings(slack=Secret(server.url), webhook=Webhook(url=server.url))
    started = time.monotonic()
    results = notifiers.send_all(alerts, message(), timeout=15, limit=0.5)
    assert time.monotonic() - started < 5
    assert [(r["channel"], r["status"]) for r in results] == [("slack", "failed"), ("webhook", "failed")]


def test_a_broken_channel_does_not_keep_the_others_back(server):
    alerts = AlertSettings(slack=Secret("http://127.0.0.1:9/x"), webhook=Webhook(url=server.url))
    results = notifiers.send_all(alerts, message())
    assert [(r["channel"], r["status"]) for r in results] == [("slack", "failed"), ("webhook", "sent")]


@pytest.mark.parametrize(
    "answer",
    [None, (500, {"Retry-After": "0"}, f"Cannot POST {SECRET_PATH}"), (400, {}, SECRET_PATH), "hang"],
)
def test_no_error_holds_the_url(server, answer, caplog):
    caplog.set_level(logging.DEBUG)
    url = server.url
    if answer is None:
        url = f"http://127.0.0.1:{free_port()}{SECRET_PATH}"
    else:
        server.answers = [answer]
    (result,) = notifiers.send_all(slack_to(url), message(), timeout=0.5)
    assert result["status"] == "failed"
    assert "x0x0x0" not in json.dumps(result)
    assert "x0x0x0" not in caplog.text


def test_a_url_that_cannot_be_used_is_a_failed_channel():
    (result,) = notifiers.send_all(slack_to("http://[broken" + SECRET_PATH), message())
    assert result["status"] == "failed"
    assert "x0x0x0" not in result["error"]


class Faulty:
    name = "faulty"

    def __init__(self, when):
        self.when = when

    def configured(self, alerts):
        if self.when == "configured":
            raise RuntimeError("broken")
        return True

    def send(self, alerts, message, limits):
        raise RuntimeError("token-in-here")


@pytest.mark.parametrize("when", ["configured", "send"])
def test_a_channel_of_a_plugin_that_breaks_is_reported(when):
    (result,) = notifiers.send_all(AlertSettings(), message(), extra=[Faulty(when)])
    assert (result["channel"], result["status"]) == ("faulty", "failed")
    assert "RuntimeError" in result["error"]
    assert "token-in-here" not in result["error"]


# -- when


@pytest.mark.parametrize(
    ("outcome", "mode", "kind"),
    [
        (Outcome.DEPLOYED, Mode.DEPLOY, "success"),
        (Outcome.ABORTED, Mode.DEPLOY, "failure"),
        (Outcome.ROLLED_BACK, Mode.DEPLOY, "failure"),
        (Outcome.ROLLED_BACK_ON_REQUEST, Mode.ROLLBACK, "failure"),
        (Outcome.ROLLBACK_FAILED, Mode.ROLLBACK, "failure"),
        (Outcome.INTERRUPTED, Mode.DEPLOY, "failure"),
        (Outcome.NOTHING_TO_DEPLOY, Mode.DEPLOY, None),
        (Outcome.DRY_RUN, Mode.DRY_RUN, None),
        (Outcome.ABORTED, Mode.DRY_RUN, None),
        (Outcome.EQUAL, Mode.COMPARE, None),
        (Outcome.DIFFERENT, Mode.COMPARE, None),
        (Outcome.ABORTED, Mode.COMPARE, None),
    ],
)
def test_alerts_go_out_for_what_concerns_the_target(outcome, mode, kind):
    found = message(outcome, mode=mode)
    assert (found.kind if found.wanted else None) == kind


@pytest.mark.parametrize(("on", "sent"), [(("success",), False), (("failure",), True), ((), False)])
def test_only_the_wanted_kinds_are_sent(server, on, sent):
    notifiers.send_all(replace(slack_to(server.url), on=on), message())
    assert bool(server.requests) is sent


def test_nothing_is_sent_where_nothing_is_configured():
    assert notifiers.send_all(AlertSettings(), message()) == []


def test_no_secret_and_no_hidden_row_is_in_an_alert():
    redactor.register("alert-s3cret")
    reason = Reason("x", "alert-s3cret Failing row contains (1, ann).")
    found = message(decision=Decision(Verdict.ABORT, (reason,)), what_stands_where=["alert-s3cret"])
    assert "s3cret" not in repr(found)
    assert "ann" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "link"),
    [
        ({}, None),
        (
            {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"},
            "https://github.com/o/r/actions/runs/7",
        ),
        (
            {"CI_JOB_URL": "https://gitlab.example/j/1", "CI_PIPELINE_URL": "https://x"},
            "https://gitlab.example/j/1",
        ),
        ({"BUILD_URL": "http://jenkins/job/1/"}, "http://jenkins/job/1/"),
        ({"BUILD_URL": "javascript:alert(1)"}, None),
    ],
)
def test_the_link_leads_to_the_ci_run(environ, link):
    assert ci_link(environ) == link


# -- e-mail


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def serve(mailbox):
    """Starts SMTP servers, and stops them at the end."""
    started = []

    def start(**options):
        controller = MailServer(mailbox, **options)
        controller.start()
        started.append(controller)
        return controller.port

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for localhost: (certificate file, server's context)."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def mail_to(port, *, tls="none", user=None, password=None, to=("team@example.org",)):
    smtp = Smtp("localhost", port, user, Secret(password) if password else None)
    return AlertSettings(email=Email(to=list(to), **{"from": "deploy@example.org"}, tls=tls), smtp=smtp)


SENT = [{"channel": "email", "status": "sent"}]


def test_a_mail_has_text_and_html(mailbox, serve):
    alerts = mail_to(serve(), to=["a@example.org", "b@example.org"])
    assert notifiers.send_all(alerts, replace(message(), link="https://ci.example/1")) == SENT
    ((recipients, mail, _),) = mailbox.mails
    assert recipients == ["a@example.org", "b@example.org"]
    assert mail["Subject"] == "[dbdeploy] NOT DEPLOYED: dev is untouched"
    assert mail["From"] == "deploy@example.org"
    assert mail["To"] == "a@example.org, b@example.org"
    assert mail["Date"]
    assert mail["Message-ID"]
    text, html = (mail.get_body([kind]).get_content() for kind in ("plain", "html"))
    assert "gates/test_a.py::test_a: failed: <public.users> & more" in text
    assert "&lt;public.users&gt; &amp; more" in html
    assert 'href="https://ci.example/1"' in html


def test_a_failed_rollback_is_marked_as_important(mailbox, serve):
    notifiers.send_all(mail_to(serve()), message(Outcome.ROLLBACK_FAILED, ExitStatus.ROLLBACK_FAILED))
    assert mailbox.mails[0][1]["Importance"] == "high"


def test_a_title_with_a_line_break_makes_no_header_of_its_own(mailbox, serve):
    assert (
        notifiers.send_all(mail_to(serve()), replace(message(), title="a\r\nBcc: evil@example.org")) == SENT
    )
    ((recipients, mail, _),) = mailbox.mails
    assert recipients == ["team@example.org"]
    assert mail["Bcc"] is None


def test_starttls_and_login(mailbox, serve, certificate, monkeypatch):
    cert, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    port = serve(
        tls_context=context, require_starttls=True, authenticator=mailbox.authenticate, auth_required=True
    )
    alerts = mail_to(port, tls="starttls", user="deployer", password="mail-passw0rd")
    assert notifiers.send_all(alerts, message()) == SENT
    assert mailbox.logins == [(b"deployer", b"mail-passw0rd")]
    assert mailbox.mails[0][2].ssl is not None


def test_tls_from_the_first_byte(mailbox, serve, certificate, monkeypatch):
    cert, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert notifiers.send_all(mail_to(serve(implicit_tls=context), tls="tls"), message()) == SENT


def test_an_untrusted_certificate_is_refused(mailbox, serve, certificate):
    port = serve(tls_context=certificate[1], require_starttls=True)
    (result,) = notifiers.send_all(mail_to(port, tls="starttls"), message())
    assert result["error"].startswith("TLS with the mail server failed")
    assert mailbox.mails == []


def test_a_server_without_starttls_never_gets_the_password(mailbox, serve):
    port = serve(authenticator=mailbox.authenticate, auth_require_tls=False)
    alerts = mail_to(port, tls="starttls", user="deployer", password="mail-passw0rd")
    (result,) = notifiers.send_all(alerts, message())
    assert "STARTTLS" in result["error"]
    assert mailbox.logins == []


def test_a_wrong_password_is_reported_without_it(mailbox, serve):
    port = serve(authenticator=mailbox.authenticate, auth_require_tls=False)
    alerts = mail_to(port, user="deployer", password="wr0ng-passw0rd")
    (result,) = notifiers.send_all(alerts, message())
    assert "535" in result["error"]
    assert "wr0ng" not in result["error"]


def test_a_refused_recipient_is_named(mailbox, serve):
    mailbox.refuse = {"gone@example.org"}
    port = serve()
    (result,) = notifiers.send_all(mail_to(port, to=["gone@example.org", "a@example.org"]), message())
    assert result["error"] == "the mail server refused the recipients gone@example.org"
    assert [recipients for recipients, _, _ in mailbox.mails] == [["a@example.org"]]
    (result,) = notifiers.send_all(mail_to(port, to=["gone@example.org"]), message())
    assert "gone@example.org" in result["error"]


@pytest.mark.parametrize("times", [1, 2, 9])
def test_a_mail_server_that_asks_to_come_later_is_asked_up_to_three_times(mailbox, serve, times, monkeypatch):
    monkeypatch.setattr("pytest_dbdeploy.notifiers.email.PAUSES", (0.0, 0.0))
    mailbox.busy = times
    result = notifiers.send_all(mail_to(serve()), message())
    assert mailbox.busy == max(0, times - 3)
    assert result == SENT if times < 3 else "451 4.7.1 come again later" in result[0]["error"]
    assert len(mailbox.mails) == (times < 3)


def test_a_mail_server_that_leaves_without_a_good_bye_has_taken_the_mail():
    answers = (b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 taken\r\n")
    with talking(*answers, b"500 what?\r\n") as port:
        alerts = replace(mail_to(port), smtp=Smtp("127.0.0.1", port))
        assert notifiers.send_all(alerts, message()) == SENT


def test_a_mail_server_that_is_not_there_is_reported():
    (result,) = notifiers.send_all(mail_to(free_port()), message())
    assert "refused" in result["error"].lower()


def test_a_mail_server_that_says_nothing_ends_at_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        alerts = replace(mail_to(port), smtp=Smtp("127.0.0.1", port))
        (result,) = notifiers.send_all(alerts, message(), timeout=0.3)
    assert result["error"].startswith("no answer from the mail server")


def test_an_address_without_a_server_says_which_variable_is_missing():
    (result,) = notifiers.send_all(AlertSettings(email=Email(to=["a@example.org"])), message())
    assert result["error"] == "SMTP_HOST is not set, so no mail server is known"
