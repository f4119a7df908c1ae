"""Drizzle: the journal of 0.x (``meta/_journal.json``) and the folders of 1.0, one history table.

What is pending is decided as the tool decides: 0.x by the newest ``created_at`` alone, 1.0 by the set of names. Hash and time
are written as it writes them, so that drizzle-kit and drizzle-orm agree afterwards.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..errors import LayoutError
from ._drizzle_config import NAMES, DrizzleConfig, find_config
from ._drizzle_folders import FolderReader
from ._drizzle_journal import JournalReader
from .base import Detected, LayoutReader, LayoutRequest, Table

_FOLDERS = (
    "drizzle",
    "migrations",
    "src/db/migrations",
    "src/db/drizzle",
    "src/drizzle",
    "src/migrations",
    "db/migrations",
    "db/drizzle",
    "src/server/db/migrations",
    "src/lib/db/migrations",
    "database/migrations",
)
_JOURNAL = "meta/_journal.json"


class DrizzleLayout:
    name = "drizzle"

    def places(self, request: LayoutRequest) -> tuple[str, ...]:
        if request.path:
            return (f"{request.path}/{_JOURNAL}", f"{request.path}/<14 digits>_<name>/migration.sql")
        config = _config(request)
        if config is not None:
            return (f"`out` of {config.shown}",)
        return (NAMES[0], *(f"{folder}/{_JOURNAL}" for folder in _FOLDERS))

    def detect(self, request: LayoutRequest) -> Detected | None:
        folder = request.folder()
        config = _config(request)
        if folder is not None:
            return Detected(folder, _kind(folder)) if _kind(folder) else None
        if config is not None:
            if config.dialect() not in (None, "postgresql", "pg"):
                return None
            folder = (config.file.parent / config.out()).absolute()
            return Detected(folder, f"{config.shown}, {_kind(folder)}") if _kind(folder) else None
        found = [request.rootdir / name for name in _FOLDERS if _kind(request.rootdir / name)]
        if len(found) > 1:
            raise LayoutError(
                f"there are several folders of Drizzle migrations: {', '.join(request.relative(f) for f in found)}",
                hint="Set migrations.path in dbdeploy.yaml to the one to deploy.",
            )
        return Detected(found[0], _kind(found[0])) if found else None

    def open(self, request: LayoutRequest) -> LayoutReader:
        detected = self.detect(request)
        if detected is None:
            places = ", ".join(self.places(request))
            raise LayoutError(
                f"no Drizzle migrations were found: looked for {places} in {request.rootdir}",
                hint="Run `npx drizzle-kit generate`, or set migrations.path in dbdeploy.yaml to their folder.",
            )
        table = _history_table(request)
        if (detected.path / _JOURNAL).is_file():
            if _has_folders(detected.path):
                raise LayoutError(
                    f"{request.relative(detected.path)} holds both {_JOURNAL} (Drizzle 0.x) and migration folders (Drizzle 1.0)",
                    hint="Run `npx drizzle-kit up`, which turns the old files into folders.",
                )
            return JournalReader(request, detected.path, table, _journal(detected.path / _JOURNAL, request))
        return FolderReader(request, detected.path, table)


def _config(request: LayoutRequest) -> DrizzleConfig | None:
    """Beside the migrations (monorepos keep it in the package), else in the root."""
    folder = request.folder()
    root = request.rootdir
    parents = [p for p in folder.parents if p.is_relative_to(root)] if folder is not None else []
    return find_config([*parents, root], root)


def _history_table(request: LayoutRequest) -> Table:
    default = Table("drizzle", "__drizzle_migrations")
    config = _config(request)
    if request.history is not None or config is None:
        return Table.parse(request.history, default)
    schema, table = config.history()
    return Table(schema or default.schema, table or default.name)


def _kind(folder: Path) -> str:
    """What makes ``folder`` one of Drizzle's; empty when nothing does."""
    if (folder / _JOURNAL).is_file():
        return _JOURNAL
    return "folders of Drizzle 1.0" if _has_folders(folder) else ""


def _has_folders(folder: Path) -> bool:
    """Prisma's folders look alike, but have no snapshot.json."""
    return any(
        re.match(r"\d{14}", f.parent.name) and (f.parent / "snapshot.json").is_file()
        for f in folder.glob("*/migration.sql")
    )


def _journal(path: Path, request: LayoutRequest) -> list[dict[str, Any]]:
    """The journal's entries, checked for what is needed of them."""
    shown = request.relative(path)
    try:
        journal = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise LayoutError(f"{shown}: cannot be read: {error}") from None
    except json.JSONDecodeError as error:
        raise LayoutError(
            f"{shown}:{error.lineno}: is no JSON: {error.msg}",
            hint="Is it the rest of a merge conflict? Keep the entries of both sides.",
        ) from None
    dialect = journal.get("dialect") if isinstance(journal, dict) else None
    if dialect not in ("postgresql", "pg"):
        raise LayoutError(f"{shown}: its dialect is {dialect!r}, not postgresql")
    entries = journal.get("entries")
    for number, entry in enumerate(entries if isinstance(entries, list) else [None]):
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("tag"), str)
            or type(entry.get("when")) is not int
        ):
            raise LayoutError(f"{shown}: entry {number} has no tag and when")
    return list(entries)


LAYOUT = DrizzleLayout()
