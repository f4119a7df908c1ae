"""Durations ("60s", "10m", "30d", "1500ms") and sizes ("20GB", "200MB") as people write them."""

from __future__ import annotations

import math
import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
# As in postgresql.conf and pg_size_pretty: a kilobyte is 1024 bytes.
_BYTES = {"b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3, "tb": 1024**4}

DURATION_PATTERN = r"^\s*(0|[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d|w))\s*$"
SIZE_PATTERN = r"^\s*(0|[0-9]+(\.[0-9]+)?\s*([kKmMgGtT]?[bB]|[kKmMgGtT]i[bB]))\s*$"
DURATION_HELP = "a number with its unit: 1500ms, 60s, 10m, 2h, 30d or 1w"
SIZE_HELP = "a number with its unit: 500kB, 200MB, 20GB or 1TB"


def parse_duration(value: object) -> float:
    """Seconds. ValueError, without the value, when it is no duration: a bare number would leave open what it counts."""
    if isinstance(value, float) and math.isfinite(value):
        return value  # a default of the model
    if isinstance(value, str) and re.match(DURATION_PATTERN, value):
        number, unit = _split(value)
        return number * _SECONDS[unit or "s"]
    raise ValueError(f"must be {DURATION_HELP}")


def parse_size(value: object) -> int:
    """Bytes. ValueError, without the value, when it is no size."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value  # a default of the model
    if isinstance(value, str) and re.match(SIZE_PATTERN, value):
        number, unit = _split(value)
        return int(number * _BYTES[unit.lower().replace("ib", "b") or "b"])
    raise ValueError(f"must be {SIZE_HELP}")


def _split(text: str) -> tuple[float, str]:
    text = text.strip()
    number = re.match(r"[0-9.]+", text)
    assert number is not None  # the pattern matched
    return float(number[0]), text[number.end() :].strip()


def show_duration(seconds: float) -> str:
    """``600.0`` -> ``10m``."""
    if seconds and seconds < 1:
        return f"{seconds * 1000:g}ms"
    unit = next((unit for unit in ("d", "h", "m") if seconds and seconds % _SECONDS[unit] == 0), "s")
    return f"{seconds / _SECONDS[unit]:g}{unit}"


def show_size(size: int) -> str:
    """``21474836480`` -> ``20GB``."""
    unit = next((unit for unit in ("tb", "gb", "mb", "kb") if size and size % _BYTES[unit] == 0), "b")
    return f"{size // _BYTES[unit]}{unit.upper().replace('KB', 'kB')}"
