"""Several databases held against each other: which have an object, and whose definition of it differs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from string import ascii_uppercase
from typing import TYPE_CHECKING, NamedTuple

from ..model import Change, ChangeType

if TYPE_CHECKING:  # the module that reads snapshots needs a driver, this one does not
    from .snapshot import Snapshot

ABSENT = "-"
_THERE = (ChangeType.MODIFIED, ChangeType.RENAMED)
_Key = tuple[str, str]


class Row(NamedTuple):
    """``letters``: one a database; the same letter is the same definition, ``-`` is no such object."""

    kind: str
    object: str
    letters: tuple[str, ...]


def matrix(
    snapshots: Sequence[Snapshot], changes: Callable[[Snapshot, Snapshot], Iterable[Change]]
) -> tuple[Row, ...]:
    """A row for each object that differs between any two. ``changes``: the differences of two that count."""
    differs: dict[tuple[int, int], dict[_Key, ChangeType]] = {
        (i, j): {(c.kind, c.object): c.change for c in changes(snapshots[i], snapshots[j])}
        for i, j in combinations(range(len(snapshots)), 2)
    }
    rows: dict[_Key, Row] = {}
    for found in differs.values():
        for kind, name in found:
            if (kind, name) not in rows:
                rows[kind, name] = Row(kind, name, _letters((kind, name), snapshots, differs))
    return tuple(rows.values())


def _letters(
    key: _Key, snapshots: Sequence[Snapshot], differs: dict[tuple[int, int], dict[_Key, ChangeType]]
) -> tuple[str, ...]:
    kind, name = key
    letters: list[str] = []
    for number, snapshot in enumerate(snapshots):
        earlier = [(letters[i], differs[i, number].get(key)) for i in range(number)]
        there = name in snapshot.objects.get(kind, {}) or any(change in _THERE for _, change in earlier)
        same = (letter for letter, change in earlier if change is None and letter != ABSENT)
        used = len({letter for letter in letters if letter != ABSENT})
        letters.append(next(same, _letter(used)) if there else ABSENT)
    return tuple(letters)


def _letter(number: int) -> str:
    """A to Z, then A2, B2, ..."""
    round_, place = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[place] + (str(round_ + 1) if round_ else "")
