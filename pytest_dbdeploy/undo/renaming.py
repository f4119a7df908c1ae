"""Renamed objects get their names back; the server's own identities tell them from new ones. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..compare.names import parent_name
from ..compare.renames import Identities
from .altering import CannotUndo
from .dropping import ON_TABLE, drop

_ROUTINES = frozenset({"function", "procedure", "aggregate"})
_COLUMNS = frozenset({"column", "view column"})

Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Renames:
    """``old``, ``new``: (kind, name) of what has another name, also by its table or schema. ``statements`` take that back."""

    old: frozenset[Named]
    new: frozenset[Named]
    statements: tuple[str, ...]


def renames(was: Identities, now: Identities) -> Renames:
    """``was``, ``now``: of one database before and after, or of copies made by CREATE DATABASE ... TEMPLATE.

    CannotUndo where something that may hold rows of users took an old name.
    """
    moved = [
        (kind, old, now[key][1])
        for key, (kind, old) in was.items()
        if key in now and now[key][0] == kind and now[key][1] != old
    ]
    old = frozenset((kind, name) for kind, name, _ in moved)
    in_the_way = [named for key, named in now.items() if key not in was and named in old]
    for kind, name in in_the_way:
        if kind in ("table", "column"):
            raise CannotUndo(f"a new {kind} stands where {name} was, which has another name now")
    return Renames(
        old,
        frozenset((kind, name) for kind, _, name in moved),
        (*(drop(kind, name, {}) for kind, name in in_the_way), *_statements(moved)),
    )


def _statements(moved: Sequence[tuple[str, str, str]]) -> list[str]:
    """From the outside in: what is in a schema or table goes back with it."""
    schemas = {new: old for kind, old, new in moved if kind == "schema"}
    constraints = {(_last(old), _last(new)) for kind, old, new in moved if kind == "constraint"}
    statements = [f"ALTER SCHEMA {new} RENAME TO {old}" for new, old in schemas.items()]
    for kind, old, new in moved:
        if kind in _COLUMNS or kind in ON_TABLE or kind in ("constraint", "schema"):
            continue
        if kind == "index" and (_last(old), _last(new)) in constraints:
            continue  # it goes with its constraint
        statements += _moved_back(kind, old, new, schemas)
    for kind, old, new in moved:
        if _last(old) == _last(new):
            continue
        if kind in ON_TABLE:
            statements.append(
                f"ALTER {kind.upper()} {_last(new)} ON {parent_name(old)} RENAME TO {_last(old)}"
            )
        elif kind in _COLUMNS:
            statements.append(f"ALTER TABLE {parent_name(old)} RENAME COLUMN {_last(new)} TO {_last(old)}")
        elif kind == "constraint":
            statements.append(
                f"ALTER TABLE {parent_name(old)} RENAME CONSTRAINT {_last(new)} TO {_last(old)}"
            )
    return statements


def _moved_back(kind: str, old: str, new: str, schemas: dict[str, str]) -> list[str]:
    (old_head, _), (head, arguments) = _split(kind, old), _split(kind, new)
    schema = schemas.get(parent_name(head), parent_name(head))
    word, statements = kind.upper(), []
    if schema != parent_name(old_head) and kind != "index":
        statements.append(
            f"ALTER {word} {schema}.{_last(head)}{arguments} SET SCHEMA {parent_name(old_head)}"
        )
    if _last(head) != _last(old_head):
        statements.append(
            f"ALTER {word} {parent_name(old_head)}.{_last(head)}{arguments} RENAME TO {_last(old_head)}"
        )
    return statements


def _split(kind: str, name: str) -> tuple[str, str]:
    """Name and arguments."""
    head, paren, arguments = name.partition("(")
    return (head, paren + arguments) if kind in _ROUTINES else (name, "")


def _last(name: str) -> str:
    parent = parent_name(name)
    return name[len(parent) + 1 :] if parent else name
