"""The rows of many small tables: ours against ``COPY ... TO STDOUT | md5sum`` of both databases at once, and against reladiff.

    python benchmarks/row_compare_tables.py [--tables 1000] [--rows 100] [--runs 3] [--reladiff PROGRAM]

Two servers on this machine, equal tables of 8 columns. COPY: one psql for all tables of a side. reladiff is a program for one table:
it runs for at most 5 of them, in turn, and its time is theirs times the number of tables. See row_compare.py.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from contextlib import ExitStack

from row_compare import GOALS, SETTINGS, TABLE, Cost, Meter, copies, ours, reladiff

from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer

RELADIFF_TABLES = 5


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--reladiff", help="the program, from: pip install reladiff psycopg2-binary")
    given = parser.parse_args()
    names = [f"rows{n}" for n in range(given.tables)]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(EmbeddedServer.temporary(minimum_major=17, settings=SETTINGS))
            for _ in range(2)
        ]
        urls = [server.url for server in servers]
        psql = str(servers[0].tools.path("psql"))
        for url in urls:
            with connect(url, purpose="benchmark", autocommit=True) as conn:
                conn.execute(TABLE.format(rows=given.rows))
                for name in names:
                    conn.execute(f"create table {name} (like rows including all)")
                    conn.execute(f"insert into {name} select * from rows")
                conn.execute("vacuum analyze")
        meter = Meter(urls)
        costs: dict[str, list[Cost]] = {"ours": [], "COPY | md5sum": []}
        load = os.getloadavg()[0]
        for _ in range(given.runs):
            cost, sums = meter.timed(lambda: copies(urls, psql, names))
            assert sums[0] == sums[1]
            costs["COPY | md5sum"].append(cost)
            cost, results = meter.timed(lambda: ours(urls, names))
            assert all(result.rows == (given.rows, given.rows) for result in results)
            costs["ours"].append(cost)
        if given.reladiff:
            some = names[:RELADIFF_TABLES]
            cost, _ = meter.timed(lambda: [reladiff(urls, given.reladiff, name) for name in some])
            costs["reladiff"] = [Cost(*(spent * len(names) / len(some) for spent in cost))]
    print(
        f"{given.tables:,} tables of {given.rows:,} rows, {given.runs} runs, medians in seconds; load {load:.1f}"
    )
    return 0 if report(costs) else 1


def report(costs: dict[str, list[Cost]]) -> bool:
    medians = {name: Cost(*map(statistics.median, zip(*runs, strict=True))) for name, runs in costs.items()}
    mine, good = medians["ours"], True
    for name, (clock, processor) in medians.items():
        line = f"  {name:<14} clock {clock:7.2f}  processor {processor:7.2f}"
        if goal := GOALS.get(name):
            good = good and mine.clock <= goal * clock
            line += f"   ours is {mine.clock / clock:.2f} of it (goal {goal}), {mine.processor / processor:.2f} of its processor time"
        print(f"{line}   ({', '.join(f'{cost.clock:.2f}' for cost in costs[name])})", flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
