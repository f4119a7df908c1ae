"""The controller's pytest hooks: settings, plan, run loop, evidence, end, exit status."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from ..errors import ConfigError, DbDeployError
from ..flows.base import Flow
from ..gating import FACTS
from ..invocation import Action
from ..model import ExitStatus, Phase
from ..secret import redactor
from ..steps import Steps
from . import handles, junit, narrowing, signals, terminal
from .blame import blame
from .collection import GateCollection
from .conductor import Conductor
from .debugging import Debugging
from .execution import GateExecution
from .exits import ExitGuard
from .ledger import GateLedger
from .source import SessionSource, session_source
from .state import STATE, GateState

_KEPT = (ExitStatus.INTERNAL_ERROR, ExitStatus.USAGE_ERROR)


class Controller:
    """One a session, in the process that people started."""

    def __init__(self, config: pytest.Config, action: Action) -> None:
        self.config = config
        self.action = action
        self.ledger = GateLedger()
        self.steps = Steps()
        self.source: SessionSource | None = None
        self.flow: Flow | None = None
        self.conductor: Conductor | None = None
        self.collection: GateCollection | None = None
        self.prepared = False
        self.ended = False
        self.interrupted = False
        self.why: str | None = None
        self.lost: str | None = None  # why there may be no workers left
        self.status: int | None = None
        self.exits = ExitGuard(self)

    @property
    def distributed(self) -> bool:
        return bool(self.config.pluginmanager.hasplugin("dsession"))

    # -- start

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        signals.install()
        self.session = session
        self.steps.listeners += [*terminal.listeners(self.config), junit.StepReports(session)]
        try:
            self.source = session_source(self.config, self.action)
            self.flow = self.source.make_flow(self.steps)
            self.flow.prepare()
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None
        self.prepared = True
        self.config.stash[FACTS] = self.flow.public_facts()
        self.conductor = Conductor(self.config, self.flow, self.ledger)
        for problem in narrowing.problems(self.config):
            self.ledger.add_problem(problem)
        state = self.config.stash[STATE] = GateState()
        if not self.distributed:
            self.exits.install()
            self.config.pluginmanager.register(Debugging(self), "dbdeploy-debugging")
            self.collection = GateCollection(self.config, self.source.scope(tuple(self.flow.phases)))
            self.config.pluginmanager.register(self.collection, "dbdeploy-collection")
            self.config.pluginmanager.register(GateExecution(state), "dbdeploy-execution")
            self.conductor.tell.append(state.receive)
        path = self._junit_path()
        if path is not None:
            junit.write_also(self.config, path)

    def _junit_path(self) -> Path | None:
        """Where the flow wants a copy of junit.xml; a flow need not want one."""
        path: Path | None = getattr(self.flow, "junit_path", None)
        return path

    def pytest_report_header(self) -> list[str]:
        if self.flow is None or not self.prepared:
            return []
        return terminal.header(self.config, self.flow.header())

    # -- gates

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if self.distributed:
            return None  # the scheduler calls the conductor
        assert self.collection is not None
        self.collection.restore(session)
        self.gates_known(self.collection)
        while (phase := self.advance()) is not None:
            items = [item for item in session.items if self.collection.phase_of(item) is phase]
            self._run(session, items)
        return True

    def _run(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """The last item of a phase has no next one: then pytest tears everything down, session fixtures too, before the boundary."""
        started: Callable[[str], object] = getattr(self.flow, "gate_started", str)
        try:
            for item, following in itertools.zip_longest(items, items[1:]):
                self.exits.enter(item)
                started(item.nodeid)
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
        finally:
            self.exits.enter(None)
            started("")

    def gates_known(self, collection: Any) -> None:
        """``collection``: this process's, or a worker's manifest; ``universe``, ``order`` and ``problems``."""
        assert self.source is not None
        for problem in collection.problems:
            self.ledger.add_problem(problem)
        self.ledger.universe(collection.universe.values(), collection.order, self.source.require)

    def advance(self) -> Phase | None:
        assert self.conductor is not None
        with self.exits.turn:
            return self.conductor.advance()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.ledger.collect_report(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, object, object]:
        """An interrupt waits: what the ledger knows of a gate, JUnit and the terminal know too."""
        with signals.uninterrupted():
            if not junit.is_step(report):
                self.ledger.report(report)
                junit.add_warning(self.config, report)
                junit.add_place(self.config, report)
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport | pytest.CollectReport) -> Any:
        return terminal.status_of(report)

    # -- end

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Also called for pytest.exit(), and for xdist's own Interrupted, which only says that something else stopped the run."""
        signals.session_ends()
        self.why = self.why or str(excinfo.value) or type(excinfo.value).__name__
        if isinstance(excinfo.value, KeyboardInterrupt) and not type(excinfo.value).__module__.startswith(
            "xdist."
        ):
            self.interrupted = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.why = self.why or f"internal error: {blame(excinfo.value)}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        why = (
            self.why
            or session.shouldfail
            or session.shouldstop
            or self.lost
            or f"the session ended early (status {int(exitstatus)})"
        )
        self.end(str(why))
        self.status = session.exitstatus = self._status(int(exitstatus))

    def end(self, why: str) -> None:
        """Once, whatever happened: leaves the target whole, then the reports. Signals wait until it is over."""
        if self.flow is None:
            return
        # A signal that comes before the section is open leads back here, by pytest_unconfigure.
        with signals.uninterrupted(final=True), self.exits.turn:
            if self.ended:
                return
            self.ended = True
            if self.conductor is None or not self.conductor.finished:
                self._release_gates()
                if self.prepared or self.interrupted:
                    self.flow.abandon(
                        redactor.redact(why), self.ledger.snapshot(), interrupted=self.interrupted
                    )
            self.flow.close(self.ledger.snapshot())
            if self.prepared:
                junit.add_properties(self.config, self.flow.junit_properties())
            signals.session_ends()  # what is decided and written down is the status, whoever is interrupted now
        if self.conductor is not None:
            outcome = getattr(self.flow, "outcome", None)
            self.conductor.observe("finished", outcome=outcome, exit_status=self.flow.exit_status)

    def _release_gates(self) -> None:
        """A gate's fixtures, here or in a worker, may hold a lock on the target: they end before anything is put back."""
        dsession: Any = self.config.pluginmanager.getplugin("dsession")
        try:
            if dsession is not None and dsession.nodemanager is not None:
                dsession.nodemanager.teardown_nodes()
            elif threading.current_thread() is not threading.main_thread():
                handles.close_all()  # fixtures belong to the main thread, which is still in a gate
            elif hasattr(self.session, "_setupstate"):
                self.session._setupstate.teardown_exact(None)
        except (Exception, pytest.fail.Exception, pytest.skip.Exception, pytest.exit.Exception) as error:  # noqa: BLE001 - a gate's teardown may raise anything
            self.ledger.add_problem(f"while ending the gates: {type(error).__name__}: {error}")

    def _status(self, status: int) -> int:
        if self.flow is None or self.flow.exit_status is ExitStatus.ROLLBACK_FAILED:
            return status if self.flow is None else int(ExitStatus.ROLLBACK_FAILED)
        return status if status in _KEPT else int(self.flow.exit_status)

    def final_status(self, status: int, *, failed: bool) -> int:
        """Of the process. ``failed``: another plugin's error came out of the session. Whatever plugins set after us plays no part."""
        if not self.prepared:  # interrupted, or refused: the flow has no verdict
            return int(ExitStatus.INTERNAL_ERROR) if failed else status
        if failed or self.status is None:
            return self._status(int(ExitStatus.INTERNAL_ERROR) if failed else status)
        return self.status

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminal.summary(terminalreporter, self.summary(), self._markup())
        self.summarized = True

    summarized = False

    def _markup(self) -> dict[str, bool]:
        """How the verdict looks, if the flow has a taste."""
        markup: dict[str, bool] = getattr(self.flow, "markup", {})
        return markup

    def summary(self) -> list[str]:
        if self.flow is None or not (self.prepared or self.interrupted):
            return []
        notes = self.conductor.notes if self.conductor is not None else []
        return [*self.flow.summary(), *notes]

    def say_last_lines(self, status: int) -> None:
        """When all others have spoken, pytest too: what machines look for at the end of the output. ``status``: of the process."""
        lines: Callable[[int], list[str]] | None = getattr(self.flow, "last_lines", None)
        with contextlib.suppress(
            Exception
        ):  # a closed stdout, or a full pipe's other end gone: the verdict stands
            for line in lines(status) if lines is not None else ():
                sys.stdout.write(redactor.redact(line) + "\n")
            sys.stdout.flush()

    def pytest_unconfigure(self) -> None:
        """The safety net: reached also when the session did not start, or died where pytest prints no summary."""
        try:
            self.end(self.why or "the session could not start")
            reporter = self.config.pluginmanager.getplugin("terminalreporter")
            if not self.summarized and reporter is not None:
                self.summarized = True
                terminal.summary(reporter, self.summary(), self._markup())
            path, written = self._junit_path(), getattr(self.config.option, "xmlpath", None)
            if path is not None and written:
                junit.copy_to(self.config, path, Path(written))
        except DbDeployError as error:  # a flow that breaks its promise not to raise
            raise pytest.UsageError(str(error)) from None
        finally:
            self.exits.restore()
            signals.restore()
