"""Running a program (pg_dump, psql, a migration command): watched, never orphaned, its messages without secrets."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import ToolError
from ..secret import redactor
from ..steps import Step
from . import keeper

_TAIL_LINES = 20
_PROGRESS_SECONDS = 0.5
_STOP_SECONDS = 10.0

# What would make a program connect elsewhere than the variables of ``DatabaseUrl.tool_env`` say.
_MISLEADING = (
    "PGSERVICE",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSWORD",
    "PGDATABASE",
    "PGUSER",
    "PGHOST",
    "PGPORT",
)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """``stdout``: empty when it went to a file. ``stderr``: the last lines, redacted."""

    stdout: str
    stderr: str
    seconds: float


def guarded(argv: Sequence[str | Path]) -> list[str]:
    """The command in a form that gets SIGTERM when this process dies, by SIGKILL too (Linux; elsewhere as it is).

    The program's path must be absolute. For children that would go on working on a database without us.
    """
    command = [os.fspath(part) for part in argv]
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", keeper.__file__, "exec", str(os.getpid()), *command]


def run_tool(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    step: Step | None = None,
    progress: Callable[[], str] | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    cwd: Path | None = None,
) -> ToolResult:
    """Runs a program to its end. ``env`` is added to ours, which first loses the PG variables that say where to connect.

    ``step`` hears what ``progress`` says about twice a second, or without it each line of standard error.
    Standard output is returned unless ``stdout`` takes it. Arguments must hold no password: they are public.
    ToolError, with the last lines of standard error redacted, when the program is missing or fails. On KeyboardInterrupt
    and any other exception the program and its children are ended first.
    """
    program = shutil.which(os.fspath(argv[0]))
    if program is None:
        raise ToolError(
            f"{argv[0]} cannot be run: there is no such program", hint="Check that it is installed."
        )
    clock = time.perf_counter()
    try:
        process = subprocess.Popen(
            guarded([program, *argv[1:]]),
            env={k: v for k, v in os.environ.items() if k not in _MISLEADING} | dict(env),
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            start_new_session=True,  # Ctrl-C reaches us only, and we end the whole group
        )
    except OSError as error:
        raise ToolError(f"{argv[0]} cannot be run: {error.strerror}") from None
    with process:
        try:
            out, tail = _listen(process, step, progress)
            status = process.wait()
        except BaseException:
            end_group(process)
            raise
    stderr = redactor.redact("\n".join(tail))
    if status != 0:
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"failed with status {status}"
        raise ToolError(f"{Path(program).name} {how}:\n{stderr or '(it said nothing)'}")
    return ToolResult(out, stderr, time.perf_counter() - clock)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a child that leads a session of its own, with all its children: asks first, then kills."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            return


def _listen(
    process: subprocess.Popen[bytes], step: Step | None, progress: Callable[[], str] | None
) -> tuple[str, deque[str]]:
    """Reads both pipes until they are closed; standard output, and the last lines of standard error."""
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    out = bytearray()
    unfinished = b""
    with selectors.DefaultSelector() as selector:
        for pipe in filter(None, (process.stdout, process.stderr)):
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(_PROGRESS_SECONDS):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    out += chunk
                else:
                    *lines, unfinished = (unfinished + chunk).split(b"\n")
                    for line in lines:
                        tail.append(line.decode("utf-8", "replace"))
                        if step is not None and progress is None:
                            step.progress(redactor.redact(tail[-1]))
            if step is not None and progress is not None:
                step.progress(progress())
    if unfinished:
        tail.append(unfinished.decode("utf-8", "replace"))
    return out.decode("utf-8", "replace"), tail
