"""Reading and comparing two schemas through the hub, against direct connections: the same databases, the same differences.

    python benchmarks/hub_compare.py [TABLES] [ROUNDS]

The databases are those of ``schema_compare.py``. The hub is on a server of its own, as in a session; what it takes to start that
and to open the hub is told beside. The contestants run in turn; medians. Status 1 when the goal is missed.
"""

from __future__ import annotations

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from schema_compare import EXPECTED, SEEDED, database, ours

from pytest_dbdeploy.actions.hub import open_hub
from pytest_dbdeploy.compare.diff import diff
from pytest_dbdeploy.compare.snapshot import Snapshot, read_snapshot
from pytest_dbdeploy.compare.transport import ThroughHub
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.url import DatabaseUrl

GOAL = 2.0


def through(hub: DatabaseUrl) -> None:
    def snapshot(name: str) -> Snapshot:
        with connect(hub, purpose="benchmark", autocommit=True) as conn:
            return read_snapshot(ThroughHub(conn, name, name=name))

    with ThreadPoolExecutor() as both:
        found = diff(*both.map(snapshot, ("one", "two")))
    if {(change.kind, change.object) for change in found} != EXPECTED:
        raise SystemExit(f"the hub found something else: {found}")


def main(tables: int, rounds: int) -> int:
    settings = {"fsync": "off", "max_locks_per_transaction": "2000"}
    times: dict[str, list[float]] = {"direct": [], "hub": []}
    with EmbeddedServer.temporary(minimum_major=17, settings=settings) as server:
        urls = {name: database(server, name, tables) for name in ("one", "two")}
        with connect(urls["two"], purpose="benchmark", autocommit=True) as conn:
            conn.execute(SEEDED)
        for url in urls.values():
            with connect(url, purpose="benchmark", autocommit=True) as conn:
                conn.execute("vacuum analyze")
        started = time.perf_counter()
        with EmbeddedServer.temporary(minimum_major=17) as beside:
            hub = open_hub(beside.url, urls, tables=False)
            opening = time.perf_counter() - started
            for _ in range(rounds):
                started = time.perf_counter()
                ours(urls["one"], urls["two"])
                times["direct"].append(time.perf_counter() - started)
                started = time.perf_counter()
                through(hub.url)
                times["hub"].append(time.perf_counter() - started)
            hub.close()
    medians = {name: statistics.median(found) for name, found in times.items()}
    print(f"{tables} tables, {rounds} rounds, seconds; all of them:")
    for name, found in times.items():
        print(f"{name:10}{medians[name]:8.2f}   {' '.join(f'{seconds:.2f}' for seconds in found)}")
    ratio = medians["hub"] / medians["direct"]
    print(f"{ratio:8.2f} of direct connections (goal: at most {GOAL:g})")
    print(f"{opening:8.2f} s once to start the hub's server and to open the hub")
    return int(ratio > GOAL)


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(arguments + [1000, 3][len(arguments) :])))
