"""pdb in a gate, without xdist: while a person sits there, the target is neither locked nor in a transaction of ours."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import DbDeployError
from . import handles

if TYPE_CHECKING:
    from .controller import Controller


class Debugging:
    """``--pdb``, ``--trace``, ``breakpoint()`` and ``pytest.set_trace()`` alike."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self, config: pytest.Config) -> None:
        """pytest has given the terminal back by now. Without a person there a gate would wait for ever."""
        if os.environ.get("CI") or not _at_terminal():
            capture: Any = config.pluginmanager.getplugin("capturemanager")
            if capture is not None:
                capture.resume()
            pytest.fail("a debugger needs a person at a terminal", pytrace=False)
        handles.end_transactions()
        self._tell("pause")

    def pytest_leave_pdb(self) -> None:
        """Quitting does not come here: then the flow itself goes on, to put the target back."""
        self._tell("go_on")

    def _tell(self, what: str) -> None:
        """A flow without a lock need not have these. An error blocks: what was seen of the target may be no longer true."""
        try:
            getattr(self.controller.flow, what, bool)()
        except DbDeployError as error:
            self.controller.ledger.add_problem(str(error))
            reporter = self.controller.config.pluginmanager.getplugin("terminalreporter")
            if reporter is not None:
                reporter.write_line(f"dbdeploy: {error}", red=True)


def _at_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
