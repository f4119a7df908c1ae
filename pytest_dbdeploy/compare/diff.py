"""Differences between two snapshots, and whether a target became what the rehearsal promised. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model import Change, ChangeType
from .made_up_names import paired
from .majors import aligned
from .names import parent_name

if TYPE_CHECKING:  # the module that reads snapshots needs a driver, this one does not
    from .snapshot import Snapshot

KINDS = (
    "schema",
    "extension",
    "type",
    "collation",
    "conversion",
    "table",
    "foreign table",
    "column",
    "constraint",
    "index",
    "view",
    "materialized view",
    "view column",
    "sequence",
    "function",
    "procedure",
    "aggregate",
    "operator",
    "operator family",
    "operator class",
    "cast",
    "text search parser",
    "text search template",
    "text search dictionary",
    "text search configuration",
    "access method",
    "trigger",
    "event trigger",
    "rule",
    "policy",
    "statistics",
    "publication",
    "foreign data wrapper",
    "foreign server",
    "user mapping",
    "default privileges",
    "privileges",
    "setting",
)
"""The kinds of objects that are compared, in the order in which differences are listed."""

# What belongs to a table or view, and the property under which a folded change of that shows it.
_CHILDREN = {
    "column": "columns",
    "view column": "columns",
    "constraint": "constraints",
    "index": "indexes",
    "trigger": "triggers",
    "rule": "rules",
    "policy": "policies",
    "statistics": "statistics",
}
PARENTS = ("table", "foreign table", "view", "materialized view")
_ORDER = {kind: place for place, kind in enumerate(KINDS)}

# An object that is made anew belongs to whoever makes it: on the sandbox somebody else than on the target.
_MAKER = frozenset({"owner", "privileges"})

_Key = tuple[str, str]
Properties = Mapping[str, Any]


def differences(before: Snapshot, after: Snapshot, *, ignore_position: bool = False) -> tuple[Change, ...]:
    """Every difference, one ``Change`` an object, paired by (kind, name): ``diff`` without the folding.

    The position of a column differs when its order among the columns that both sides have does; with ``ignore_position``
    never. Different major versions are compared as the older one would have them. What one side did not compare is left out.
    """
    found: list[Change] = []
    unknown = {(item.kind, item.object) for item in (*before.not_compared, *after.not_compared)}
    one, two = (before.objects, after.objects) if before.major == after.major else aligned(before, after)
    kinds = sorted({*one, *two}, key=lambda kind: (_ORDER.get(kind, len(_ORDER)), kind))
    for kind in kinds:
        old, new = one.get(kind, {}), two.get(kind, {})
        if old == new or (kind, "*") in unknown:
            continue
        differing = {name for name, was in old.items() if _differ(was, new.get(name))} | (
            new.keys() - old.keys()
        )
        placed = kind in ("column", "view column") and not ignore_position
        moved = _moved(old, new, differing, _partitions(one) | _partitions(two)) if placed else set()
        for name in sorted(differing | moved):
            change = _compare(kind, name, old.get(name), new.get(name), name in moved)
            if change is not None and (kind, name) not in unknown:
                found.append(change)
    return tuple(found)


def diff(before: Snapshot, after: Snapshot, *, ignore_position: bool = False) -> tuple[Change, ...]:
    """The differences for people: what belongs to a table that was itself added or removed is not listed on its own.

    It stands in that table's ``before`` or ``after``, under ``columns``, ``constraints``, ``indexes``, ... by name. What has
    another name but is the same is ``renamed``.
    """
    return fold(paired(differences(before, after, ignore_position=ignore_position)))


def fold(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Puts the parts of added and removed tables and views into their change."""
    whole = {
        (change.change, change.object): change
        for change in changes
        if change.kind in PARENTS and change.change is not ChangeType.MODIFIED
    }
    parts: dict[_Key, dict[str, dict[str, Any]]] = {}
    kept: list[Change] = []
    for change in changes:
        parent = parent_of(change)
        if parent is not None and (change.change, parent) in whole:
            group = parts.setdefault((change.change, parent), {}).setdefault(_CHILDREN[change.kind], {})
            group[change.object] = change.before if change.after is None else change.after
        else:
            kept.append(change)
    return tuple(_with_parts(change, parts.get((change.change, change.object))) for change in kept)


