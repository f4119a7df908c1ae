"""The rich case: a database with most of what PostgreSQL can hold, a migration that mangles it, and what pg_dump says of it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pytest_dbdeploy.db.tools import Tools, find_installations, tools_for
from pytest_dbdeploy.db.url import DatabaseUrl
from tests.servers import RealServer, execute

CASE = Path(__file__).parent / "cases" / "rich"


@dataclass(frozen=True)
class Contents:
    """A database as pg_dump tells it. ``rows``: one INSERT a row, sequence values and large objects, in no order."""

    schema: str
    rows: tuple[str, ...]


def database(server: RealServer) -> DatabaseUrl:
    """A rich database of a role that is no superuser: that role's URL."""
    owner = server.role()
    url = owner.with_dbname(server.fresh_database(owner=owner.user).dbname)
    execute(url, (CASE / "before.sql").read_text("utf-8"))
    return url


def mangle(url: DatabaseUrl) -> None:
    execute(url, (CASE / "migration.sql").read_text("utf-8"))


def contents(url: DatabaseUrl, tools: Tools) -> Contents:
    rows = pg_dump(url, tools, "--data-only", "--inserts", "--rows-per-insert=1")
    return Contents(
        pg_dump(url, tools, "--schema-only"),
        tuple(sorted(line for line in rows.splitlines() if line and not line.startswith("--"))),
    )


def pg_dump(url: DatabaseUrl, tools: Tools, *options: str) -> str:
    """Plain SQL, without what is random in it."""
    done = subprocess.run(
        [tools.path("pg_dump"), *options],
        env={**os.environ, **tools.environ(), **url.tool_env()},
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


def newer_tools(major: int) -> list[Tools]:
    """All installations here whose pg_dump can read a server of this version."""
    return [tools for tools in find_installations() if tools.major >= major and tools.has("pg_dump", "psql")]


__all__ = ["CASE", "Contents", "contents", "database", "mangle", "newer_tools", "pg_dump", "tools_for"]
