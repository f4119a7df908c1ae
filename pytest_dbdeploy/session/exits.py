"""``os._exit`` while gates run in the controller's process: it would end the session without a verdict, and 0 would look like success.

pytest-timeout's method ``thread`` calls it too. In the main thread the gate that calls it fails. In another thread it becomes a
failure of the gate that runs in the main thread, and the session goes on to its verdict; where the main thread does not come out
of that gate, which may be blocked in C code, the session ends in a thread beside it: rollback, reports, summary, and then the
real ``os._exit`` with the verdict's status. What cannot be caught (a segmentation fault, SIGKILL) is for ``last_words`` and the
next session.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from ..model import ExitStatus
from . import signals

if TYPE_CHECKING:
    from .controller import Controller

_GRACE = 5.0  # seconds for the main thread to leave a gate
_LAST_HOOKS = 60.0  # seconds for other plugins, once the target is whole


class ExitGuard:
    """``turn`` is held by whoever acts: the main thread at a boundary and at the end, or the thread that ends the session instead."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.turn = threading.RLock()
        self.item: pytest.Item | None = None
        self._started = 0
        self._pid = os.getpid()
        self._real = os._exit

    def install(self) -> None:
        os._exit = self._exit

    def restore(self) -> None:
        os._exit = self._real

    def enter(self, item: pytest.Item | None) -> None:
        """Before each gate, and with None after the last one of a phase. Does not return when another thread ends the session."""
        with self.turn:
            self.item = item
            self._started += 1

    def _exit(self, status: int) -> NoReturn:
        if os.getpid() != self._pid:  # a forked child
            self._real(status)
        if threading.current_thread() is threading.main_thread():
            pytest.fail(f"os._exit({status}) was called")
        text = f"os._exit({status}) was called in thread {threading.current_thread().name}"
        if self.controller.ended:
            sys.exit()
        if not self.turn.acquire(blocking=False):  # a boundary: as a signal there
            signals.raise_in_main_thread(KeyboardInterrupt(text))
            sys.exit()
        # Not in this thread: the gate's teardown may wait for it to end, as pytest-timeout's does.
        threading.Thread(target=self._leave_if_stuck, args=[self._started, text], daemon=True).start()
        self.turn.release()
        signals.raise_in_main_thread(pytest.fail.Exception(text))
        sys.exit()

    def _leave_if_stuck(self, started: int, text: str) -> None:
        deadline = time.monotonic() + _GRACE
        while self._started == started and time.monotonic() < deadline:
            time.sleep(0.02)
        if self.turn.acquire(blocking=False):
            if self._started == started:
                self._leave(text)
            self.turn.release()

    def _leave(self, text: str) -> NoReturn:
        controller, hook = self.controller, self.controller.config.hook
        controller.why = controller.why or text
        capture: Any = controller.config.pluginmanager.getplugin("capturemanager")
        with contextlib.suppress(BaseException):
            if capture is not None:
                capture.suspend(in_=True)
            if self.item is not None:
                hook.pytest_runtest_logreport(report=_crash(self.item, text))
        with contextlib.suppress(BaseException):
            controller.end(text)
        threading.Timer(_LAST_HOOKS, self._really, [None]).start()
        with contextlib.suppress(BaseException):
            hook.pytest_sessionfinish(session=controller.session, exitstatus=pytest.ExitCode.TESTS_FAILED)
        with contextlib.suppress(BaseException):
            hook.pytest_unconfigure(config=controller.config)
        controller.say_last_lines(controller.status or int(ExitStatus.INTERNAL_ERROR))
        self._really(controller.status)

    def _really(self, status: int | None) -> NoReturn:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        self._real(status or int(ExitStatus.INTERNAL_ERROR))


def _crash(item: pytest.Item, text: str) -> pytest.TestReport:
    """As xdist reports a worker that died."""
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "???")  # type: ignore[arg-type]  # as xdist does