def _with_parts(change: Change, parts: Mapping[str, Any] | None) -> Change:
    if not parts or change.kind not in PARENTS:
        return change
    before = None if change.before is None else {**change.before, **parts}
    after = None if change.after is None else {**change.after, **parts}
    return Change(change.kind, change.change, change.object, before, after)


def parent_of(change: Change) -> str | None:
    """The table or view that a column, constraint, index, ... belongs to; None for what stands alone."""
    return owner_of(change.kind, change.object, change.before or change.after or {})


def owner_of(kind: str, name: str, properties: Mapping[str, Any]) -> str | None:
    """As ``parent_of``, of an object with its properties."""
    if kind not in _CHILDREN:
        return None
    table = properties.get("table")  # indexes and statistics are named by their schema, not by their table
    if table is not None:
        return str(table)
    return None if kind in ("index", "statistics") else parent_name(name)


def _differ(one: object, two: object) -> bool:
    """What was read once for both sides is one object: most are, and the rest is slow."""
    return one is not two and one != two


def _partitions(objects: Mapping[str, Mapping[str, Properties]]) -> set[str]:
    return {
        name
        for kind in ("table", "foreign table")
        for name, properties in objects.get(kind, {}).items()
        if "partition_of" in properties
    }


def _moved(
    old: Mapping[str, Properties], new: Mapping[str, Properties], differing: Set[str], partitions: Set[str]
) -> set[str]:
    """Columns whose rank among the columns on both sides differs.

    What a child has of its parents alone stands first in a clone, wherever it is in the original: no statement could place it.
    """
    both = {
        name
        for name in old.keys() & new.keys()
        if not (old[name].get("inherited") and new[name].get("inherited")) or parent_name(name) in partitions
    }
    if all(old[name].get("position") == new[name].get("position") for name in both & differing):
        return set()
    ranks: list[dict[str, int]] = []
    for side in (old, new):
        by_table: dict[str, list[tuple[int, str]]] = {}
        for name in both:
            by_table.setdefault(parent_name(name), []).append((side[name].get("position", 0), name))
        ranks.append(
            {name: rank for names in by_table.values() for rank, (_, name) in enumerate(sorted(names))}
        )
    return {name for name, rank in ranks[0].items() if ranks[1][name] != rank}


