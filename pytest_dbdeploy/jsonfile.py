"""JSON as the artifacts hold it: redacted, camelCase, and on disk either whole or not at all."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from .model import as_json, camel
from .secret import redact_sql, redactor

_WIDTH = 240
_compact = json.JSONEncoder(ensure_ascii=False).encode

Json: TypeAlias = Any  # null, booleans, numbers, strings, lists and dicts of these

_MAY_NAME_PASSWORD = re.compile(r"(?i)passw")
# SQL quoted in prose: an apostrophe before it ("can't run: ALTER ROLE ...") turns literals inside out for a tokenizer.
_QUOTED_AFTER_PASSWORD = re.compile(r"""(?i)(\bpassw(?:or)?d"?\s*(?::?=\s*)?)[EU&]{0,2}'(?:[^']|'')+'""")


def redact_text(text: str) -> str:
    """Without any registered secret, and without the passwords of SQL statements that are quoted in it."""
    text = redactor.redact(text)
    return (
        redact_sql(_QUOTED_AFTER_PASSWORD.sub(r"\g<1>'***'", text))
        if _MAY_NAME_PASSWORD.search(text)
        else text
    )


def safe(value: object) -> Json:
    """``value`` as JSON can hold it: dataclasses and enums converted, every string (keys too) redacted, the rest as text.

    What is ours (fields' names, values of enums) is no secret, and there may be tens of thousands of it.
    """
    match value:
        case Enum():
            return value.value
        case str():
            return redact_text(value)
        case None | bool() | int():
            return value
        case float():
            # JSON has neither infinity nor NaN; Python would write them anyway.
            return value if math.isfinite(value) else str(value)
        case dict() | Mapping():
            return {redact_text(str(key)): safe(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [safe(item) for item in value]
        case bytes():
            return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: safe(getattr(value, name)) for name, key in _fields(type(value))}
    return redact_text(str(as_json(value)))


@functools.cache
def _fields(kind: type) -> list[tuple[str, str]]:
    return [(f.name, camel(f.name)) for f in dataclasses.fields(kind)]


def encode(value: object) -> bytes:
    """UTF-8 JSON of ``safe(value)`` on one line, without a line end. Broken surrogates (odd file names) become ``\\udcXX`` escapes."""
    return _compact(safe(value)).encode("utf-8", errors="backslashreplace")


def encode_lines(value: object) -> bytes:
    """The same over several lines: each list and object is on one line where it is short enough, so a gate is a line."""
    return _lines(safe(value), "\n").encode("utf-8", errors="backslashreplace")


def _lines(value: Json, newline: str) -> str:
    # By the encoder written in C, which can do no indentation: of 5,000 gates it is the quicker one, each of them tried twice.
    nested = isinstance(value, (dict, list))
    if not nested or len(value) < _WIDTH:  # so many do not fit
        text = _compact(value)
        if len(text) + len(newline) <= _WIDTH or not nested:
            return text
    inside = newline + "  "
    if isinstance(value, list):
        return "[" + ",".join(inside + _lines(item, inside) for item in value) + newline + "]"
    entries = (f"{inside}{_compact(key)}: {_lines(item, inside)}" for key, item in value.items())
    return "{" + ",".join(entries) + newline + "}"


def encode_verbatim(value: object) -> bytes:
    """The same, not redacted: for files that a program works from, where ``***`` in a name would lose the object."""
    return json.dumps(as_json(value), ensure_ascii=False, indent=2).encode("utf-8", errors="backslashreplace")


def write_atomically(path: Path, content: bytes) -> None:
    """Writes ``path`` with mode 0600: after a crash it has either its old content or all of the new. OSError goes through."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Makes the names in ``directory`` durable; a no-op where folders cannot be opened (Windows)."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems refuse to sync folders; the file itself was synced.
        pass
    finally:
        os.close(descriptor)
