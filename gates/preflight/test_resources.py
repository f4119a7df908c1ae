"""Are the disk space and the client programs there that clone, backup and rehearsal need?"""

import pytest


def human(size):
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"


def test_disk_space_suffices(_dbdeploy_checks):
    for place in _dbdeploy_checks["disk"]:
        if place["free"] < place["needed"]:
            pytest.fail(
                f"{place['what']} needs about {human(place['needed'])} in {place['path']}, but only {human(place['free'])} are free",
                pytrace=False,
            )


def test_client_programs_are_found(_dbdeploy_checks):
    if _dbdeploy_checks["tools_error"]:
        pytest.fail(_dbdeploy_checks["tools_error"], pytrace=False)
