"""A dump of one database by pg_dump: one consistent snapshot, checked to hold every relation, with a checksum."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql

from ..db.connect import KEEPALIVE_TEXT, Connection, connect
from ..db.deployment_lock import notice_our_death, noticing_options
from ..db.sql import query
from ..db.tools import Tools
from ..db.url import DatabaseUrl
from ..errors import BackupError, DbDeployError
from ..model import Backup
from ..steps import Step
from .process import bytes_below, first_lines, run, size, tool_environment
from .toc import RELATION_KINDS, listing, parse, printed, reader_for

# Every build of pg_dump and pg_restore has gzip: a backup must be readable on another machine too. Level 1: CPU is the bottleneck.
PORTABLE_COMPRESSION = "1"
# How long pg_dump waits for somebody's ACCESS EXCLUSIVE lock; meanwhile nobody waits for us.
LOCK_WAIT_SECONDS = 30.0
_CHUNK = 1 << 20

_HINTS = (
    (
        r"canceling statement due to (statement|lock) timeout",
        "Somebody holds an ACCESS EXCLUSIVE lock (a migration, VACUUM FULL, an idle transaction): "
        "look at pg_locks and pg_stat_activity, and try again when it is gone.",
    ),
    (r"No space left on device", "Free disk space, or use another folder for the artifacts."),
    (r"server version mismatch", "Install PostgreSQL's client programs of the server's version or later."),
    (r"out of shared memory", "Raise max_locks_per_transaction on the server."),
    (
        r"query would be affected by row-level security",
        "Let a role with BYPASSRLS, or the tables' owner, deploy.",
    ),
    (r"permission denied", "Grant the deploying role SELECT on it, or deploy as its owner."),
)
#: Ends the name of a dump until it is whole: what has the name, can be relied on.
PARTIAL = ".part"


@dataclass(frozen=True, slots=True)
class Dump:
    """What ``write_dump`` is told. ``compression``: a value of pg_dump's -Z. ``error``: what is raised when it fails.

    ``tables``: only these, as the server quotes their names. ``hold``: the server is told to notice our death, as it may hold locks
    for hours; not through a pooler, whose sessions are others' too.
    """

    path: Path
    tools: Tools
    format: Literal["custom", "directory"] = "custom"
    jobs: int = 1
    schema_only: bool = False
    exclude_schemas: Sequence[str] = ()
    compression: str = PORTABLE_COMPRESSION
    options: Sequence[str] = ()
    purpose: str = "backup"
    lock_wait: float = LOCK_WAIT_SECONDS
    error: type[DbDeployError] = BackupError
    tables: Sequence[str] | None = None
    hold: bool = True


def dump(
    url: DatabaseUrl,
    path: Path,
    *,
    tools: Tools,
    format: Literal["custom", "directory"] = "custom",  # noqa: A002  # pg_dump's own word
    jobs: int = 1,
    schema_only: bool = False,
    exclude_schemas: Sequence[str] = (),
    snapshot: str | None = None,
    step: Step | None = None,
) -> Backup:
    """Dumps the whole database to ``path``, which must not exist, with all that a restore in place needs.

    ``snapshot``: one that the caller exported and holds; else the dump takes its own. ``jobs``: for ``directory`` only.
    The file's mode is 0600, the folder's 0700. BackupError, naming tables and what to grant, when the role cannot read
    everything; and when pg_dump fails, or the archive does not list every relation that existed in the snapshot.
    """
    wanted = Dump(path, tools, format, jobs, schema_only, exclude_schemas)
    with consistent(url, "backup", snapshot, hold=wanted.hold) as (conn, taken):
        return write_dump(url, conn, taken, wanted, step)


@contextmanager
def consistent(
    url: DatabaseUrl, purpose: str, snapshot: str | None = None, *, hold: bool = False
) -> Iterator[tuple[Connection, str]]:
    """A connection in a read-only transaction, and the name of the snapshot that it sees: ``snapshot``, else its own. ``hold``: see ``Dump``."""
    with connect(url, purpose=purpose, read_only=True) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        if hold:
            notice_our_death(conn)
        if snapshot is not None:
            conn.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
        # The transaction is idle while pg_dump works, which may take hours.
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        conn.execute("SET LOCAL statement_timeout = 0")
        if conn.info.server_version >= 170000:
            conn.execute("SET LOCAL transaction_timeout = 0")
        if snapshot is None:
            row = conn.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None
            snapshot = str(row[0])
        yield conn, snapshot


def write_dump(url: DatabaseUrl, conn: Connection, snapshot: str, wanted: Dump, step: Step | None) -> Backup:
    """Dumps what ``conn`` sees in ``snapshot``; see ``dump``. A failed dump leaves no file behind, a killed one a name with ``PARTIAL``."""
    if wanted.tables is None:
        check_readable(conn, wanted)
    if wanted.path.exists():
        raise wanted.error(f"{wanted.path} cannot be created: it is there already")
    partial = replace(wanted, path=_partial(wanted.path))
    _remove(partial.path)
    _create_private(partial)
    started = time.monotonic()
    try:
        _pg_dump(url, snapshot, partial, step, started)
        missing = _missing_relations(conn, partial) if wanted.tables is None else []
        if missing:
            raise wanted.error(
                f"the dump of {url.label} lacks {', '.join(missing[:10])}",
                hint="pg_dump did not say why. Another pg_dump (the server's own version) may know these objects.",
            )
        partial.path.rename(wanted.path)
        return Backup(
            path=wanted.path,
            format=wanted.format,
            sha256=_sha256(wanted.path),
            bytes=bytes_below(wanted.path),
            seconds=time.monotonic() - started,
            tool_version=wanted.tools.version,
        )
    except BaseException:
        _remove(partial.path)
        _remove(wanted.path)
        raise


def remove_partial(path: Path) -> None:
    """Removes what a killed dump to ``path`` left; nothing where that is another machine's, and cannot be looked at here."""
    with suppress(OSError):
        _remove(_partial(path))


