"""One tree of errors. Each says what happened; ``hint`` says what to do next.

No message may hold a secret: whoever raises redacts first (``db.redact``).
"""

from __future__ import annotations


class DbDeployError(Exception):
    """Base of all expected errors: shown as message and hint, never as a traceback.

    ``message``: one or more lines, what happened and where. ``hint``: what the user can do, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigError(DbDeployError):
    """Wrong option, file or variable: exit status 4."""


class TargetError(DbDeployError):
    """The target cannot be reached or read; a gate fails with this message (exit status 10)."""


class LayoutError(DbDeployError):
    """The migrations cannot be found or read, or their history is in no known form."""


class ToolError(DbDeployError):
    """A program (pg_dump, psql, initdb, a migration command) is missing or failed."""


class ServerError(DbDeployError):
    """An embedded server cannot be created, started or entered."""


class CloneError(DbDeployError):
    """The sandbox could not be made or filled."""


class ReplayError(DbDeployError):
    """The applied migrations do not make the target's schema anew on an empty database."""


class LockError(DbDeployError):
    """The deployment lock is held by somebody else, or was lost."""


class DriftError(DbDeployError):
    """The target is no longer what was planned for."""


class ApplyError(DbDeployError):
    """A migration failed on the target."""


class BackupError(DbDeployError):
    """The backup could not be made, or does not hold what it must."""


class RestoreError(DbDeployError):
    """The rollback failed, or could not be verified: a person must look (exit status 12)."""


class StateError(DbDeployError):
    """The state on the target or in the artifacts is missing, unreadable, or forbids the action."""


class LaterError(ConfigError):
    """A documented part that this version does not have yet: said aloud, never a silent no-op."""
