"""What the pre-flight gates judge beyond the plan: room on the disks, client programs, other deployments."""

from __future__ import annotations

import shutil
from typing import Any

from .. import journal
from ..db.deployment_lock import lock_holder
from ..db.pooler import refuse_pooler
from ..db.state import StateTable
from ..db.tools import tools_for
from ..db.url import DatabaseUrl
from ..errors import DbDeployError, LockError
from ..health import HealthCheck
from ..model import Plan
from .judging import judge_history
from .workspace import Workspace, error_text

#: Copies of the database: the backup and the dump of the clone; before, after and the rehearsed way back.
_DUMPS, _CLONES = 2, 3


def look_around(
    workspace: Workspace, plan: Plan, url: DatabaseUrl | None, health: HealthCheck | None
) -> dict[str, Any]:
    """The facts by name. Sizes in bytes; ``unfinished`` is None when the target could not be read."""
    settings = workspace.settings
    checks: dict[str, Any] = {
        "state_schema": settings.state.schema_,
        "policy": plan.policy,
        "history": judge_history(workspace, plan),
        "disk": [],
        "tools_error": None,
        "lock_holder": None,
        "pooler": None,
        "unfinished": None,
        "health": health,
        "gate_paths": list(settings.gates.paths),
        "migration_files": [m.file for m in plan.migrations],
    }
    if plan.target is None or url is None:
        checks["tools_error"] = "not known: the target could not be read"
        return checks
    try:
        tools_for(plan.target.major)
    except DbDeployError as error:
        checks["tools_error"] = error_text(error)
    size = plan.target.database_bytes
    places = (
        ("backup and clone", settings.artifacts, _DUMPS),
        ("the sandbox", workspace.sandbox_place, _CLONES),
    )
    for what, path, copies in places:
        free = shutil.disk_usage(path).free
        checks["disk"].append({"what": what, "path": str(path), "free": free, "needed": size * copies})
    try:
        refuse_pooler(lambda: workspace.connect(url, "preflight", autocommit=True))
    except LockError as error:
        checks["pooler"] = error_text(error)
    with workspace.connect(url, "preflight", read_only=True) as conn:
        checks["lock_holder"] = lock_holder(conn)
        rows = StateTable(settings.state.schema_).unfinished(conn)
    checks["unfinished"] = [
        {
            "id": r.id,
            "state": str(r.state),
            "user": r.user,
            "host": r.host,
            "started": f"{r.started:%Y-%m-%d %H:%M}",
            "updated": f"{r.updated:%Y-%m-%d %H:%M}",
            "died": journal.death(settings.artifacts / r.id),
        }
        for r in rows
    ]
    if not checks["lock_holder"]:
        actions = [(action, row.id) for row in rows for action in ("resume", "rollback")]
        workspace.record.next_commands += [f"pytest --dbdeploy-{action}={id_}" for action, id_ in actions]
    return checks