def _public(properties: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if properties is None else {k: value for k, value in properties.items() if k[0] != "_"}


def _compare(
    kind: str, name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, moved: bool
) -> Change | None:
    if old is None or new is None:
        change = ChangeType.ADDED if old is None else ChangeType.REMOVED
        return Change(kind, change, name, _public(old), _public(new))
    if old == new:
        return None
    differing = [
        key for key in {**old, **new} if key != "position" and key[0] != "_" and old.get(key) != new.get(key)
    ]
    if moved:
        differing.append("position")
    if not differing:
        return None
    return Change(
        kind,
        ChangeType.MODIFIED,
        name,
        {key: old.get(key) for key in differing},
        {key: new.get(key) for key in differing},
    )


# -- the target after the deployment ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verification:
    """A target held against the rehearsal.

    ``missing``: what the rehearsal did and the target lacks, as the change that the target still needs (``before``: what it
    has). ``unexpected``: how the target differs from its earlier self beyond what was rehearsed. ``meanwhile``: whole objects
    that somebody else made in the same time (a partition, a tenant's schema): to be reported, not a failure.
    """

    missing: tuple[Change, ...] = ()
    unexpected: tuple[Change, ...] = ()
    meanwhile: tuple[Change, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.missing and not self.unexpected


def verify(baseline: Snapshot, before: Snapshot, after: Snapshot, now: Snapshot) -> Verification:
    """Whether the target went from ``baseline`` to ``now`` as the sandbox went from ``before`` to ``after``.

    The servers may have different major versions: definitions that different majors rendered are never held against each
    other. There, an object or property must have changed where the sandbox's did (yes, no and numbers must be equal); within
    one major its new value must be the sandbox's too, wherever both started from the same. Column positions do not count.
    """
    rehearsed = differences(before, after, ignore_position=True)
    same_major = before.major == baseline.major
    missing = tuple(
        gap
        for change in rehearsed
        if (gap := _missing(change, baseline, before, now, same_major)) is not None
    )
    surprises, meanwhile = _unexplained(differences(baseline, now, ignore_position=True), rehearsed)
    return Verification(missing, surprises, meanwhile)


def unexpected(baseline: Snapshot, rehearsed: Sequence[Change], now: Snapshot) -> tuple[Change, ...]:
    """How ``now`` differs from ``baseline`` beyond ``rehearsed`` (unfolded ``differences``), others' new objects left out."""
    return _unexplained(differences(baseline, now, ignore_position=True), rehearsed)[0]


def _get(snapshot: Snapshot, change: Change) -> Mapping[str, Any] | None:
    return snapshot.objects.get(change.kind, {}).get(change.object)


def _missing(
    change: Change, baseline: Snapshot, before: Snapshot, now: Snapshot, same_major: bool
) -> Change | None:
    """What the target still needs to have ``change``; None when it has it."""
    there = _get(now, change)
    if change.change is ChangeType.REMOVED:
        return None if there is None else Change(change.kind, change.change, change.object, dict(there), None)
    if there is None:
        return Change(change.kind, ChangeType.ADDED, change.object, None, change.after)
    lacking = list(
        _lacking(change, _get(baseline, change) or {}, _get(before, change) or {}, there, same_major)
    )
    if not lacking:
        return None
    expected = change.after or {}
    return Change(
        change.kind,
        ChangeType.MODIFIED,
        change.object,
        {key: there.get(key) for key in lacking},
        {key: expected.get(key) for key in lacking},
    )


def _lacking(
    change: Change,
    was: Mapping[str, Any],
    rehearsed_was: Mapping[str, Any],
    there: Mapping[str, Any],
    same_major: bool,
) -> Iterator[str]:
    """The properties of a rehearsed change that the target's object ``there`` does not have."""
    expected = change.after or {}
    if change.change is ChangeType.ADDED:
        for key in {**expected, **there}:
            skip = (
                key == "position"
                or key[0] == "_"
                or key in _MAKER
                or not (same_major or _is_fact(expected.get(key), there.get(key)))
            )
            if not skip and expected.get(key) != there.get(key):
                yield key
        return
    for key in expected:
        alike = _is_fact(expected[key], there.get(key)) or (
            same_major and was.get(key) == rehearsed_was.get(key)
        )
        if there.get(key) != expected[key] if alike else there.get(key) == was.get(key):
            yield key


def _is_fact(*values: object) -> bool:
    """Whether no value is text that a server rendered: yes, no and numbers are the same on every major version."""
    return not any(isinstance(value, (str, list)) for value in values)


def _unexplained(
    changes: Sequence[Change], rehearsed: Sequence[Change]
) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """(unexpected, meanwhile): ``changes`` less what ``rehearsed`` explains."""
    promised = {(change.kind, change.object, change.change): change for change in rehearsed}
    surprises: list[Change] = []
    for change in changes:
        explained = promised.get((change.kind, change.object, change.change))
        if explained is None:
            surprises.append(change)
        elif change.change is ChangeType.MODIFIED:
            rest = [key for key in change.after or {} if key not in (explained.after or {})]
            if rest:
                surprises.append(only(change, rest))
    made = {
        change.object for change in surprises if change.change is ChangeType.ADDED and change.kind in PARENTS
    }

    def whole_object(change: Change) -> bool:
        parent = parent_of(change)
        return change.change is ChangeType.ADDED and (parent is None or parent in made)

    return (
        tuple(change for change in surprises if not whole_object(change)),
        tuple(change for change in surprises if whole_object(change)),
    )


def only(change: Change, keys: Sequence[str]) -> Change:
    """The change in these properties alone."""
    before, after = change.before or {}, change.after or {}
    return Change(
        change.kind,
        change.change,
        change.object,
        {key: before.get(key) for key in keys},
        {key: after.get(key) for key in keys},
    )
