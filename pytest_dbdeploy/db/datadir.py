"""Data directories: made by initdb, or copied from a template that an earlier initdb left in the cache."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..errors import ServerError
from ..secret import redactor
from .access import ServerUser, cache_folder, closed_to, remove_abandoned, require_open, server_user
from .locks import LockFile
from .tools import Tools

OWNER = "postgres"
"""The superuser of every embedded server."""

_LAYOUT = 2  # of a template: raised when what initdb is asked for changes
_PASSWORD_FILE = "password"


def server_environment(tools: Tools) -> dict[str, str]:
    """Environment of initdb and postgres: nothing of ours but where programs and libraries are; no PG variable, no secret."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    return env | {"LC_ALL": "C", "TZ": "UTC"} | tools.environ()


def initdb(tools: Tools, data: Path, password: str, user: ServerUser | None, *, sync: bool) -> None:
    """Makes ``data`` (must not exist): UTF-8, superuser ``postgres``, scram for every connection. ServerError when it fails.

    The parent folder must be one that ``user`` can enter.
    """
    password_file = data.with_name(f"{data.name}.pw-{secrets.token_hex(8)}")
    argv = [str(tools.path("initdb")), "-D", str(data), "-U", OWNER, "-A", "scram-sha-256", "-E", "UTF8"]
    argv += [f"--pwfile={password_file}", "--no-instructions", *([] if sync else ["--no-sync"])]
    said = ""
    try:
        write_private(password_file, password + "\n", owner=user)
        for locale in _locales(tools.major):
            data.mkdir(mode=0o700)
            if user is not None:
                os.chown(data, user.uid, user.gid)
            done = subprocess.run(
                [*argv, *locale],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                cwd="/",
                env=server_environment(tools),
                check=False,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
            )
            if done.returncode == 0:
                return
            said = done.stderr.strip() or done.stdout.strip()
            shutil.rmtree(data, ignore_errors=True)
            if "locale" not in said:
                break
    except OSError as error:
        said = str(error)
    finally:
        password_file.unlink(missing_ok=True)
    raise ServerError(
        f"initdb of PostgreSQL {tools.version} cannot make {data}:\n{redactor.redact(said)}",
        hint="Check free disk space and the rights on the folder.",
    )


def _locales(major: int) -> list[list[str]]:
    """C.UTF-8 knows upper and lower case of all letters, and sorts the same everywhere; the last is there always."""
    builtin = [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]] if major >= 17 else []
    return [["--locale=C.UTF-8"], *builtin, ["--locale=C"]]


def copy_from_template(tools: Tools, data: Path, user: ServerUser | None) -> str | None:
    """Makes ``data`` as a copy of the cached template, which is made first when missing; its password.

    None when there is no place for a template: then ``data`` is not there. The password is the template's: change it.
    """
    template = _template(tools, user)
    if template is None:
        return None
    _copy(template / "data", data)
    return (template / _PASSWORD_FILE).read_text("utf-8").strip()


def _template(tools: Tools, user: ServerUser | None) -> Path | None:
    root = cache_folder()
    if root is None or closed_to(user, root) is not None:
        return None
    program = (tools.bindir / "postgres").stat()
    runs_as = user.uid if user is not None else os.geteuid()
    mark = f"{_LAYOUT}|{tools.bindir}|{tools.version}|{program.st_size}|{program.st_mtime_ns}|{runs_as}"
    final = root / "templates" / f"{tools.major}-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    if not (final / _PASSWORD_FILE).is_file():
        try:
            final.parent.mkdir(mode=0o755, exist_ok=True)
            _build_template(tools, final, user)
        except OSError:
            return None  # a cache is never a reason to fail
    return final


def _build_template(tools: Tools, final: Path, user: ServerUser | None) -> None:
    """Under a name of its own, then renamed: another session, or our own death, never shows half a template."""
    remove_abandoned(final.parent)
    building = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
    try:
        building.chmod(0o700 if user is None else 0o711)
        password = secrets.token_urlsafe(24)
        initdb(tools, building / "data", password, user, sync=False)
        write_private(building / _PASSWORD_FILE, password)
        try:
            building.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """With owners; sharing blocks where the file system can. cp is several times faster than Python here."""
    for options in (["-a", "--reflink=auto"], ["-a"]):
        done = subprocess.run(
            ["cp", *options, str(source), str(target)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return
        shutil.rmtree(target, ignore_errors=True)
    why = done.stderr.strip().partition("\n")[0]  # one for each file, where the disk is full
    raise ServerError(f"cannot copy {source} to {target}: {why}", hint="Check free disk space and rights.")


def write_private(path: Path, text: str, *, owner: ServerUser | os.stat_result | None = None) -> None:
    """A new file of mode 0600, owned by ``owner``; never through a link that somebody put there."""
    path.unlink(missing_ok=True)
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        if isinstance(owner, ServerUser):
            os.fchown(file.fileno(), owner.uid, owner.gid)
        elif owner is not None and os.geteuid() == 0:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)


def prepare_path(path: Path) -> Path:
    """Makes the folder of an ``embedded://PATH``; ServerError when it is something else, or cannot be used."""
    if not path.is_absolute():
        raise ServerError(
            f"{path} is not an absolute path", hint="Resolve it against the project's root folder."
        )
    user = server_user(path / "data")
    require_open(user, path.parent)  # before anything is made
    try:
        path.mkdir(mode=0o700 if user is None else 0o711, parents=True, exist_ok=True)
        content = {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise ServerError(
            f"the folder of embedded://{path} cannot be made or read: {error.strerror}",
            hint="Choose another folder.",
        ) from error
    if content and "lock" not in content:
        what = (
            "is a data directory itself"
            if "PG_VERSION" in content
            else "is not empty, and was not made by dbdeploy"
        )
        raise ServerError(
            f"embedded://{path}: the folder {what}", hint="Choose a folder that is empty or not there yet."
        )
    require_open(user, path)  # a strict umask closes what was made
    if not content:
        LockFile(path / "lock").close()
        write_private(path / ".gitignore", "*\n", owner=path.stat())
    return path
