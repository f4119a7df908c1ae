"""The deployment lock on the target, and the sessions of ours there that may have outlived their process."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import psycopg
from psycopg import sql

from ..errors import LockError

#: Key of the session-level advisory lock that one deployment holds on its target: the first 8 bytes of
#: sha256("pytest-dbdeploy") as a signed integer. Advisory locks are local to a database.
LOCK_KEY = 7142698608507414415

#: The first one is not on every system that PostgreSQL runs on.
_NOTICING = {
    "client_connection_check_interval": "1s",  # a killed process, also while a statement waits for a lock
    "tcp_keepalives_idle": "10",  # a machine that is gone
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
}


def take_lock(conn: psycopg.Connection[Any]) -> None:
    """Takes the deployment lock for the life of ``conn``. LockError names who holds it."""
    row = conn.execute("select pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
    if row and row[0]:
        return
    holder = lock_holder(conn)
    raise LockError(
        f"another deployment holds the deployment lock on the target: {holder or 'it has just ended'}",
        hint="wait until it has ended, then run again; nothing was changed",
    )


def check_lock(conn: psycopg.Connection[Any]) -> None:
    """Before each step: does ``conn`` still hold the lock? LockError if not, or if the connection is gone."""
    try:
        row = conn.execute(
            "select exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted and objsubid = 1 "
            "and classid::bigint = (%s::bigint >> 32) and objid::bigint = (%s::bigint & 4294967295))",
            [LOCK_KEY, LOCK_KEY],
        ).fetchone()
    except psycopg.Error as error:
        raise LockError(
            f"the connection that holds the deployment lock was lost: {error.diag.message_primary or str(error).strip()}"
        ) from None
    if not (row and row[0]):
        raise LockError("the deployment lock on the target was lost")


def notice_our_death(conn: psycopg.Connection[Any]) -> None:
    """The server ends what ``conn`` does, and frees its locks, within seconds after we or our network are gone."""
    for names in (tuple(_NOTICING), tuple(_NOTICING)[1:]):
        setting = sql.SQL(", ").join(
            sql.SQL("set_config({}, {}, false)").format(name, _NOTICING[name]) for name in names
        )
        with contextlib.suppress(psycopg.Error), conn.transaction():
            conn.execute(sql.SQL("select {}").format(setting))
            return


def noticing_options() -> str:
    """The same for a client program, by PGOPTIONS."""
    return " ".join(f"-c {name}={value}" for name, value in list(_NOTICING.items())[1:])


def end_session(conn: psycopg.Connection[Any], pid: int, *, patience: float = 10.0) -> None:
    """Ends a session of ours that holds the deployment lock over a connection that broke; the server may not know that yet."""
    ours = (
        "from pg_stat_activity where pid = %s and datname = current_database() and usename = current_user and pid <> pg_backend_pid() "
        "and application_name like 'pytest-dbdeploy lock %%'"
    )
    conn.execute(f"select pg_terminate_backend(pid) {ours}", [pid])
    deadline = time.monotonic() + patience
    while conn.execute(f"select 1 {ours}", [pid]).fetchone() and time.monotonic() < deadline:
        time.sleep(0.05)


def end_leftovers(conn: psycopg.Connection[Any], *, patience: float = 10.0) -> list[str]:
    """Ends the sessions in which a deployment whose process died still works on this database; their names.

    Call it with the deployment lock held: then none of them belongs to a deployment that is alive. LockError when one
    does not end within ``patience`` seconds.
    """
    leftovers = (
        "from pg_stat_activity where datname = current_database() and usename = current_user and pid <> pg_backend_pid() "
        "and application_name = any(%s)"
    )
    names = [[f"pytest-dbdeploy {purpose}" for purpose in ("deploy", "undo", "restore", "backup")]]
    rows = conn.execute(f"select application_name, pg_terminate_backend(pid) {leftovers}", names).fetchall()
    deadline = time.monotonic() + patience
    while rows and conn.execute(f"select 1 {leftovers}", names).fetchone():
        if time.monotonic() > deadline:
            raise LockError(
                "a session of a deployment whose process died still works on the target",
                hint="it is a 'pytest-dbdeploy' in pg_stat_activity: wait for it, or let a superuser end it",
            )
        time.sleep(0.05)
    return [name for name, _ in rows]


def lock_holder(conn: psycopg.Connection[Any]) -> str | None:
    """Who holds the deployment lock: application, user, client address and start; None when it is free."""
    row = conn.execute(
        "select a.application_name, a.usename, coalesce(host(a.client_addr), 'local'), a.backend_start from pg_locks l "
        "join pg_stat_activity a using (pid) where l.locktype = 'advisory' and l.granted and l.objsubid = 1 "
        "and l.database = (select oid from pg_database where datname = current_database()) "
        "and l.classid::bigint = (%s::bigint >> 32) and l.objid::bigint = (%s::bigint & 4294967295) and l.pid <> pg_backend_pid()",
        [LOCK_KEY, LOCK_KEY],
    ).fetchone()
    if not row:
        return None
    since = (
        f", since {row[3]:%Y-%m-%d %H:%M:%S}" if row[3] else ""
    )  # hidden from roles without pg_read_all_stats
    return f"{row[0] or 'unnamed session'} of {row[1]} from {row[2]}{since}"
