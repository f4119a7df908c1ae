"""The end of embedded servers: awaiting it; and what is left when session and keeper were both killed, found by locks that nobody holds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ..errors import ServerError
from .access import server_user, temporary_roots
from .locks import LockFile

TEMPORARY_PREFIX = "dbdeploy-sandbox-"
_TOO_YOUNG = 300.0  # a folder without its locks yet may be one that is just being made
_ENDS_WITHIN = 60.0
STOP_SECONDS = 90.0


def clean_orphans(*, include_kept: bool = False) -> tuple[Path, ...]:
    """Removes folders of temporary servers that no session uses and no keeper watches; what was removed.

    ``include_kept``: also those that were kept on request; their servers are stopped.
    """
    removed: list[Path] = []
    roots = dict.fromkeys([*temporary_roots(server_user()), Path(tempfile.gettempdir()).resolve()])
    for root in roots:
        for folder in sorted(root.glob(f"{TEMPORARY_PREFIX}*")):
            try:
                if _is_ours(folder) and _remove(folder, include_kept):
                    removed.append(folder)
            except (OSError, ServerError):
                continue  # gone meanwhile, or not to be touched: the next session tries again
    return tuple(removed)


def _is_ours(folder: Path) -> bool:
    return not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == os.geteuid()


def _remove(folder: Path, include_kept: bool) -> bool:
    kept = (folder / "keep").exists()
    if kept and not include_kept:
        return False
    try:
        users, alive = (LockFile(folder / name, create=False) for name in ("users", "keeper"))
    except FileNotFoundError:
        if time.time() - folder.stat().st_mtime < _TOO_YOUNG and _maker_lives(folder):
            return False
        shutil.rmtree(folder)
        return True
    try:
        if kept and alive.is_held():
            _ask_keeper(folder)
            return alive.hold(_ENDS_WITHIN)
        if not (users.try_hold() and alive.try_hold()):
            return False
        end_server_without_keeper(folder)
        shutil.rmtree(folder)
        return True
    finally:
        users.close()
        alive.close()


def _maker_lives(folder: Path) -> bool:
    """The session whose number the folder's name holds: it may have been killed before there was a keeper."""
    number = folder.name.removeprefix(TEMPORARY_PREFIX).partition("-")[0]
    try:
        os.kill(int(number), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def _ask_keeper(folder: Path) -> None:
    """The keeper, which holds its lock and so is alive, stops its server unless a session uses it."""
    state = read_state(folder)
    if state is not None:
        os.kill(int(state["keeper"]), signal.SIGTERM)


def read_state(folder: Path) -> dict[str, Any] | None:
    """``server.json``, None when it is not there."""
    try:
        state = json.loads((folder / "server.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def end_server_without_keeper(folder: Path) -> None:
    """Makes the data directory free for a start: the caller holds all locks, so no keeper lives.

    A server that lost its keeper is stopped and waited for; the pid file of one that died with its machine, whose
    number may be another process's by now, is removed. ServerError when a server runs there that is not ours.
    """
    data = folder / "data"
    state = read_state(folder)
    ours = int(state["server"]) if state is not None else None
    deadline = time.monotonic() + _ENDS_WITHIN
    asked = False
    while (pid := _running_server(data)) is not None:
        if pid != ours and not _on_linux():
            raise ServerError(
                f"a PostgreSQL (process {pid}) runs on {data}", hint=f"Stop it: kill -INT {pid}"
            )
        if not asked:
            # On Linux the kernel has asked it already; to ask again for the same does no harm.
            os.kill(pid, signal.SIGINT)
            asked = True
        if time.monotonic() > deadline:
            raise ServerError(
                f"a PostgreSQL (process {pid}) that lost its keeper does not end on {data}",
                hint=f"Stop it: kill -INT {pid}, and look into {folder / 'server.log'}.",
            )
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)
    (folder / "server.json").unlink(missing_ok=True)


def _on_linux() -> bool:
    return Path("/proc/self/cwd").exists()


def _running_server(data: Path) -> int | None:
    """A process of the server on ``data``: its postmaster, or what is left of one."""
    if _on_linux():
        return _process_in(data)
    try:
        pid = int((data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    done = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return pid if "postgres" in done.stdout else None


def _process_in(data: Path) -> int | None:
    """All processes of a server have the data directory as their working directory. The postmaster is the oldest."""
    try:
        wanted = data.stat()
    except OSError:
        return None
    for entry in sorted((e for e in Path("/proc").iterdir() if e.name.isdigit()), key=lambda e: int(e.name)):
        try:
            there = (entry / "cwd").stat()
            name = (entry / "comm").read_text("utf-8", "replace")
        except OSError:
            continue
        if (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino) and name.startswith("postgres"):
            return int(entry.name)
    return None


def await_removal(process: subprocess.Popen[bytes] | None, folder: Path) -> None:
    """The keeper of a temporary server, when there is one, removes the folder; what it leaves, or never had, we remove."""
    if process is not None:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if folder.exists():
        try:
            end_server_without_keeper(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def await_end(folder: Path) -> None:
    """Returns when the server has stopped, or another session uses it."""
    names = ("lock", "users", "keeper")
    try:
        turn, users, alive = locks = [LockFile(folder / name, create=False) for name in names]
    except FileNotFoundError:
        return
    try:
        deadline = time.monotonic() + STOP_SECONDS
        while alive.is_held() and time.monotonic() < deadline:
            # The keeper takes ``users`` only while it holds ``lock``: as that is ours, a session holds it.
            if turn.try_hold():
                in_use = users.is_held()
                turn.release()
                if in_use:
                    return
            time.sleep(0.02)
    finally:
        for lock in locks:
            lock.close()
