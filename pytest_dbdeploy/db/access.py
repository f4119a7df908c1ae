"""Who an embedded server runs as, and whether that user gets to the files. Root is the only one for whom this matters."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..errors import ServerError
from .tools import Tools

ROOT_CACHE = Path("/var/cache/pytest-dbdeploy")
_CACHE_NAME = "pytest-dbdeploy"
_ABANDONED = 3600.0


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Another user than our own, as whom root runs the server."""

    name: str
    uid: int
    gid: int


def server_user(data: Path | None = None) -> ServerUser | None:
    """None when we are not root. Else whoever owns ``data`` (an existing data directory), else ``postgres``, else ``nobody``."""
    if os.geteuid() != 0:
        return None
    if data is not None and data.exists() and (owner := data.stat()).st_uid != 0:
        return ServerUser(_name_of(owner.st_uid), owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(name, entry.pw_uid, entry.pw_gid)
    raise ServerError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as",
        hint="Create one (useradd --system postgres), or run pytest as an ordinary user.",
    )


def closed_to(user: ServerUser | None, path: Path) -> Path | None:
    """The first folder on the way to and including ``path`` that ``user`` cannot enter; None when there is none."""
    if user is None:
        return None
    path = path.absolute()
    for folder in [*reversed(path.parents), path]:
        try:
            status = folder.stat()
        except FileNotFoundError:
            return None
        if not status.st_mode & _needed_bit(user, status):
            return folder
    return None


def _needed_bit(user: ServerUser, status: os.stat_result) -> int:
    if status.st_uid == user.uid:
        return stat.S_IXUSR
    return stat.S_IXGRP if status.st_gid == user.gid else stat.S_IXOTH


def require_open(user: ServerUser | None, path: Path) -> None:
    """ServerError when ``user`` cannot enter ``path``."""
    closed = closed_to(user, path)
    if closed is None or user is None:
        return
    raise ServerError(
        f"the server on {path} runs as user {user.name}, as PostgreSQL refuses root, and that user cannot enter {closed}",
        hint=f"chmod o+x {closed}, or choose a folder elsewhere, or run pytest as an ordinary user.",
    )


def temporary_roots(user: ServerUser | None) -> list[Path]:
    """Where folders of temporary servers may lie, best first: those that the server's user can enter and we can write."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path("/tmp")]
    roots: list[Path] = []
    for candidate in candidates:
        folder = candidate.resolve()
        if folder in roots or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            continue
        if closed_to(user, folder) is None:
            roots.append(folder)
    return roots


def cache_folder() -> Path | None:
    """Our own cache folder, which nobody else can write to; None when there cannot be one."""
    if os.geteuid() == 0:
        folder = ROOT_CACHE
    else:
        home = os.environ.get("XDG_CACHE_HOME", "")
        try:
            folder = (Path(home) if home.startswith("/") else Path.home() / ".cache") / _CACHE_NAME
        except RuntimeError:  # no home
            return None
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return None
    ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if ours and os.access(folder, os.W_OK | os.X_OK) else None


def enterable(tools: Tools, user: ServerUser | None) -> Tools:
    """The same installation where ``user`` can run it: itself, or a copy in root's cache (made once, root's own)."""
    if closed_to(user, tools.bindir) is None:
        return tools
    cache_root = cache_folder()
    if cache_root is None or user is None or closed_to(user, cache_root) is not None:
        raise ServerError(
            f"user {user.name if user else ''} cannot enter {closed_to(user, tools.bindir)}, where PostgreSQL {tools.version} is, "
            f"and a copy in {ROOT_CACHE} cannot be made",
            hint=f"Make {ROOT_CACHE} a folder of root that others can enter (chmod 755), or install PostgreSQL from the system's packages.",
        )
    return _copy(tools, cache_root)


@cache
def _copy(tools: Tools, cache_root: Path) -> Tools:
    """Copies the package that ``tools`` are in, with the folder of its libraries (``<package>.libs``) beside it."""
    package = tools.bindir.parent.parent if tools.bindir.parent.name == "pginstall" else tools.bindir.parent
    program = (tools.bindir / "postgres").stat()
    mark = hashlib.sha256(
        f"{package}|{tools.version}|{program.st_size}|{program.st_mtime_ns}".encode()
    ).hexdigest()
    final = cache_root / "installations" / f"{tools.major}-{mark[:16]}"
    if not final.is_dir():
        final.parent.mkdir(mode=0o755, exist_ok=True)
        remove_abandoned(final.parent)
        building = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
        try:
            for source in (package, package.with_name(package.name + ".libs")):
                if source.is_dir():
                    shutil.copytree(source, building / source.name, symlinks=True)
            building.chmod(0o755)
            _let_enter(building)
            try:
                building.rename(final)
            except OSError:  # another session was faster
                if not final.is_dir():
                    raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return replace(tools, bindir=final / package.name / tools.bindir.relative_to(package))


def remove_abandoned(folder: Path) -> None:
    """What a session that was killed while it filled the cache left there half made (hidden names)."""
    for half in folder.glob(".*"):
        with contextlib.suppress(OSError):
            if time.time() - half.stat().st_mtime > _ABANDONED:
                shutil.rmtree(half, ignore_errors=True)


def _let_enter(root: Path) -> None:
    """Readable for all, as the original may not have been."""
    for folder, _folders, files in os.walk(root):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