def _partial(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)


def verify(backup: Backup) -> None:
    """BackupError unless the backup's bytes are those that were written, and a pg_restore found here can list them."""
    if not backup.path.exists():
        raise BackupError(f"the backup {backup.path} is not there", hint="It was moved or deleted.")
    if _sha256(backup.path) != backup.sha256:
        raise BackupError(
            f"the backup {backup.path} is not what was written: its checksum differs",
            hint="The file was changed or is damaged, or is another deployment's: bring an intact copy of it here, then run the command again.",
        )
    reader_for(backup.path, 0, BackupError)


def check_readable(conn: Connection, wanted: Dump) -> None:
    """Raises ``wanted.error`` naming what the role cannot read, before pg_dump stops at the first of them."""
    rows = conn.execute(
        query("dump_unreadable"), {"exclude": list(wanted.exclude_schemas), "schema_only": wanted.schema_only}
    ).fetchall()
    if not rows:
        return
    role = conn.info.user
    lines = [f"{kind} {identity}: {_why(why)}" for kind, identity, why in rows]
    more = f"\n... and {len(lines) - 20} more" if len(lines) > 20 else ""
    raise wanted.error(
        f"role {role} cannot read everything that must be dumped:\n" + "\n".join(lines[:20]) + more,
        hint=_grants(role, rows),
    )


def _why(why: str) -> str:
    return {
        "schema": "no USAGE on its schema",
        "select": "no SELECT",
        "policy": "its row-level security hides rows from this role",
    }[why]


