"""Loaded into a deployment with ``-p fault_point``: the controller stops itself at one exact event of its journal.

``FAULT_AT``: ``before`` or ``after`` and the event (``after unit-started 2``). It stops by SIGSTOP, in the middle of all that
it does; who waits for it may then break something, and let it go on or kill it.
"""

import os
import signal
from pathlib import Path

from pytest_dbdeploy.journal import Journal

_when, _, _wanted = os.environ["FAULT_AT"].partition(" ")
_append = Journal._append


def _stop(when, event, data):
    name = f"{event} {data.get('step') or data.get('unit') or data.get('state') or ''}".strip()
    if (when, name) == (_when, _wanted) and not Path("stands").exists():
        Path("stands").touch()
        os.kill(os.getpid(), signal.SIGSTOP)


def _stopping(self, event, data):
    _stop("before", event, data)
    _append(self, event, data)
    _stop("after", event, data)


Journal._append = _stopping
