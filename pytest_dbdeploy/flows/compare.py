"""``--dbdeploy-compare``: two databases, read only; gates say where they differ."""

from __future__ import annotations

from typing import Any

from ..adapters import Adapters
from ..compare.diff import diff
from ..compare.ignore import Ignored, without_ignored
from ..compare.rows import count_rows, digest_rows, user_tables
from ..compare.snapshot import Snapshot, read_snapshot
from ..config.load import Settings
from ..db.url import DatabaseUrl
from ..decision import decide
from ..errors import DbDeployError
from ..model import Decision, ExitStatus, Level, LogPhase, Outcome, Phase, Reason, Verdict
from ..steps import Steps
from .base import Close, Go, Ledger
from .common import CommonFlow
from .workspace import error_text

_PHASES = (Phase.COMPARE,)


class CompareFlow(CommonFlow):
    """See ``Flow``. Equal: 0. Different, or not comparable: 10."""

    phases: tuple[Phase, ...] = _PHASES

    def __init__(self, settings: Settings, steps: Steps, adapters: Adapters) -> None:
        super().__init__(settings, steps, adapters)
        self.sides = settings.compared  # (label, Environment) twice

    def prepare(self) -> None:
        self.open_workspace("-".join(label for label, _ in self.sides))
        self.record.environment = ",".join(label for label, _ in self.sides)

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close:
        try:
            return Go({"checks": {"compare": self._compare()}})
        except DbDeployError as error:
            text = error_text(error)
            self.record.decision = Decision(Verdict.INCOMPLETE, (Reason("not-comparable", text),))
            self.steps.message(LogPhase.PREFLIGHT, Level.ERROR, text)
            return Close(f"not comparable: {text.splitlines()[0]}")
        except Exception as error:  # no traceback for users; it is in deployment.log
            self.workspace.log.exception(LogPhase.PREFLIGHT, "internal error", error)
            self.record.decision = Decision(
                Verdict.INCOMPLETE, (Reason("internal-error", error_text(error)),)
            )
            return Close("internal error")

    def _compare(self) -> dict[str, Any]:
        labels = tuple(label for label, _ in self.sides)
        snapshots: list[Snapshot] = []
        rows: list[dict[str, Any]] = []
        for label, environment in self.sides:
            with self.steps.step(f"read-{label}", f"read {label}", LogPhase.PREFLIGHT) as step:
                url = self.workspace.open_database(environment.database.reveal(), name=label)
                snapshot, found = self._read(url)
                snapshots.append(snapshot)
                rows.append(found)
                step.done(
                    f"{sum(len(names) for names in snapshot.objects.values())} objects, {len(found)} tables"
                )
        ignored = [Ignored(i.kind, i.property, i.object) for i in self.settings.compare.ignore]
        changes = without_ignored(diff(*snapshots), ignored)
        self.record.changes = list(changes)
        self.record.not_compared = [n for s in snapshots for n in s.not_compared]
        common = {name: (rows[0][name], rows[1][name]) for name in rows[0].keys() & rows[1].keys()}
        return {
            "labels": labels,
            "changes": changes,
            "not_compared": tuple(self.record.not_compared),
            "rows": dict(sorted(common.items())),
        }

    def _read(self, url: DatabaseUrl) -> tuple[Snapshot, dict[str, Any]]:
        compare = self.settings.compare
        exclude = (self.settings.state.schema_,)
        with self.workspace.connect(url, "compare", read_only=True) as conn:
            snapshot = read_snapshot(conn, exclude_schemas=exclude, schemas=compare.schemas)
            tables = [] if compare.rows == "none" else user_tables(conn, exclude)
            if compare.schemas is not None:
                tables = [name for name in tables if name.split(".")[0].strip('"') in compare.schemas]
            return snapshot, (digest_rows if compare.rows == "checksum" else count_rows)(conn, tables)

    def finish(self, ledger: Ledger) -> None:
        decision = decide(ledger.gates, ledger.problems, ended=_PHASES)
        self.record.decision = self.record.decision or decision
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
