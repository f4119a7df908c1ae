"""How long a fresh sandbox server takes to start, the first one aside.

python benchmarks/sandbox_start.py [RUNS]
"""

from __future__ import annotations

import os
import statistics
import sys
import time

from pytest_dbdeploy.db.server import EmbeddedServer

GOAL = 1.5  # seconds


def start() -> float:
    server = EmbeddedServer.temporary(minimum_major=17)
    clock = time.perf_counter()
    server.start()
    seconds = time.perf_counter() - clock
    server.stop()
    return seconds


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    start()
    seconds = [start() for _ in range(runs)]
    middle = statistics.median(seconds)
    print(f"{runs} runs, seconds, load {os.getloadavg()[0]:.1f}: {' '.join(f'{one:.2f}' for one in seconds)}")
    print(f"median {middle:.2f} (goal: below {GOAL})")
    return 0 if middle < GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
