"""This repository's own test wiring."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.servers import MAJORS, RealServer, enterable_folder, running

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def postgres15() -> Iterator[RealServer]:
    with running(15) as server:
        yield server


@pytest.fixture(scope="session")
def postgres17() -> Iterator[RealServer]:
    with running(17) as server:
        yield server


@pytest.fixture(scope="session")
def postgres18() -> Iterator[RealServer]:
    with running(18) as server:
        yield server


@pytest.fixture(params=MAJORS, ids=[f"postgres{major}" for major in MAJORS])
def server(request: pytest.FixtureRequest) -> RealServer:
    """Each of the real servers in turn."""
    found = request.getfixturevalue(f"postgres{request.param}")
    assert isinstance(found, RealServer)
    return found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that an embedded server's user can enter (pytest's ``tmp_path`` is closed to it under root)."""
    with enterable_folder() as folder:
        yield folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``DBDEPLOY_TEST_SHARE=16``: a sixteenth of what would run, ``DBDEPLOY_TEST_TURN``, any number: which."""
    share = int(os.environ.get("DBDEPLOY_TEST_SHARE", "1"))
    turn = int(os.environ.get("DBDEPLOY_TEST_TURN", "0")) % share
    left_out = [item for item in items if zlib.crc32(item.nodeid.encode()) % share != turn]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many points of the fault matrix survived, random kills and silent targets too. Here, as xdist's controller collects no folder."""
    files = ("test_fault_matrix", "test_random_kills", "test_silent_target")
    reports = [
        report
        for name in ("passed", "failed", "xfailed")
        for report in terminalreporter.stats.get(name, ())
        if any(file in report.nodeid.partition("::")[0] for file in files)
    ]
    if calls := [report for report in reports if report.when == "call"]:
        survived = sum(report.passed for report in calls)
        terminalreporter.write_line(f"fault matrix: {survived} of {len(calls)} points survived")
