"""Other people's pytest plugins: installed into a folder of their own, found only by the sessions that a test lets find them.

In the tests' own environment they would change every test (a terminal with progress bars, sockets that are closed).
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import missing

REQUIREMENTS = Path(__file__).parent / "plugin" / "third_party" / "requirements.txt"


@functools.cache
def installed() -> Path:
    """The folder with all of them: ``DBDEPLOY_TEST_PLUGINS``, else one in the user's cache that is made once."""
    given = os.environ.get("DBDEPLOY_TEST_PLUGINS")
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pytest-dbdeploy-tests"
    cache.mkdir(parents=True, exist_ok=True)
    name = f"{sys.implementation.cache_tag}-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    folder, unfinished = cache / name, cache / f"{name}.unfinished"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # each of xdist's workers comes here
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(unfinished)]
            done = subprocess.run(
                [*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                missing(f"other people's plugins cannot be installed: {done.stderr.strip()[-300:]}")
            unfinished.rename(folder)
    return folder


def found_here(folder: Path, *names: str) -> Path:
    """``folder``, for PYTHONPATH: everything installed, but of the plugins only those with these names (``pytest-html``)."""
    wanted = {name.replace("-", "_") for name in names}
    folder.mkdir(exist_ok=True)
    for entry in installed().iterdir():
        points = entry / "entry_points.txt"
        plugin = points.exists() and "[pytest11]" in points.read_text()
        name = entry.name.partition("-")[0]
        if not plugin or name in wanted:
            (folder / entry.name).symlink_to(entry)
            wanted.discard(name) if plugin else None
    assert not wanted, f"not among the installed plugins: {wanted}"
    return folder
