"""xdist's scheduler with phases: a queue of groups per phase; nothing of the next phase is sent before the boundary is passed.

A worker runs an item only when it knows the next one. Behind the last item of a phase comes a filler, the barrier, whose index
is the number of ids (see ``worker.Barrier``). ``tests_finished`` is where the controller acts: xdist reads it exactly once after
each event has been handled completely, the report of a crash included; ``remove_node`` would be too early.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from ..model import Phase

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]  # it ships no types

    from .link import Link


class Hooks(Protocol):
    """What the scheduler needs of ``link.XdistHooks``."""

    controller: Any
    links: dict[WorkerController, Link]

    def stop(self, why: str) -> None: ...


class _Node:
    """``inflight``: indices sent and not complete, in order. ``fenced``: the barrier is queued behind the last of them."""

    def __init__(self) -> None:
        self.inflight: list[int] = []
        self.fenced = False


class PhasedScheduling:
    """Implements ``xdist.scheduler.Scheduling`` for every ``--dist`` mode but ``each``."""

    def __init__(self, config: pytest.Config, hooks: Hooks) -> None:
        from xdist.workermanage import parse_tx_spec_config

        self.config = config
        self.hooks = hooks
        self.started: set[str] = set()  # node ids that a worker has begun to run
        self.dist: str = config.getoption("dist")
        self._wanted = len(parse_tx_spec_config(config))
        self._largest = config.getoption("maxschedchunk", None) or 10**9
        self._alive: list[WorkerController] = []
        self._collections: dict[WorkerController, list[str]] = {}
        self._nodes: dict[WorkerController, _Node] = {}
        self._ids: list[str] | None = None
        self._phases: list[Phase] = []
        self._queue: list[list[int]] = []
        self._done = False

    # -- what xdist asks

    @property
    def nodes(self) -> list[WorkerController]:
        return list(self._alive)

    @property
    def collection_is_completed(self) -> bool:
        return self._ids is not None or len(self._collections) >= self._wanted

    @property
    def has_pending(self) -> bool:
        return bool(self._queue) or any(node.inflight for node in self._nodes.values())

    @property
    def tests_finished(self) -> bool:
        """Whether the session may end; on the way there, acts at the boundaries."""
        if self._done:
            return True
        dsession: Any = self.config.pluginmanager.getplugin("dsession")
        if self._ids is None or dsession.shuttingdown or dsession.shouldstop:
            return False
        while not self.has_pending:
            phase = self.hooks.controller.advance()
            if phase is None:
                self._done = True
                return True
            self._load(phase)
            self._refill_all()
        return False

    def add_node(self, node: WorkerController) -> None:
        self._alive.append(node)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        ids = list(collection)
        if self._ids is not None and not self._agrees(node, ids):
            return
        self._collections[node] = ids
        self._nodes[node] = _Node()

    def schedule(self) -> None:
        if self._ids is None:
            first, ids = next(iter(self._collections.items()))
            manifest = self.hooks.links[first].manifest
            assert manifest is not None  # sent before the ids, over the same connection
            self._ids, self._first = ids, first
            if ids != [reported for reported, _ in manifest.order]:
                self.hooks.stop("another plugin changed the gates after they were sorted by phase")
                return
            self.hooks.controller.gates_known(manifest)
            self._phases = [manifest.universe[original].phase for _, original in manifest.order]
            for node, others in list(self._collections.items())[1:]:
                self._agrees(node, others)
        self._refill_all()

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        if self._ids is not None and item_index < len(self._ids):  # else the barrier
            self._nodes[node].inflight.remove(item_index)
            self._refill(node)

    def mark_test_pending(self, item: str) -> None:
        """pytest-rerunfailures: an item whose worker crashed shall run again."""
        assert self._ids is not None
        self.started.discard(item)
        self._queue.insert(0, [self._ids.index(item)])
        self._refill_all()

    def remove_pending_tests_from_node(self, node: WorkerController, indices: Sequence[int]) -> None:
        raise NotImplementedError("nothing is ever stolen")

    def remove_node(self, node: WorkerController) -> str | None:
        """The node id that crashed the worker, or None; the rest of its work goes to the others."""
        if node in self._alive:
            self._alive.remove(node)
        self._collections.pop(node, None)
        lost = self._nodes.pop(node, _Node()).inflight
        if not lost:
            return None
        assert self._ids is not None
        if self.hooks.links[node].clean:
            self.hooks.stop(f"worker {node.gateway.id} ended before its work was done")
            return None
        crashed = self._ids[lost[0]]
        if crashed in self.started:
            lost = lost[1:]
        else:
            crashed = ""  # it died while it waited: that gate has not begun
        if lost:
            self._queue[:0] = (
                [lost] if self.dist in ("loadscope", "loadfile", "loadgroup") else [[i] for i in lost]
            )
        self._refill_all()
        return crashed or None

    # -- how it does it

    def _agrees(self, node: WorkerController, ids: list[str]) -> bool:
        """Every worker must know the same gates; else nothing that they report can be trusted."""
        from xdist.report import report_collection_diff  # type: ignore[import-untyped]  # it ships no types

        assert self._ids is not None
        ours, theirs = self.hooks.links[self._first].manifest, self.hooks.links[node].manifest
        if ids == self._ids and theirs is not None and ours is not None and theirs.universe == ours.universe:
            return True
        text = report_collection_diff(self._ids, ids, self._first.gateway.id, node.gateway.id)
        text = text or f"workers {self._first.gateway.id} and {node.gateway.id} know different gates"
        report = pytest.CollectReport(nodeid=node.gateway.id, outcome="failed", longrepr=text, result=[])
        self.config.hook.pytest_collectreport(report=report)
        self.hooks.stop("different gates were collected in different workers")
        return False

    def _group(self, index: int) -> object:
        """What must stay in one worker, by xdist's modes."""
        assert self._ids is not None
        nodeid = self._ids[index]
        if self.dist == "loadscope":
            return nodeid.rsplit("::", 1)[0]
        if self.dist == "loadfile":
            return nodeid.split("::", 1)[0]
        if self.dist == "loadgroup" and nodeid.rfind("@") > nodeid.rfind("]"):
            return nodeid.rsplit("@", 1)[1]
        return index

    def _load(self, phase: Phase) -> None:
        groups: dict[object, list[int]] = {}
        for index, of_item in enumerate(self._phases):
            if of_item is phase:
                groups.setdefault(self._group(index), []).append(index)
        self._queue = list(groups.values())

    def _refill_all(self) -> None:
        for node in list(self._nodes):
            self._refill(node)

    def _refill(self, node: WorkerController) -> None:
        """Keeps two items with a worker while there are any; then the barrier lets it run its last one."""
        if node.shutting_down or self._ids is None:
            return
        here = self._nodes[node]
        if len(here.inflight) < 2 and self._queue:
            size = max(1, min(self._largest, len(self._queue) // (4 * len(self._nodes))))
            taken = [index for group in self._queue[:size] for index in group]
            del self._queue[:size]
            while len(here.inflight) + len(taken) < 2 and self._queue:
                taken += self._queue.pop(0)
            here.inflight += taken
            here.fenced = False
            self._send(node, taken)
        if here.inflight and not here.fenced and (not self._queue or len(here.inflight) < 2):
            here.fenced = True
            self._send(node, [len(self._ids)])

    def _send(self, node: WorkerController, indices: list[int]) -> None:
        with contextlib.suppress(
            OSError
        ):  # it died meanwhile: its end is queued, and remove_node gives its work to others
            node.send_runtest_some(indices)
