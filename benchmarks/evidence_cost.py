"""What measuring costs: a migration history rehearsed, against the same statements applied plainly, in turns.

    python benchmarks/evidence_cost.py [MIGRATIONS] [ROUNDS] [MIX] [one]

Each migration creates a table with an index, alters an earlier one, and writes to it: its statements and its history row are one transaction; with "one" all of them are, as drizzle-orm applies what is pending.
Other mixes are of statements that cost next to nothing, on tables that were there before: create, alter, do, rename, select.
Processor time, of this process and of its sessions' server processes (Linux only), stands beside the clock, which on a busy machine
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
#: For all of them in one transaction.
LARGE_LOCK_TABLE = {"max_locks_per_transaction": "400"}
MIXES = {
    "usual": """
create table n{i} (id serial primary key, name text not null, made timestamptz default now());
create index n{i}_name on n{i} (name);
alter table n{j} add column c{i} int;
insert into n{j} (name) select 'x' from generate_series(1, 100);
""",
    "create": "create table n{i} (id serial primary key, name text)",
    "alter": """
alter table t{i} add column c int;
alter table t{i} add constraint k{i} check (id > 0) not valid;
alter table t{i} validate constraint k{i};
""",
    "do": """
do $$ begin if not exists (select from pg_class where relname = 'x') then perform 1; end if; end $$;
alter table t{i} alter column v type bigint;
""",
    "rename": "alter table t{i} rename column v to w; alter table t{i} rename to u{i}",
    "select": "select count(*) from t{i}; insert into t{i} (v) values (1)",
}
#: Tables that are there before, one a migration.
BEFORE = """
do $$ begin for i in 0..{last} loop
    execute format('create table t%s (id serial primary key, v int)', i);
    execute format('insert into t%s (v) select 1 from generate_series(1, 10)', i);
end loop; end $$
"""


class Recorder:
    """A history table of one column."""

    def record(self, conn, migration):  # noqa: ANN001, ANN201  # duck-typed, as in the tests
        conn.execute("insert into history values (%s)", [migration.name])


def history(count: int, mix: str) -> dict[str, Migration]:
    texts = [MIXES[mix].format(i=i, j=max(0, i - 7)) for i in range(count)]
    return {f"m{i}": Migration(f"m{i}", f"m{i}.sql", "0", tuple(split(text))) for i, text in enumerate(texts)}


def processor(*pids: int) -> float:
    """Seconds of processor time of this process and of server processes on this machine (nought where there is no /proc)."""
    files = [Path(f"/proc/{pid}/schedstat") for pid in pids]
    return time.process_time() + sum(
        int(file.read_text().split()[0]) / 1e9 for file in files if file.exists()
    )


def run(url: DatabaseUrl, groups: list[list[Migration]], mix: str, *, measured: bool) -> tuple[float, float]:
    """Seconds to apply all: on the clock, of processors. ``groups``: what is one transaction."""
    units = initial_units(groups)
    migrations = {one.name: one for group in groups for one in group}
    with (
        connect(url, purpose="benchmark", autocommit=True) as conn,
        connect(url, purpose="observer", autocommit=True) as monitor,
    ):
        conn.execute("create table history (name text)")
        if mix != "usual":
            conn.execute(BEFORE.format(last=len(migrations) - 1).encode())
        pids = conn.info.backend_pid, monitor.info.backend_pid
        started, used = time.perf_counter(), processor(*pids)
        if measured:
            found = rehearse(conn, monitor, units, migrations, Recorder())
            assert found.error is None, found.error
        else:
            for unit in units:
                run_unit(conn, unit, migrations, Recorder())
        seconds = time.perf_counter() - started, processor(*pids) - used
        counted = conn.execute("select count(*) from history").fetchone()
        assert counted == (len(migrations),)
    return seconds


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    mix = sys.argv[3] if len(sys.argv) > 3 else "usual"
    migrations = history(count, mix)
    together = sys.argv[4:] == ["one"]
    groups = [list(migrations.values())] if together else [[one] for one in migrations.values()]
    statements = sum(len(one.statements) for one in migrations.values())
    with EmbeddedServer.temporary(
        minimum_major=17, settings=LARGE_LOCK_TABLE if together else LOCK_TABLE
    ) as server:
        plain, measured = [], []
        for number in range(rounds):
            for measure, times in ((False, plain), (True, measured)):
                name = f"bench_{number}_{measure}".lower()
                with connect(server.url, purpose="benchmark", autocommit=True) as conn:
                    conn.execute(f"create database {name}".encode())
                times.append(run(server.url.with_dbname(name), groups, mix, measured=measure))
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
