"""A real pgbouncer before a server, in transaction or session mode."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from pytest_dbdeploy.db.access import server_user
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.errors import TargetError

from .servers import enterable_folder, missing
from .sessions import until


@contextmanager
def pgbouncer(url: DatabaseUrl, mode: str) -> Iterator[DatabaseUrl]:
    """The same database through it."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        missing("no pgbouncer")
        return
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with enterable_folder() as folder:
        users, ini = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{url.user}" "{url.password.reveal()}"\n')
        ini.write_text(
            f"[databases]\n* = host=127.0.0.1 port={url.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"unix_socket_dir =\nauth_type = plain\nauth_file = {users}\npool_mode = {mode}\nignore_startup_parameters = options\n"
        )
        user = server_user()
        process = subprocess.Popen(
            [program, "-q", str(ini)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user.uid if user else None,
            env={**os.environ, "PATH": "/usr/bin:/usr/sbin:/bin"},
        )
        through = replace(url, port=port)
        try:
            until(lambda: _answers(through))
            yield through
        finally:
            process.kill()
            process.wait()


def _answers(url: DatabaseUrl) -> bool:
    with suppress(TargetError):
        connect(url, purpose="test").close()
        return True
    return False
