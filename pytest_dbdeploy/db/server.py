"""Embedded servers: temporary ones (sandbox, hub) and those of ``embedded://PATH``, which sessions share.

Each listens on 127.0.0.1 only, on a random port, with a random password, and has a keeper (``keeper.py``) that stops it
when the last session that uses it has ended, also by SIGKILL.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from psycopg import sql

from ..errors import ServerError, TargetError
from ..secret import Secret, redactor
from . import keeper
from .access import ServerUser, enterable, require_open, server_user, temporary_roots
from .connect import connect
from .datadir import OWNER, copy_from_template, initdb, prepare_path, server_environment, write_private
from .installation import choose_installation, preferred_installation
from .leftovers import (
    STOP_SECONDS,
    TEMPORARY_PREFIX,
    await_end,
    await_removal,
    clean_orphans,
    end_server_without_keeper,
    read_state,
)
from .locks import LockFile
from .server_settings import EMBEDDED, SANDBOX, shared_memory
from .tools import Tools
from .url import DatabaseUrl

DATABASE = "app"
"""The database of an ``embedded://PATH``."""

_START_SECONDS = 300.0  # crash recovery of a large database on a busy machine
_TURN_SECONDS = 400.0  # for our turn, while other sessions start or stop the same server


class EmbeddedServer:
    """A server for the time of a ``with``, or from ``start()`` to ``stop()``. Made by ``temporary`` or ``at``."""

    def __init__(
        self,
        path: Path | None,
        minimum_major: int | None,
        extensions: Collection[str],
        settings: Mapping[str, str],
    ) -> None:
        self.path = path
        self._minimum_major = minimum_major
        self._extensions = tuple(extensions)
        self._settings = dict(settings)
        self._folder: Path | None = None
        self._url: DatabaseUrl | None = None
        self._tools: Tools | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._users: LockFile | None = None

    @classmethod
    def temporary(
        cls,
        *,
        minimum_major: int,
        settings: Mapping[str, str] | None = None,
        extensions: Collection[str] = (),
    ) -> Self:
        """A fast server without durability, removed at the end. ``settings`` override the sandbox's."""
        return cls(None, minimum_major, extensions, {**SANDBOX, **(settings or {})})

    @classmethod
    def at(cls, path: Path, *, minimum_major: int | None = None) -> Self:
        """The server of ``embedded://PATH``: durable, made when it is not there, shared with other sessions.

        ``path`` is absolute. The database is ``app``, its owner the superuser ``postgres``, whose password stays the same.
        The server keeps its major version: that major's programs must be here.
        """
        return cls(path, minimum_major, (), EMBEDDED)

    # -- what is there once it is started ---------------------------------------------------------------------------

    @property
    def url(self) -> DatabaseUrl:
        """Superuser ``dbdeploy``; database ``postgres`` of a temporary server, ``app`` of a path."""
        if self._url is None:
            raise ServerError("the embedded server is not started")
        return self._url

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise ServerError("the embedded server is not started")
        return self._folder

    @property
    def tools(self) -> Tools:
        """The installation that the server runs from."""
        if self._tools is None:
            raise ServerError("the embedded server is not started")
        return self._tools

    @property
    def major(self) -> int:
        return self.tools.major

    @property
    def log_path(self) -> Path:
        return self.folder / "server.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- starting ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts it, or attaches to the running one. ServerError when that cannot be done; nothing is left behind then."""
        if self._users is not None:
            return
        if self.path is None:
            clean_orphans()
            assert self._minimum_major is not None
            # Before there is a folder: who is killed between that and its keeper leaves it behind.
            self._tools = enterable(choose_installation(self._minimum_major, self._extensions), server_user())
        self._folder = self._temporary_folder() if self.path is None else prepare_path(self.path)
        turn = LockFile(self._folder / "lock")
        try:
            if not turn.hold(_TURN_SECONDS):
                raise ServerError(
                    f"another session has been starting or stopping the server in {self._folder} for {_TURN_SECONDS:.0f} s",
                    hint=f"Look into {self._folder / 'server.log'}.",
                )
            self._users = LockFile(self._folder / "users")
            self._users.share()
            if self.path is None:
                self._start_temporary()
            else:
                self._start_path()
        except BaseException:
            turn.close()  # the keeper, if there is one, needs it to end
            self.stop()
            raise
        turn.close()

    def _temporary_folder(self) -> Path:
        user = server_user()
        roots = temporary_roots(user)
        if not roots:
            raise ServerError(
                f"no temporary folder can be used{f' by user {user.name}' if user else ''}",
                hint="Set TMPDIR to a folder that is writable and that the server's user can enter (chmod o+x).",
            )
        folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{os.getpid()}-", dir=roots[0]))
        if user is not None:
            folder.chmod(0o711)
        return folder

    def _start_temporary(self) -> None:
        user, tools = server_user(), self.tools
        self._spawn_keeper()  # first: it removes the folder if we are killed while it is filled
        data = self.folder / "data"
        password = secrets.token_urlsafe(24)
        known = copy_from_template(tools, data, user)
        if known is None:
            initdb(tools, data, password, user, sync=False)
        port = self._launch(user)
        if known is not None:
            _change_password(_url(port, known, "postgres", "embedded server"), password)
        write_private(self.folder / "password", password)
        self._url = _url(port, password, "postgres", "embedded server")

    def _start_path(self) -> None:
        data = self.folder / "data"
        alive = LockFile(self.folder / "keeper")
        try:
            if (data / "PG_VERSION").is_file():
                major = int((data / "PG_VERSION").read_text("utf-8"))
                if major < (self._minimum_major or 0):
                    raise ServerError(
                        f"{self.path} is of PostgreSQL {major}, and {self._minimum_major} or later is needed",
                        hint="Choose another folder, or move the data with pg_dump and pg_restore.",
                    )
                self._tools = choose_installation(major, exactly=True)
            if alive.is_held() and self._attach():
                return
            if not alive.hold(STOP_SECONDS):
                raise ServerError(
                    f"the server in {self.path} neither answers nor ends", hint=f"Look into {self.log_path}."
                )
            end_server_without_keeper(self.folder)
        finally:
            alive.close()
        user = server_user(data)
        require_open(user, self.folder)
        if self._tools is None:
            self._create(user)
        self._tools = enterable(self.tools, user)
        port = self._launch(user)
        self._url = self._reached(port)

    def _create(self, user: ServerUser | None) -> None:
        """Under another name, then renamed: a half-made data directory is never taken for a whole one."""
        for half in self.folder.glob("new-*"):
            shutil.rmtree(half) if half.is_dir() else half.unlink()
        self._tools = preferred_installation(self._minimum_major)
        password = secrets.token_urlsafe(24)
        write_private(self.folder / "password", password, owner=self.folder.stat())
        new = self.folder / f"new-{secrets.token_hex(4)}"
        initdb(enterable(self._tools, user), new, password, user, sync=True)
        new.rename(self.folder / "data")

    def _attach(self) -> bool:
        """Whether the running server answers; it may just be ending by itself."""
        state = read_state(self.folder)
        if state is None:
            return False
        try:
            self._url = self._reached(int(state["port"]))
        except TargetError:
            return False
        return True

    def _reached(self, port: int) -> DatabaseUrl:
        """The URL of the path's database, which is made when it is not there."""
        try:
            password = (self.folder / "password").read_text("utf-8").strip()
        except OSError as error:
            raise ServerError(
                f"the password of the embedded server cannot be read: {error.strerror}: {self.folder / 'password'}",
                hint="The file is made with the database, mode 0600: bring it back, or run as the user who made it.",
            ) from error
        url = _url(port, password, "postgres", f"embedded://{self.path}")
        with connect(url, purpose="embedded server", autocommit=True) as connection:
            if (
                connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone()
                is None
            ):
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        return url.with_dbname(DATABASE)

    def _launch(self, user: ServerUser | None) -> int:
        """Starts the keeper, which starts the server; the port. The keeper learns no password."""
        settings = {**self._settings, **shared_memory()}
        task: keeper.Task = {
            "argv": [
                str(self.tools.path("postgres")),
                "-D",
                str(self.folder / "data"),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            "env": server_environment(self.tools),
            "uid": user.uid if user else None,
            "gid": user.gid if user else None,
            "deadline": _START_SECONDS,
        }
        process = self._keeper or self._spawn_keeper()
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout:
            process.stdin.write(json.dumps(task).encode())
            process.stdin.close()
            line = process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "its keeper ended", "log": ""}
        if "port" not in answer:
            said = redactor.redact(f"{answer['error']}\n{answer['log']}".strip())
            raise ServerError(
                f"PostgreSQL {self.tools.version} cannot be started in {self.folder}: {said}",
                hint="The last lines are the server's own log.",
            )
        return int(answer["port"])

    def _spawn_keeper(self) -> subprocess.Popen[bytes]:
        LockFile(self.folder / "keeper").close()  # makes the file, with the folder's owner
        kind = "temporary" if self.path is None else "lasting"
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(self.folder), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=server_environment(self.tools),
            cwd="/",
            start_new_session=True,  # signals to the session's group (Ctrl-C, a killed CI job) are not for it
        )
        return self._keeper

    # -- stopping ---------------------------------------------------------------------------------------------------

    def stop(self, *, keep: bool = False) -> None:
        """Ends this session's use: the last user's stop ends the server, and a temporary one's folder is removed.

        ``keep``: a temporary server goes on running until ``clean_orphans(include_kept=True)``. Never raises for a
        server that is gone already.
        """
        users, process, folder = self._users, self._keeper, self._folder
        self._users = self._keeper = self._url = None
        if keep and folder is not None and self.path is None:
            (folder / "keep").touch(mode=0o600)
        for pipe in (process.stdin, process.stdout) if process is not None else ():
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes
        if users is not None:
            users.close()
        if folder is None:
            return
        if self.path is None and not keep:
            await_removal(process, folder)
        elif self.path is not None:
            await_end(folder)
        if process is not None and process.poll() is None:
            process.returncode = (
                0  # others use its server: it goes on without us, and Popen shall not complain
            )
        if self.path is not None or not keep:
            self._folder = None


def _url(port: int, password: str, dbname: str, name: str) -> DatabaseUrl:
    return DatabaseUrl("127.0.0.1", port, OWNER, Secret(password), dbname, {"sslmode": "disable"}, name)


def _change_password(url: DatabaseUrl, password: str) -> None:
    """By a verifier that is computed here: the password itself is never sent."""
    with connect(url, purpose="embedded server", autocommit=True) as connection:
        verifier = connection.pgconn.encrypt_password(
            password.encode(), OWNER.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("alter role {} password {}").format(sql.Identifier(OWNER), sql.Literal(verifier))
        )
