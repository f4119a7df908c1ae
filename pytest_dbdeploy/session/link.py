"""The controller's side of xdist: a private channel for each worker, and xdist's hooks. Registered only where xdist is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ..secret import redactor
from .controller import Controller
from .hiding import without_urls
from .scheduler import PhasedScheduling
from .state import Message
from .worker import INPUT, Manifest, worker_input

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]  # it ships no types


@dataclass(slots=True)
class Link:
    """What is known of one worker. ``clean``: it ended by itself, it did not crash."""

    channel: Any
    manifest: Manifest | None = None
    clean: bool = False


class XdistHooks:
    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.links: dict[WorkerController, Link] = {}
        self.scheduler: PhasedScheduling | None = None

    def pytest_configure_node(self, node: WorkerController) -> None:
        controller = self.controller
        assert controller.flow is not None
        assert controller.source is not None
        link = self.links[node] = Link(node.gateway.newchannel())
        scope = controller.source.scope(tuple(controller.flow.phases))
        node.workerinput[INPUT] = worker_input(scope, controller.flow.public_facts(), link.channel)
        node.workerinput["mainargv"] = [
            redactor.redact(word) for word in without_urls(node.workerinput["mainargv"])
        ]
        link.channel.setcallback(lambda message: self._receive(link, message))

    def _receive(self, link: Link, message: tuple[str, Any]) -> None:
        """In execnet's receiver thread, before what the worker sent later over xdist's own channel."""
        kind, value = message
        if kind == "manifest":
            link.manifest = Manifest.load(value)
        elif kind == "stopped":
            by_hand, why = value
            self.controller.interrupted = self.controller.interrupted or by_hand
            self.controller.why = self.controller.why or why

    def pytest_testnodeready(self, node: WorkerController) -> None:
        """A worker that joins late hears what the others have heard. Only now does it listen: what is sent earlier is lost."""
        conductor = self.controller.conductor
        dsession: Any = self.controller.config.pluginmanager.getplugin("dsession")
        if dsession.sched is not self.scheduler:
            self.stop(
                f"another plugin schedules the tests ({type(dsession.sched).__name__}): phases cannot be kept apart"
            )
        elif conductor is not None:
            for message in conductor.messages:
                self._send(self.links[node], message)

    def broadcast(self, message: Message) -> None:
        for link in self.links.values():
            self._send(link, message)

    def _send(self, link: Link, message: Message) -> None:
        with contextlib.suppress(OSError):  # it has died, and xdist is about to say so
            link.channel.send(message)

    def pytest_testnodedown(self, node: WorkerController, error: object) -> None:
        """Comes before the scheduler's ``remove_node``, for a worker that ended and for one that crashed."""
        if node in self.links:
            self.links[node].clean = error is None
        if error:
            self.controller.lost = f"worker {node.gateway.id} died, and no other took its place"

    @pytest.hookimpl(tryfirst=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config) -> PhasedScheduling:
        assert self.controller.conductor is not None
        self.controller.conductor.tell.append(self.broadcast)
        self.scheduler = PhasedScheduling(config, self)
        return self.scheduler

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.scheduler is not None:
            self.scheduler.started.add(nodeid)

    def stop(self, why: str) -> None:
        """Ends the run at the next turn of xdist's loop, without a boundary."""
        self.controller.ledger.add_problem(why)
        self.controller.why = self.controller.why or why
        dsession: Any = self.controller.config.pluginmanager.getplugin("dsession")
        dsession.shouldstop = dsession.shouldstop or why
