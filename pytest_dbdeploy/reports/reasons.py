"""Why a run ended as it did, each reason once: a target that cannot be reached makes many gates fail."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Reason


def grouped(reasons: Iterable[Reason]) -> list[tuple[Reason, int]]:
    """The first gate of each reason, and how many more have it, whether they failed or ended with an error."""
    groups: dict[str, list[Reason]] = {}
    for reason in reasons:
        first = first_line(reason)
        same = first.removeprefix("failed: ").removeprefix("ended with an error: ")
        groups.setdefault(same if ": " in first else f"{first} {reason.gate}", []).append(reason)
    return [(group[0], len(group) - 1) for group in groups.values()]


def first_line(reason: Reason) -> str:
    return (reason.message.splitlines() or [""])[0]


def and_more(number: int) -> str:
    """``and 2 more gates for the same reason``; empty for 0."""
    return f"and {number} more gate{'' if number == 1 else 's'} for the same reason" if number else ""
