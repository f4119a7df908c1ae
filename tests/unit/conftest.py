"""No secret of one test is one in the next: a password that Hypothesis makes up may be an ordinary word."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_dbdeploy.secret import redactor

_BEFORE = pytest.StashKey[Any]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_BEFORE] = set(redactor._forms), redactor._pattern


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    redactor._forms, redactor._pattern = item.stash[_BEFORE]
