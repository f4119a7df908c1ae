"""Comparing two schemas: our snapshots and diff, against two ``pg_dump -s`` with ``diff``, and against peers where they are
installed: migra beside this, the program ``results`` in PATH.

    python benchmarks/schema_compare.py [TABLES] [ROUNDS]

TABLES (1000) tables a database, of 10 columns, 2 indexes and 2 constraints each; 5 objects differ, and a time counts only when
they were found. The contestants run in turn, ROUNDS (3) times; medians of the clock, and of the processor time of the server's
sessions and of the clients, which other work on the machine changes less. Status 1 when the clock misses a goal.
"""

from __future__ import annotations

import difflib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from pytest_dbdeploy.compare.diff import diff
from pytest_dbdeploy.compare.snapshot import Known, Snapshot, read_snapshot
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.db.url import DatabaseUrl

TABLE = """
create table shop.t{n} (
    id bigint primary key, a int not null default 0, b text, c varchar(40), d numeric(10,2), e timestamptz default now(),
    f boolean not null default false, g jsonb, h date, i uuid,
    constraint t{n}_d check (d >= 0)
);
create index t{n}_b on shop.t{n} (b);
create index t{n}_e on shop.t{n} (e desc) where f;
"""
SEEDED = """
alter table shop.t1 alter a set default 1;
alter table shop.t2 add extra int;
drop index shop.t3_b;
alter table shop.t4 drop constraint t4_d;
create table shop.surplus (id int);
"""
EXPECTED = {
    ("column", "shop.t1.a"),
    ("column", "shop.t2.extra"),
    ("index", "shop.t3_b"),
    ("constraint", "shop.t4.t4_d"),
    ("table", "shop.surplus"),
}
MEMORY_MB = 200


def database(server: EmbeddedServer, name: str, tables: int) -> DatabaseUrl:
    with connect(server.url, purpose="benchmark", autocommit=True) as conn:
        conn.execute(f"create database {name}")  # type: ignore[call-overload]  # a name of our own
    url = server.url.with_dbname(name)
    with connect(url, purpose="benchmark", autocommit=True) as conn:
        conn.execute("create schema shop")
        for first in range(0, tables, 100):
            script = "".join(TABLE.format(n=n) for n in range(first, min(first + 100, tables)))
            conn.execute(script)  # type: ignore[call-overload]
    return url


def snapshot(url: DatabaseUrl, known: Known) -> Snapshot:
    with connect(url, purpose="benchmark") as conn:
        return read_snapshot(conn, known=known)


def ours(one: DatabaseUrl, two: DatabaseUrl) -> None:
    with ThreadPoolExecutor() as both:
        found = diff(*both.map(snapshot, (one, two), repeat({})))
    if {(change.kind, change.object) for change in found} != EXPECTED:
        raise SystemExit(f"ours found something else: {found}")


def dumped(one: DatabaseUrl, two: DatabaseUrl) -> None:
    """Both dumps at once, like ours."""
    program = tools_for(17).path("pg_dump")
    runs = [
        subprocess.Popen(
            [program, "-s"], env={**os.environ, **url.tool_env()}, stdout=subprocess.PIPE, text=True
        )
        for url in (one, two)
    ]
    with ThreadPoolExecutor() as both:
        texts = list(both.map(lambda run: run.communicate()[0].splitlines(), runs))
    changed = sum(line[0] in "+-" for line in difflib.unified_diff(*texts, lineterm="", n=0))
    if not 10 < changed < 100:
        raise SystemExit(f"pg_dump and diff found something else: {changed} lines")


def migra(one: DatabaseUrl, two: DatabaseUrl) -> None:
    script = (
        "import os; from migra import Migration; from sqlbag import S\n"
        "with S(os.environ['ONE']) as a, S(os.environ['TWO']) as b:\n"
        "    m = Migration(a, b); m.set_safety(False); m.add_all_changes(); print(len(m.statements))\n"
    )
    environment = {**os.environ, "ONE": one.reveal(), "TWO": two.reveal()}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode or int(done.stdout) < 5:
        raise SystemExit(f"migra found something else: {done.stdout!r}")


def results(one: DatabaseUrl, two: DatabaseUrl) -> None:
    done = subprocess.run(
        ["results", "dbdiff", one.reveal(), two.reveal()], stdout=subprocess.PIPE, text=True
    )
    if done.stdout.count(";") < 5:
        raise SystemExit(f"results found something else: {done.stdout!r}")


def processor_seconds(postmaster: int) -> float:
    """What this process, the programs that it ran and the server's sessions have used; of the latter two those that ended."""
    time.sleep(0.2)  # a session of the server ends after its client
    own = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ticks = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()[13:15]
    return sum(use.ru_utime + use.ru_stime for use in own) + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def main(tables: int, rounds: int) -> int:
    contestants: dict[str, Callable[[DatabaseUrl, DatabaseUrl], None]] = {"ours": ours, "pg_dump": dumped}
    if subprocess.run([sys.executable, "-c", "import migra"], capture_output=True).returncode == 0:
        contestants["migra"] = migra
    if shutil.which("results"):
        contestants["results"] = results
    times: dict[str, list[float]] = {name: [] for name in contestants}
    used: dict[str, list[float]] = {name: [] for name in contestants}
    settings = {"fsync": "off", "max_locks_per_transaction": "2000", "autovacuum": "off"}
    with EmbeddedServer.temporary(minimum_major=17, settings=settings) as server:
        one, two = (database(server, name, tables) for name in ("one", "two"))
        with connect(two, purpose="benchmark", autocommit=True) as conn:
            conn.execute(SEEDED)
        for url in (one, two):
            with connect(url, purpose="benchmark", autocommit=True) as conn:
                conn.execute("vacuum analyze")
                ((data,),) = conn.execute("show data_directory")
        postmaster = int((Path(data) / "postmaster.pid").read_text().split()[0])
        for _ in range(rounds):
            for name, compare in contestants.items():
                before, started = processor_seconds(postmaster), time.perf_counter()
                compare(one, two)
                times[name].append(time.perf_counter() - started)
                used[name].append(processor_seconds(postmaster) - before)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    medians = {name: statistics.median(found) for name, found in times.items()}
    processor = {name: statistics.median(found) for name, found in used.items()}
    print(
        f"{tables} tables, {rounds} rounds, load {os.getloadavg()[0]:.1f}; seconds of the clock, of processors; every clock:"
    )
    for name, found in times.items():
        every = " ".join(f"{seconds:.2f}" for seconds in found)
        print(f"{name:10}{medians[name]:8.2f}{processor[name]:8.2f}   {every}")
    goals = [("of pg_dump -s twice, and diff", medians["ours"] / medians["pg_dump"], 0.8)]
    for name in [*contestants][2:]:
        goals.append((f"of {name}", medians["ours"] / medians[name], 0.2))
    goals.append(("MB of memory, this process", memory, MEMORY_MB))
    for what, value, goal in goals:
        print(f"{value:8.2f} {what} (goal: at most {goal:g})")
    for name in [*contestants][1:]:
        print(f"{processor['ours'] / processor[name]:8.2f} of {name} in processor time")
    return int(any(value > goal for _, value, goal in goals))


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(arguments + [1000, 3][len(arguments) :])))
