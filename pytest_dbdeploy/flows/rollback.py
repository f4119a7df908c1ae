"""``--dbdeploy-rollback``: puts an earlier deployment back."""

from __future__ import annotations

from typing import Any

import psycopg

from .. import critical
from ..db.state import DeploymentRow, State
from ..decision import decide
from ..errors import ConfigError, LockError, StateError
from ..model import ExitStatus, Outcome, Phase, Verdict
from .base import Close, Go, Ledger
from .common import application
from .earlier import EarlierFlow


class RollbackFlow(EarlierFlow):
    """Rolls a finished or unfinished deployment back, then the ``postrollback`` gates verify."""

    phases: tuple[Phase, ...] = (Phase.POSTROLLBACK,)

    def _check(self, conn: psycopg.Connection[Any], row: DeploymentRow) -> None:
        if row.state in (State.ROLLED_BACK, State.ABORTED):
            raise ConfigError(
                f"deployment {row.id} is {row.state} already: there is nothing to roll back",
                hint=self._hint_for_the_newest_that_stands(conn, row),
            )
        later = self.table.later_than(conn, row)
        if later:
            raise ConfigError(
                f"deployment {row.id} is not the newest: {', '.join(r.id for r in later)} came after it, and would be undone too",
                hint=f"roll back the newest first: pytest --dbdeploy-rollback={later[0].id}",
            )

    def _hint_for_the_newest_that_stands(
        self, conn: psycopg.Connection[Any], row: DeploymentRow
    ) -> str | None:
        standing = self.table.standing(conn, row.environment)
        return f"the newest that stands: pytest --dbdeploy-rollback={standing.id}" if standing else None

    def before(self, phase: Phase, ledger: Ledger) -> Go | Close:
        if self.record.outcome is not None:
            return Close("the target cannot be reached")
        with critical.section(final=True):
            try:
                self._lock()
                restored = self._put_back()
            except LockError as error:
                return self._fail(error) if self.touched else self._refuse(error)
            except Exception as error:  # noqa: BLE001 - status 12 must be reached, whatever happened
                return self._fail(error)
        assert self.url is not None
        return Go(
            {
                "target": self.url.reveal(),
                "app": application(self.environment),
                "checks": {"restored": {"schema": restored.schema, "rows": restored.rows}},
            }
        )

    def finish(self, ledger: Ledger) -> None:
        if self.record.outcome is not None:
            return
        decision = decide(ledger.gates, ledger.problems, ended=self.phases)
        if decision.verdict is Verdict.DEPLOY:
            self._end(Outcome.ROLLED_BACK_ON_REQUEST, ExitStatus.OK)
            return
        first = decision.reasons[0]
        self._fail(StateError(f"the rollback could not be verified: {first.gate or ''} {first.message}"))
        self.record.decision = decision
