"""Restore in place: the database, or what a deployment touched of it, becomes what it was at the backup, without a superuser.

One transaction on one connection: lock, drop, and the SQL of pg_restore. Whatever fails before its commit, the connection ends
and the server rolls everything back.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, NoReturn

import psycopg
from psycopg import errors as pg_errors
from psycopg import sql

from ..db.connect import Connection, connect
from ..db.deployment_lock import notice_our_death
from ..db.sql import query
from ..db.tools import Tools
from ..db.url import DatabaseUrl
from ..errors import RestoreError
from ..model import Backup
from ..secret import redactor
from ..steps import Step
from .dump import verify
from .process import first_lines, read_errors, size, started, tool_environment
from .restore_catalogue import read_catalogue
from .restore_plan import RestorePlan, make_plan, make_touched_plan
from .restore_touched import Touched, comes_back
from .toc import Entry, list_file, parse, reader_for

LOCK_TIMEOUT_SECONDS = 5.0
LOCK_ATTEMPTS = 12
_CHUNK = 1 << 20
_BUSY = (pg_errors.LockNotAvailable, pg_errors.DeadlockDetected)
_DATA = ("TABLE DATA", "SEQUENCE SET")
# The transaction is ours. Large objects are hexadecimal, so that no line of theirs is one of these.
_NOT_OURS = (b"BEGIN;\n", b"COMMIT;\n")
_HINTS = (
    (
        "out of shared memory",
        "Raise max_locks_per_transaction on the server: each table and index that is replaced takes two locks.",
    ),
    (
        "depend on what must be replaced",
        "Their owners must drop them first; they can be created again afterwards.",
    ),
    ("permission denied", "Restore as the role that made the backup, or as a superuser."),
    (
        "must be (owner|member|able to SET ROLE)",
        "Restore as the role that made the backup, or as a superuser.",
    ),
    ("No space left on device", "Free disk space on the server, and run the rollback again."),
)

Locked = Callable[[Connection, Sequence[str]], None]
"""Called with the connection and the names of the tables that will be replaced, when nobody can write to them any more."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """``seconds``: from the first statement to the commit. ``notes``: what was left alone or could not be put back, by name.

    ``whole``: the whole database was restored. ``tables``: those that were replaced.
    """

    seconds: float
    notes: tuple[str, ...] = ()
    whole: bool = True
    tables: tuple[str, ...] = ()


class CommitUnknown(RestoreError):
    """The connection was lost while the restore was being committed: it took place, or nothing was changed."""


def restore(
    url: DatabaseUrl,
    backup: Backup | Path,
    *,
    server_major: int,
    keep_schemas: tuple[str, ...] = ("dbdeploy",),
    touched: Touched | None = None,
    locked: Locked | None = None,
    before_commit: Callable[[Connection], None] | None = None,
    step: Step | None = None,
    lock_timeout: float = LOCK_TIMEOUT_SECONDS,
    lock_attempts: int = LOCK_ATTEMPTS,
) -> RestoreReport:
    """Puts the database at ``url`` back to ``backup`` (a whole-database dump of ours), all but ``keep_schemas``.

    ``touched``: only this, and what depends on it; all else, and what is written to it meanwhile, stays. NotPossible when it
    cannot be put back by itself. ``locked`` and ``before_commit`` run in the restore's own transaction, once an attempt; what
    they raise rolls it back.
    Objects of other roles, extensions that stay, foreign servers, publications and subscriptions are left alone.
    RestoreError: nothing was changed; CommitUnknown: perhaps. Waits for locks ``lock_attempts`` times ``lock_timeout``
    seconds; ends no other session.
    """
    if isinstance(backup, Backup):
        verify(backup)
        backup = backup.path
    if not backup.exists():
        raise RestoreError(f"the backup {backup} is not there", hint="It was moved or deleted.")
    tools, listed = reader_for(backup, server_major, RestoreError)
    with connect(url, purpose="restore", read_only=True) as conn:
        now = read_catalogue(conn)
    entries = parse(listed, schemas=[schema.name for schema in now.schemas], roles=now.roles)
    if touched is None:
        plan = make_plan(now, entries, keep_schemas)
    else:
        plan = make_touched_plan(now, entries, keep_schemas, touched)
    job = _Job(url, backup, tools, server_major, plan, lock_timeout, step, locked, before_commit)
    begun = time.monotonic()
    _with_patience(job, lock_attempts)
    seconds = time.monotonic() - begun
    notes = [*plan.notes, *job.notes, *_analyze(url, () if plan.whole else plan.tables)]
    return RestoreReport(seconds, tuple(dict.fromkeys(notes)), plan.whole, tuple(plan.tables))


def _with_patience(job: _Job, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        try:
            job.run()
            return
        except psycopg.Error as error:
            if not isinstance(error, _BUSY) or attempt == attempts:
                _unchanged(job, error)
            if job.step is not None:
                job.step.progress(f"waiting for locks, attempt {attempt + 1} of {attempts}")
            time.sleep(random.uniform(0.05, 0.2) * attempt)


def _unchanged(job: _Job, error: psycopg.Error) -> NoReturn:
    text = _server_message(error)
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, text)), None)
    if isinstance(error, _BUSY):
        hint = _blockers(job.url)
    raise RestoreError(f"{job.url.label} could not be restored and is unchanged: {text}", hint=hint) from None


@dataclass(slots=True)
class _Job:
    """One transaction, fed from the plan."""

    url: DatabaseUrl
    backup: Path
    tools: Tools
    server_major: int
    plan: RestorePlan
    lock_timeout: float
    step: Step | None
    locked: Locked | None
    before_commit: Callable[[Connection], None] | None
    notes: tuple[str, ...] = ()
    sent: int = 0

    def run(self) -> None:
        """psycopg.Error: nothing was committed. CommitUnknown: perhaps."""
        self.notes, self.sent = (), 0
        conn = connect(self.url, purpose="restore", autocommit=True)
        try:
            notice_our_death(conn)
            conn.autocommit = False
            self._replace(conn)
            if self.before_commit is not None:
                self.before_commit(conn)
            try:
                conn.commit()
            except psycopg.OperationalError as error:
                raise CommitUnknown(
                    f"the connection to {self.url.label} was lost while the restore was being committed: {_server_message(error)}",
                    hint="Look at the database: it is either as it was at the backup, or as it was before the restore.",
                ) from None
        finally:
            with suppress(psycopg.Error):
                conn.rollback()
            conn.close()

    def _replace(self, conn: Connection) -> None:
        tables = sql.SQL(", ").join(map(sql.SQL, self.plan.tables))
        self._calm(conn)
        if self.plan.tables and self.locked is not None:  # readers may go on while it looks
            conn.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(tables))
        if self.locked is not None:
            self.locked(conn, self.plan.tables)
        if self.plan.tables:
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))
        self._drop(conn)
        for entries in self.plan.passes:
            for kind, part in groupby(entries, key=_handling):
                self._pass(conn, kind, tuple(part))
        conn.execute("RESET ALL")  # pg_restore's settings
        notice_our_death(conn)
        self._calm(conn)

    def _calm(self, conn: Connection) -> None:
        """Timeouts of the role or database must not end it; only for a lock it does not wait long."""
        names = ["statement_timeout", "idle_in_transaction_session_timeout"]
        if self.server_major >= 17:
            names.append("transaction_timeout")
        for name in names:
            conn.execute(sql.SQL("SET {} = 0").format(sql.SQL(name)))
        conn.execute("SET client_min_messages = warning")
        conn.execute(f"SET lock_timeout = {int(self.lock_timeout * 1000)}")

    def _drop(self, conn: Connection) -> None:
        """CASCADE also takes what is not ours, or what came meanwhile: then nothing is done."""
        conn.execute("SET search_path = pg_catalog")
        survivors = conn.execute(
            query("restore_survivors"), {"dropped": sorted(self.plan.dropped)}
        ).fetchall()
        known = {key: (description, kind, names) for key, description, kind, names in survivors}
        for statement in self.plan.drops:
            conn.execute(statement)
        vanished = conn.execute(query("restore_vanished"), {"keys": list(known)}).fetchall()
        back = [entry for entries in self.plan.passes for entry in entries]
        lost = [
            description
            for description, kind, names in (known[key] for (key,) in vanished)
            if self.plan.whole or not comes_back(kind, names, back)
        ]
        if lost:
            raise pg_errors.DependentObjectsStillExist(
                f"objects that are not ours, or that the backup does not have, depend on what must be replaced: {'; '.join(sorted(lost))}"
            )

    def _pass(self, conn: Connection, kind: str, entries: tuple[Entry, ...]) -> None:
        """The SQL of these entries, as pg_restore writes it, in its order."""
        with list_file(entries) as chosen, tempfile.TemporaryFile() as errors:
            argv: list[str | Path] = [
                self.tools.path("pg_restore"),
                "-f",
                "-",
                "-L",
                "/dev/stdin",
                self.backup,
            ]
            env = tool_environment(self.tools, None, "restore")
            with started(argv, env, stdin=chosen, stdout=-1, errors=errors) as process:
                assert process.stdout is not None
                conn.execute(_header(process.stdout, self.server_major))
                if kind == "text":
                    text = _without_restrict(process.stdout.read())
                    self._check(process.wait(), errors)
                    self._send(
                        conn, self._privileges(text) if entries[0].kind in ("ACL", "DEFAULT ACL") else text
                    )
                else:
                    self._stream(conn, process.stdout, blobs=kind == "blobs")
                    self._check(process.wait(), errors)

    def _check(self, status: int, errors: IO[bytes]) -> None:
        if status != 0:
            raise RestoreError(
                f"pg_restore could not read {self.backup.name}; {self.url.label} is unchanged: {first_lines(read_errors(errors))}",
                hint="The backup is damaged, or was made by a newer pg_dump.",
            )

    def _send(self, conn: Connection, text: bytes) -> None:
        self._count(len(text))
        conn.execute(text)

    def _count(self, sent: int) -> None:
        self.sent += sent
        if self.step is not None and self.sent // _CHUNK != (self.sent - sent) // _CHUNK:
            self.step.progress(f"{size(self.sent)} restored")

    def _stream(self, conn: Connection, source: IO[bytes], *, blobs: bool) -> None:
        """Statements and rows as they come: no table is in memory as a whole."""
        pending: list[bytes] = []
        length = 0
        for line in source:
            if line in _NOT_OURS or line.startswith(b"\\unrestrict "):
                continue
            if not pending and (line.isspace() or line.startswith((b"--", b"\\"))):
                continue
            pending.append(line)
            length += len(line)
            if not blobs and pending[0].startswith(b"COPY ") and line.endswith(b" FROM stdin;\n"):
                self._copy(conn, b"".join(pending), source)
            elif line.endswith(b";\n") and not (blobs and length < _CHUNK):
                self._send(conn, b"".join(pending))
            else:
                continue
            pending, length = [], 0
        if blobs and pending:
            self._send(conn, b"".join(pending))

    def _copy(self, conn: Connection, statement: bytes, source: IO[bytes]) -> None:
        with conn.cursor() as cursor, cursor.copy(statement) as copy:
            for rows in _rows(source):
                copy.write(rows)
                self._count(len(rows))

    def _privileges(self, script: bytes) -> bytes:
        """What somebody else granted, only he or a superuser can grant again: left out, and said."""
        if self.plan.superuser:
            return script
        lost: list[str] = []

        def replace(match: re.Match[str]) -> str:
            lost.extend(line for line in match[2].strip().splitlines() if line)
            return ""

        kept = re.sub(
            r"^SET SESSION AUTHORIZATION ([^\n]+);\n(.*?)^RESET SESSION AUTHORIZATION;\n",
            replace,
            script.decode("utf-8", "surrogateescape"),
            flags=re.M | re.S,
        )
        said = (f"not granted again, as another role had granted it: {line}" for line in lost)
        self.notes = (*self.notes, *said)
        return kept.encode("utf-8", "surrogateescape")


def _handling(entry: Entry) -> str:
    return "rows" if entry.kind in _DATA else "blobs" if entry.kind == "BLOBS" else "text"


def _header(source: IO[bytes], server_major: int) -> bytes:
    """pg_restore's settings, up to the last of them, without those that older servers do not know, and without its lock_timeout."""
    lines: list[bytes] = []
    for line in source:
        unknown = server_major < 17 and line.startswith(b"SET transaction_timeout")
        if (
            line.startswith((b"SET ", b"SELECT "))
            and not unknown
            and not line.startswith(b"SET lock_timeout")
        ):
            lines.append(line)
        if line.startswith(b"SET row_security"):
            break
    return b"".join(lines)


