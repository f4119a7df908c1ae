"""A clone of the target on a sandbox server: ``before`` by a parallel dump and restore, ``after`` as a copy of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql

from ..db.connect import Connection, connect
from ..db.locale import DatabaseLocale, read_locale
from ..db.sql import query
from ..db.tools import Tools, tools_for
from ..db.url import DatabaseUrl
from ..errors import CloneError
from ..sandboxes.base import Sandbox
from ..secret import redactor
from ..steps import Step
from .dump import PORTABLE_COMPRESSION, Dump, consistent, write_dump
from .process import first_lines, need_space, output, run, size, tool_environment
from .restore_errors import Failure, parse_failures
from .roles import Membership, Role, create_roles, read_roles
from .settings import apply_settings, read_settings
from .toc import Entry, as_list, listing, parse

BEFORE, AFTER = "before", "after"
# A dump has no indexes and is compressed, but rows may be larger as text.
_DUMP_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Clone:
    """``dump``: the archive that ``before`` was restored from. ``bytes``: size of the target. ``notes``: what is not as there."""

    before: DatabaseUrl
    after: DatabaseUrl
    dump: Path
    seconds: float
    bytes: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """What was read of the target in the dump's own snapshot."""

    bytes: int
    owner: str
    schemas: Sequence[str]
    locale: DatabaseLocale
    roles: Sequence[Role]
    memberships: Sequence[Membership]
    settings: dict[str, str]
    extensions: dict[str, str]
    not_carried: Sequence[tuple[str, str]]
    relations: frozenset[tuple[str, str, str]]
    lz4_columns: bool


@dataclass(slots=True)
class _Work:
    """One clone in the making."""

    target: DatabaseUrl
    sandbox: Sandbox
    tools: Tools
    data: Literal["full", "schema"]
    exclude_schemas: Sequence[str]
    workdir: Path
    step: Step | None
    jobs: int
    notes: list[str] = field(default_factory=list)


def clone(
    target: DatabaseUrl,
    sandbox: Sandbox,
    *,
    tools: Tools,
    max_size: int,
    data: Literal["full", "schema"] = "full",
    exclude_schemas: Sequence[str] = (),
    workdir: Path,
    step: Step | None = None,
    jobs: int = 2,
) -> Clone:
    """Clones ``target`` into databases ``before`` and ``after`` of ``sandbox``; reads the target in one snapshot.

    ``max_size``: bytes; ``data``: ``schema`` leaves the rows out, and then no size is too large. ``tools``: for the target.
    Roles, grants, owners, policies, settings, collations come along; passwords, subscriptions, user mappings, tablespaces
    and security labels do not. Whatever is not as on the target is in ``notes``, by name.
    CloneError, with the server's message, when a table or its rows could not be cloned, or the target is too large.
    """
    started = time.monotonic()
    work = _Work(target, sandbox, tools, data, exclude_schemas, workdir, step, jobs)
    restorer = _restorer(work)
    archive = workdir / "clone.dump"
    with consistent(target, "clone") as (conn, snapshot):
        found = _read_target(conn, exclude_schemas)
        _check_size(work, found, max_size)
        _dump(work, conn, snapshot, found, restorer, archive)
    before = _make_before(work, found)
    failures = _restore(work, found, restorer, archive)
    _verify(work, found, before, failures)
    after = sandbox.create_database(AFTER, template=BEFORE)
    _finish_databases(work, found)
    work.notes = [*sandbox.notes, *work.notes]
    return Clone(
        before, after, archive, time.monotonic() - started, found.bytes, tuple(dict.fromkeys(work.notes))
    )


