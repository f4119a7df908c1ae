"""What a column holds where an INSERT gives it no value. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: The server keeps ``DEFAULT NULL`` of a type with a length: ``NULL::character varying``.
_NULL = re.compile(r"NULL(::.+)?", re.IGNORECASE)


def default_of(column: Mapping[str, Any]) -> str | None:
    """The default in the properties of a column, unless it is NULL."""
    default = str(column.get("default") or "")
    return default if default and not _NULL.fullmatch(default) else None


def is_filled(column: Mapping[str, Any]) -> bool:
    """Whether a column with these properties has a value where an INSERT gives none."""
    return any((default_of(column), column.get("identity"), column.get("generated")))
