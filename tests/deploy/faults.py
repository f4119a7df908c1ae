"""A deployment that is broken at one exact point while users write to its target, and the account of it afterwards.

The account: the target is exactly old or exactly new, every committed row of the users is there or put aside and counted, the
report says which, and nothing is left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import secrets
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql

from pytest_dbdeploy.actions.process import tool_environment
from pytest_dbdeploy.db.connect import connect
from pytest_dbdeploy.db.server import EmbeddedServer
from pytest_dbdeploy.db.tools import tools_for
from pytest_dbdeploy.errors import TargetError
from tests.breakable import Proxy
from tests.servers import RealServer
from tests.sessions import kill_all_of

from .conftest import SECONDS, parents_of_all, until

OURS = ("dbdeploy", "dbdeploy_undo")
CHANGE = (
    "alter table users add column phone text;\n"
    "update users set name = upper(name) where id <= 100;\n"
    "create table notes (id int primary key, user_id int not null references users);\n"
)
PLANS = {
    "atomic": f"{CHANGE}create index orders_total on orders (total);\n",
    "split": f"{CHANGE}create index concurrently orders_total on orders (total);\nalter table orders add column note text;\n",
    "outside": f"{CHANGE}alter table events detach partition events_old concurrently;\nreindex table concurrently orders;\n"
    "drop index concurrently events_new_at;\nalter table orders add column note text;\n",
    "large": f"{CHANGE}create table copies as select i, repeat('x', 500) as text from generate_series(1, 40000) i;\n",
}
#: What the plan ``outside`` changes: nobody writes to it, but it is read all the while.
EVENTS = (
    "create table events (id int primary key, at int) partition by range (id)",
    "create table events_old partition of events for values from (0) to (100)",
    "create table events_new partition of events for values from (100) to (200)",
    "create index events_new_at on events_new (at)",
    "insert into events select i, i from generate_series(0, 199) i",
)
#: The event right before that session of ours begins to work.
BEFORE_IT = {
    "clone": "after step-started clone",
    "backup": "after step-started backup",
    "deploy": "after step-started deploy",
    "restore": "after step-started rollback",
    "undo": "after step-started rollback",
}
BAD_GATE = """import pathlib, time
def test_it():
    pathlib.Path("migrated").touch()
    deadline = time.monotonic() + 60
    while not pathlib.Path("judge").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    raise AssertionError("no")
