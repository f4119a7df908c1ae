"""Privileges that changed are given back: by the lines in which a snapshot has them, such as ``bob: SELECT (grantable)``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .altering import CannotUndo, role

_LINE = re.compile(r"(.*): ([A-Z, ]+?)( \(grantable\))?( by .*)?")
_OF_COLUMNS = ("INSERT", "REFERENCES", "SELECT", "UPDATE")
#: What a class of objects gives to everybody from the start.
_TO_ALL = {"functions": "EXECUTE", "types": "USAGE"}


@dataclass(frozen=True, slots=True)
class Grant:
    """One privilege of one role. ``grantee``: quoted, or PUBLIC."""

    grantee: str
    privilege: str
    grantable: bool


def grants(lines: Iterable[str]) -> list[Grant]:
    """CannotUndo where somebody else than the owner granted something: only they can take it back."""
    found = []
    for line in lines:
        if line == "nobody":
            continue
        match = _LINE.fullmatch(line)
        if match is None or match[4]:
            raise CannotUndo(f"the privileges of {line} cannot be set back")
        found += [Grant(grantee(match[1]), one, bool(match[3])) for one in match[2].split(", ")]
    return found


def grantee(printed: str) -> str:
    """As a statement names whom an aclitem names: that leaves capitals unquoted."""
    if printed == "PUBLIC":
        return printed
    return role(printed[1:-1].replace('""', '"') if printed.startswith('"') else printed)


def of_column(table: str, column: str, was: Sequence[str] | None, now: Sequence[str] | None) -> list[str]:
    """Only what differs: what others granted stays."""
    both = {*(was or ())} & {*(now or ())}
    old, new = (_each(line for line in lines or () if line not in both) for lines in (was, now))
    on = f"ON {table}"
    statements = []
    for (who, what), grantable in new.items():
        if (who, what) not in old:
            statements.append(f"REVOKE {what} ({column}) {on} FROM {who}")
        elif grantable and not old[who, what]:
            statements.append(f"REVOKE GRANT OPTION FOR {what} ({column}) {on} FROM {who}")
    for (who, what), grantable in old.items():
        if (who, what) not in new or (grantable and not new[who, what]):
            statements.append(f"GRANT {what} ({column}) {on} TO {who}{_option(grantable)}")
    return statements


def _each(lines: Iterable[str]) -> Mapping[tuple[str, str], bool]:
    return {
        (grant.grantee, what): grant.grantable
        for grant in grants(lines)
        for what in (_OF_COLUMNS if grant.privilege == "ALL" else (grant.privilege,))
    }


def by_default(name: str, was: Sequence[str] | None, now: Sequence[str] | None) -> list[str]:
    """ALTER DEFAULT PRIVILEGES. ``name``: ``owner [in schema s] on tables``; None: what holds where nothing was said."""
    whose, _, objects = name.rpartition(" on ")
    owner, _, schema = whose.partition(" in schema ")
    head = f"ALTER DEFAULT PRIVILEGES FOR ROLE {whose}"
    usual = [] if schema else [Grant(owner, "ALL", False)]
    if objects in _TO_ALL and not schema:
        usual.append(Grant("PUBLIC", _TO_ALL[objects], False))
    old, new = (usual if lines is None else grants(lines) for lines in (was, now))
    on = f"ON {objects.upper()}"
    return [
        *(f"{head} REVOKE ALL {on} FROM {who}" for who in sorted({grant.grantee for grant in new})),
        *(f"{head} GRANT {g.privilege} {on} TO {g.grantee}{_option(g.grantable)}" for g in old),
    ]


def _option(grantable: bool) -> str:
    return " WITH GRANT OPTION" if grantable else ""
