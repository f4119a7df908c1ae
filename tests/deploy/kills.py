"""Who is killed, how and when: everything that belongs to a deployment, at moments that a seed chooses."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from pytest_dbdeploy.errors import TargetError
from tests.sessions import kill_all_of

from .conftest import marked, until
from .faults import events, workers

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
#: How often each is chosen.
VICTIMS = {
    "controller": 6,
    "ctrl-c": 1,
    "twice ctrl-c": 2,
    "worker": 2,
    "keeper": 2,
    "sandbox": 2,
    "client": 2,
    "last words": 1,
    "session": 3,
    "backend": 1,
    "target": 2,
}
#: Where it matters: the target or the code's branch is being changed, or put back.
MOMENTS = (
    "step-finished lock",
    "step-finished state",
    "step-started backup",
    "step-started deploy",
    "unit-started 1",
    "unit-committing",
    "unit-committed 1",
    "step-started release-git",
    "step-finished release-git",
    "step-started verify",
    "step-finished verify",
    "step-started keep",
    "state kept",
)
MOMENTS_OF_SPLIT = ("unit-started 2", "unit-committed 2", "unit-started 3")
MOMENTS_BACK = (
    "state rolling_back",
    "step-started undo-git",
    "step-started rollback",
    "step-started rollback",
    "restore-committing",
    "step-finished rollback",
    "state rolled_back",
)
_OURS = (
    "from pg_stat_activity where application_name like 'pytest-dbdeploy%' and application_name not in "
    "('pytest-dbdeploy test', 'pytest-dbdeploy user') and datname = current_database()"
)


class Killer:
    """Strikes at ``run`` ``times`` times, in a thread; ``strikes`` tells what it did.

    One time in three at any event of the journal, of which there are ``events`` or so; else at one of ``moments``. Afterwards the
    target answers.
    """

    def __init__(self, arena, chance, run, times, *, moments, events):
        self.arena, self.chance, self.run = arena, chance, run
        self.strikes = []
        self._times, self._moments, self._events = times, moments, events
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self):
        self._work = self._pool.submit(self._strike_all)
        return self

    def __exit__(self, *_):
        self._pool.shutdown()
        self._work.result()
        until(self.arena.answers, seconds=120)

    def _strike_all(self):
        for _ in range(self._times):
            if not self._moment():
                return
            self._strike()

    def _alive(self):
        return self.run.process.poll() is None

    def _moment(self):
        """Waits for one; False when the run ended before."""
        number = self.chance.randint(1, self._events) if self.chance.random() < 0.33 else None
        name = self.chance.choice(self._moments)
        more = self.chance.choice([0, self.chance.uniform(0, 0.05), self.chance.uniform(0, 0.5)])
        while self._alive():
            seen = self._seen()
            if len(seen) >= number if number else name in seen:
                time.sleep(more)  # at any moment: that is the point
                return self._alive()
            time.sleep(0.005)
        return False

    def _seen(self):
        """Names of the journal's events up to now."""
        return [name_of(e) for e in events(self.run.folder)] if self.run.folder is not None else []

    def _strike(self):
        number = self.chance.choice(SIGNALS)
        place = (self._seen() or ["the start"])[-1]
        self.arena.servers |= self.run.servers()
        what = None
        while what is None:  # who is not there cannot be killed
            victim = self.chance.choices([*VICTIMS], [*VICTIMS.values()])[0]
            what = self._hit(victim, number)
        self.strikes.append(f"{victim} {what} after {place}")

    def _hit(self, victim, number):
        controller = self.run.process.pid
        match victim:
            case "controller":
                _kill(controller, number)
            case "ctrl-c":
                os.killpg(controller, signal.SIGINT)
            case "twice ctrl-c":
                os.killpg(controller, signal.SIGINT)
                time.sleep(self.chance.choice([0.0, 0.3, 2.2, 3.0]))
                if self._alive():
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(controller, signal.SIGINT)
            case "worker":
                return self._one(sorted(workers(controller)), number)
            case "keeper" | "last words" | "client":
                return self._one(self._programs(victim), number)
            case "sandbox":
                return self._one(sorted(self.run.servers()), signal.SIGKILL)
            case "session" | "backend":
                return self._session(signal.SIGTERM if victim == "session" else signal.SIGKILL)
            case "target":
                return self._target()
        return number.name if victim == "controller" else ""

    def _one(self, pids, number):
        if not pids:
            return None
        _kill(self.chance.choice(pids), number)
        return number.name

    def _programs(self, victim):
        names = {
            "keeper": (b"keeper.py",),
            "last words": (b"last_words.py",),
            "client": (b"bin/pg_dump", b"bin/pg_restore", b"bin/psql", b"git\0"),
        }[victim]
        found = []
        for pid in sorted(marked(self.run.mark)):
            with contextlib.suppress(OSError):
                if any(name in Path(f"/proc/{pid}/cmdline").read_bytes() for name in names):
                    found.append(pid)
        return found

    def _session(self, number):
        try:
            found = self.arena.sql(f"select pid, application_name {_OURS} order by pid")
        except (psycopg.Error, TargetError):
            return None
        if not found:
            return None
        pid, name = self.chance.choice(found)
        _kill(pid, number)
        return f"{name.removeprefix('pytest-dbdeploy ')} {number.name}"

    def _target(self):
        place, seconds = self.arena.place, self.chance.choice([0.0, 1.0, 5.0])
        kill_all_of(place.path)
        place.embedded.stop()
        time.sleep(seconds)
        place.start()
        return f"for {seconds} s"


def name_of(event):
    """An event of the journal, as ``unit-started 2``."""
    return f"{event['event']} {event.get('step') or event.get('state') or event.get('unit') or ''}".strip()


def _kill(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
