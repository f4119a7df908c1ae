"""The rows of two databases: ours against ``COPY ... TO STDOUT | md5sum`` of both at once, and against reladiff.

    python benchmarks/row_compare.py [--rows 5000000] [--runs 3] [--data jsonb|float8] [--reladiff PROGRAM]

reladiff: `python -m venv peer && peer/bin/pip install reladiff psycopg2-binary`, then `--reladiff peer/bin/reladiff`. It runs once.

Two servers on this machine, a table of 8 columns on each, with 0, 10 and 10,000 rows that differ. The methods take turns;
what each finds is checked before its time counts. Beside the clock stands the processor time of both servers and all clients,
from /proc: on a busy machine the ratios of the clock are rough. Status 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple, TypeVar

from pytest_dbdeploy.compare.reader import Reader
from pytest_dbdeploy.compare.relations import read_catalogue
from pytest_dbdeploy.compare.row_pair import Side
from pytest_dbdeploy.compare.row_result import TableResult
from pytest_dbdeploy.compare.row_tables import CONNECTIONS, compare_tables
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.url import DatabaseUrl

T = TypeVar("T")
GOALS = {"COPY | md5sum": 0.65, "reladiff": 0.25}  # ours, at most this part of their time
MEMORY_MB = 200
DIFFERENCES = (0, 10, 10_000)
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "autovacuum": "off"}
TABLE = """
create table rows (
    id bigint primary key, number int, amount numeric(12,2), note text, at timestamptz, ok bool, token uuid, data {data}
);
insert into rows
select n, n % 1000, n * 1.37, 'customer note number ' || n, '2024-01-01'::timestamptz + n * interval '7 seconds', n % 3 = 0,
    md5(n::text)::uuid, {value}
from generate_series(1, {rows}) n
"""

VALUES = {
    "jsonb": "jsonb_build_object('a', n % 100, 'b', 'x' || n)",
    "float8": "n / 7.0",
}  # of column data, by its type


def ours(urls: list[DatabaseUrl], tables: Sequence[str] = ("rows",)) -> list[TableResult]:
    with ExitStack() as stack:
        sides = []
        for label, url in zip(("a", "b"), urls, strict=True):
            opener = lambda url=url: connect(url, purpose="benchmark", read_only=True)  # noqa: E731 - bound now
            reader = stack.enter_context(Reader(label, opener, CONNECTIONS))
            sides.append(Side(reader, reader.submit(read_catalogue).result()))
        names = [f"public.{table}" for table in tables]
        found = compare_tables(sides, names, mode="checksum", equality="value", tell=lambda text: None)
    return [found[name][0] for name in names]


def copies(urls: list[DatabaseUrl], psql: str, tables: Sequence[str] = ("rows",)) -> list[str]:
    """The md5 of each side's COPY, both at once."""
    with NamedTemporaryFile("w", suffix=".sql") as script:
        script.writelines(f"copy {table} to stdout;\n" for table in tables)
        script.flush()
        command = f"{psql} -qXf {script.name} | md5sum"
        running = [
            subprocess.Popen(
                command, shell=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **url.tool_env()}
            )
            for url in urls
        ]
        return [process.communicate()[0] for process in running]


