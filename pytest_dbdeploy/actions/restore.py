"""Restore in place: the database becomes what it was at the backup, in one transaction, without a superuser.

A script of drops and then pg_restore's SQL go to one psql. The COMMIT is sent only when every pg_restore has ended well:
whatever fails before, the connection ends and the server rolls everything back.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from ..db.connect import connect
from ..db.sql import query
from ..db.tools import Tools
from ..db.url import DatabaseUrl
from ..errors import RestoreError
from ..model import Backup
from ..secret import redactor
from ..steps import Step
from .dump import verify
from .process import first_lines, read_errors, size, started, tool_environment
from .restore_catalogue import Catalogue, read_catalogue
from .restore_plan import RestorePlan, guard, make_plan
from .toc import Entry, as_list, parse, reader_for

LOCK_TIMEOUT_SECONDS = 5.0
LOCK_ATTEMPTS = 12
_CHUNK = 1 << 20
_BUSY = ("55P03", "40P01")
_HINTS = (
    (
        "out of shared memory",
        "Raise max_locks_per_transaction on the server: each table and index that is replaced takes two locks.",
    ),
    ("not ours depend", "Their owners must drop them first; they can be created again afterwards."),
    ("permission denied", "Restore as the role that made the backup, or as a superuser."),
    (
        "must be (owner|member|able to SET ROLE)",
        "Restore as the role that made the backup, or as a superuser.",
    ),
    ("No space left on device", "Free disk space on the server, and run the rollback again."),
)


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """``seconds``: from the first statement to the commit. ``notes``: what was left alone or could not be put back, by name."""

    seconds: float
    notes: tuple[str, ...] = ()


class _PsqlFailed(Exception):
    """psql ended early. ``busy``: for a lock. ``committing``: the COMMIT had been sent."""

    def __init__(self, output: str, *, committing: bool = False) -> None:
        self.text = _server_message(output)
        self.busy = any(f"ERROR:  {code}:" in output for code in _BUSY)
        self.committing = committing
        super().__init__(self.text)


def restore(
    url: DatabaseUrl,
    backup: Backup | Path,
    *,
    server_major: int,
    keep_schemas: tuple[str, ...] = ("dbdeploy",),
    step: Step | None = None,
    lock_timeout: float = LOCK_TIMEOUT_SECONDS,
    lock_attempts: int = LOCK_ATTEMPTS,
) -> RestoreReport:
    """Puts the database at ``url`` back to ``backup`` (a whole-database dump of ours), all but ``keep_schemas``.

    Objects of other roles, extensions that stay, foreign servers, publications and subscriptions are left alone.
    RestoreError: nothing was changed, unless the message says that the commit's fate is unknown. Waits for locks
    ``lock_attempts`` times ``lock_timeout`` seconds; ends no other session.
    """
    if isinstance(backup, Backup):
        verify(backup)
        backup = backup.path
    if not backup.exists():
        raise RestoreError(f"the backup {backup} is not there", hint="It was moved or deleted.")
    tools, listed = reader_for(backup, server_major, RestoreError)
    with connect(url, purpose="restore", read_only=True) as conn:
        now = read_catalogue(conn)
    plan = _plan(now, listed, keep_schemas)
    job = _Job(url, backup, tools, server_major, plan, lock_timeout, step)
    begun = time.monotonic()
    _with_patience(job, lock_attempts)
    seconds = time.monotonic() - begun
    notes = [*plan.notes, *job.notes, *_analyze(url)]
    return RestoreReport(seconds, tuple(dict.fromkeys(notes)))


def _plan(now: Catalogue, listed: str, keep_schemas: tuple[str, ...]) -> RestorePlan:
    entries = parse(listed, schemas=[schema.name for schema in now.schemas], roles=now.roles)
    return make_plan(now, entries, keep_schemas)


def _with_patience(job: _Job, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        try:
            job.run()
            return
        except _PsqlFailed as failure:
            if failure.committing:
                raise RestoreError(
                    f"the connection to {job.url.label} was lost while the restore was being committed: {failure.text}",
                    hint="Look at the database: it is either as it was at the backup, or as it was before the restore.",
                ) from None
            if not failure.busy or attempt == attempts:
                hint = next((hint for pattern, hint in _HINTS if re.search(pattern, failure.text)), None)
                hint = _blockers(job.url) if failure.busy else hint
                raise RestoreError(
                    f"{job.url.label} could not be restored and is unchanged: {failure.text}", hint=hint
                ) from None
            if job.step is not None:
                job.step.progress(f"waiting for locks, attempt {attempt + 1} of {attempts}")


@dataclass(slots=True)
class _Job:
    """One transaction of psql, fed from the plan."""

    url: DatabaseUrl
    backup: Path
    tools: Tools
    server_major: int
    plan: RestorePlan
    lock_timeout: float
    step: Step | None
    notes: tuple[str, ...] = ()
    sent: int = 0

    def run(self) -> None:
        """Raises _PsqlFailed when the transaction did not commit, or may not have."""
        env = tool_environment(self.tools, self.url, "restore")
        argv: list[str | Path] = [
            self.tools.path("psql"),
            "-X",
            "-q",
            "-w",
            "-v",
            "ON_ERROR_STOP=1",
            "-v",
            "VERBOSITY=verbose",
            "-f",
            "-",
        ]
        self.notes, self.sent = (), 0
        committing = False
        with ExitStack() as stack:
            errors = stack.enter_context(tempfile.TemporaryFile())
            lists = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dbdeploy-restore-")))
            psql = stack.enter_context(started(argv, env, stdin=subprocess.PIPE, errors=errors, guard=True))
            assert psql.stdin is not None
            try:
                self._write(psql.stdin, _prelude(self.plan, self.server_major, self.lock_timeout).encode())
                for number, entries in enumerate(self.plan.passes):
                    self._pass(psql.stdin, lists / str(number), entries)
                committing = psql.poll() is None
                self._write(psql.stdin, b"\nCOMMIT;\n")
                psql.stdin.close()
            except BrokenPipeError:  # psql stopped at an error: it says which
                committing = False
            status = psql.wait()
            text = read_errors(errors)
        if status != 0:
            # 3: psql stopped at an error in the script; the server has rolled back. Anything else: the connection broke.
            raise _PsqlFailed(text, committing=committing and status != 3)

    def _pass(self, psql: IO[bytes], list_file: Path, entries: tuple[Entry, ...]) -> None:
        list_file.write_text(as_list(entries), "utf-8")
        argv: list[str | Path] = [self.tools.path("pg_restore"), "-f", "-", "-L", list_file, self.backup]
        copy = self._pump
        if entries[0].kind == "BLOBS":
            argv.insert(1, "--single-transaction")
            copy = self._large_objects
        elif entries[0].kind in ("ACL", "DEFAULT ACL") and not self.plan.superuser:
            copy = self._privileges
        env = tool_environment(self.tools, None, "restore")
        with (
            tempfile.TemporaryFile() as errors,
            started(argv, env, stdout=subprocess.PIPE, errors=errors) as process,
        ):
            assert process.stdout is not None
            for line in _header(process.stdout, self.server_major):
                self._write(psql, line)
            copy(process.stdout, lambda data: self._write(psql, data))
            if process.wait() != 0:
                raise RestoreError(
                    f"pg_restore could not read {self.backup.name}; {self.url.label} is unchanged: {first_lines(read_errors(errors))}",
                    hint="The backup is damaged, or was made by a newer pg_dump.",
                )

    def _write(self, psql: IO[bytes], data: bytes) -> None:
        psql.write(data)
        self.sent += len(data)
        if self.step is not None and self.sent // _CHUNK != (self.sent - len(data)) // _CHUNK:
            self.step.progress(f"{size(self.sent)} restored")

    def _pump(self, source: IO[bytes], write: Callable[[bytes], None]) -> None:
        while data := source.read(_CHUNK):
            write(data)

    def _large_objects(self, source: IO[bytes], write: Callable[[bytes], None]) -> None:
        """Without the COMMIT at the end, which would be ours. Contents are hexadecimal: no other line is one."""
        for line in source:
            if line != b"COMMIT;\n":
                write(line)

    def _privileges(self, source: IO[bytes], write: Callable[[bytes], None]) -> None:
        """What somebody else granted, only he or a superuser can grant again: left out, and said."""
        text = source.read().decode("utf-8", "surrogateescape")
        lost: list[str] = []

        def replace(match: re.Match[str]) -> str:
            lost.extend(line for line in match[2].strip().splitlines() if line)
            return ""

        kept = re.sub(
            r"^SET SESSION AUTHORIZATION ([^\n]+);\n(.*?)^RESET SESSION AUTHORIZATION;\n",
            replace,
            text,
            flags=re.M | re.S,
        )
        if lost:
            self.notes = (
                *self.notes,
                *(f"not granted again, as another role had granted it: {line}" for line in lost),
            )
        write(kept.encode("utf-8", "surrogateescape"))


def _prelude(plan: RestorePlan, server_major: int, lock_timeout: float) -> str:
    """Begins the transaction, locks and drops. Timeouts of the role or database must not end it."""
    survivors = query("restore_survivors")
    before, after = guard(survivors, plan.dropped)
    settings = [
        "statement_timeout = 0",
        "idle_in_transaction_session_timeout = 0",
        "client_min_messages = warning",
    ]
    if server_major >= 17:
        settings.append("transaction_timeout = 0")
    lines = ["\\o /dev/null", *(f"SET {setting};" for setting in settings)]
    lines += ["BEGIN READ WRITE;", "SELECT pg_catalog.set_config('search_path', 'pg_catalog', false);"]
    lines.append(f"SET LOCAL lock_timeout = {int(lock_timeout * 1000)};")
    if plan.tables:
        lines.append(f"LOCK TABLE {', '.join(plan.tables)} IN ACCESS EXCLUSIVE MODE;")
    lines += [before, *plan.drops, after]
    return "\n".join(lines) + "\n"


def _header(source: IO[bytes], server_major: int) -> Iterator[bytes]:
    """pg_restore's settings, up to the last of them, without BEGIN and without the one that older servers do not know."""
    for line in source:
        unknown = server_major < 17 and line.startswith(b"SET transaction_timeout")
        if not unknown and line != b"BEGIN;\n":
            yield line
        if line.startswith(b"SET row_security"):
            return


def _server_message(text: str) -> str:
    """psql's message without its own prefixes and the server's source lines."""
    lines = [re.sub(r"^psql:<stdin>:\d+: ", "", line) for line in text.splitlines()]
    kept = [line for line in lines if not line.startswith(("LOCATION:", "NOTICE:", "WARNING:"))]
    message = re.sub(r"^(ERROR|FATAL):  \w{5}: ", r"\1: ", "\n".join(kept), flags=re.MULTILINE)
    return redactor.redact(first_lines(message, 8)) or "psql ended without a message"


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


def _analyze(url: DatabaseUrl) -> list[str]:
    """Fresh tables have no statistics: collects them, as well as this role may. Never a failure."""
    try:
        with connect(url, purpose="restore", autocommit=True) as conn:
            conn.execute("SET statement_timeout = 0")
            conn.execute("ANALYZE")
    except (psycopg.Error, RestoreError) as error:
        return [f"ANALYZE failed: {redactor.redact(str(error).splitlines()[0])}"]
    return []
