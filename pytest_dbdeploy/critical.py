"""Signals: SIGINT, SIGTERM and SIGHUP end a session like Ctrl-C, but never in the middle of a critical section.

The session installs the handlers; whoever changes the target wraps what must not be torn apart in ``section()``.
Without handlers (outside a session, in another thread than the main one) a section changes nothing.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

# Seconds in which more signals are the same interrupt: an impatient person, or a CI that sends SIGINT and SIGTERM. The first one
# is on its way through code that must end in order.
_ONE_INTERRUPT = 2.0
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class _State:
    """One a process, as the handlers of signals are."""

    def __init__(self) -> None:
        self.depth = 0
        self.pending: int | None = None
        self.previous: dict[int, Any] = {}
        self.given: BaseException | None = None
        self.raised = float("-inf")
        self.ending = False


_state = _State()


def install() -> None:
    """From now on a signal raises KeyboardInterrupt with its name. A signal that the parent set to be ignored stays so (nohup)."""
    if threading.current_thread() is not threading.main_thread() or _state.previous:
        return
    _state.pending = None
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            _state.previous[number] = signal.signal(number, _handle)


def restore() -> None:
    """Puts the earlier handlers back; what is still pending is dropped."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in _state.previous.items():
        signal.signal(number, handler)
    _state.previous.clear()
    _state.pending = None
    _state.ending = False
    _state.raised = float("-inf")


def _handle(number: int, frame: FrameType | None) -> None:
    __tracebackhide__ = True
    if _state.depth or _state.ending:
        _state.pending = number
    elif _state.given or time.monotonic() - _state.raised > _ONE_INTERRUPT:
        raise _error(number)


def _error(number: int) -> BaseException:
    given, _state.given = _state.given, None
    if given is None:
        _state.raised = time.monotonic()
    return given or KeyboardInterrupt(signal.Signals(number).name)


def session_ends() -> None:
    """The interrupt has arrived: from now until ``restore`` no signal is raised."""
    _state.ending = True


def raise_in_main_thread(error: BaseException) -> None:
    """From another thread: as if a signal came, with ``error`` in place of KeyboardInterrupt. Nothing without handlers."""
    main = threading.main_thread().ident
    if _state.previous and main is not None:
        _state.given = error
        signal.pthread_kill(main, next(iter(_state.previous)))


@contextlib.contextmanager
def section(*, final: bool = False) -> Iterator[None]:
    """Signals that come inside are remembered, and raised as KeyboardInterrupt when the outermost section ends.

    An exception from inside is not hidden by a signal: the signal stays pending for ``check``.
    ``final``: for the end of a session, when an interrupt can no longer change anything: the signal stays pending.
    """
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
    if not final:
        check()


def pending() -> bool:
    """Whether a signal came inside a section and was not raised yet."""
    return _state.pending is not None


def check() -> None:
    """Raises a pending signal, unless a section is open."""
    if _state.pending is not None and not _state.depth and not _state.ending:
        number, _state.pending = _state.pending, None
        raise _error(number)
