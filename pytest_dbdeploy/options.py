"""One table of the command line: flag, ini key, variable, help. Read by the plugin, by the configuration and by the docs' test.

A pytest session without an action imports this module and stops here, so it holds no more than the table, and that is of
named tuples (a dataclass takes a millisecond to make). What the given options mean is in ``invocation``.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import pytest

DEFAULT_CONFIG = "dbdeploy.yaml"
DEFAULT_ARTIFACTS = ".deployments"


class Option(NamedTuple):
    """One option. Actions have neither ``ini`` nor ``variable``: they exist on the command line only."""

    flag: str
    help: str
    kind: Literal["value", "flag", "list"] = "value"
    metavar: str | None = None
    ini: str | None = None
    variable: str | None = None
    action: bool = False

    @property
    def dest(self) -> str:
        return self.flag.lstrip("-").replace("-", "_")


ENV = Option(
    "--dbdeploy-env",
    "Deploy to environment NAME: prove the pending migrations on a clone of its database, deploy them when every gate"
    " passed, verify, and keep or roll back. NAME is what dbdeploy.yaml calls it; dev also exists when variable"
    " DEV_POSTGRES_URL holds a database URL.",
    metavar="NAME",
    action=True,
)
DRY_RUN = Option(
    "--dbdeploy-dry-run",
    "With --dbdeploy-env: go up to the decision and stop; nothing is written to the target, to git or to the host."
    " The first thing to try: pytest --dbdeploy-env=dev --dbdeploy-dry-run.",
    kind="flag",
    action=True,
)
COMPARE = Option(
    "--dbdeploy-compare",
    "Only compare databases with the first one: A,B,C names environments. Given once for each, a database URL may stand for a"
    " name.",
    kind="list",
    metavar="A,B",
    action=True,
)
ROLLBACK = Option(
    "--dbdeploy-rollback",
    "Roll a finished or unfinished deployment back. ID is the name of its folder, or 'last': the newest of the"
    " environment that --dbdeploy-env names.",
    metavar="ID",
    action=True,
)
RESUME = Option(
    "--dbdeploy-resume",
    "Take up a deployment whose process died: it is finished when the apply was complete, else rolled back. ID as"
    " above.",
    metavar="ID",
    action=True,
)
LOSE_WRITES = Option(
    "--dbdeploy-lose-writes",
    "With --dbdeploy-rollback or --dbdeploy-resume: restore from the backup, though rows that others wrote since are then in"
    " failed.dump alone. It does for this once what rollback.if_restore_loses_writes: discard does.",
    kind="flag",
    action=True,
)
CONFIG = Option(
    "--dbdeploy-config",
    f"Read the configuration from FILE (default: {DEFAULT_CONFIG} in rootdir).",
    metavar="FILE",
    ini="dbdeploy_config",
    variable="DBDEPLOY_CONFIG",
)
ARTIFACTS = Option(
    "--dbdeploy-artifacts",
    f"Keep backups, logs and reports in DIR, in one folder a deployment (default: {DEFAULT_ARTIFACTS} in rootdir).",
    metavar="DIR",
    ini="dbdeploy_artifacts",
    variable="DBDEPLOY_ARTIFACTS",
)
KEEP_SANDBOX = Option(
    "--dbdeploy-keep-sandbox",
    "Leave the sandbox server with the clone in place at the end, to look into it; 'dbdeploy clean' removes it"
    " (default: it is removed at the end).",
    kind="flag",
    ini="dbdeploy_keep_sandbox",
    variable="DBDEPLOY_KEEP_SANDBOX",
)
APPROVE = Option(
    "--dbdeploy-approve",
    "Approve one plan for a protected environment: its hash, or a unique beginning of at least 8 characters"
    " (default: nothing is approved).",
    metavar="HASH",
    variable="DBDEPLOY_APPROVE",
)

OPTIONS: tuple[Option, ...] = (
    ENV,
    DRY_RUN,
    COMPARE,
    ROLLBACK,
    RESUME,
    LOSE_WRITES,
    CONFIG,
    ARTIFACTS,
    KEEP_SANDBOX,
    APPROVE,
)


class _Given(argparse.Action):
    """Stores the value, as ``store`` does, and that it was given: two environments on one command line are a mistake, not a choice."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        setattr(namespace, f"{self.dest}_given", (*getattr(namespace, f"{self.dest}_given", ()), values))


def add_options(parser: pytest.Parser) -> None:
    """Declares every option and ini key to pytest. All default to None, so that "not given" differs from any value."""
    group = parser.getgroup("dbdeploy", "database deployment gates")
    for option in OPTIONS:
        known: dict[str, dict[str, Any]] = {
            "value": {"action": _Given if option.action else "store"},
            "flag": {"action": "store_true"},
            "list": {"action": "append"},
        }
        settings: dict[str, Any] = {**known[option.kind], "default": None, "dest": option.dest}
        if option.metavar is not None:
            settings["metavar"] = option.metavar
        also = [f"ini key {option.ini}"] if option.ini else []
        also += [f"variable {option.variable}"] if option.variable else []
        text = option.help + (f" Also: {', '.join(also)}." if also else " On the command line only.")
        group.addoption(option.flag, help=text.replace("%", "%%"), **settings)
        if option.ini is not None:
            ini_type: Literal["bool", "string"] = "bool" if option.kind == "flag" else "string"
            parser.addini(option.ini, f"{option.help} Same as {option.flag}.", type=ini_type, default=None)