def _without_restrict(text: bytes) -> bytes:
    """Without the last line that is psql's alone; the first one is in the header."""
    at = text.rfind(b"\n\\unrestrict ")
    return text if at < 0 else text[: at + 1]


def _rows(source: IO[bytes]) -> Iterator[bytes]:
    """The lines of one COPY, many at a time."""
    lines: list[bytes] = []
    length = 0
    for line in source:
        if line == b"\\.\n":
            break
        lines.append(line)
        length += len(line)
        if length > _CHUNK // 4:
            yield b"".join(lines)
            lines, length = [], 0
    yield b"".join(lines)


def _server_message(error: psycopg.Error) -> str:
    diag = error.diag
    parts = [diag.message_primary or str(error).strip(), diag.message_detail, diag.context]
    return redactor.redact(first_lines("\n".join(part for part in parts if part), 8))


def _blockers(url: DatabaseUrl) -> str:
    """Who holds locks on the database's tables, as far as this role may see it."""
    hint = "Another session uses the tables: end it, or stop the application, and run the rollback again."
    try:
        with connect(url, purpose="restore", read_only=True) as conn:
            rows = conn.execute(query("restore_blockers")).fetchall()
    except Exception as error:  # noqa: BLE001  # a hint must not hide the failure itself
        return f"{hint} ({redactor.redact(str(error))})"
    return "\n".join(
        [hint, *(f"pid {pid}: {user} {name} {state} for {age}" for pid, user, name, state, age in rows)]
    )


def _analyze(url: DatabaseUrl, tables: Sequence[str]) -> list[str]:
    """Fresh tables have no statistics: collects them, as well as this role may; no ``tables``: of all. Never a failure."""
    try:
        with connect(url, purpose="restore", autocommit=True) as conn:
            conn.execute("SET statement_timeout = 0")
            # What the deployment had made is gone.
            there = [
                name
                for name in tables
                if conn.execute("SELECT to_regclass(%s)", [name]).fetchone() != (None,)
            ]
            if there or not tables:
                conn.execute(f"ANALYZE {', '.join(there)}")
    except (psycopg.Error, RestoreError) as error:
        return [f"ANALYZE failed: {redactor.redact(str(error).splitlines()[0])}"]
    return []