def _grants(role: str, rows: list[tuple[str, ...]]) -> str:
    quoted = sql.Identifier(role).as_string()
    hints = []
    if schemas := sorted({identity.rpartition(".")[0] for _, identity, why in rows if why == "schema"}):
        hints.append(f"GRANT USAGE ON SCHEMA {', '.join(schemas)} TO {quoted};")
    for kind in ("table", "sequence"):
        if names := [identity for found, identity, why in rows if found == kind and why != "policy"]:
            hints.append(f"GRANT SELECT ON {kind.upper()} {', '.join(names[:20])} TO {quoted};")
    if numbers := [identity for found, identity, _ in rows if found == "large object"]:
        hints.append(f"GRANT SELECT ON LARGE OBJECT {', '.join(numbers[:20])} TO {quoted};")
    if any(why == "policy" for *_, why in rows):
        hints.append(
            f"ALTER ROLE {quoted} BYPASSRLS; (or deploy as the tables' owner, without FORCE ROW LEVEL SECURITY)"
        )
    return "As their owner or a superuser: " + " ".join(hints)


def _create_private(wanted: Dump) -> None:
    """Makes the file or folder, so that nobody else can ever read it."""
    path = wanted.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if wanted.format == "directory":
            path.mkdir(mode=0o700)
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise wanted.error(f"{path} cannot be created: {error.strerror}") from None


def _pg_dump(url: DatabaseUrl, snapshot: str, wanted: Dump, step: Step | None, started: float) -> None:
    argv: list[str | Path] = [
        wanted.tools.path("pg_dump"),
        f"--format={wanted.format}",
        f"--compress={wanted.compression}",
        f"--snapshot={snapshot}",
        f"--lock-wait-timeout={int(wanted.lock_wait * 1000)}",
        "--no-password",
        f"--file={wanted.path}",
        f"--dbname={KEEPALIVE_TEXT}",  # all else of the connection is in variables
        *wanted.options,
    ]
    if wanted.format == "directory":
        argv.append(f"--jobs={max(1, wanted.jobs)}")
    if wanted.schema_only:
        argv.append("--schema-only")
    argv += [f"--table={name}" for name in wanted.tables or ()]
    argv += [f"--exclude-schema={_pattern(name)}" for name in wanted.exclude_schemas]
    watch = progress(step, wanted.path, started) if step is not None else None
    env = tool_environment(wanted.tools, url, wanted.purpose)
    if wanted.hold:
        env["PGOPTIONS"] = f"{env.get('PGOPTIONS', '')} {noticing_options()}".strip()
    status, problem = run(argv, env, watch=watch)
    if status != 0:
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, problem)), None)
        raise wanted.error(
            f"pg_dump of {url.label} failed: {first_lines(problem) or f'exit status {status}'}", hint=hint
        )
    if wanted.format == "directory":
        for file in wanted.path.iterdir():
            file.chmod(0o600)


def progress(step: Step, path: Path, started: float) -> Callable[[], None]:
    """Reports the bytes written so far, as ``123 MB, 41 MB/s``."""

    def report() -> None:
        written, seconds = bytes_below(path), max(time.monotonic() - started, 0.001)
        step.progress(f"{size(written)}, {size(written / seconds)}/s")

    return report


def _pattern(schema: str) -> str:
    """A pg_dump pattern that means exactly this name: within double quotes nothing is special but the quotes."""
    return '"' + schema.replace('"', '""') + '"'


def _missing_relations(conn: Connection, wanted: Dump) -> list[str]:
    rows = conn.execute(query("dump_relations"), {"exclude": list(wanted.exclude_schemas)}).fetchall()
    schemas = [str(row[0]) for row in conn.execute("SELECT nspname FROM pg_namespace")]
    roles = [str(row[0]) for row in conn.execute("SELECT rolname FROM pg_roles")]
    entries = parse(listing(wanted.tools, wanted.path, wanted.error), schemas=schemas, roles=roles)
    # Schema and name together: where both may hold spaces, the list does not tell where one ends.
    listed = {f"{entry.schema} {entry.tag}" for entry in entries if entry.kind in RELATION_KINDS}
    return [
        f"{kind.lower()} {schema}.{name}"
        for kind, schema, name in rows
        if f"{printed(schema)} {printed(name)}" not in listed
    ]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
