"""Keys of rows in a backup: which of some rows were there already. Read from the archive, without a server."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from ..compare.names import split_name
from ..errors import RestoreError
from .process import first_lines, read_errors, started, tool_environment
from .toc import list_file, parse, printed, reader_for

_COPY = re.compile(rb"COPY .* \((.*)\) FROM stdin;\n")


def count_in_backup(
    archive: Path, table: str, columns: Sequence[str], keys: Collection[bytes], *, server_major: int
) -> int | None:
    """How many of ``keys`` (the columns as COPY writes them, with tabs between) the table's rows in the backup have.

    ``columns``: as the server quotes them. None when the backup has not all of them in one place (a partitioned table).
    RestoreError when it cannot be read.
    """
    tools, listed = reader_for(archive, server_major, RestoreError)
    schema, name = split_name(table)
    entries = [
        e
        for e in parse(listed, schemas=[schema])
        if e.kind == "TABLE DATA" and (e.schema, e.tag) == (printed(schema), printed(name))
    ]
    if len(entries) != 1:
        return None
    found = 0
    with list_file(entries) as chosen, tempfile.TemporaryFile() as errors:
        argv: list[str | Path] = [tools.path("pg_restore"), "-f", "-", "-L", "/dev/stdin", archive]
        env = tool_environment(tools, None, "restore")
        with started(argv, env, stdin=chosen, stdout=-1, errors=errors) as process:
            assert process.stdout is not None
            places: list[int] | None = None
            for line in process.stdout:
                if places is None:
                    if head := _COPY.fullmatch(line):
                        there = head[1].decode().split(", ")
                        if not set(columns) <= set(there):
                            return None
                        places = [there.index(column) for column in columns]
                elif line == b"\\.\n":
                    break
                else:
                    fields = line.rstrip(b"\n").split(b"\t")
                    found += b"\t".join(fields[place] for place in places) in keys
            process.stdout.read()
            if process.wait() != 0:
                raise RestoreError(
                    f"pg_restore could not read {archive.name}: {first_lines(read_errors(errors))}"
                )
    return found
