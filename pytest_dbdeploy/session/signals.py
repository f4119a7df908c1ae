"""The session's side of signals: handlers live from the start of the session to its very end, rollback included."""

from __future__ import annotations

from ..critical import check, install, pending, raise_in_main_thread, restore, session_ends
from ..critical import section as uninterrupted

__all__ = ["check", "install", "pending", "raise_in_main_thread", "restore", "session_ends", "uninterrupted"]
