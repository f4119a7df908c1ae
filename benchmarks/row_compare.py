"""The rows of two databases: ours against ``COPY ... TO STDOUT | md5sum`` of both at once, and against reladiff.

    python benchmarks/row_compare.py [ROWS] [RUNS] [PATH OF reladiff]

Two servers on this machine, a table of 8 columns on each, with 0, 10 and 10,000 rows that differ. The methods take turns;
what each finds is checked before its time counts. Read the ratios; on a busy machine they mean nothing.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from pytest_dbdeploy.compare.reader import Reader
from pytest_dbdeploy.compare.relations import read_catalogue
from pytest_dbdeploy.compare.row_pair import Side
from pytest_dbdeploy.compare.row_result import TableResult
from pytest_dbdeploy.compare.row_tables import CONNECTIONS, compare_tables
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.url import DatabaseUrl

GOAL = 0.65
DIFFERENCES = (0, 10, 10_000)
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "autovacuum": "off"}
TABLE = """
create table rows (
    id bigint primary key, number int, amount numeric(12,2), note text, at timestamptz, ok bool, token uuid, data jsonb
);
insert into rows
select n, n % 1000, n * 1.37, 'customer note number ' || n, '2024-01-01'::timestamptz + n * interval '7 seconds', n % 3 = 0,
    md5(n::text)::uuid, jsonb_build_object('a', n % 100, 'b', 'x' || n)
from generate_series(1, {rows}) n
"""


def ours(urls: list[DatabaseUrl]) -> TableResult:
    with ExitStack() as stack:
        sides = []
        for label, url in zip(("a", "b"), urls, strict=True):
            opener = lambda url=url: connect(url, purpose="benchmark", read_only=True)  # noqa: E731 - bound now
            reader = stack.enter_context(Reader(label, opener, CONNECTIONS))
            sides.append(Side(reader, reader.submit(read_catalogue).result()))
        found = compare_tables(
            sides, ["public.rows"], mode="checksum", equality="value", tell=lambda text: None
        )
    return found["public.rows"][0]


def copies(urls: list[DatabaseUrl], psql: str) -> list[str]:
    """The md5 of each side's COPY, both at once."""
    command = f"{psql} -qXc 'copy rows to stdout' | md5sum"
    running = [
        subprocess.Popen(
            command, shell=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **url.tool_env()}
        )
        for url in urls
    ]
    return [process.communicate()[0] for process in running]


def reladiff(urls: list[DatabaseUrl], program: str) -> int:
    columns = [
        word for name in ("number", "amount", "note", "at", "ok", "token", "data") for word in ("-c", name)
    ]
    first, other = (url.reveal().partition("?")[0] for url in urls)
    command = [program, first, "rows", other, "rows", "-k", "id", *columns, "-j", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "ERROR" not in done.stderr, done.stderr
    return len({line.split(",")[0][2:] for line in done.stdout.splitlines() if line[:1] in "+-"})


def timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000  # a multiple of the largest of DIFFERENCES
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    program = sys.argv[3] if len(sys.argv) > 3 else None
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
                conn.execute(TABLE.format(rows=rows))  # type: ignore[call-overload]  # a number
                conn.execute("vacuum analyze rows")
        print(f"{rows:,} rows, {runs} runs, medians in seconds; load {os.getloadavg()[0]:.1f}")
        for differences in DIFFERENCES:
            with connect(urls[1], purpose="benchmark", autocommit=True) as conn:
                step = rows // differences if differences else rows + 1
                conn.execute("update rows set number = number + 1 where id %% %s = 0", [step])
                conn.execute("vacuum rows")
            seconds: dict[str, list[float]] = {"COPY | md5sum": [], "ours": [], "reladiff": []}
            for _ in range(runs):
                second, sums = timed(lambda: copies(urls, psql))
                assert isinstance(sums, list) and (sums[0] == sums[1]) == (differences == 0)
                seconds["COPY | md5sum"].append(second)
                second, result = timed(lambda: ours(urls))
                assert isinstance(result, TableResult)
                assert (result.changed, result.only_in_first, result.only_in_other) == (differences, 0, 0)
                assert result.complete
                seconds["ours"].append(second)
            if program:
                second, number = timed(lambda: reladiff(urls, program))
                assert number == differences, number
                seconds["reladiff"].append(second)
            good = report(differences, seconds) and good
        print(
            f"our process: at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB resident"
        )
    return 0 if good else 1


def report(differences: int, seconds: dict[str, list[float]]) -> bool:
    medians = {name: statistics.median(values) for name, values in seconds.items() if values}
    print(f"{differences:>6} rows differ")
    for name, values in seconds.items():
        if values:
            runs = ", ".join(f"{value:.2f}" for value in values)
            print(
                f"  {name:<14} {medians[name]:6.2f}  {medians[name] / medians['COPY | md5sum']:5.2f}   ({runs})"
            )
    return medians["ours"] <= GOAL * medians["COPY | md5sum"] or bool(differences)


if __name__ == "__main__":
    sys.exit(main())