def _read_target(conn: Connection, exclude_schemas: Sequence[str]) -> _Target:
    row = conn.execute(
        "SELECT pg_database_size(oid), pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    roles, memberships = read_roles(conn)
    return _Target(
        bytes=int(row[0]),
        owner=str(row[1]),
        schemas=[str(r[0]) for r in conn.execute("SELECT nspname FROM pg_namespace")],
        locale=read_locale(conn),
        roles=roles,
        memberships=memberships,
        settings=read_settings(conn),
        extensions=_extensions(conn),
        not_carried=[(str(kind), str(name)) for kind, name in conn.execute(query("clone_not_carried"))],
        relations=_relations(conn, exclude_schemas),
        lz4_columns=bool(
            conn.execute("SELECT 1 FROM pg_attribute WHERE attcompression = 'l' LIMIT 1").fetchall()
        ),
    )


def _relations(conn: Connection, exclude_schemas: Sequence[str]) -> frozenset[tuple[str, str, str]]:
    rows = conn.execute(query("dump_relations"), {"exclude": list(exclude_schemas)}).fetchall()
    return frozenset((str(kind), str(schema), str(name)) for kind, schema, name in rows)


def _extensions(conn: Connection) -> dict[str, str]:
    return {
        str(name): str(version)
        for name, version in conn.execute("SELECT extname, extversion FROM pg_extension")
    }


def _check_size(work: _Work, found: _Target, max_size: int) -> None:
    if work.data == "schema":
        return
    if found.bytes > max_size:
        raise CloneError(
            f"{work.target.label} is {size(found.bytes)}, more than sandbox.max_size ({size(max_size)})",
            hint="In dbdeploy.yaml raise sandbox.max_size, or set sandbox.data: schema to rehearse without the rows "
            "(then no gate can tell whether existing rows fit).",
        )
    need_space(work.workdir, int(found.bytes * _DUMP_SHARE), "the dump for the clone", CloneError)
    with connect(work.sandbox.admin_url, purpose="clone", autocommit=True) as admin:
        row = admin.execute("SHOW data_directory").fetchone()
    folder = Path(str(row[0])) if row is not None else None
    if folder is not None and folder.is_dir():  # the sandbox is on this machine
        shared = folder.stat().st_dev == _existing(work.workdir).stat().st_dev
        needed = found.bytes * (2 + (_DUMP_SHARE if shared else 0))
        need_space(folder, int(needed), "the clone (two databases)", CloneError)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _restorer(work: _Work) -> Tools:
    """pg_restore must know the archive's format, which pg_dump's version made, and the sandbox's server."""
    return work.tools if work.tools.major >= work.sandbox.major else tools_for(work.sandbox.major)


@cache
def supports_lz4(bindir: Path, tools: Tools) -> bool:
    """Whether this build's programs know LZ4: pg_dump says so before it connects."""
    argv: list[str | Path] = [
        bindir / "pg_dump",
        "-Fc",
        "--compress=lz4",
        f"--file={os.devnull}",
        "host=/nowhere connect_timeout=1",
    ]
    _, _, problem = output(argv, tool_environment(tools, None, "probe"))
    return "compress" not in problem.lower()


def _dump(
    work: _Work, conn: Connection, snapshot: str, found: _Target, restorer: Tools, archive: Path
) -> None:
    lz4 = all(supports_lz4(tools.bindir, tools) for tools in {work.tools, restorer})
    options = ["--no-subscriptions", "--no-security-labels", "--no-tablespaces"]
    if found.lz4_columns and not _sandbox_has_lz4(work.sandbox):
        options.append("--no-toast-compression")
        work.notes.append(
            "columns compressed by lz4 are compressed by the sandbox's default: its build has no lz4"
        )
    wanted = Dump(
        archive,
        work.tools,
        "directory",
        work.jobs,
        schema_only=work.data == "schema",
        exclude_schemas=work.exclude_schemas,
        compression="lz4" if lz4 else PORTABLE_COMPRESSION,
        options=options,
        purpose="clone",
        error=CloneError,
        hold=False,
    )
    write_dump(work.target, conn, snapshot, wanted, work.step)


def _sandbox_has_lz4(sandbox: Sandbox) -> bool:
    with connect(sandbox.admin_url, purpose="clone", autocommit=True) as admin:
        row = admin.execute(
            "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
        ).fetchone()
    return row is not None and bool(row[0])


def _make_before(work: _Work, found: _Target) -> DatabaseUrl:
    for name in (BEFORE, AFTER):
        work.sandbox.drop_database(name)
    with connect(work.sandbox.admin_url, purpose="clone", autocommit=True) as admin:
        work.notes += create_roles(admin, found.roles, found.memberships)
    before = work.sandbox.create_database(BEFORE, locale=found.locale)
    if "public" not in found.schemas:
        with connect(before, purpose="clone", autocommit=True) as conn:
            conn.execute("DROP SCHEMA public")
    return before


def _restore(work: _Work, found: _Target, restorer: Tools, archive: Path) -> list[Failure]:
    """Restores ``before``; returns what failed, none of it a table. CloneError when a table or its rows did."""
    entries = parse(
        listing(restorer, archive, CloneError),
        schemas=found.schemas,
        roles=[role.name for role in found.roles],
    )
    chosen = _choose(work, found, entries)
    list_file = work.workdir / "clone.list"
    list_file.write_text(as_list(chosen), "utf-8")
    argv: list[str | Path] = [
        restorer.path("pg_restore"),
        "--no-password",
        f"--jobs={work.jobs}",
        f"--use-list={list_file}",
        f"--dbname={BEFORE}",
        archive,
    ]
    env = tool_environment(restorer, work.sandbox.url(BEFORE), "clone")
    with connect(work.sandbox.admin_url, purpose="clone", autocommit=True) as admin:
        status, problem = run(argv, env, watch=_restore_progress(work, admin, found))
    list_file.unlink()
    failures = parse_failures(problem)
    fatal = [str(failure) for failure in failures if failure.fatal]
    if fatal or (status != 0 and "errors ignored on restore" not in problem):
        lines = fatal or [first_lines(problem) or f"exit status {status}"]
        raise CloneError(
            "the clone could not be restored:\n" + "\n".join(lines[:10]), hint=_missing_hint(work, found)
        )
    work.notes += [f"not in the clone: {failure}" for failure in failures]
    return failures


def _missing_hint(work: _Work, found: _Target) -> str | None:
    missing = sorted(set(work.sandbox.missing_extensions) & set(found.extensions))
    if not missing:
        return None
    return f"The sandbox has no extension {', '.join(missing)}: install it for PostgreSQL {work.sandbox.major} on this machine."


def _choose(work: _Work, found: _Target, entries: Sequence[Entry]) -> list[Entry]:
    """The entries to restore; what stays out is said by name."""
    with connect(work.sandbox.url(BEFORE), purpose="clone", autocommit=True) as conn:
        available = {str(row[0]) for row in conn.execute("SELECT name FROM pg_available_extensions")}
    missing = sorted(set(found.extensions) - available)
    work.notes += [
        f"extension {name} {found.extensions[name]} is not in the clone: the sandbox does not have it"
        for name in missing
    ]
    work.notes += [f"{kind} {name} is not in the clone" for kind, name in found.not_carried]
    left_out = {f"EXTENSION {name}" for name in missing}
    return [
        entry
        for entry in entries
        if entry.kind not in ("SUBSCRIPTION", "SUBSCRIPTION TABLE", "USER MAPPING")
        and not (entry.kind == "EXTENSION" and entry.tag in missing)
        and not (entry.kind in ("COMMENT", "ACL") and entry.tag in left_out)
    ]


def _restore_progress(work: _Work, admin: Connection, found: _Target) -> Callable[[], None] | None:
    step = work.step
    if step is None:
        return None

    def report() -> None:
        try:
            row = admin.execute("SELECT pg_database_size(%s)", [BEFORE]).fetchone()
        except psycopg.Error:  # a file vanished while being measured
            return
        if row is not None:
            step.progress(f"restored {size(row[0])} of about {size(found.bytes)}")

    return report


def _verify(work: _Work, found: _Target, before: DatabaseUrl, failures: Sequence[Failure]) -> None:
    with connect(before, purpose="clone", read_only=True) as conn:
        missing = found.relations - _relations(conn, work.exclude_schemas)
        versions = _extensions(conn)
    tables = sorted(f"{schema}.{name}" for kind, schema, name in missing if kind == "TABLE")
    if tables:
        raise CloneError(
            f"the clone lacks tables of the target: {', '.join(tables[:20])}", hint=_missing_hint(work, found)
        )
    said = [failure.command for failure in failures]
    work.notes += [
        f"not in the clone: {kind.lower()} {schema}.{name}"
        for kind, schema, name in sorted(missing)
        if not any(name in command for command in said)
    ]
    work.notes += [
        f"extension {name} is {versions[name]} in the clone, {version} on the target"
        for name, version in sorted(found.extensions.items())
        if versions.get(name, version) != version
    ]


def _finish_databases(work: _Work, found: _Target) -> None:
    """Owner and settings are the database's own: a copy by template does not take them along."""
    with connect(work.sandbox.admin_url, purpose="clone", autocommit=True) as admin:
        for name in (BEFORE, AFTER):
            try:
                admin.execute(
                    sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                        sql.Identifier(name), sql.Identifier(found.owner)
                    )
                )
            except psycopg.Error as error:
                work.notes.append(
                    f"the clone does not belong to {found.owner}: {redactor.redact(str(error))}"
                )
        work.notes += apply_settings(admin, (BEFORE, AFTER), found.settings)
