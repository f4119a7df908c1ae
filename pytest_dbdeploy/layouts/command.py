"""A shell command that applies the migrations itself (``python manage.py migrate``): pending is what it changes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from ..db.keeper import guarded
from ..db.url import DatabaseUrl
from ..errors import LayoutError, ToolError
from ..model import History, Migration
from ..secret import redactor
from ..steps import Step
from .base import Connection, Detected, LayoutReader, LayoutRequest, Table

_LAST_LINES = 20
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """``output``: standard output and error as they came, without secrets."""

    output: str
    seconds: float


class CommandLayout:
    name = "command"

    def places(self, request: LayoutRequest) -> tuple[str, ...]:
        return ("migrations.apply",)

    def detect(self, request: LayoutRequest) -> Detected | None:
        return Detected(request.rootdir, "migrations.apply") if request.apply else None

    def open(self, request: LayoutRequest) -> LayoutReader:
        if not request.apply:
            raise LayoutError(
                "migrations.layout is command, but migrations.apply says no command",
                hint='Set migrations.apply, for example "python manage.py migrate".',
            )
        table = Table.parse(request.history, Table("public", "")) if request.history else None
        return CommandReader(request.apply, table)


class CommandReader:
    """No migrations are known; rows of the tool's own history, where ``migrations.history`` names it, count for the fingerprint."""

    name = "command"

    def __init__(self, command: str, table: Table | None) -> None:
        self.source = command
        self.table = table
        self.history_relations: tuple[str, ...] = (str(table),) if table else ()

    def migrations(self) -> tuple[Migration, ...]:
        return ()

    def history(self, conn: Connection, migrations: Sequence[Migration]) -> History:
        if self.table is None or not self.table.columns(conn):
            return History((), (), (), (), exists=False)
        query = sql.SQL("select t::text from {} t order by 1").format(self.table.identifier)
        rows = tuple((str(text),) for (text,) in conn.execute(query).fetchall())
        return History((), (), (), rows, exists=True)

    def ensure_history(self, conn: Connection) -> None:
        """Nothing: the command makes its own."""

    def record(self, conn: Connection, migration: Migration) -> None:
        """Nothing: the command writes its own."""

    def forget(self, conn: Connection, names: Sequence[str]) -> None:
        """Nothing: the table is the command's, and a restore brings it back."""

    def group(self, migrations: Sequence[Migration]) -> list[list[Migration]]:
        return []


def run_command(command: str, url: DatabaseUrl, cwd: Path, step: Step | None = None) -> CommandResult:
    """Runs ``command`` in a shell in ``cwd``, with the database in DATABASE_URL and PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.

    Each line goes to ``step.progress``, redacted. ToolError with the last 20 lines when it fails. Whatever ends this call early
    (Ctrl-C, a signal's exception) ends the command and its children first.
    """
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    environ |= url.tool_env() | {"DATABASE_URL": url.reveal(), "PGAPPNAME": "pytest-dbdeploy deploy"}
    redactor.register(url.reveal())
    shown = redactor.redact(command)
    started = time.perf_counter()
    lines: list[str] = []
    process = subprocess.Popen(
        guarded(["/bin/sh", "-c", command]),  # it must not go on working on a database without us
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        with process.stdout as output:
            for raw in output:
                line = redactor.redact(raw.rstrip())
                lines.append(line)
                if step is not None and line:
                    step.progress(line)
        status = process.wait()
    except BaseException:
        _stop(process)
        raise
    if status != 0:
        last = "\n".join(deque(lines, _LAST_LINES))
        ended = f"exit status {status}" if status > 0 else f"ended by signal {-status}"
        raise ToolError(
            f"`{shown}` failed ({ended})" + (f":\n{last}" if last else " and said nothing"),
            hint=f"It ran in {cwd} with the database in DATABASE_URL and the PG... variables.",
        )
    return CommandResult("\n".join(lines), time.perf_counter() - started)


def _stop(process: subprocess.Popen[str]) -> None:
    """Ends the shell and all that it started: they are one group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    # A shell starts background jobs with SIGINT ignored: they may live on when the shell itself has ended.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


LAYOUT = CommandLayout()
