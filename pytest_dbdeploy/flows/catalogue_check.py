"""The catalogue inside the deploying transaction: what does not come out as rehearsed is a plain ROLLBACK, and nobody ever sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ..compare.describe import describe_all
from ..compare.diff import verify
from ..compare.snapshot import Snapshot, read_snapshot
from ..errors import ApplyError


@dataclass(frozen=True, slots=True)
class CatalogueCheck:
    """``baseline``: the target before; ``before`` and ``after``: the sandbox. ``own_schemas`` are not looked at."""

    baseline: Snapshot
    before: Snapshot
    after: Snapshot
    own_schemas: Sequence[str]

    def run(self, conn: psycopg.Connection[Any]) -> None:
        """In the caller's transaction. ApplyError names what differs, as the post-deploy gates would."""
        now = read_snapshot(conn, exclude_schemas=self.own_schemas)
        found = verify(self.baseline, self.before, self.after, now)
        if found.clean:
            return
        parts = [
            "within their transaction, the migrations did not come out on the target as they did in the rehearsal:"
        ]
        if found.missing:
            parts.append(describe_all(found.missing, before="the target", after="the rehearsal"))
        if found.unexpected:
            parts.append(
                describe_all(
                    found.unexpected, before="the target before the deployment", after="the target then"
                )
            )
        raise ApplyError(
            "\n".join(parts),
            hint="somebody changed the target meanwhile, or a migration does something else there: look at it, and deploy again",
        )
