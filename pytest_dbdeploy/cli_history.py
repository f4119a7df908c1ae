"""``dbdeploy history``: reads the rows on the targets, which any machine can; artifacts are not needed."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigError, DbDeployError
from .history import EnvironmentHistory, as_json, as_text
from .invocation import Sourced
from .model import ExitStatus
from .secret import redactor

if TYPE_CHECKING:
    from .config.environments import Environments
    from .config.models import Environment
    from .config.reading import Configuration, KeyPath
    from .db.state import DeploymentRow
    from .db.url import DatabaseUrl

_DEFAULT_LIMIT = 20

DESCRIPTION = (
    "Lists what was deployed, newest first, from the table deployments in the state schema of each target: outcome, duration,"
    " migrations, and how often deployments were rolled back, by month. Targets are only read; one that cannot be reached is"
    " said, and the others are listed. Status 4 when none could be read, or an option is wrong."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "environments",
        nargs="*",
        metavar="ENV",
        help="the environments (default: all whose database is known)",
    )
    parser.add_argument(
        "--env", "--dbdeploy-env", action="append", default=[], metavar="ENV", help="the same, as an option"
    )
    parser.add_argument("--json", action="store_true", help="everything, as one JSON document")
    parser.add_argument(
        "--limit",
        type=_limit,
        default=_DEFAULT_LIMIT,
        metavar="N",
        help=f"the newest N of each environment (default: {_DEFAULT_LIMIT}; 0: all); what is counted are all",
    )
    parser.add_argument(
        "--since", type=_since, metavar="WHEN", help="begun since a date (2026-01-31) or within a time (30d)"
    )


def run(arguments: argparse.Namespace, rootdir: Path, config: Sourced[Path | None]) -> int:
    """Prints the history; the exit status. ConfigError for unknown environments and wrong configuration."""
    from .config.environments import Environments
    from .config.reading import read_configuration

    named = tuple(dict.fromkeys([*arguments.environments, *arguments.env]))

    def used(path: KeyPath) -> bool:
        if path[0] == "environments":
            return len(path) > 2 and path[1] in named and path[2] == "database"
        return path[0] in ("state", "timeouts")

    read = read_configuration(rootdir, config, os.environ, used)
    environments = Environments(read)
    names = named or environments.names
    if not names:
        raise ConfigError(
            "there is no environment.",
            hint=f"An environment exists when variable <NAME>_POSTGRES_URL is set, or when {read.shown} has it.",
        )
    for name in named:
        environments.take(name, "history")
    found = [_history_of(name, environments, read, rootdir, arguments.since) for name in names]
    limit = arguments.limit or None
    text = json.dumps(as_json(found, limit), indent=2) if arguments.json else as_text(found, limit)
    print(redactor.redact(text))  # noqa: T201 - the command's output
    return int(ExitStatus.USAGE_ERROR if all(one.error for one in found) else ExitStatus.OK)


def _history_of(
    name: str, environments: Environments, read: Configuration, rootdir: Path, since: dt.datetime | None
) -> EnvironmentHistory:
    """Never raises for what is wrong with one environment: the others are listed all the same."""
    import psycopg

    server = None
    try:
        environment = environments.take(name, "history")
        with contextlib.ExitStack() as stack:
            url = _open(environment, rootdir, stack)
            server = url.label
            return EnvironmentHistory(name, server, _rows(url, name, read, since))
    except psycopg.Error as error:
        why = error.diag.message_primary or str(error).strip()
    except DbDeployError as error:
        why = str(error)
    return EnvironmentHistory(name, server, error=redactor.redact(why))


def _open(environment: Environment, rootdir: Path, stack: contextlib.ExitStack) -> DatabaseUrl:
    from .db.server import EmbeddedServer
    from .db.url import DatabaseUrl, is_embedded

    text = environment.database.reveal()
    path = is_embedded(text)
    if path is None:
        return DatabaseUrl.parse(text, name=environment.name)
    path = rootdir / path
    if not (path / "PG_VERSION").is_file() and not any(path.glob("*/PG_VERSION")):
        raise DbDeployError(
            f"there is no embedded server in {path} yet", hint="The first deployment makes it."
        )
    return stack.enter_context(EmbeddedServer.at(path)).url


def _rows(
    url: DatabaseUrl, name: str, read: Configuration, since: dt.datetime | None
) -> tuple[DeploymentRow, ...]:
    from .db.connect import connect
    from .db.state import StateTable

    timeout = read.content.timeouts.connect
    with connect(
        url, purpose="history", read_only=True, connect_timeout=timeout, statement_timeout=60
    ) as conn:
        rows = StateTable(read.content.state.schema_).of_environment(conn, name)
    return tuple(row for row in rows if since is None or row.started >= since)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("must be a whole number; 0 shows all")
    return int(text)


def _since(text: str) -> dt.datetime:
    """A date (its beginning, local time), a time of a day, or a duration back from now."""
    from .config.units import parse_duration

    with contextlib.suppress(ValueError):
        return dt.datetime.fromisoformat(text).astimezone()
    with contextlib.suppress(ValueError, OverflowError):
        return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=parse_duration(text))
    raise argparse.ArgumentTypeError("must be a date such as 2026-01-31, or a time such as 30d")
