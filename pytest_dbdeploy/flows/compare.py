"""``--dbdeploy-compare``: databases held against the first of them, read only; gates say where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from ..adapters import Adapters
from ..compare.diff import diff
from ..compare.ignore import Ignored, Wholes, leaves_out, without_ignored
from ..compare.matrix import matrix
from ..compare.snapshot import Snapshot
from ..config.load import Settings
from ..decision import decide
from ..errors import DbDeployError
from ..model import (
    Change,
    Decision,
    ExitStatus,
    GateOutcome,
    Level,
    LogPhase,
    NotCompared,
    Outcome,
    Phase,
    Reason,
    Verdict,
)
from ..reports.record import Comparison
from ..steps import Steps
from .base import Close, Go, Ledger
from .common import CommonFlow
from .comparing import Reading
from .row_reading import WITH_ROWS, RowReading
from .workspace import count, error_text

_PHASES = (Phase.COMPARE,)


class CompareFlow(CommonFlow):
    """See ``Flow``. Equal: 0. Different, or not comparable: 10."""

    phases: tuple[Phase, ...] = _PHASES

    def __init__(self, settings: Settings, steps: Steps, adapters: Adapters) -> None:
        super().__init__(settings, steps, adapters)
        self.labels = tuple(label for label, _ in settings.compared)
        self.unreachable: DbDeployError | None = None
        self.tables: list[str] = []
        self.references: list[str] = []
        self.ignored = [Ignored(i.kind, i.property, i.object) for i in settings.compare.ignore]

    def prepare(self) -> None:
        self.open_workspace("-".join(self.labels))
        self.record.environment = ",".join(self.labels)
        self.reading = Reading(self.workspace)
        try:
            with self.steps.step("connect", f"reach {', '.join(self.labels)}", LogPhase.PREFLIGHT):
                self.reading.reach()
            self.rows = RowReading(self.workspace, self.reading.sides)
            self.tables, self.references = self.rows.names()
        except DbDeployError as error:
            # the gates are collected all the same, and say that nothing was compared
            self.unreachable = error

    def public_facts(self) -> dict[str, Any]:
        return super().public_facts() | {"tables": self.tables, "references": self.references}

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close:
        try:
            return Go({"checks": {"compare": self._compare()}})
        except DbDeployError as error:
            text = error_text(error)
            self.record.decision = Decision(Verdict.INCOMPLETE, (Reason("not-comparable", text),))
            self._end(Outcome.ABORTED, ExitStatus.ABORTED)
            self._say_failed(text)
            return Close(f"not comparable: {text.splitlines()[0]}")
        except Exception as error:  # no traceback for users; it is in deployment.log
            self.workspace.log.exception(LogPhase.PREFLIGHT, "internal error", error)
            self.record.decision = Decision(
                Verdict.INCOMPLETE, (Reason("internal-error", error_text(error)),)
            )
            self._end(Outcome.ABORTED, ExitStatus.INTERNAL_ERROR)
            self._say_failed(f"internal error: {error_text(error)}")
            return Close("internal error")

    def _say_failed(self, text: str) -> None:
        """The gates are skipped then: who reads nothing but JUnit must see a failure all the same."""
        with self.steps.step("comparison", "compare", LogPhase.PREFLIGHT, testcase=True) as step:
            step.failed(text, brief="nothing was compared")

    def _compare(self) -> dict[str, Any]:
        if self.unreachable is not None:
            raise self.unreachable
        reading = self.reading
        with self.steps.step("hub", "open the hub", LogPhase.PREFLIGHT) as step:
            reading.open()
            self.record.notes += reading.notes()
            step.done("through the hub" if reading.hub else "over direct connections")
        with self.steps.step("schemas", "read schemas", LogPhase.PREFLIGHT) as step:
            reading.check_schemas()
            snapshots = reading.snapshots()
            counts = (str(sum(map(len, snapshot.objects.values()))) for snapshot in snapshots)
            step.done(f"{', '.join(counts)} objects")
        with self.steps.step("rows", "compare rows", LogPhase.PREFLIGHT) as step:
            rows, orphans = self.rows.read(self.tables, self.references, self.ignored, step.progress)
            step.done(f"{count(len(rows), 'table')}, {count(len(orphans), 'foreign key')}")
        self._record(reading, snapshots)
        assert self.record.comparison is not None
        return {
            "labels": self.labels,
            "transport": reading.transport,
            "hub_error": reading.hub_error,
            "not_compared": {
                label: self._unknown(snapshot) for label, snapshot in zip(self.labels, snapshots, strict=True)
            },
            "pairs": [
                {"labels": (self.labels[0], other), "changes": changes}
                for other, changes in self.record.comparison.changes.items()
            ],
            "rows": rows,
            "orphans": orphans,
            "samples": self.settings.reports.samples,
        }

    def _record(self, reading: Reading, snapshots: Sequence[Snapshot]) -> None:
        places = range(len(snapshots))
        found = {(i, j): diff(snapshots[i], snapshots[j]) for i, j in combinations(places, 2)}
        wholes = Wholes(*snapshots)
        left = {pair: without_ignored(changes, self.ignored, wholes) for pair, changes in found.items()}
        changes = {label: left[0, place] for place, label in enumerate(self.labels[1:], 1)}
        ignored = [
            {
                **rule._asdict(),
                "changes": self._hits(rule, [c for place in places[1:] for c in found[0, place]], wholes)
                + len({n for s in snapshots for n in s.not_compared if leaves_out([rule], n.kind, n.object)}),
            }
            for rule in self.ignored
        ]
        self.record.comparison = Comparison(
            transport=reading.transport,
            databases=[side.as_json() for side in reading.sides],
            changes=changes,
            matrix=matrix(snapshots, left),
            ignored=ignored,
        )
        self.record.changes = [change for some in changes.values() for change in some]
        self.record.not_compared = list(dict.fromkeys(n for s in snapshots for n in self._unknown(s)))
        self._warn_of_unused(
            {rule: entry["changes"] for rule, entry in zip(self.ignored, ignored, strict=True)}
        )
        hits = sum(rule["changes"] for rule in ignored)
        if hits:
            self.record.notes.append(
                f"compare.ignore leaves out {hits} difference{'' if hits == 1 else 's'}, or a part of each: see schema-comparison.json"
            )

    def _warn_of_unused(self, hits: Mapping[Ignored, int]) -> None:
        """An entry of ``compare.ignore`` that matches nothing may be a mistake, or no longer needed."""
        for rule, number in hits.items():
            rows = any(leaves_out([rule], kind, name) for name in self.tables for kind in WITH_ROWS.values())
            if not number and not rows:
                entry = {"kind": rule.kind, "property": rule.prop, "object": rule.name}
                words = ", ".join(f"{key}: {value}" for key, value in entry.items() if value)
                text = f"compare.ignore has an entry that nothing matches: {{{words}}}"
                self.steps.message(LogPhase.PREFLIGHT, Level.WARN, text)
                self.record.notes.append(text)

    def _unknown(self, snapshot: Snapshot) -> tuple[NotCompared, ...]:
        """What was not compared, and what nobody said that it need not be."""
        return tuple(n for n in snapshot.not_compared if not leaves_out(self.ignored, n.kind, n.object))

    def _hits(self, rule: Ignored, changes: Sequence[Change], wholes: Wholes) -> int:
        """How many changes a rule leaves out, or makes smaller."""
        return sum(without_ignored([change], [rule], wholes) != (change,) for change in changes)

    def finish(self, ledger: Ledger) -> None:
        decision = decide(ledger.gates, ledger.problems, ended=_PHASES)
        if self.record.outcome is not None:  # not comparable
            return
        self.record.decision = decision
        equal = decision.verdict is Verdict.DEPLOY
        self._end(
            Outcome.EQUAL if equal else Outcome.DIFFERENT, ExitStatus.OK if equal else ExitStatus.ABORTED
        )

    def _end(self, outcome: Outcome, status: ExitStatus) -> None:
        self.exit_status = status
        if self.record.comparison is None:  # who reads the changes alone must not take none for equal
            why = next(iter(self.record.decision.reasons), None) if self.record.decision else None
            text = why.message.splitlines()[0] if why else "it was not made"
            self.record.not_compared = [NotCompared("comparison", ",".join(self.labels), text)]
        self.workspace.finish(outcome, status)

    def abandon(self, why: str, ledger: Ledger, *, interrupted: bool) -> None:
        if self._workspace is not None and self.record.outcome is None:
            self.record.decision = Decision(
                Verdict.INCOMPLETE, (Reason("interrupted" if interrupted else "abandoned", why),)
            )
            if interrupted:
                self._end(Outcome.INTERRUPTED, ExitStatus.INTERRUPTED)
            else:  # by -x after a gate that failed, or by another plugin's error before any did
                found = any(gate.outcome is GateOutcome.FAILED for gate in ledger.gates)
                self._end(Outcome.DIFFERENT if found else Outcome.ABORTED, ExitStatus.ABORTED)

    def close(self, ledger: Ledger) -> None:
        if self._workspace is None:
            return
        if self.record.outcome is None:
            self._end(Outcome.ABORTED, ExitStatus.ABORTED)
        self.workspace.close(ledger.gates, log_to=None, finished=True)
