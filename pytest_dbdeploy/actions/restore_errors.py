"""What pg_restore says of entries that it could not restore, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENTRY = re.compile(r"pg_restore: from TOC entry (\d+; .*)")
_ERROR = re.compile(r"pg_restore: error: (?:could not execute query: )?(?:ERROR:\s+)?(.*)")


@dataclass(frozen=True, slots=True)
class Failure:
    """``line``: the entry as in the archive's list, "" when no entry was being restored. ``message``: the server's, one line."""

    line: str
    message: str


def parse_failures(text: str) -> list[Failure]:
    """One for each error, but for the setting that servers before 17 do not know.

    pg_restore prints "from TOC entry" once for the errors that follow, and warnings between them.
    """
    failures: list[Failure] = []
    line = ""
    for raw in text.splitlines():
        if (entry := _ENTRY.fullmatch(raw)) is not None:
            line = entry[1]
        elif raw.startswith("pg_restore: while"):
            line = ""
        elif (error := _ERROR.fullmatch(raw)) is not None and 'parameter "transaction_timeout"' not in error[
            1
        ]:
            failures.append(Failure(line, error[1]))
        elif raw.startswith("DETAIL:") and failures and not failures[-1].message.endswith(")"):
            failures[-1] = Failure(failures[-1].line, f"{failures[-1].message} ({raw[7:].strip()})")
    return failures
