"""Whether the target still is what the last kept deployment left, and if not, what differs and whether a migration says so.

What changed since is known by the parts in that deployment's row. What it should be is known by a replay of the history on the
sandbox, which costs a server and all migrations, and so is only made when something did change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..compare.describe import describe
from ..compare.diff import diff, only, parent_of
from ..compare.ignore import Ignored, Wholes, leaves_out, without_ignored
from ..compare.names import first_name
from ..compare.parts import SERVER, PartChange, changed_parts
from ..compare.snapshot import Snapshot
from ..db.url import DatabaseUrl
from ..errors import DbDeployError
from ..layouts.base import LayoutReader
from ..model import Change, ChangeType, Fact, LogPhase
from ..plan import Kept, Schema
from ..sandboxes.embedded import EmbeddedSandbox
from .replaying import replay, why_not
from .workspace import Workspace, count, error_text

_WORDS = {
    "added": "was made",
    "removed": "was removed",
    "changed": "was changed, or what belongs to it",
    "reassigned": "has another owner or other privileges",
}
#: Said of an environment's own roles, which a replay does not have.
_OF_ROLES = ("owner", "privileges")


@dataclass(frozen=True, slots=True)
class Drift:
    """``facts``: what the rule ``schema-drift`` judges. ``notes``: what changed and is no drift, or could not be told."""

    facts: tuple[tuple[str, Fact], ...] = ()
    notes: tuple[str, ...] = ()


class DriftSearch:
    """``sandbox``: opens it, when it is needed."""

    def __init__(
        self,
        workspace: Workspace,
        layout: LayoutReader,
        target: DatabaseUrl,
        sandbox: Callable[[], EmbeddedSandbox],
    ) -> None:
        self.workspace = workspace
        self.layout = layout
        self.target = target
        self.sandbox = sandbox
        self.ignored = [Ignored(i.kind, i.property, i.object) for i in workspace.settings.compare.ignore]

    def run(self, kept: Kept | None, now: Schema, extensions: Mapping[str, str]) -> Drift:
        """How ``now`` differs from what ``kept`` left. Costs nothing where the fingerprint is the same."""
        if kept is None or kept.row.fingerprint_after in (None, now.fingerprint):
            return Drift()
        since = _since(kept)
        if kept.parts is None:
            return self._against_replay(now, extensions, since)
        changed = [
            part
            for part in changed_parts(kept.parts, now.parts)
            if not leaves_out(self.ignored, part.kind, part.name)
        ]
        left, notes = _without_routine(changed, since)
        if kept.parts.get(SERVER) != now.parts[SERVER]:
            notes.append(
                f"{since}, the target went from PostgreSQL {kept.parts.get(SERVER)} to {now.parts[SERVER]}, whose definitions"
                " cannot be held against each other: only what came and went is known"
            )
        if not left:
            return Drift(notes=tuple(notes))
        found = self._told_by_replay(left, now, extensions, since)
        return Drift(found.facts, (*notes, *found.notes))

    def _told_by_replay(
        self, changed: Sequence[PartChange], now: Schema, extensions: Mapping[str, str], since: str
    ) -> Drift:
        """What a migration that was applied by other means explains is none; the rest in the words of the replay."""
        own = {part.name for part in changed if part.kind == "extension"}
        problem, history = self._replayed(now, set(extensions) - own)
        facts: list[tuple[str, Fact]] = []
        explained: list[str] = []
        for part in changed:
            if history is None:
                text = f"{part} {_WORDS[part.what]} {since} (what exactly is not known: {problem})"
                facts.append((_kind(part.what), Fact(part.name, text)))
            elif part.what == "reassigned":
                facts.append(("reassigned", Fact(part.name, f"{part} {_WORDS[part.what]} {since}")))
            else:
                changes = [c for c in self._differences(history, now.snapshot) if _belongs(c, part)]
                facts += [(_kind(part.what), _fact(change, since)) for change in changes]
                explained += [] if changes else [str(part)]
        notes = (
            (f"{since}, the target was changed as its migration history says: {', '.join(explained)}",)
            if explained
            else ()
        )
        return Drift(tuple(dict.fromkeys(facts)), notes)

    def _against_replay(self, now: Schema, extensions: Mapping[str, str], since: str) -> Drift:
        """Of a deployment by an earlier version, whose row has no parts: all that the history does not make."""
        problem, history = self._replayed(now, set(extensions))
        if history is None:
            text = f"the schema was changed {since} (what exactly is not known: {problem})"
            return Drift((("changed", Fact("*", text)),))
        changes = self._differences(history, now.snapshot)
        return Drift(tuple((_kind(_what(change)), _fact(change, since)) for change in changes))

    def _replayed(self, now: Schema, extensions: set[str]) -> tuple[str | None, Snapshot | None]:
        """(why not, the schema that the history makes): one of them."""
        problem = why_not(self.layout, now.history)
        if problem is not None:
            return problem, None
        with self.workspace.steps.step(
            "replay", "the target changed: replay its migration history", LogPhase.PREFLIGHT
        ) as step:
            try:
                found = replay(
                    self.workspace,
                    self.sandbox(),
                    self.target,
                    self.layout,
                    now.history,
                    extensions,
                    step,
                )
            except DbDeployError as error:
                problem = f"the history could not be replayed: {error_text(error).splitlines()[0]}"
                step.skipped(problem)
                return problem, None
            step.done(f"{count(len(now.history.applied), 'migration')}, to see what they do not make")
        return None, found

    def _differences(self, history: Snapshot, now: Snapshot) -> list[Change]:
        """What the target has otherwise than its migrations make it."""
        found = (_without_roles(change) for change in diff(history, now, ignore_position=True))
        wholes = Wholes(history, now)
        return list(without_ignored((c for c in found if c is not None), self.ignored, wholes))


def _since(kept: Kept) -> str:
    row = kept.row
    return f"since {row.id} was kept ({row.updated.astimezone():%Y-%m-%d %H:%M})"


def _without_routine(changed: Sequence[PartChange], since: str) -> tuple[list[PartChange], list[str]]:
    """Partitions come and go, and a tenant's schema is made whole: (what is left, notes on these)."""
    made = {part.name for part in changed if part.kind == "schema" and part.what == "added"}

    def why(part: PartChange) -> str | None:
        if part.kind == "partition" and part.what in ("added", "removed"):
            return "partitions come and go"
        schema = part.name if part.kind == "schema" else first_name(part.name)
        return "a schema that is new as a whole" if part.what == "added" and schema in made else None

    left = [part for part in changed if why(part) is None]
    notes = [f"{since}, {part} {_WORDS[part.what]}: {why(part)}" for part in changed if why(part)]
    return left, notes


def _kind(what: str) -> str:
    """As the rule tells them apart: a whole object that was added, another owner or a GRANT is in nobody's way."""
    return what if what in ("added", "reassigned") else "changed"


def _what(change: Change) -> str:
    return "changed" if parent_of(change) else str(change.change)


def _belongs(change: Change, part: PartChange) -> bool:
    return part.name in (change.object, parent_of(change))


def _fact(change: Change, since: str) -> Fact:
    told = describe(change, before="what the migrations make", after="the target")
    return Fact(change.object, f"{told}\n  changed by hand {since}")


def _without_roles(change: Change) -> Change | None:
    """The sandbox's migrations are carried out by another role."""
    if change.change is not ChangeType.MODIFIED:
        return change
    keys = [key for key in change.after or {} if not key.endswith(_OF_ROLES)]
    return only(change, keys) if keys else None
