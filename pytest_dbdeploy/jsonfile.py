"""JSON as the artifacts hold it: redacted, camelCase, and on disk either whole or not at all."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from .model import as_json
from .secret import redact_sql, redactor

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
    """``value`` as JSON can hold it: dataclasses and enums converted, every string (keys too) redacted, the rest as text."""
    return _clean(as_json(value))


def _clean(value: object) -> Json:
    match value:
        case str():
            return redact_text(value)
        case Mapping():
            return {redact_text(str(key)): _clean(item) for key, item in value.items()}
        case list():
            return [_clean(item) for item in value]
        case float():
            # JSON has neither infinity nor NaN; Python would write them anyway.
            return value if math.isfinite(value) else str(value)
        case None | bool() | int():
            return value
        case bytes():
            return value.hex()
        case _:
            return redact_text(str(value))


def encode(value: object, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON of ``safe(value)``, without a line end. Broken surrogates (odd file names) become ``\\udcXX`` escapes."""
    text = json.dumps(safe(value), ensure_ascii=False, indent=indent)
    return text.encode("utf-8", errors="backslashreplace")


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
