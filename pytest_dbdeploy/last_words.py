"""Last words: a small process that says what happened when the session is killed while it works on a target.

A segmentation fault, the kernel's out-of-memory killer or ``kill -9`` leave nobody to say anything, and a person or a CI log
would see a broken run and no more. This process waits on a pipe from the session, in a session of its own and, from its first
instruction, deaf to signals.
When the pipe ends without a good-bye it writes the words to the terminal, with the gate that was running. It ends with the
session, however that ends, so nobody waits for the output that it shares.

Run as ``python -I -S last_words.py`` with a JSON object on stdin: ``words``, and ``running``: the file with the gate's name.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

_BYE = b"bye"
_DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_open_here: set[int] = set()


def _close_in_child() -> None:
    """A forked child that outlives the session must not keep the pipe open."""
    while _open_here:
        os.close(_open_here.pop())


os.register_at_fork(after_in_child=_close_in_child)


class LastWords:
    """Said unless ``take_back`` is called before the process dies. ``running``: file whose first line names the running gate."""

    def __init__(self, words: str, running: Path) -> None:
        end, self._pipe = os.pipe()
        _open_here.add(self._pipe)
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, _DEAF_TO)  # the process keeps it so
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__], stdin=end, start_new_session=True
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
            os.close(end)
        self._send(json.dumps({"words": words, "running": str(running)}).encode() + b"\n")

    def take_back(self) -> None:
        """The session lives and speaks for itself. May be called again."""
        if self._pipe not in _open_here:
            return
        self._send(_BYE)
        _open_here.discard(self._pipe)
        os.close(self._pipe)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # killed by somebody: then nobody speaks
            os.write(self._pipe, data)


def main() -> None:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # a terminal may refuse those in the background
    os.chdir("/")
    task, _, bye = sys.stdin.buffer.read().partition(b"\n")
    if not task or bye == _BYE:
        return
    told = json.loads(task)
    try:
        gate = Path(told["running"]).read_text("utf-8", "replace").split("\n", 1)[0]
    except OSError:
        gate = ""
    during = f" while gate {gate} was running" if gate else ""
    text = f"\ndbdeploy: the session was killed{during}\n{told['words']}\n"
    with contextlib.suppress(OSError):
        os.write(2, text.encode())


if __name__ == "__main__":
    main()
