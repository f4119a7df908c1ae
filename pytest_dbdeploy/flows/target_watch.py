"""What the target really did while it was migrated, who kept us waiting and who waited for us; set beside the rehearsal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import psycopg

from ..actions.apply import QUERY_CANCELED, StatementFailed
from ..db.looking import looking
from ..db.sql import query
from ..evidence.gathering import BLOCK_WRITES
from ..model import StatementEvidence, StatementRef, Unit

_POLL_SECONDS = 0.2
#: The target is far from its rehearsal above so many times the seconds, and so many seconds more.
_TIMES, _SECONDS = 5.0, 1.0


@dataclass(slots=True)
class _Waiter:
    first: float
    last: float


@dataclass(slots=True)
class _Attempt:
    """``stalled``: seconds in which others queued behind us while we waited ourselves, as of ``looked``. ``gave_way``: for whom."""

    looked: float
    stalled: float = 0.0
    gave_way: str | None = None


class TargetWatch:
    """A ``Watcher`` of ``conn``. A second connection looks meanwhile whom it waits for, and who waits for it.

    ``patience``: seconds for which others may queue behind us while we wait ourselves; then we give way.
    """

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        connect: Callable[[], psycopg.Connection[Any]],
        *,
        patience: float,
    ) -> None:
        self.seconds: dict[StatementRef, float] = {}
        self.locks: set[tuple[str, str]] = set()
        self._pid = conn.info.backend_pid
        self._connect = connect
        self._patience = patience
        self._second: psycopg.Connection[Any] | None = None
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._attempt: _Attempt | None = None
        self._blockers: dict[int, str] = {}
        self._behind: dict[int, _Waiter] = {}
        self._started = 0.0

    def __enter__(self) -> Self:
        self._stack.callback(self._close)
        self._stack.enter_context(looking(self._look, every=_POLL_SECONDS))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _close(self) -> None:
        if self._second is not None:
            self._second.close()

    # -- the statements

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One attempt at a unit. Within it our own statement is cancelled, never somebody else's, when others have queued
        behind us for too long; the StatementFailed that follows says for whom it gave way."""
        with self._lock:
            self._attempt = attempt = _Attempt(time.monotonic())
        try:
            yield
        except StatementFailed as failure:
            if failure.error.sqlstate == QUERY_CANCELED:
                failure.gave_way = attempt.gave_way
            raise
        finally:
            with self._lock:
                self._attempt = None

    def unit_started(self, conn: psycopg.Connection[Any], unit: Unit) -> None:
        """Nothing to prepare."""

    def statement_started(self, ref: StatementRef) -> bytes:
        self._started = time.perf_counter()
        return b""

    def statement_ended(
        self, conn: psycopg.Connection[Any], ref: StatementRef, cursor: psycopg.Cursor[Any]
    ) -> None:
        self.seconds[ref] = time.perf_counter() - self._started

    def before_commit(self, conn: psycopg.Connection[Any]) -> None:
        """The transaction's locks that keep others from writing."""
        rows = conn.execute(query("evidence_locks"), {"pid": self._pid}).fetchall()
        strong = [(oid, mode) for oid, mode in rows if mode in BLOCK_WRITES]
        found = conn.execute(
            "select c.oid::bigint, format('%%s.%%s', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where c.oid = any(%s::oid[])",
            [[oid for oid, _ in strong]],
        )
        names: dict[int, str] = dict(found.fetchall())
        self.locks |= {(names[oid], mode) for oid, mode in strong if oid in names}

    # -- the others

    def _look(self) -> None:
        if self._second is None:
            self._second = self._connect()
        rows = self._second.execute(query("blocking"), {"pid": self._pid}).fetchall()
        with self._lock:
            self._seen(rows)
            if self._attempt is not None:
                self._give_way(self._second, self._attempt, rows)

    def _seen(self, rows: Sequence[tuple[Any, ...]]) -> None:
        now = time.monotonic()
        for waits, pid, name, role, since in rows:
            if waits:
                self._behind.setdefault(pid, _Waiter(now, now)).last = now
            else:
                begun = f", in a transaction since {since:%H:%M:%S}" if since else ""
                self._blockers[pid] = f"process {pid} ({name or 'unnamed'}, role {role}{begun})"

    def _give_way(
        self, conn: psycopg.Connection[Any], attempt: _Attempt, rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Under the lock, so that what is cancelled still belongs to this attempt."""
        passed, attempt.looked = time.monotonic() - attempt.looked, time.monotonic()
        behind = [
            f"process {pid} ({name or 'unnamed'}, role {role})" for waits, pid, name, role, _ in rows if waits
        ]
        if not behind or len(behind) == len(rows):  # nobody waits for us, or we wait for nobody
            return
        attempt.stalled += min(passed, 2 * _POLL_SECONDS)
        if attempt.stalled >= self._patience:
            more = f" and {len(behind) - 1} more" if len(behind) > 1 else ""
            attempt.gave_way = f"{behind[0]}{more}, behind us for about {attempt.stalled:.1f} s"
            conn.execute("select pg_cancel_backend(%s)", [self._pid])

    def blockers(self) -> list[str]:
        """Who was waited for since this was asked last."""
        with self._lock:
            found, self._blockers = list(self._blockers.values()), {}
        return found

    def waited_for_us(self) -> str | None:
        """``3 sessions waited for the migrations, the longest for 0.8 s``."""
        with self._lock:
            longest = [w.last - w.first + _POLL_SECONDS for w in self._behind.values()]
        if not longest:
            return None
        sessions = f"{len(longest)} session{'s' if len(longest) > 1 else ''}"
        return f"{sessions} waited for locks of the migrations on the target, the longest for about {max(longest):.1f} s"


def beside(
    evidence: Sequence[StatementEvidence], refs: Sequence[StatementRef], seconds: dict[StatementRef, float]
) -> list[StatementEvidence]:
    """The evidence with the target's seconds; ``refs`` in the order of the evidence."""
    if len(evidence) != len(refs):
        return list(evidence)
    return [replace(e, target_seconds=seconds.get(ref)) for e, ref in zip(evidence, refs, strict=True)]


def far_apart(
    evidence: Sequence[StatementEvidence], locks: Collection[tuple[str, str]], known: Collection[str]
) -> list[str]:
    """Where the target did other than the rehearsal: a text each. ``known``: relations that were there before."""
    found = []
    for e in evidence:
        if e.target_seconds is not None and e.target_seconds > e.duration_seconds * _TIMES + _SECONDS:
            found.append(
                f"{e.file}:{e.line} took {e.target_seconds:.1f} s on the target, {e.duration_seconds:.1f} s in the rehearsal"
            )
    rehearsed = {(lock.relation, lock.mode) for e in evidence for lock in e.locks}
    made_again = {one.object for e in evidence for one in e.created}  # evidence has no locks on what is new
    for relation, mode in sorted(set(locks) - rehearsed):
        if relation in known and relation not in made_again:
            found.append(f"the target took {mode} on {relation}, the rehearsal did not")
    return found
