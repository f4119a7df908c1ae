"""What the gate session costs: trivial gates in three phases, against plain pytest on the same test functions.

    python benchmarks/session_overhead.py [--gates 5000] [--rounds 5] [--real] [--only plain|n2]

The commands take turns; the ratio is made in each round, and its median counts: a busy machine slows down both. Seconds on
the clock and seconds of processor time (of the whole process tree) are two witnesses. Memory is the controller's peak.

Without ``--real`` the flow does nothing: what is measured is the session's mechanism, by the internal hook
``pytest_dbdeploy_session_source``. With ``--real`` it is ``--dbdeploy-env=dev`` against an embedded target, with nothing to
deploy and with one migration to deploy; what that costs with one gate a phase (servers, clone, backup) is taken off on both sides.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

GOAL = {"plain": 1.25, "n2": 1.3}
MODES: dict[str, tuple[str, ...]] = {"plain": ("-p", "no:xdist"), "n2": ("-n2",)}
SHARES = {"preflight": 1, "sandbox": 8, "postdeploy": 1}  # tenths
A_FILE = 250  # gates in one file
FLOW = """
from pathlib import Path
from pytest_dbdeploy.flows.base import Go
from pytest_dbdeploy.model import ExitStatus, Mode, Phase
from pytest_dbdeploy.session.source import SessionSource


class Nothing:
    mode = Mode.DEPLOY
    phases = (Phase.PREFLIGHT, Phase.SANDBOX, Phase.POSTDEPLOY)
    exit_status = ExitStatus.OK

    def __init__(self, steps):
        self.summary = self.header = lambda: []

    def prepare(self): ...
    def public_facts(self): return {}
    def collected(self, ledger): ...
    def before(self, phase, ledger): return Go()
    def finish(self, ledger):
        assert all(gate.outcome == "passed" for gate in ledger.gates)
    def abandon(self, why, ledger, *, interrupted): ...
    def close(self, ledger): ...
    def junit_properties(self): return {}


def pytest_dbdeploy_session_source(config, action):
    return SessionSource((config.rootpath / "gates",), (), Nothing, built_in=False)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, seconds of processor time of the process tree, peak memory of the largest process in MB."""

    wall: float
    cpu: float
    memory: float


class Project:
    """A folder with ``gates`` trivial gates."""

    def __init__(self, folder: Path, gates: int) -> None:
        self.folder = folder
        self.migrations = 0
        folder.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "bench_flow.py").write_text(FLOW)
        (folder / "migrations").mkdir()
        (folder / "dbdeploy.yaml").write_text(
            "environments:\n  dev:\n    database: embedded://.data/dev\nmigrations: {layout: sql}\n"
        )
        for phase, share in SHARES.items():
            left = max(1, gates * share // 10)
            (folder / "gates" / phase).mkdir(parents=True)
            for number, first in enumerate(range(0, left, A_FILE)):
                tests = (f"def test_{i:06}():\n    pass\n" for i in range(first, min(first + A_FILE, left)))
                (folder / f"gates/{phase}/test_{phase}_{number:03}.py").write_text("\n\n".join(tests))

    def migrate(self) -> None:
        """One more pending migration."""
        self.migrations += 1
        name = f"migrations/{self.migrations:04}_more.sql"
        (self.folder / name).write_text(f"create table t{self.migrations} (id int primary key);\n")

    def run(self, *words: str) -> Cost:
        environ = {
            k: v for k, v in os.environ.items() if k not in ("PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE")
        }
        environ["PYTHONPATH"] = str(self.folder)
        command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", *words]
        with tempfile.TemporaryFile() as output:
            start = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=self.folder, env=environ, stdout=output, stderr=subprocess.STDOUT
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            if os.waitstatus_to_exitcode(status) != 0:
                output.seek(0)
                raise SystemExit(f"{' '.join(command)} failed:\n{output.read().decode()[-3000:]}")
        return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def plain(project: Project, mode: tuple[str, ...]) -> Cost:
    """pytest on the same functions, in the same order."""
    return project.run("-p", "no:dbdeploy", *mode, *(f"gates/{phase}" for phase in SHARES))


def mechanism(project: Project, mode: tuple[str, ...]) -> Cost:
    """An action session whose flow does nothing."""
    return project.run("-p", "bench_flow", "--dbdeploy-env=dev", *mode)


def nothing_pending(project: Project, mode: tuple[str, ...]) -> Cost:
    return project.run("--dbdeploy-env=dev", *mode)


def one_migration(project: Project, mode: tuple[str, ...]) -> Cost:
    project.migrate()
    return project.run("--dbdeploy-env=dev", *mode)


Kind = Callable[[Project, tuple[str, ...]], Cost]


def minus(cost: Cost, fixed: Cost) -> Cost:
    return Cost(cost.wall - fixed.wall, cost.cpu - fixed.cpu, cost.memory)


def rounds(
    many: Project, few: Project | None, kinds: list[Kind], mode: tuple[str, ...], number: int
) -> Iterator[list[Cost]]:
    """Per round the cost of plain pytest and of each kind; with ``few``, less what each costs with hardly any gate."""
    for _ in range(number):
        yield [
            minus(kind(many, mode), kind(few, mode)) if few is not None else kind(many, mode)
            for kind in (plain, *kinds)
        ]


def compare(title: str, table: list[list[Cost]], kinds: list[Kind], goal: float) -> bool:
    print(f"\n{title}: seconds on the clock (processor), ratio to plain pytest")
    for number, (base, *others) in enumerate(table, start=1):
        cells = [f"plain pytest {base.wall:6.2f} ({base.cpu:6.2f})"]
        for kind, cost in zip(kinds, others, strict=True):
            cells.append(
                f"{kind.__name__} {cost.wall:6.2f} ({cost.cpu:6.2f}) "
                f"{cost.wall / base.wall:.2f} ({cost.cpu / base.cpu:.2f})"
            )
        print(f"  {number}: " + "   ".join(cells))
    good = True
    for at, kind in enumerate(kinds, start=1):
        wall = statistics.median(row[at].wall / row[0].wall for row in table)
        cpu = statistics.median(row[at].cpu / row[0].cpu for row in table)
        memory = [statistics.median(row[i].memory for row in table) for i in (0, at)]
        print(
            f"  {kind.__name__}: median {wall:.2f} (processor {cpu:.2f}; goal {goal}),"
            f" memory {memory[0]:.0f} -> {memory[1]:.0f} MB"
        )
        good = good and wall <= goal
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gates", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--only", choices=sorted(MODES))
    given = parser.parse_args()
    kinds: list[Kind] = [nothing_pending, one_migration] if given.real else [mechanism]
    root = Path(tempfile.mkdtemp(prefix="dbdeploy-benchmark-"))
    root.chmod(0o755)  # an embedded server of root runs as another user
    try:
        many, few = Project(root / "many", given.gates), Project(root / "few", 3)
        print(f"Python {sys.version.split()[0]}, {given.gates} gates, {given.rounds} rounds that take turns")
        good = True
        for name, mode in MODES.items():
            if given.only not in (None, name):
                continue
            for project in (many, few):  # compiles the gates, makes the target
                plain(project, mode)
                for kind in kinds[::-1]:
                    kind(project, mode)
            table = list(rounds(many, few if given.real else None, kinds, mode, given.rounds))
            good = compare("without xdist" if name == "plain" else "-n 2", table, kinds, GOAL[name]) and good
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
