"""Where gates run under xdist: collects like everybody, reports its universe, runs what it is sent, skips what is closed."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..gating import FACTS
from ..model import Gate, Phase, Severity
from ..secret import redactor
from .blame import blame
from .collection import GateCollection
from .execution import GateExecution
from .source import Scope
from .state import STATE, GateState

INPUT = "dbdeploy"  # our key in xdist's workerinput


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a worker collected: see ``GateCollection``."""

    universe: dict[str, Gate]
    order: list[tuple[str, str]]
    problems: list[str]

    def dump(self) -> dict[str, Any]:
        """Builtin types only: execnet carries nothing else."""
        gates = [(gate.nodeid, gate.phase.value, gate.severity.value) for gate in self.universe.values()]
        return {"gates": gates, "order": self.order, "problems": self.problems}

    @classmethod
    def load(cls, data: dict[str, Any]) -> Manifest:
        gates = [Gate(nodeid, Phase(phase), Severity(severity)) for nodeid, phase, severity in data["gates"]]
        order = [(reported, original) for reported, original in data["order"]]
        return cls({gate.nodeid: gate for gate in gates}, order, list(data["problems"]))


def worker_input(scope: Scope, facts: dict[str, Any], channel: Any) -> dict[str, Any]:
    """What a worker must know before it collects. No secret: the context of the phases goes over ``channel``."""
    return {
        "phases": [phase.value for phase in scope.phases],
        "paths": [str(path) for path in scope.paths],
        "built_in": scope.built_in,
        "facts": pickle.dumps(facts),
        "channel": channel,
    }


class Barrier(pytest.Item):
    """Sent behind the last item of a phase, so that xdist's worker, which runs an item only when it knows the next, runs that one.

    Never part of a collection, never reported. It shares no node with real items: everything is torn down before it,
    session fixtures too.
    """

    def listchain(self) -> list[Any]:
        return []

    def runtest(self) -> None:
        raise AssertionError("the barrier does not run")


class Worker(GateCollection):
    """One a worker process. Controller to worker: ``go`` and ``close``; worker to controller: manifest, interrupt."""

    def __init__(self, config: pytest.Config) -> None:
        given: dict[str, Any] = config.workerinput[INPUT]  # type: ignore[attr-defined]  # xdist adds it
        phases = tuple(Phase(phase) for phase in given["phases"])
        super().__init__(
            config, Scope(phases, tuple(Path(path) for path in given["paths"]), given["built_in"])
        )
        config.stash[FACTS] = pickle.loads(given["facts"])
        state = config.stash[STATE] = GateState()
        config.pluginmanager.register(GateExecution(state), "dbdeploy-execution")
        self.barrier: Barrier | None = None
        self.channel = given["channel"]
        # In the receiver thread, and in order: before any later index that xdist sends over the same connection.
        self.channel.setcallback(lambda message: state.receive(tuple(message)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_finish(  # type: ignore[override]  # a wrapper here, a plain hook there
        self, session: pytest.Session
    ) -> Iterator[None]:
        self.settle(session)
        self.channel.send(("manifest", Manifest(self.universe, self.order, self.problems).dump()))
        yield  # here xdist sends the node ids
        self.restore(session)
        self.barrier = Barrier.from_parent(session, name="::dbdeploy-barrier")
        session.items.append(self.barrier)  # its index is the number of ids: no part of what was reported

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Before the other plugins hear of it, whose hooks may be the ones that are broken."""
        self._stopped(f"internal error: in a worker, {blame(excinfo.value)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        if self.barrier is None:  # the controller would wait for ever
            raise RuntimeError("another plugin took the place of pytest's collection: there are no gates")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        return True if item is self.barrier else None

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """xdist's exit status 2 does not tell Ctrl-C from pytest.exit(), nor why."""
        why = str(excinfo.value) or type(excinfo.value).__name__
        self._stopped(why, by_hand=isinstance(excinfo.value, KeyboardInterrupt))

    def _stopped(self, why: str, *, by_hand: bool = False) -> None:
        with contextlib.suppress(OSError):  # the controller is gone
            self.channel.send(("stopped", [by_hand, redactor.redact(why)]))
