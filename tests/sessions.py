"""Sessions of their own processes that use embedded servers, for tests that kill them; and what such leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPT = """
import json, sys
from pathlib import Path
from pytest_dbdeploy.db.server import EmbeddedServer
path, major = sys.argv[1:]
server = EmbeddedServer.at(Path(path)) if path else EmbeddedServer.temporary(minimum_major=int(major))
server.start()
print(json.dumps({"url": server.url.reveal(), "folder": str(server.folder), "major": server.major}), flush=True)
sys.stdin.read()  # until the test closes it
server.stop()
"""


class Session:
    """A process that has started a server (``path`` empty: a temporary one), and uses it until ``end()`` or ``process.kill()``."""

    def __init__(
        self, path: Path | None = None, *, major: int = 17, python: str = sys.executable, **popen: Any
    ) -> None:
        self.process = subprocess.Popen(
            [python, "-c", SCRIPT, str(path or ""), str(major)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **popen,
        )

    def started(self) -> dict[str, Any]:
        """url, folder, major: waits until the server runs."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.stderr.read())
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """The session stops using the server, and ends."""
        out, error = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, out + error

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def session(path: Path | None = None, **options: Any) -> Iterator[Session]:
    running = Session(path, **options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()
        for pipe in (running.process.stdin, running.process.stdout, running.process.stderr):
            if pipe is not None:
                pipe.close()


def until(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Waits for a condition; fails when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come true in time")
        time.sleep(0.02)


def processes_of(folder: Path) -> dict[int, str]:
    """Live processes of the server in ``folder``: pid and role (``keeper``, ``postgres``)."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
            if str((entry / "cwd").readlink()).startswith(str(folder)):
                found[int(entry.name)] = "postgres"
            elif b"keeper.py" in arguments and str(folder).encode() in arguments:
                found[int(entry.name)] = "keeper"
        except OSError:
            continue
    return found


def keeper_of(folder: Path) -> int:
    return int(json.loads((folder / "server.json").read_text())["keeper"])


def postmaster_of(folder: Path) -> int:
    return int(json.loads((folder / "server.json").read_text())["server"])


def gone(pid: int) -> bool:
    """Whether a process has ended (one that nobody has waited for yet counts as ended)."""
    try:
        return (Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0]) == "Z"
    except OSError:
        return True


def kill_all_of(folder: Path) -> None:
    """As a power cut: everything at once, without a chance to clean up."""
    found = processes_of(folder)
    # The keeper first: it would tidy up after a server that died.
    for pid in sorted(found, key=lambda pid: found[pid] != "keeper"):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            continue
    until(lambda: all(gone(pid) for pid in found))
