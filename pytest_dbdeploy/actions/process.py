"""Running pg_dump, pg_restore and psql as children: watched while they run, never orphaned, their messages redacted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..db import lines
from ..db.keeper import guarded
from ..db.tools import Tools
from ..db.url import DatabaseUrl
from ..errors import DbDeployError, ToolError
from ..secret import redactor

_POLL_SECONDS = 0.2
_INTERRUPT_SECONDS = 5.0


def tool_environment(tools: Tools, url: DatabaseUrl | None, purpose: str) -> dict[str, str]:
    """The child's environment: ours without its PG variables, and ``url`` with its password; English messages, which we read."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    env |= {"LC_ALL": "C", "LANGUAGE": "C"} | tools.environ()
    if url is not None:
        env |= {"PGCLIENTENCODING": "UTF8"} | url.tool_env()
        env["PGAPPNAME"] = f"pytest-dbdeploy {purpose}"
    return env


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a child: by SIGINT first, on which PostgreSQL's programs cancel their statement on the server."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    if process.stdin is not None:  # psql between two statements waits for more, and ends when there is none
        with suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_INTERRUPT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def started(
    argv: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    errors: IO[bytes],
    guard: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """A child that does not outlive the block. Ctrl-C of the terminal does not reach it: whoever started it decides.

    ``guard``: nor does it outlive this process when that is killed (see ``db.keeper.guarded``), for a child that works on a database.
    """
    command = [os.fspath(part) for part in argv]
    if guard and os.access(command[0], os.X_OK):  # else starting it says what is wrong
        command = guarded(command)
    try:
        process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=errors,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{argv[0]} cannot be started: {error.strerror}") from None
    try:
        with lines.program(process.pid, (env.get("PGHOST", ""), env.get("PGPORT", ""))):
            yield process
    finally:
        stop(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def read_errors(errors: IO[bytes]) -> str:
    """What a child said on standard error, without secrets."""
    errors.seek(0)
    return redactor.redact(errors.read().decode("utf-8", "replace")).strip()


def run(
    argv: Sequence[str | Path], env: Mapping[str, str], *, watch: Callable[[], None] | None = None
) -> tuple[int, str]:
    """Runs a program to its end: exit status and what it said on standard error. ``watch`` is called while it runs."""
    with (
        tempfile.TemporaryFile() as errors,
        started(argv, env, errors=errors, guard=True) as process,
    ):
        while True:
            try:
                status = process.wait(_POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if watch is not None:
                    watch()
        return status, read_errors(errors)


def output(argv: Sequence[str | Path], env: Mapping[str, str]) -> tuple[int, str, str]:
    """Runs a short program: exit status, standard output, standard error."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with started(argv, env, stdout=out, errors=errors) as process:
            status = process.wait()
        out.seek(0)
        return status, out.read().decode("utf-8", "replace"), read_errors(errors)


def bytes_below(path: Path) -> int:
    """Bytes in a file or a folder that may be changing meanwhile."""
    total = 0
    for file in [path] if path.is_file() else path.glob("*"):
        try:
            total += file.stat().st_size
        except OSError:  # came and went
            continue
    return total


def need_space(path: Path, needed: int, what: str, error: type[DbDeployError]) -> None:
    """Raises ``error`` when the file system of ``path`` (which may not exist yet) has less than ``needed`` bytes free."""
    existing = next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise error(
            f"{what} needs about {size(needed)} below {existing}, where {size(free)} are free",
            hint="Free disk space, or use another place for the artifacts (--dbdeploy-artifacts).",
        )


def size(count: float) -> str:
    """``1.3 GB``: decimal units, as people read disk sizes."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def first_lines(text: str, count: int = 6) -> str:
    """The part of a program's messages that a person reads: not pg_dump's ``detail: Query was`` and what follows."""
    lines = [line for line in text.splitlines() if not re.match(r"pg_\w+: (detail: )?Query was:", line)]
    return "\n".join(lines[:count])
