"""What measuring costs: a migration history rehearsed, against the same statements applied plainly, in turns.

    python benchmarks/evidence_cost.py [MIGRATIONS] [ROUNDS]

Each migration creates a table with an index, alters an earlier one, and writes to it: its statements and its history row are one transaction.
Processor time, of this process and of the session's server process (Linux only), stands beside the clock, which on a busy machine
measures the neighbours.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median as middle

from pytest_dbdeploy.actions.apply import run_unit
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.splitter import split
from pytest_dbdeploy.db.url import DatabaseUrl
from pytest_dbdeploy.model import Migration
from pytest_dbdeploy.rehearsal import rehearse
from pytest_dbdeploy.units import initial_units

MOST_PER_STATEMENT = 5.0  # milliseconds
MOST_TIMES = 1.5
#: As large as that of a server with the default settings: a sandbox gets its target's. pg_locks reads all of it.
LOCK_TABLE = {"max_locks_per_transaction": "106"}
MIGRATION = """
create table t{i} (id serial primary key, name text not null, made timestamptz default now());
create index t{i}_name on t{i} (name);
alter table t{j} add column c{i} int;
insert into t{j} (name) select 'x' from generate_series(1, 100);
"""


class Recorder:
    """A history table of one column."""

    def record(self, conn, migration):  # noqa: ANN001, ANN201  # duck-typed, as in the tests
        conn.execute("insert into history values (%s)", [migration.name])


def history(count: int) -> dict[str, Migration]:
    texts = [MIGRATION.format(i=i, j=max(0, i - 7)) for i in range(count)]
    return {f"m{i}": Migration(f"m{i}", f"m{i}.sql", "0", tuple(split(text))) for i, text in enumerate(texts)}


def processor(pid: int) -> float:
    """Seconds of processor time of this process and of a server process on this machine (nought where there is no /proc)."""
    file = Path(f"/proc/{pid}/schedstat")
    return time.process_time() + (int(file.read_text().split()[0]) / 1e9 if file.exists() else 0.0)


def run(url: DatabaseUrl, migrations: dict[str, Migration], *, measured: bool) -> tuple[float, float]:
    """Seconds to apply all: on the clock, of processors."""
    units = [unit for one in migrations.values() for unit in initial_units([[one]])]
    with (
        connect(url, purpose="benchmark", autocommit=True) as conn,
        connect(url, purpose="observer", autocommit=True) as monitor,
    ):
        conn.execute("create table history (name text)")
        started, used = time.perf_counter(), processor(conn.info.backend_pid)
        if measured:
            found = rehearse(conn, monitor, units, migrations, Recorder())
            assert found.error is None, found.error
        else:
            for unit in units:
                run_unit(conn, unit, migrations, Recorder())
        seconds = time.perf_counter() - started, processor(conn.info.backend_pid) - used
        counted = conn.execute(
            "select (select count(*) from history), (select count(*) from pg_tables where schemaname = 'public')"
        ).fetchone()
        assert counted == (len(migrations), len(migrations) + 1)
    return seconds


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    migrations = history(count)
    statements = sum(len(one.statements) for one in migrations.values())
    with EmbeddedServer.temporary(minimum_major=17, settings=LOCK_TABLE) as server:
        plain, measured = [], []
        for number in range(rounds):
            for measure, times in ((False, plain), (True, measured)):
                name = f"bench_{number}_{measure}".lower()
                with connect(server.url, purpose="benchmark", autocommit=True) as conn:
                    conn.execute(f"create database {name}".encode())
                times.append(run(server.url.with_dbname(name), migrations, measured=measure))
    print(
        f"{count} migrations, {statements} statements, {rounds} rounds, PostgreSQL {server.major}: seconds (processor)"
    )
    for label, times in (("applied plainly", plain), ("rehearsed", measured)):
        each = ", ".join(f"{clock:.2f} ({used:.2f})" for clock, used in times)
        print(f"{label:18} {middle(t[0] for t in times):5.2f} ({middle(t[1] for t in times):.2f})   {each}")
    pairs = list(zip(plain, measured, strict=True))
    cost, cost_used = (middle((b[i] - a[i]) / statements * 1000 for a, b in pairs) for i in (0, 1))
    ratio, ratio_used = (middle(b[i] / a[i] for a, b in pairs) for i in (0, 1))
    print(
        f"a statement costs  {cost:5.2f} ({cost_used:.2f}) ms more   (goal: at most {MOST_PER_STATEMENT:.0f})"
    )
    print(f"times              {ratio:5.2f} ({ratio_used:.2f})   (goal: at most {MOST_TIMES})")
    return 0 if cost <= MOST_PER_STATEMENT and ratio <= MOST_TIMES else 1


if __name__ == "__main__":
    raise SystemExit(main())