def reladiff(urls: list[DatabaseUrl], program: str, table: str = "rows") -> int:
    columns = [
        word for name in ("number", "amount", "note", "at", "ok", "token", "data") for word in ("-c", name)
    ]
    first, other = (url.reveal().partition("?")[0] for url in urls)
    command = [program, first, table, other, table, "-k", "id", *columns, "-j", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "ERROR" not in done.stderr, done.stderr
    return len({line.split(",")[0][2:] for line in done.stdout.splitlines() if line[:1] in "+-"})


class Cost(NamedTuple):
    """Seconds by the clock, and of processors."""

    clock: float
    processor: float


class Meter:
    """Measures work that servers, this process and its children do."""

    def __init__(self, urls: list[DatabaseUrl]) -> None:
        self.postmasters = set()
        for url in urls:
            with connect(url, purpose="benchmark") as conn:
                self.postmasters.add(_stat(conn.info.backend_pid)[0])

    def processor(self) -> float:
        ticks = sum(_stat(pid)[1] for pid in self.postmasters)
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent, used = _stat(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):  # ended: its parent has its time now
                continue
            ticks += used * (parent in self.postmasters)
        return ticks / os.sysconf("SC_CLK_TCK") + sum(os.times()[:4])

    def timed(self, work: Callable[[], T]) -> tuple[Cost, T]:
        start, used = time.perf_counter(), self.processor()
        found = work()
        return Cost(time.perf_counter() - start, self.processor() - used), found


def _stat(pid: int) -> tuple[int, int]:
    """(parent, ticks of the process and of its children that ended)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15]))


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000, help=f"a multiple of {max(DIFFERENCES)}")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--data", choices=VALUES, default="jsonb", help="type of the last column: jsonb costs most"
    )
    parser.add_argument("--reladiff", help="the program, from: pip install reladiff psycopg2-binary")
    return parser.parse_args()


def main() -> int:
    given = options()
    good = True
    with ExitStack() as stack:
        servers = [
            stack.enter_context(EmbeddedServer.temporary(minimum_major=17, settings=SETTINGS))
            for _ in range(2)
        ]
        urls = [server.url for server in servers]
        psql = str(servers[0].tools.path("psql"))
        for url in urls:
            with connect(url, purpose="benchmark", autocommit=True) as conn:
                conn.execute(TABLE.format(rows=given.rows, data=given.data, value=VALUES[given.data]))
                conn.execute("vacuum analyze rows")
                conn.execute("checkpoint")
                (size,) = conn.execute("select pg_total_relation_size('rows') / 1000000").fetchone() or (0,)
        meter = Meter(urls)
        print(
            f"{given.rows:,} rows, {size} MB, {given.data}, {given.runs} runs, medians in seconds; load {os.getloadavg()[0]:.1f}"
        )
        for differences in DIFFERENCES:
            with connect(urls[1], purpose="benchmark", autocommit=True) as conn:
                step = given.rows // differences if differences else given.rows + 1
                # The rows of the last round are set back.
                conn.execute("update rows set number = id %% 1000 where number <> id %% 1000", [])
                conn.execute("update rows set number = number + 1 where id %% %s = 0", [step])
                conn.execute("vacuum rows")
                conn.execute("checkpoint")  # what was changed is not written while others are measured
            good = report(differences, measured(meter, urls, psql, differences, given)) and good
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"our process: at most {memory:.0f} MB resident (goal: {MEMORY_MB})")
    return 0 if good and memory <= MEMORY_MB else 1


def measured(
    meter: Meter, urls: list[DatabaseUrl], psql: str, differences: int, given: argparse.Namespace
) -> dict[str, list[Cost]]:
    """What each method cost, run by run."""
    costs: dict[str, list[Cost]] = {"ours": [], "COPY | md5sum": []}
    for _ in range(given.runs):
        cost, sums = meter.timed(lambda: copies(urls, psql))
        assert (sums[0] == sums[1]) == (differences == 0)
        costs["COPY | md5sum"].append(cost)
        cost, (result,) = meter.timed(lambda: ours(urls))
        assert (result.changed, result.only_in_first, result.only_in_other) == (differences, 0, 0)
        assert result.complete
        costs["ours"].append(cost)
    if given.reladiff:
        cost, number = meter.timed(lambda: reladiff(urls, given.reladiff))
        assert number == differences, number
        costs["reladiff"] = [cost]
    return costs


def report(differences: int, costs: dict[str, list[Cost]]) -> bool:
    """Is every goal of the clock reached?"""
    medians = {name: Cost(*map(statistics.median, zip(*runs, strict=True))) for name, runs in costs.items()}
    ours, good = medians["ours"], True
    print(f"{differences:>6} rows differ")
    for name, (clock, processor) in medians.items():
        line = f"  {name:<14} clock {clock:7.2f}  processor {processor:7.2f}"
        if goal := GOALS.get(name):
            ratio = ours.clock / clock
            good = good and ratio <= goal
            line += f"   ours is {ratio:.2f} of it (goal {goal}), {ours.processor / processor:.2f} of its processor time"
        print(f"{line}   ({', '.join(f'{cost.clock:.2f}' for cost in costs[name])})", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
