"""Is no other deployment running on the target, and none left unfinished?"""

import pytest


def test_no_deployment_is_running(_dbdeploy_checks):
    if _dbdeploy_checks["lock_holder"]:
        pytest.fail(
            f"another deployment holds the deployment lock: {_dbdeploy_checks['lock_holder']}\nwait until it has ended",
            pytrace=False,
        )


def test_no_deployment_is_unfinished(_dbdeploy_checks):
    rows = _dbdeploy_checks["unfinished"]
    if rows is None:
        pytest.fail("not known: the target could not be read", pytrace=False)
    if rows:
        lines = [
            f"deployment {r['id']} of {r['user']} on {r['host']} is unfinished (state {r['state']}, started {r['started']}, last change {r['updated']})\n"
            f"{_how(r['died'])}"
            f"  finish it: pytest --dbdeploy-resume={r['id']}\n"
            f"  or undo it: pytest --dbdeploy-rollback={r['id']}"
            for r in rows
        ]
        pytest.fail("\n".join(lines), pytrace=False)


def _how(died):
    """Known only where the artifacts of that deployment are."""
    if died is None:
        return ""
    during = f" during {died.during}" if died.during else ""
    return f"  its session died {died.when:%Y-%m-%d %H:%M:%S}{during}\n"
