"""What the plugin costs a session that does not use it: import, options, hooks, fixtures; and the whole of ``pytest``, with and without.

    python benchmarks/import_cost.py [RUNS]

The first numbers are processor time inside one process, exact to a tenth of a millisecond on a busy machine too. The last is the difference in
processor time of whole sessions that take turns; a busy machine makes it noisy: read it as an upper bound.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GOAL = 10.0  # milliseconds
# pytest's own plugins are there before ours is imported, as in every session.
INSIDE = """
import sys, time
from _pytest.config import get_config
config = get_config()
import _pytest.python, _pytest.junitxml
start = time.process_time()
import pytest_dbdeploy.plugin as plugin
imported = time.process_time()
config.pluginmanager.register(plugin, "dbdeploy")
from pytest_dbdeploy.session import fixtures
print((imported - start) * 1000, (time.process_time() - start) * 1000, len([m for m in sys.modules if m.startswith("pytest_dbdeploy")]))
"""
SESSION = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist")


def inside(folder: Path) -> tuple[float, float, int]:
    """Milliseconds of the import, of import and registration; how many of our modules are loaded then."""
    command = [sys.executable, "-c", INSIDE]
    words = subprocess.run(
        command, cwd=folder, env=environ(), capture_output=True, text=True, check=True
    ).stdout.split()
    return float(words[0]), float(words[1]), int(words[2])


def session(folder: Path, *more: str) -> float:
    """Milliseconds of processor time of a session of one test: what else the machine does counts less in it than in wall time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *SESSION, *more], cwd=folder, env=environ(), stdout=subprocess.DEVNULL, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def environ() -> dict[str, str]:
    """Compiled modules are kept, as they are after an installation."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTEST_ADDOPTS")}


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_it.py").write_text("def test_it():\n    pass\n")
        (
            inside(folder),
            session(folder),
            session(folder, "-p", "no:dbdeploy"),
        )  # what is compiled once is compiled
        alone = [inside(folder) for _ in range(runs)]
        pairs = [(session(folder), session(folder, "-p", "no:dbdeploy")) for _ in range(runs)]
    imported, registered = (statistics.median(run[i] for run in alone) for i in (0, 1))
    with_it, without = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    best = min(pair[0] for pair in pairs) - min(pair[1] for pair in pairs)
    difference = statistics.median(a - b for a, b in pairs)
    print(f"Python {sys.version.split()[0]}, {runs} runs, medians in milliseconds")
    print(f"import of the plugin              {imported:7.1f}   ({alone[0][2]} modules)")
    print(f"import, options, hooks, fixtures  {registered:7.1f}   (goal: below {GOAL:.0f})")
    print(f"processor time with the plugin    {with_it:7.1f}")
    print(f"processor time, -p no:dbdeploy    {without:7.1f}")
    print(
        f"difference of pairs               {difference:7.1f}   ({with_it / without:.3f} times; of the quickest: {best:.1f})"
    )
    return 0 if registered < GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
