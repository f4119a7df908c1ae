"""schema-comparison.json: what the migrations change, or how databases differ. Its shape: ``schema/schema-comparison.schema.json``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..compare.describe import changed_lines
from ..model import Change, as_json
from .record import Comparison, RunRecord

NAME = "schema-comparison.json"
_WIDTH = 80
_MOST = 40


def build(record: RunRecord) -> dict[str, Any]:
    """Redacted when it is written."""
    found = record.comparison
    changes = _of_all_pairs(found) if found else _changes(record.changes)
    content = {"changes": changes, "notCompared": as_json(record.not_compared)}
    return content | (_of_databases(found) if found else {})


def _of_databases(found: Comparison) -> dict[str, Any]:
    names = [database["name"] for database in found.databases]
    return {
        "transport": found.transport,
        "databases": found.databases,
        "pairs": _pairs(found),
        "matrix": [
            {"kind": row.kind, "object": row.object, "databases": dict(zip(names, row.letters, strict=True))}
            for row in found.matrix
        ],
        "ignored": [
            {
                "kind": rule["kind"],
                "property": rule["prop"],
                "object": rule["name"],
                "changes": rule["changes"],
            }
            for rule in found.ignored
        ],
    }


def _of_all_pairs(found: Comparison) -> list[dict[str, Any]]:
    return [
        change | {"databases": [pair["before"], pair["after"]]}
        for pair in _pairs(found)
        for change in pair["changes"]
    ]


def _pairs(found: Comparison) -> list[dict[str, Any]]:
    first = found.databases[0]["name"]
    return [
        {"before": first, "after": other, "changes": _changes(changes, first, other)}
        for other, changes in found.changes.items()
    ]


def _changes(changes: Iterable[Change], before: str = "before", after: str = "after") -> list[dict[str, Any]]:
    return [as_json(change) | _lines(change, before, after) for change in changes]


def _lines(change: Change, before: str, after: str) -> dict[str, Any]:
    found = changed_lines(change, before=before, after=after)
    return {"diff": found} if found else {}


def matrix_lines(found: Comparison) -> Iterator[str]:
    """The matrix for a terminal of 80 columns: objects down, databases across by number."""
    for number, database in enumerate(found.databases, 1):
        yield f"{number} = {database['name']}"
    cell = max(3, *(len(letter) + 2 for row in found.matrix for letter in row.letters))
    width = max(20, _WIDTH - 4 - cell * len(found.databases))
    yield " " * width + "".join(f"{number:>{cell}}" for number in range(1, len(found.databases) + 1))
    for row in found.matrix[:_MOST]:
        yield f"{_short(f'{row.kind} {row.object}', width):<{width}}" + "".join(
            f"{letter:>{cell}}" for letter in row.letters
        )
    if len(found.matrix) > _MOST:
        yield f"… and {len(found.matrix) - _MOST} more, see {NAME}"


def _short(text: str, width: int) -> str:
    return (
        text if len(text) <= width else f"{text[: width // 3]}…{text[len(text) - width + width // 3 + 1 :]}"
    )
