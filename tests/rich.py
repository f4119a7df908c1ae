"""The rich case: a database with most of what PostgreSQL can hold, a migration that mangles it, and what pg_dump says of it."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_dbdeploy.db.tools import Tools, find_installations
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.model import Level, LogPhase
from pytest_dbdeploy.steps import Step, Steps
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


class Listener:
    """Keeps what a step reports while it runs; ``on_progress`` is called with each text."""

    def __init__(self, on_progress: Callable[[str], None] | None = None) -> None:
        self.progress: list[str] = []
        self._on_progress = on_progress

    def step_started(self, step: Step) -> None: ...

    def step_progressed(self, step: Step, text: str) -> None:
        self.progress.append(text)
        if self._on_progress is not None:
            self._on_progress(text)

    def step_finished(self, step: Step) -> None: ...

    def message(self, phase: LogPhase, level: Level, text: str, metadata: dict[str, Any]) -> None: ...


@contextmanager
def step(listener: Listener) -> Iterator[Step]:
    steps = Steps()
    steps.listeners.append(listener)
    with steps.step("test", "test", LogPhase.BACKUP) as made:
        yield made


@contextmanager
def argument_lists() -> Iterator[set[str]]:
    """All argument lists of processes on this machine that were seen while the block ran (Linux)."""
    seen: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.002):
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    with suppress(OSError):
                        seen.add(
                            (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                        )

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
