"""What the session needs of a flow. A flow knows no pytest; the session knows no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..model import ExitStatus, GateRecord, Mode, Phase


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the session knows of the gates at a boundary.

    ``gates``: the universe, collected before any deselection, with the outcome so far (``not_run`` for gates to come).
    ``problems``: what makes the universe or the results untrustworthy (collection errors, ``--lf``, ``--setup-only``, ...): each blocks.
    """

    gates: Sequence[GateRecord]
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """The next phase may run. ``context`` is pickled and sent to the workers over the private channel: it may hold secrets."""

    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Close:
    """No later gate runs: each is skipped with ``reason``, as not applicable when nothing is wrong (nothing to deploy)."""

    reason: str
    not_applicable: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """This phase's gates do not apply (``reason``: why); the phases after it do."""

    reason: str


class Flow(Protocol):
    """One action. The session calls, in this order: prepare, collected, before(phase) for each phase in order, finish, close.

    ``before(phases[0])`` is called once, when the gates were collected and before the first one runs. When the session ends
    early (-x, a crash, a signal, another plugin's error), ``abandon`` is called instead of what is left; ``close`` always.
    """

    mode: Mode
    phases: tuple[Phase, ...]

    def prepare(self) -> None:
        """At the start of the session, in the controller only: reads the target, makes the plan. ConfigError ends with status 4."""

    def public_facts(self) -> dict[str, Any]:
        """For parametrization in workers, before collection: picklable, without any secret. Goes into workerinput."""

    def collected(self, ledger: Ledger) -> None:
        """The universe of gates is known. ConfigError (wrong approval) ends with status 4."""

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close | Skip:
        """All gates of earlier phases have ended: acts, and says whether ``phase`` may run."""

    def finish(self, ledger: Ledger) -> None:
        """All phases have ended or were closed: keep, or roll back; verdict."""

    def abandon(self, why: str, ledger: Ledger, *, interrupted: bool) -> None:
        """The session ends early, perhaps within ``prepare``: leaves the target untouched, or rolls back. Never raises."""

    def close(self, ledger: Ledger) -> None:
        """Writes the reports, sends alerts, removes what was made. Never raises; called once, always."""

    def header(self) -> list[str]:
        """Lines for the report header of the terminal."""

    def summary(self) -> list[str]:
        """Lines of the final section: verdict, reasons, what stands where, where the files are."""

    def junit_properties(self) -> dict[str, str]:
        """Properties of the JUnit suite (dbdeploy.deployment_id, ...)."""

    @property
    def exit_status(self) -> ExitStatus: ...
