"""GitHub Actions: annotations beside the migrations' lines, and the run as Markdown on the job's page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..record import RunRecord
from . import markdown
from .base import Notice, notices

_MOST = 10  # of errors and of warnings: GitHub shows no more of a step
_LARGEST = 1024 * 1024  # bytes of a step's summary: GitHub refuses the whole of a larger one


class GitHub:
    def here(self, environ: Mapping[str, str]) -> bool:
        return environ.get("GITHUB_ACTIONS") == "true"

    def annotations(self, record: RunRecord, root: Path, environ: Mapping[str, str]) -> list[str]:
        every = notices(record)
        lines = []
        for error in (True, False):
            some = [notice for notice in every if notice.error is error]
            lines += [_command(notice, _prefix(root, environ)) for notice in some[:_MOST]]
        return lines

    def write_summary(self, record: RunRecord, environ: Mapping[str, str]) -> None:
        path = environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        # Appended: the step's earlier commands, such as another session of ours, have written here too.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            page = markdown.page(record).encode("utf-8", errors="replace")
            if file.tell() + len(page) < _LARGEST:
                file.write(page)


SERVICE = GitHub()


def _prefix(root: Path, environ: Mapping[str, str]) -> Path:
    """Where the project is in the repository, which a job has in its workspace."""
    workspace = environ.get("GITHUB_WORKSPACE")
    try:
        return root.resolve().relative_to(Path(workspace).resolve()) if workspace else Path()
    except ValueError:
        return Path()


def _command(notice: Notice, prefix: Path) -> str:
    own = notice.title.startswith("dbdeploy/")
    properties = {"title": notice.title if own else f"dbdeploy: {notice.title}"}
    if notice.file:
        line = {"line": str(notice.line)} if notice.line else {}
        properties = {"file": (prefix / notice.file).as_posix(), **line, **properties}
    shown = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{'error' if notice.error else 'warning'} {shown}::{_escape(notice.message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