"""
FINISHED = ("kept", "rolled_back", "aborted")
SESSIONS = "select application_name from pg_stat_activity where application_name like 'pytest-dbdeploy%' and application_name not in ('pytest-dbdeploy test', 'pytest-dbdeploy user') and datname = current_database()"


class Writers:
    """Users who insert into and update touched and untouched tables, each row committed alone and noted once it is."""

    def __init__(self, url):
        self.url = url
        self.rows = {"users": set(), "orders": set(), "audit": set()}
        self.totals = {}
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(name,), daemon=True) for name in self.rows
        ]
        self._threads.append(threading.Thread(target=self._read, daemon=True))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        until(lambda: all(self.rows.values()))
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join(SECONDS)
            assert not thread.is_alive()

    def _write(self, table):
        number = 1000
        while not self._end.is_set():
            try:
                with connect(self.url, purpose="user", autocommit=True, lock_timeout=5.0) as conn:
                    while not self._end.wait(0.03):
                        number += 1
                        self._one(conn, table, number)
            except (psycopg.Error, TargetError):  # whatever happens to the server: they try again
                self._end.wait(0.1)

    def _read(self):
        """Transactions that statements outside one have to wait for."""
        while not self._end.is_set():
            try:
                with connect(self.url, purpose="user", lock_timeout=5.0) as conn:
                    while not self._end.wait(0.02):
                        conn.execute("select count(*) from events, orders")
                        self._end.wait(0.15)
                        conn.rollback()
            except (psycopg.Error, TargetError):
                self._end.wait(0.1)

    def _one(self, conn, table, number):
        values = {
            "users": "(id, name) values (%s, 'written')",
            "orders": "(id, user_id, total) values (%s, 1, 0)",
        }
        conn.execute(f"insert into {table} {values.get(table, '(id) values (%s)')}", [number])
        self.rows[table].add(number)
        if table == "orders":
            key = number % 5 + 1
            ((total,),) = conn.execute(
                "update orders set total = total + 1000 where id = %s returning total", [key]
            ).fetchall()
            self.totals[key] = total


@dataclass(frozen=True)
class Fault:
    """``at``: see ``fault_point``; or ``in deploy``: while that session of ours waits for a lock; or ``some time 3``, a random one.

    ``strike``: what is broken there. ``then``: the command after it, and ``again``: where that is killed too.
    ``lost``: lines of the journal that never reached the disk. ``elsewhere``: the command finds no artifacts. ``back``: the way back.
    """

    at: str
    plan: str = "atomic"
    workers: int = 0
    strike: str = "kill"
    then: str = "resume"
    again: str = ""
    lost: int = 0
    elsewhere: bool = False
    gate: bool = True
    loses: str = "stop"
    back: str = "restore"

    def __str__(self):
        words = [
            self.plan,
            f"n{self.workers}",
            self.strike,
            self.at,
            *(["bad gate"] if not self.gate else []),
        ]
        words += ["undo"] if self.back == "undo" else []
        words += ["discard"] if self.loses == "discard" else []
        words += [f"lost {self.lost}"] if self.lost else []
        words += ["elsewhere"] if self.elsewhere else []
        words += [f"{self.then} {self.again}".strip()]
        return "-".join(words).replace(" ", "_")


class Arena:
    """A deployed project, one migration to come, writers, and what everything looked like before."""

    def __init__(self, project, temporary, server, place=None):
        self.project = project
        self._server = server
        self.place = place
        self.direct = project.url
        self.temporary = temporary
        self.runs = []
        self.servers = {}
        self.copies = [project.url]
        self.writers = Writers(self.direct)
        for statement in ("create table audit (id int primary key)", *EVENTS):
            project.sql(statement)
        self.old = self.schema()
        self.world = self._world()
        shutil.copy(Path(__file__).with_name("fault_point.py"), project.root)

    @property
    def server(self):
        """A place's moves to another port when it was started again."""
        return self.place.real if self.place else self._server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """The databases go: what a server holds, it reads again after each crash."""
        for url in self.copies:
            self.server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(url.dbname)))

    # -- what stands

    def answers(self):
        """False while the server starts, or recovers from a crash."""
        try:
            return bool(self.sql("select 1"))
        except TargetError:
            return False

    def sql(self, statement):
        with connect(self.direct, purpose="test", autocommit=True) as conn:
            return conn.execute(statement).fetchall()

    def schema(self, url=None):
        """``pg_dump -s`` of all that is not ours."""
        tools = tools_for(17)
        without = [f"--exclude-schema={name}" for name in OURS]
        done = subprocess.run(
            [tools.path("pg_dump"), "-s", *without],
            env=tool_environment(tools, url or self.direct, "test"),
            capture_output=True,
            text=True,
            check=True,
        )
        return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.M)

    def prepare(self, fault):
        """Writes the migration, and runs it on a copy of the target for comparison."""
        self.fault = fault
        copy = copy_of(self.server, self.direct)
        self.copies.append(copy)
        self.project.migration("0002_change", PLANS[fault.plan])
        if not fault.gate:
            self.project.write("gates/postdeploy/test_it.py", BAD_GATE)
        settings = f"environments: {{dev: {{}}}}\ntimeouts: {{connect: 3s, lock: {'60s' if fault.at.startswith('in ') else '1s'}}}\n"
        self.project.write(
            "dbdeploy.yaml",
            f"{settings}rollback: {{strategies: [{fault.back}], if_restore_loses_writes: discard}}\n",
        )
        with connect(copy, purpose="test", autocommit=True) as conn:
            for statement in PLANS[fault.plan].split(";\n")[:-1]:
                conn.execute(statement)
        self.new = self.schema(copy)

    def stands(self):
        """``old`` or ``new``: schema, history and the rows that were there from the beginning; fails for anything between."""
        schema = self.schema()
        assert schema in (self.old, self.new), "neither old nor new"
        which = "old" if schema == self.old else "new"
        names = [f"{'user' if which == 'old' else 'USER'} {i}" for i in range(1, 101)]
        assert self.sql("select name from users where id <= 100 order by id") == [(n,) for n in names]
        assert self.sql("select count(*), sum(user_id) from orders where id <= 100") == [(100, 5050)]
        assert self.sql("select id, total from orders where id between 6 and 100 and id <> total") == []
        assert self.sql("select count(*), sum(at) from only events_old") == [(100, 4950)]
        assert self.sql("select count(*), sum(at) from only events_new") == [(100, 14950)]
        assert self.sql("select 1 from pg_inherits where inhdetachpending") == []
        history = self.sql("select name from dbdeploy.schema_migrations order by 1")
        assert history == [("0001_init",), *([("0002_change",)] if which == "new" else [])]
        assert self.sql("select 1 from pg_index where not indisvalid") == []
        return which

    def row(self, deployment):
        rows = self.sql("select id, state from dbdeploy.deployments")
        return dict(rows).get(deployment)

    # -- the run

    def start(self, *arguments, at):
        """A run that stands at the point."""
        for name in ("stands", "migrated", "judge"):
            (self.project.root / name).unlink(missing_ok=True)
        kind, _, place = at.rpartition(" ")
        if kind == "some time":
            run = self._start(*arguments)
            self._stop_at_random(run, random.Random(int(place)))
        else:
            run = self._start(
                "-p", "fault_point", *arguments, FAULT_AT=BEFORE_IT[place] if kind == "in" else at
            )
            run.until(lambda: self._judge() or (self.project.root / "stands").exists())
            until(lambda: _state(run.process.pid) == "T")
            if kind == "in":
                self._stop_in(run, place)
        self.servers |= run.servers()
        return run

    def _judge(self):
        """Lets a gate that waits fail."""
        if (self.project.root / "migrated").exists():
            (self.project.root / "judge").touch()

    def _stop_in(self, run, place):
        mode = "access share" if place in ("deploy", "restore", "undo") else "access exclusive"
        with self.project.holding(f"lock table users in {mode} mode"):
            os.kill(run.process.pid, signal.SIGCONT)
            run.until(lambda: self._judge() or self.project.waiting(place))
            os.kill(run.process.pid, signal.SIGSTOP)

    def _stop_at_random(self, run, chance):
        number, seconds = chance.randint(1, 32), chance.uniform(0, 0.4)
        run.until(lambda: self._judge() or len(events(run.folder)) >= number)
        threading.Event().wait(seconds)  # at any moment: that is the point
        os.kill(run.process.pid, signal.SIGSTOP)

    def _start(self, *arguments, **environ):
        run = self.project.start(*arguments, TMPDIR=str(self.temporary), **environ)
        self.runs.append(run)
        return run

    def begin(self, *arguments):
        return self._start(*arguments)

    def run(self, *arguments):
        return self._start(*arguments).result()

    @contextlib.contextmanager
    def struck(self, run):
        """While the block lasts something that the stopped run works with is not there, or came back another."""
        strike = self.fault.strike
        if strike in ("sandbox", "worker"):
            for pid in run.servers() if strike == "sandbox" else sorted(workers(run.process.pid))[:1]:
                os.kill(pid, signal.SIGKILL)
        if strike == "full":
            resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (0, 0))
        if strike in ("cut", "blip"):
            self.place.proxy.cut()
        if strike in ("server", "crash"):
            self.place.kill()
        if strike == "blip":
            self.place.proxy.mend()
        if strike == "crash":
            self.place.start()
        yield
        if strike == "cut":
            self.place.proxy.mend()
        if strike == "server":
            self.place.start()

    def lose(self, writes):
        """``stop`` or ``discard``, for the commands to come: with ``stop`` a gate would refuse the deployment, as users write."""
        settings = self.project.root / "dbdeploy.yaml"
        settings.write_text(re.sub(r"_writes: \w+", f"_writes: {writes}", settings.read_text()))

    def go_on(self, run):
        os.kill(run.process.pid, signal.SIGCONT)
        return run.result()

    def no_gates(self):
        """The team's gate is mended."""
        shutil.rmtree(self.project.root / "gates", ignore_errors=True)

    # -- the account

    def put_aside(self, table):
        """Rows of a table in the dumps that rollbacks made of what they replaced."""
        tools = tools_for(17)
        found = {}
        for path in self._found("failed.dump"):
            text = subprocess.run(
                [tools.path("pg_restore"), "-a", "-t", table, "-f", "-", path],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for line in re.findall(r"^\d+\t?.*$", text, flags=re.M):
                values = line.split("\t")
                found.setdefault(int(values[0]), []).append(values)
        return found

    def _found(self, name):
        """Artifacts of that name of all runs, wherever they are."""
        return {path for root in (self.project.root, self.project.artifacts) for path in root.rglob(name)}

    def check_rows(self, writers, result):
        """Every committed row is there, or put aside and counted."""
        lost = 0
        for table, ids in writers.rows.items():
            there = {i for (i,) in self.sql(f"select id from {table}")}
            missing = ids - there
            if missing:
                assert missing <= set(self.put_aside(table)), f"rows of {table} are gone"
            lost += len(missing)
        totals = dict(self.sql("select id, total from orders where id <= 5"))
        aside = self.put_aside("orders") if any(totals[k] < v for k, v in writers.totals.items()) else {}
        for key, total in writers.totals.items():
            assert total <= max([totals[key], *(int(values[2]) for values in aside.get(key, []))]), (
                "an update is gone"
            )
        if lost:
            self._check_counted(result, lost)

    def _check_counted(self, result, lost):
        """In the report, or in the log of the session that was killed before it wrote one."""
        written = result.report["rollback"]["rowsWrittenSinceBackup"]
        logs = [log.read_text() for log in self._found("deployment.log")]
        assert written["count"] >= (lost if written["exact"] else 1) or any(
            "since the backup" in log for log in logs
        )

    def check_nothing_left(self):
        for run in self.runs:
            until(lambda run=run: not run.left({}))
        until(lambda: not [f for f in self.servers.values() if f.exists()])
        until(lambda: not self.sql(SESSIONS))
        assert self.sql("select 1 from pg_locks where locktype = 'advisory'") == []
        assert self._world() == self.world
        until(lambda: not self._files(), what=self._files)
        assert not list(self.project.artifacts.glob("*/clone")), "the clone's dump"
        assert not list(self.project.artifacts.glob("*/*.part")), "dumps by half"

    def _files(self):
        """Temporary ones, pytest's own aside."""
        return [p for p in self.temporary.iterdir() if not p.name.startswith("pytest-of-")]

    def _world(self):
        """What is not of one database: slots, roles, databases; and foreign servers."""
        queries = (
            "select slot_name from pg_replication_slots",
            "select rolname from pg_roles",
            "select srvname from pg_foreign_server",
        )
        names = {name for query in queries for (name,) in self.sql(query)}
        return {n for n in names if "dbdeploy" in n or "hub" in n}


class Place:
    """A server of its own on the disk, which may be killed and started again, behind a proxy that may be cut."""

    def __init__(self, path):
        self.path = path
        self.proxy = Proxy(0)
        self.start()

    def start(self):
        self.embedded = EmbeddedServer.at(self.path)
        self.embedded.start()
        self.real = RealServer(self.embedded)
        self.proxy.mend(self.embedded.url.port)

    def kill(self):
        kill_all_of(self.path)
        self.embedded.stop()

    def through(self, url):
        return replace(url, port=self.proxy.port)


def workers(controller):
    """xdist's processes."""
    parents = parents_of_all()
    for pid in (p for p, parent in parents.items() if parent == controller):
        with contextlib.suppress(OSError):
            if b"execnet" in Path(f"/proc/{pid}/cmdline").read_bytes():
                yield pid


def copy_of(server, url):
    """Another database like that of ``url``, with the same owner."""
    name = f"t_{secrets.token_hex(6)}"
    statement = sql.SQL("create database {} template {} owner {}")
    server.execute(statement.format(*map(sql.Identifier, (name, url.dbname, url.user))))
    return url.with_dbname(name)


def _state(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return None


def lose(folder, lines):
    """The journal without its last lines, as after a power cut."""
    path = folder / "journal.jsonl"
    kept = path.read_bytes().splitlines(keepends=True)[:-lines]
    path.write_bytes(b"".join(kept))


def events(folder):
    path = folder / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
