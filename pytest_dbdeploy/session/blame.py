"""Whose error it was: a broken plugin must not look like a broken deployment."""

from __future__ import annotations

import re
import traceback
from pathlib import PurePath

_FRAME = re.compile(r'File "(.+?)", line (\d+), in (\S+)')
_MACHINERY = re.compile(r"[\\/](_pytest|pluggy|xdist|execnet|pytest_dbdeploy)[\\/]")


def blame(error: BaseException) -> str:
    """One line: the innermost hook outside pytest, xdist and this package that the error came through, and what it said.

    xdist reports an error of a worker as one of its own, with the worker's traceback as its text.
    """
    own = str(error).removesuffix("\nassert False")
    in_worker = own.startswith("Traceback ")
    text = own if in_worker else "".join(traceback.format_exception(error))
    said = own if in_worker else traceback.format_exception_only(error)[0]
    said = said.rstrip().splitlines()[-1 if in_worker else 0].strip()
    frames = [frame for frame in _FRAME.findall(text) if not _MACHINERY.search(frame[0])]
    hooks = [frame for frame in frames if frame[2].startswith("pytest_")] or frames
    if not hooks:
        return said
    path, line, function = hooks[-1]
    place = "/".join(PurePath(path).parts[-2:])
    return f"{'in a worker, ' if in_worker else ''}{place}:{line} in {function}: {said}"
