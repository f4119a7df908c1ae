"""E-mail by SMTP: STARTTLS (default), TLS or plain; text and HTML. The server comes from the SMTP_* variables."""

from __future__ import annotations

import html
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from typing import TYPE_CHECKING

from ..jsonfile import redact_text
from .base import PAUSES, AlertError, AlertMessage, Limits, facts, plain_text, sections

if TYPE_CHECKING:
    from ..config.models import AlertSettings

_PORT = {"starttls": 587, "tls": 465, "none": 25}
_COLOUR = {"success": "#2e7d32", "failure": "#b26a00"}
_RED = "#c62828"


class _BusyError(AlertError):
    """The server asks to come again later."""


class Email:
    name = "email"

    def configured(self, alerts: AlertSettings) -> bool:
        return bool(alerts.email.to)

    def send(self, alerts: AlertSettings, message: AlertMessage, limits: Limits) -> None:
        mail = compose(alerts, message)
        for pause in PAUSES:
            try:
                return self._send(alerts, mail, limits)
            except _BusyError:
                if pause >= limits.left:
                    break
                time.sleep(pause)
        return self._send(alerts, mail, limits)

    def _send(self, alerts: AlertSettings, mail: EmailMessage, limits: Limits) -> None:
        try:
            with _connected(alerts, limits) as server:
                refused = server.send_message(mail)
        except AlertError:
            raise
        except ssl.SSLError as error:
            raise AlertError(f"TLS with the mail server failed: {error.reason or error}") from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            # smtplib turns some timeouts into "Connection unexpectedly closed: timed out".
            if isinstance(error, TimeoutError) or str(error).endswith("timed out"):
                raise AlertError(f"no answer from the mail server within {limits.timeout:g} s") from None
            kind = _BusyError if _temporary(error) else AlertError
            raise kind(f"the mail server did not take the mail: {_words(error)}") from None
        if refused:
            raise AlertError(f"the mail server refused the recipients {', '.join(sorted(refused))}")


NOTIFIER = Email()


def compose(alerts: AlertSettings, message: AlertMessage) -> EmailMessage:
    """The mail: text with HTML as alternative."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(f"[dbdeploy] {message.title}".split())
    mail["From"] = _sender(alerts)
    mail["To"] = ", ".join(alerts.email.to)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = make_msgid(domain=parseaddr(mail["From"])[1].rpartition("@")[2] or "localhost")
    mail["Auto-Submitted"] = "auto-generated"
    if message.urgent:
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    mail.set_content(plain_text(message))
    mail.add_alternative(_html(message), subtype="html")
    return mail


def _sender(alerts: AlertSettings) -> str:
    user = alerts.smtp.user or ""
    return alerts.email.from_ or (user if "@" in user else f"dbdeploy@{socket.gethostname() or 'localhost'}")


@contextmanager
def _connected(alerts: AlertSettings, limits: Limits) -> Iterator[smtplib.SMTP]:
    smtp, tls = alerts.smtp, alerts.email.tls
    if not smtp.host:
        raise AlertError("SMTP_HOST is not set, so no mail server is known")
    port = smtp.port or _PORT[tls]
    if tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            smtp.host, port, timeout=limits.patience, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(smtp.host, port, timeout=limits.patience)
    try:
        if tls == "starttls":
            # Raises where the server does not offer it: the password is never sent in clear by accident.
            server.starttls(context=ssl.create_default_context())
        if smtp.user:
            server.login(smtp.user, smtp.password.reveal() if smtp.password else "")
        yield server
        with suppress(
            smtplib.SMTPException, OSError
        ):  # the mail is taken: how the server says good-bye is its own affair
            server.quit()
    finally:
        server.close()


def _temporary(error: Exception) -> bool:
    """Whether all that the server said has a code from 400 to 499."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and 400 <= error.smtp_code < 500


def _words(error: Exception) -> str:
    """The server's answer in one line, without what was sent to it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refused = (f"{who} ({_answer(*said)})" for who, said in sorted(error.recipients.items()))
        return f"recipients refused: {', '.join(refused)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    return redact_text(" ".join(str(error).split()) or type(error).__name__)


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return redact_text(" ".join(f"{code} {words}".split()))


def _html(message: AlertMessage) -> str:
    colour = _RED if message.urgent else _COLOUR[message.kind]
    rows = "".join(
        f'<tr><td style="padding-right:1em"><b>{html.escape(name)}</b></td><td>{_linked(value)}</td></tr>'
        for name, value in facts(message)
    )
    parts = "".join(
        f"<h3>{html.escape(title)}</h3><pre>{html.escape(chr(10).join(lines))}</pre>"
        for title, lines in sections(message)
    )
    title = html.escape(message.title)
    return (
        f'<!DOCTYPE html><html><body style="font-family:sans-serif"><div style="border-left:6px solid {colour};padding-left:1em">'
        f"<h2>{title}</h2><table>{rows}</table>{parts}</div></body></html>"
    )


def _linked(value: str) -> str:
    text = html.escape(value)
    return f'<a href="{text}">{text}</a>' if value.startswith(("http://", "https://")) else text
