"""pytest rewrites no module of ours: it would do so in each process of each run where it cannot keep the result."""

import importlib
import sys

from _pytest.assertion.rewrite import AssertionRewritingHook

#: Imported before pytest can be told.
FIRST = {
    "pytest_dbdeploy",
    "pytest_dbdeploy.plugin",
    "pytest_dbdeploy.options",
    "pytest_dbdeploy.unrewritten",
}


def test_only_what_is_imported_before_pytest_can_be_told_is_rewritten():
    importlib.import_module("pytest_dbdeploy.flows.deploy")
    ours = {name: module for name, module in sys.modules.items() if name.startswith("pytest_dbdeploy")}
    rewritten = {
        name for name, module in ours.items() if isinstance(module.__loader__, AssertionRewritingHook)
    }
    assert rewritten <= FIRST
    assert "pytest_dbdeploy.flows.deploy" in ours
