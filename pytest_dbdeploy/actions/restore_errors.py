"""What pg_restore says of entries that it could not restore, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ERROR = re.compile(r"pg_restore: error: (?:could not execute query: )?(?:ERROR:\s+)?(.*)")
# Without what these make, the clone would not be what the migrations meet on the target.
_NEEDED = re.compile(
    r"COPY |SELECT pg_catalog\.(setval|lo_)|CREATE SCHEMA |CREATE (UNLOGGED )?TABLE |CREATE SEQUENCE "
    r"|ALTER TABLE .* (ATTACH PARTITION|ADD GENERATED) ",
    re.DOTALL,
)
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class Failure:
    """``message``: the server's, one line, with its detail. ``command``: the first line of what failed, "" where it is no SQL."""

    message: str
    command: str = ""

    @property
    def fatal(self) -> bool:
        """Whether a table, its rows or a sequence are missing; an error without a command is pg_restore's own."""
        return not self.command or _NEEDED.match(self.command) is not None

    def __str__(self) -> str:
        return f"{self.command[:_LONGEST]}: {self.message}" if self.command else self.message


def parse_failures(text: str) -> list[Failure]:
    """One for each error, but for the setting that servers before 17 do not know.

    The command names the object: "from TOC entry" is printed by the leading process only, not by parallel workers.
    """
    failures: list[Failure] = []
    message: str | None = None
    command = detail = ""
    for line in [*text.splitlines(), "pg_restore: end"]:
        if line.startswith("Command was: "):
            command = line.removeprefix("Command was: ")
        elif line.startswith("DETAIL:"):
            detail = f" ({line.removeprefix('DETAIL:').strip()})"
        elif line.startswith("pg_restore: "):
            if message is not None and 'parameter "transaction_timeout"' not in message:
                failures.append(Failure(message + detail, command))
            error = _ERROR.fullmatch(line)
            message, command, detail = error[1] if error is not None else None, "", ""
    return failures
