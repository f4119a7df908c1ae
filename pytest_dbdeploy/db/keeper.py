"""The keeper: a small process that is the parent of an embedded server and outlives the sessions that use it.

Run as ``python -I -S keeper.py FOLDER temporary|lasting`` with a JSON object (``Task``) on stdin, or nothing when the
session ended before it had one; only the standard library is imported. It starts postgres, answers with one JSON line
(``{"port": N}`` or ``{"error": text, "log": text}``), stops postgres when nobody uses it any more, and removes a
temporary folder. Who uses a server holds a shared flock on its file ``users``: the kernel gives that up
when a session ends, however it ends. Files in the server's folder:

``lock``         held by whoever starts or stops the server
``users``        shared: a session uses the server; exclusive: the keeper stops it
``keeper``       held while a keeper runs
``server.json``  port and process ids, while the server runs
``server.log``   what the server says
``keep``         a temporary server that shall go on running until the keeper gets SIGTERM
``data``         the data directory

``python -I -S keeper.py exec PID PROGRAM ARG...`` runs a program that gets SIGTERM when its parent (PID) dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypedDict

_PORT_ATTEMPTS = 10
_PORT_TAKEN = ("Address already in use", "could not create any TCP/IP sockets")


class Task(TypedDict):
    """``argv``: postgres without its port. ``uid``, ``gid``: whom it runs as, None for the keeper's own user.

    ``deadline``: seconds that a start may take.
    """

    argv: list[str]
    env: dict[str, str]
    uid: int | None
    gid: int | None
    deadline: float


class StartError(Exception):
    pass


def guarded(argv: Sequence[str | Path]) -> list[str]:
    """The command in a form that gets SIGTERM when this process dies, by SIGKILL too (Linux; elsewhere as it is).

    The program's path must be absolute. For children that would go on working on a database without us.
    """
    command = [os.fspath(part) for part in argv]
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", __file__, "exec", str(os.getpid()), *command]


def die_with_parent(number: int) -> Callable[[], None]:
    """What a child calls before exec so that the kernel (Linux) sends it signal ``number`` when its parent dies."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def set_signal() -> None:
        if prctl is not None:
            prctl(1, int(number), 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != parent:
                os._exit(1)

    return set_signal


class Keeper:
    """Starts one server, waits, stops it."""

    def __init__(self, folder: Path, *, temporary: bool) -> None:
        self.folder = folder
        self.temporary = temporary
        self.events: SimpleQueue[str] = SimpleQueue()
        self.lock = os.open(self.folder / "lock", os.O_RDWR)
        self.users = os.open(self.folder / "users", os.O_RDWR)
        self.alive = os.open(self.folder / "keeper", os.O_RDWR)
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, read_task: Callable[[], bytes]) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: self.events.put("asked"))
        try:
            fcntl.flock(self.alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            answer({"error": "another keeper watches this folder", "log": ""})
            return
        try:
            task = read_task()
            port = self.start(json.loads(task)) if task else 0
        except (StartError, OSError) as error:
            answer({"error": str(error), "log": tail(self.folder / "server.log")})
            self.end()
            return
        answer({"port": port})
        if self.process is None:
            fcntl.flock(self.users, fcntl.LOCK_EX)
            self.end()
            return
        for job in (self.watch_users, self.watch_server):
            threading.Thread(target=job, daemon=True).start()
        self.wait()
        self.end()

    # -- starting -----------------------------------------------------------------------------------------------

    def start(self, task: Task) -> int:
        """Starts postgres on a free port of 127.0.0.1 and waits until it takes connections."""
        for _ in range(_PORT_ATTEMPTS):
            port = free_port()
            said = self.launch(task, port)
            if said is None:
                self.write_state(port)
                return port
            if not any(text in said for text in _PORT_TAKEN):
                raise StartError("the server ended while starting")
        raise StartError(f"no free port was found in {_PORT_ATTEMPTS} attempts")

    def launch(self, task: Task, port: int) -> str | None:
        """None when the server is ready; what it wrote to its log when it ended instead."""
        log = self.folder / "server.log"
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            begin = output.tell()
            self.process = subprocess.Popen(
                [*task["argv"], "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=task["env"],
                cwd="/",
                user=task["uid"],
                group=task["gid"],
                extra_groups=None if task["uid"] is None else [],
                umask=0o077,
                # Runs after the change of user, which would clear the setting. There is one thread only yet.
                preexec_fn=die_with_parent(signal.SIGINT),
            )
        deadline = time.monotonic() + task["deadline"]
        while self.process.poll() is None:
            if self.is_ready():
                return None
            if time.monotonic() > deadline:
                raise StartError(f"the server was not ready within {task['deadline']:.0f} s")
            time.sleep(0.01)
        with log.open("rb") as said:
            said.seek(begin)
            return said.read().decode(errors="replace")

    def is_ready(self) -> bool:
        """Line 8 of postmaster.pid is the status, as pg_ctl reads it; the first is the process: not an older server's file."""
        try:
            lines = (self.folder / "data/postmaster.pid").read_text("utf-8", "replace").splitlines()
        except OSError:
            return False
        assert self.process is not None
        return len(lines) >= 8 and lines[0].strip() == str(self.process.pid) and lines[7].strip() == "ready"

    def write_state(self, port: int) -> None:
        assert self.process is not None
        state = {"port": port, "keeper": os.getpid(), "server": self.process.pid}
        new = self.folder / "server.json.new"
        with os.fdopen(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            json.dump(state, file)
        owner = self.folder.stat()
        if os.geteuid() == 0:
            os.chown(new, owner.st_uid, owner.st_gid)
        new.rename(self.folder / "server.json")

    # -- waiting ------------------------------------------------------------------------------------------------

    def watch_users(self) -> None:
        """Ends when no session uses the server and none can begin to: holds ``lock`` and ``users`` then."""
        while True:
            fcntl.flock(self.users, fcntl.LOCK_EX)
            fcntl.flock(self.users, fcntl.LOCK_UN)
            # In the order in which sessions take them: whoever starts holds the lock while it enters itself as user.
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            try:
                fcntl.flock(self.users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(self.lock, fcntl.LOCK_UN)
            else:
                self.events.put("unused")
                return

    def watch_server(self) -> None:
        assert self.process is not None
        self.process.wait()
        self.events.put("ended")

    def wait(self) -> None:
        """Until the server is to be stopped, or has ended by itself and nobody looks into its folder any more."""
        unused = ended = asked = False
        while True:
            event = self.events.get()
            unused = unused or event == "unused"
            ended = ended or event == "ended"
            asked = asked or (event == "asked" and unused)  # not while in use: a session may be rolling back
            if ended and not self.temporary:
                return
            if unused and (asked or ended or not (self.folder / "keep").exists()):
                return

    # -- stopping -----------------------------------------------------------------------------------------------

    def end(self) -> None:
        (self.folder / "server.json").unlink(missing_ok=True)
        if self.process is not None:
            # Fast shutdown, which gives shared memory back too; with the time it takes to write people's data out.
            first = (signal.SIGINT, 15.0 if self.temporary else 60.0)
            for number, seconds in (first, (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
                if stopped(self.process, number, seconds):
                    break
        if self.temporary:
            remove(self.folder)


def remove(folder: Path) -> None:
    """Again and again while what a killed session had started (cp, initdb) still writes into it."""
    deadline = time.monotonic() + 60
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.1 if folder.exists() else 0)


def stopped(process: subprocess.Popen[bytes], number: int, seconds: float) -> bool:
    process.send_signal(number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(path: Path, lines: int = 20) -> str:
    try:
        return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""


def answer(message: dict[str, Any]) -> None:
    """Tells the session, which may be gone, and lets go of its pipes."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["exec"]:
        parent, program = int(arguments[1]), arguments[2]
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)
            if os.getppid() != parent:
                sys.exit(1)
        os.execv(program, arguments[2:])
    os.chdir("/")
    folder, kind = arguments
    Keeper(Path(folder), temporary=kind == "temporary").run(sys.stdin.buffer.read)


if __name__ == "__main__":
    main(sys.argv[1:])
