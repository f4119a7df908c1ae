"""Local stand-ins for what a deployment tells and asks: Slack, a webhook, a mail server, an application.

They are strict: what the real service would refuse, or what is not as documented, they refuse too and keep in ``wrong``.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

Answer = tuple[int, bytes]


@contextmanager
def serving(answer: Callable[[SimpleNamespace], Answer]) -> Iterator[str]:
    """An HTTP server on a port of its own; ``answer`` is given method, path, headers and body. Its address."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = SimpleNamespace(method=self.command, path=self.path, headers=self.headers, body=body)
            status, text = answer(request)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


# -- Slack -----------------------------------------------------------------------------------------------------


class Slack:
    """An incoming webhook at ``path``. ``messages``: what it took."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.messages: list[dict[str, Any]] = []
        self.wrong: list[str] = []
        self.broken = False

    def __call__(self, request: SimpleNamespace) -> Answer:
        if self.broken:
            return 500, b"server_error"
        wrong = [] if (request.method, request.path) == ("POST", self.path) else ["no_service"]
        if not request.headers.get("Content-Type", "").startswith("application/json"):
            wrong.append("the content type is not JSON")
        message = json.loads(request.body)
        wrong += slack_problems(message)
        self.wrong += wrong
        if wrong:
            return 400, b"invalid_blocks"
        self.messages.append(message)
        return 200, b"ok"


def blocks_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [*message["blocks"], *(block for a in message.get("attachments", ()) for block in a["blocks"])]


def slack_problems(message: dict[str, Any]) -> list[str]:
    """Where a message is beyond Slack's documented limits, or not escaped."""
    blocks = blocks_of(message)
    texts = [(f"{b['type']} block", t, _longest(b)) for b in blocks for t in _texts(b)]
    checks = [
        (set(message) <= {"text", "blocks", "attachments"}, f"unknown keys in {sorted(message)}"),
        (0 < len(message.get("text", "")) <= 40_000, "no fallback text, or a long one"),
        (0 < len(blocks) <= 50, f"{len(blocks)} blocks"),
        (all(b["type"] in ("header", "section") for b in blocks), "a block of another type"),
        (all(len(b.get("fields", ())) <= 10 for b in blocks), "more than 10 fields"),
        (sum(len(t["text"]) for _, t, _ in texts) <= 13_200, "msg_blocks_too_long"),
        (all(a["color"].startswith("#") for a in message.get("attachments", ())), "no colour"),
    ]
    for where, text, longest in texts:
        checks.append((0 < len(text["text"]) <= longest, f"{where}: {len(text['text'])} characters"))
        if text["type"] == "mrkdwn":
            checks.append((_escaped(text["text"]), f"{where}: not escaped: {text['text']!r}"))
        else:
            checks.append((text["type"] == "plain_text", f"{where}: text of type {text['type']}"))
    return [problem for good, problem in checks if not good]


def _texts(block: dict[str, Any]) -> list[dict[str, Any]]:
    return [block["text"]] if "text" in block else block["fields"]


def _longest(block: dict[str, Any]) -> int:
    return 150 if block["type"] == "header" else 3000 if "text" in block else 2000


def _escaped(text: str) -> bool:
    rest = text.replace("<!channel>", "", 1)
    for entity in ("&amp;", "&lt;", "&gt;"):
        rest = rest.replace(entity, "")
    return not set(rest) & set("&<>")


# -- the webhook -----------------------------------------------------------------------------------------------

_BODY = {
    "schemaVersion": int,
    "kind": str,
    "urgent": bool,
    "title": str,
    "deploymentId": str,
    "environment": str,
    "mode": str,
    "outcome": str,
    "exitStatus": int,
    "durationSeconds": float,
    "reasons": list,
    "migrations": list,
    "whatStandsWhere": list,
    "nextCommands": list,
    "link": (str, type(None)),
}


class Webhook:
    """Takes what is signed with ``secret`` as docs/alerts.md says, and has the documented keys. ``messages``: what it took."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.messages: list[dict[str, Any]] = []
        self.wrong: list[str] = []

    def __call__(self, request: SimpleNamespace) -> Answer:
        if request.method != "POST" or not self._genuine(request):
            self.wrong.append("not genuine")
            return 401, b""
        message = json.loads(request.body)
        wrong = [key for key, kind in _BODY.items() if not isinstance(message.get(key), kind)]
        self.wrong += wrong
        if wrong:
            return 422, b""
        self.messages.append(message)
        return 204, b""

    def _genuine(self, request: SimpleNamespace) -> bool:
        header = request.headers.get("X-Dbdeploy-Signature", "")
        parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
        signed = f"{parts.get('t')}.".encode() + request.body
        expected = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        fresh = abs(int(parts.get("t", "0")) - time.time()) < 300
        return set(parts) == {"t", "v1"} and fresh and hmac.compare_digest(expected, parts["v1"])


# -- mail ------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mailbox:
    """What a real SMTP server does with mails; ``mails`` are (recipients, parsed mail, session).

    ``password``: the only one that is let in. ``refuse``: unknown recipients. ``busy``: how many times it asks to come later.
    """

    def __init__(self, password: str = "mail-passw0rd") -> None:
        self.password = password
        self.mails: list[tuple[list[str], Any, Any]] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refuse: set[str] = set()
        self.busy = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return "550 5.1.1 no such user"
        if self.busy:
            self.busy -= 1
            return "451 4.7.1 come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.rcpt_tos, parsed, session))
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == self.password.encode(), handled=False)


class MailServer(Controller):
    """aiosmtpd's controller with the options of its server; ``implicit_tls``: a context for TLS from the first byte."""

    def __init__(self, mailbox: Mailbox, **options: Any) -> None:
        self.options = options
        context = options.pop("implicit_tls", None)
        super().__init__(mailbox, hostname="localhost", port=free_port(), ssl_context=context)

    def factory(self):
        return SMTP(self.handler, hostname="localhost", **self.options)


def make_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost: its file, and the server's context."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return cert, context
