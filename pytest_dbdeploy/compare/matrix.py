"""Several databases held against each other: which have an object, and whose definition of it differs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING, NamedTuple

from ..model import Change, ChangeType
from .diff import KINDS

if TYPE_CHECKING:  # the module that reads snapshots needs a driver, this one does not
    from .snapshot import Snapshot

ABSENT = "-"
_ORDER = {kind: place for place, kind in enumerate(KINDS)}
_THERE = (ChangeType.MODIFIED, ChangeType.RENAMED)
_Key = tuple[str, str]


class Row(NamedTuple):
    """``letters``: one a database; the same letter is the same definition, ``-`` is no such object."""

    kind: str
    object: str
    letters: tuple[str, ...]


def matrix(
    snapshots: Sequence[Snapshot], changes: Mapping[tuple[int, int], Sequence[Change]]
) -> tuple[Row, ...]:
    """A row for each object that differs between any two. ``changes``: what counts from each to each later one, by their places."""
    differs = {pair: {(c.kind, c.object): c.change for c in of_pair} for pair, of_pair in changes.items()}
    found = {key for of_pair in differs.values() for key in of_pair}
    keys = sorted(found, key=lambda key: (_ORDER.get(key[0], len(_ORDER)), key))
    return tuple(Row(*key, _letters(key, snapshots, differs)) for key in keys)


def _letters(
    key: _Key, snapshots: Sequence[Snapshot], differs: Mapping[tuple[int, int], Mapping[_Key, ChangeType]]
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
