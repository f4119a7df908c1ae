"""``--dbdeploy-compare``: databases held against the first of them, read only; gates say where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..adapters import Adapters
from ..compare.diff import diff
from ..compare.ignore import Ignored, without_ignored
from ..compare.matrix import matrix
from ..compare.snapshot import Snapshot
from ..config.load import Settings
from ..decision import decide
from ..errors import DbDeployError
from ..model import Change, Decision, ExitStatus, Level, LogPhase, Outcome, Phase, Reason, Verdict
from ..reports.record import Comparison
from ..steps import Steps
from .base import Close, Go, Ledger
from .common import CommonFlow
from .comparing import Reading
from .row_reading import RowReading
from .workspace import error_text

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
        except DbDeployError as error:  # the gates are collected all the same, and say that nothing was compared
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
            self.steps.message(LogPhase.PREFLIGHT, Level.ERROR, text)
            return Close(f"not comparable: {text.splitlines()[0]}")
        except Exception as error:  # no traceback for users; it is in deployment.log
            self.workspace.log.exception(LogPhase.PREFLIGHT, "internal error", error)
            self.record.decision = Decision(
                Verdict.INCOMPLETE, (Reason("internal-error", error_text(error)),)
            )
            self._end(Outcome.ABORTED, ExitStatus.INTERNAL_ERROR)
            return Close("internal error")

    def _compare(self) -> dict[str, Any]:
        if self.unreachable is not None:
            raise self.unreachable
        reading = self.reading
        with self.steps.step("hub", "open the hub", LogPhase.PREFLIGHT) as step:
            reading.open()
            self.record.notes += reading.notes()
            step.done("through the hub" if reading.hub else "over direct connections")
        with self.steps.step("schemas", "read schemas", LogPhase.PREFLIGHT) as step:
            snapshots = reading.snapshots()
            reading.check_schemas(snapshots)
            counts = (str(sum(map(len, snapshot.objects.values()))) for snapshot in snapshots)
            step.done(f"{' and '.join(counts)} objects")
        with self.steps.step("rows", "compare rows", LogPhase.PREFLIGHT) as step:
            rows, orphans = self.rows.read(self.tables, self.references, self.ignored, step.progress)
            step.done(f"{len(rows)} tables, {len(orphans)} foreign keys")
        self._record(reading, snapshots)
        assert self.record.comparison is not None
        return {
            "labels": self.labels,
            "transport": reading.transport,
            "hub_error": reading.hub_error,
            "not_compared": {
                label: snapshot.not_compared for label, snapshot in zip(self.labels, snapshots, strict=True)
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
        first, *others = snapshots
        changes = {
            label: self._changes(first, other) for label, other in zip(self.labels[1:], others, strict=True)
        }
        everything = [change for other in others for change in diff(first, other)]
        self.record.comparison = Comparison(
            transport=reading.transport,
            databases=[
                {
                    "name": side.label,
                    "server": side.url.label,
                    "serverVersion": side.server_version,
                    "standby": side.standby,
                }
                for side in reading.sides
            ],
            changes=changes,
            matrix=matrix(snapshots, self._changes),
            ignored=[
                {
                    "kind": rule.kind,
                    "property": rule.prop,
                    "object": rule.name,
                    "changes": self._hits(rule, everything),
                }
                for rule in self.ignored
            ],
        )
        self.record.changes = [change for found in changes.values() for change in found]
        self.record.not_compared = list(dict.fromkeys(n for s in snapshots for n in s.not_compared))

    def _changes(self, before: Snapshot, after: Snapshot) -> tuple[Change, ...]:
        return without_ignored(diff(before, after), self.ignored)

    def _hits(self, rule: Ignored, changes: Sequence[Change]) -> int:
        """How many changes a rule leaves out, or makes smaller."""
        return sum(without_ignored([change], [rule]) != (change,) for change in changes)

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
        self.workspace.finish(outcome, status)

    def abandon(self, why: str, ledger: Ledger, *, interrupted: bool) -> None:
        if self.record.outcome is None:
            self.record.decision = Decision(
                Verdict.INCOMPLETE, (Reason("interrupted" if interrupted else "abandoned", why),)
            )
            status = ExitStatus.INTERRUPTED if interrupted else ExitStatus.ABORTED
            self._end(Outcome.INTERRUPTED if interrupted else Outcome.DIFFERENT, status)

    def close(self, ledger: Ledger) -> None:
        if self._workspace is None:
            return
        if self.record.outcome is None:
            self._end(Outcome.DIFFERENT, ExitStatus.ABORTED)
        self.workspace.close(ledger.gates, log_to=None, finished=True)
