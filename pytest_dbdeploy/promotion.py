"""``promote_from``: whether what is pending here was deployed and kept there, from the same schema. Pure.

Several deployments there may make up one here, when each began with what the one before had left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .compare.parts import Parts, portable_differences
from .db.state import DeploymentRow, State
from .model import Migration

_MOST = 12


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment there. ``before``, ``after``: the parts of the schema, None where its row has none."""

    row: DeploymentRow
    before: Parts | None = None
    after: Parts | None = None


@dataclass(frozen=True, slots=True)
class Here:
    """What is about to be deployed. ``commit``: of the code. ``command``: a command applies the migrations, nobody knows which."""

    pending: tuple[Migration, ...]
    fingerprint: str
    parts: Parts
    command: bool = False
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """``problems``: what is missing, as sentences. ``proof``: the deployments there that make up this one."""

    problems: tuple[str, ...] = ()
    proof: tuple[str, ...] = field(default=())


def promoted(here: Here, there: Sequence[Deployed], name: str) -> Promotion:
    """``there``: all deployments to environment ``name``, oldest first."""
    if here.command:
        return _by_commit(here, there, name)
    chain: list[Deployed] = []
    problems = []
    for migration in here.pending:
        found = next((d for d in reversed(there) if _kept(d) and _holds(d, migration)), None)
        if found is None:
            problems.append(_missing(migration, there, name))
        elif found not in chain:
            chain.append(found)
    if problems or not chain:
        return Promotion(tuple(problems))
    return Promotion(tuple(_together(here, chain, name) or _start(here, chain, name)), _ids(chain))


def _by_commit(here: Here, there: Sequence[Deployed], name: str) -> Promotion:
    """What a command applies is known by the commit that holds it."""
    found = next((d for d in reversed(there) if _kept(d) and d.row.git_to == here.commit is not None), None)
    if found is None:
        what = f"commit {here.commit[:12]}" if here.commit else "a project in no git repository"
        return Promotion(
            (f"{what} was not deployed to {name} and kept (with a command, the commit says what it applies)",)
        )
    return Promotion(tuple(_start(here, [found], name)), (found.row.id,))


def _kept(deployed: Deployed) -> bool:
    return deployed.row.state is State.KEPT


def _holds(deployed: Deployed, migration: Migration) -> bool:
    return any(_same(entry, migration) for entry in deployed.row.migrations)


def _same(entry: Mapping[str, str], migration: Migration) -> bool:
    """By checksum, line ends aside: a checkout on another system may have others."""
    return bool({entry.get("checksum"), entry.get("content")} & {migration.checksum, migration.identity})


def _missing(migration: Migration, there: Sequence[Deployed], name: str) -> str:
    holding = [d.row for d in there if _holds(d, migration)]
    if holding:
        row = holding[-1]
        what = "unfinished" if row.unfinished else str(row.state).replace("_", " ")
        return f"{migration.name} is not kept on {name}: {row.id} is {what} ({row.updated.astimezone():%Y-%m-%d %H:%M})"
    same_name = [
        d.row for d in there if any(entry.get("name") == migration.name for entry in d.row.migrations)
    ]
    if same_name:
        return f"{migration.name} was deployed to {name} with other content ({same_name[-1].id}): its checksum is another one"
    return f"{migration.name} was never deployed to {name}"


def _together(here: Here, chain: Sequence[Deployed], name: str) -> list[str]:
    """The deployments there must hold what is pending here, in this order, and no more."""
    entries = [entry for deployed in chain for entry in deployed.row.migrations]
    more = [e["name"] for e in entries if not any(_same(e, migration) for migration in here.pending)]
    if more:
        return [
            f"on {name} they were deployed together with {', '.join(more)}, which is not pending here: {', '.join(_ids(chain))}"
        ]
    in_order = len(entries) == len(here.pending) and all(map(_same, entries, here.pending))
    order = ", ".join(entry["name"] for entry in entries)
    return [] if in_order else [f"on {name} they were deployed in another order: {order}"]


def _start(here: Here, chain: Sequence[Deployed], name: str) -> list[str]:
    """The schema here must be the one that the first of them met, and each must have met what the one before left."""
    first = chain[0]
    found = _differences((first.row.fingerprint_before, first.before), (here.fingerprint, here.parts))
    if found is not None:
        return [f"{first.row.id} on {name} began with another schema than this one: {found}"]
    for one, two in pairwise(chain):
        found = _differences((one.row.fingerprint_after, one.after), (two.row.fingerprint_before, two.before))
        if found is not None:
            return [
                f"on {name}, {two.row.id} did not begin with the schema that {one.row.id} left (there: then, here: later): {found}"
            ]
    return []


def _differences(there: tuple[str | None, Parts | None], here: tuple[str | None, Parts | None]) -> str | None:
    """None where both are the same; else how they differ, as far as it is known."""
    if there[0] is not None and there[0] == here[0]:
        return None
    if there[1] is None or here[1] is None:
        return "the fingerprints differ (by what is not known: it was an earlier version of pytest-dbdeploy)"
    found = portable_differences(there[1], here[1])
    if not found:
        return None
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return "; ".join(found[:_MOST]) + more


def _ids(chain: Sequence[Deployed]) -> tuple[str, ...]:
    return tuple(deployed.row.id for deployed in chain)
