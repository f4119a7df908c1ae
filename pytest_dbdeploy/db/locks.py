"""Files of an embedded server's folder that are locked: the kernel gives a lock up when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from ..errors import ServerError

_open_here: set[int] = set()


def _close_in_child() -> None:
    """A forked child must not go on holding the locks of a session that has ended."""
    while _open_here:
        os.close(_open_here.pop())


os.register_at_fork(after_in_child=_close_in_child)


class LockFile:
    """One lock, shared or exclusive; ``close()`` gives it up. Within one process, two of a file exclude each other too."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """FileNotFoundError when it is not there and not to be created; belongs to the owner of the folder."""
        self.path = path
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        try:
            self._descriptor = os.open(path, flags, 0o600)
        except PermissionError as error:
            raise ServerError(
                f"{path} belongs to another user: the embedded server was made by that user",
                hint="Run pytest as the same user, or choose another folder.",
            ) from error
        _open_here.add(self._descriptor)
        owner = path.parent.stat()
        if create and os.geteuid() == 0 and os.fstat(self._descriptor).st_uid != owner.st_uid:
            os.fchown(self._descriptor, owner.st_uid, owner.st_gid)

    def share(self) -> None:
        """Waits while somebody holds it exclusively."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def try_hold(self) -> bool:
        """Takes it exclusively unless anybody holds it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def hold(self, seconds: float) -> bool:
        """As ``try_hold``, for as long as ``seconds``."""
        deadline = time.monotonic() + seconds
        while not self.try_hold():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def release(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def is_held(self) -> bool:
        """Whether anybody else holds it."""
        if self.try_hold():
            self.release()
            return False
        return True

    def close(self) -> None:
        """Gives the lock up, for copies of the descriptor in forked children too."""
        if self._descriptor in _open_here:
            self.release()
            _open_here.discard(self._descriptor)
            os.close(self._descriptor)
