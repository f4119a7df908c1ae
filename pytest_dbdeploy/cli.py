"""``dbdeploy``: what is not a session of gates. ``schema``, ``clean`` and ``history``; ``init`` comes later and says so."""

from __future__ import annotations

import argparse
import configparser
import json
import os
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from . import cli_history
from .errors import ConfigError, DbDeployError, LaterError
from .invocation import Sourced
from .model import ExitStatus
from .options import ARTIFACTS, CONFIG, DEFAULT_ARTIFACTS, DEFAULT_CONFIG, Option
from .secret import redactor

_INI_FILES = (
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand and returns the exit status: 0, or 4 with one clear message."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command is not _later:  # whatever a later command will take
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    command: Callable[[argparse.Namespace], int | None] = arguments.command
    try:
        return command(arguments) or int(ExitStatus.OK)
    except DbDeployError as error:
        _say(redactor.redact(f"dbdeploy: {error}"), file_descriptor=2)
        return int(ExitStatus.USAGE_ERROR)
    except BrokenPipeError:  # piped into head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(ExitStatus.OK)


class _Parser(argparse.ArgumentParser):
    """Wrong options end with our status for them, not with that of an interrupted session."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(int(ExitStatus.USAGE_ERROR), f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dbdeploy",
        description="Helpers of pytest-dbdeploy. Deployments themselves are pytest runs: pytest --dbdeploy-env=dev",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    schema = commands.add_parser(
        "schema", help=f"print the JSON Schema of {DEFAULT_CONFIG}, for editors, or of an artifact"
    )
    schema.add_argument("of", nargs="?", default="config", choices=["config", "report", "schema-comparison"])
    schema.set_defaults(command=_schema)
    clean = commands.add_parser(
        "clean",
        help="remove old artifacts, orphaned and kept sandboxes",
        description="Removes artifacts beyond backup.keep or older than backup.max_age, and sandboxes that nobody uses."
        " An unfinished deployment and the newest backup of each environment stay.",
    )
    clean.add_argument("--dry-run", action="store_true", help="only say which artifacts would go")
    _add_project(clean)
    clean.add_argument(
        "--artifacts", metavar="DIR", help=f"the artifacts folder (default: {DEFAULT_ARTIFACTS})"
    )
    clean.set_defaults(command=_clean)
    history = commands.add_parser(
        "history", help="list what was deployed, and how it ended", description=cli_history.DESCRIPTION
    )
    cli_history.add_arguments(history)
    _add_project(history)
    history.set_defaults(command=_history)
    later = commands.add_parser("init", help="set a project up (not in this version)")
    later.set_defaults(command=_later)
    return parser


def _add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rootdir", metavar="DIR", type=Path, help="the project's folder (default: found from here upwards)"
    )
    parser.add_argument(
        "--config",
        "--dbdeploy-config",
        metavar="FILE",
        help=f"the configuration file (default: {DEFAULT_CONFIG})",
    )


def _say(text: str, *, file_descriptor: int = 1) -> None:
    (sys.stdout if file_descriptor == 1 else sys.stderr).write(text + "\n")


def _later(arguments: argparse.Namespace) -> NoReturn:
    raise LaterError(
        "init: this version does not have this command yet.",
        hint=f"Set DEV_POSTGRES_URL and run pytest --dbdeploy-env=dev; {DEFAULT_CONFIG} is optional.",
    )


def _history(arguments: argparse.Namespace) -> int:
    rootdir = _rootdir(arguments)
    return cli_history.run(arguments, rootdir, _option(CONFIG, arguments.config, rootdir))


def _schema(arguments: argparse.Namespace) -> None:
    from .config.schema import config_schema
    from .reports import json_report

    schema = config_schema() if arguments.of == "config" else json_report.schema(arguments.of)
    _say(json.dumps(schema, indent=2))


# -- clean -----------------------------------------------------------------------------------------------------


def _clean(arguments: argparse.Namespace) -> None:
    from .config.reading import read_configuration
    from .reports.artifacts import prune

    rootdir = _rootdir(arguments)
    config = _option(CONFIG, arguments.config, rootdir)
    # No environment and no secret is needed: a missing variable never matters here.
    backup = read_configuration(rootdir, config, os.environ, lambda path: path[0] == "backup").content.backup
    artifacts = _option(ARTIFACTS, arguments.artifacts, rootdir).value or rootdir / DEFAULT_ARTIFACTS
    backups = rootdir / backup.directory.expanduser() if backup.directory else None
    if arguments.dry_run:
        gone = outdated(artifacts, keep=backup.keep, max_age=backup.max_age, backups=backups)
        sandboxes: tuple[Path, ...] = ()
    else:
        gone = prune(artifacts, keep=backup.keep, max_age=backup.max_age, backups=backups)
        from .db.leftovers import clean_orphans

        sandboxes = clean_orphans(include_kept=True)
    word = "would remove" if arguments.dry_run else "removed"
    for deployment in gone:
        _say(f"{word} {artifacts / deployment}")
    for folder in sandboxes:
        _say(f"{word} sandbox {folder}")
    if not gone and not sandboxes:
        _say(f"nothing to remove in {artifacts}")


def outdated(root: Path, *, keep: int, max_age: float, backups: Path | None = None) -> tuple[str, ...]:
    """The IDs that ``reports.artifacts.prune`` would remove (a test holds the two together)."""
    from .reports.artifacts import BACKUP, all_artifacts

    seen: dict[tuple[str, bool], int] = {}
    gone: list[str] = []
    for one in all_artifacts(root):
        has_backup = one.path(BACKUP).exists() or (
            backups is not None and (backups / one.deployment_id).exists()
        )
        group = (one.environment, has_backup)
        seen[group] = seen.get(group, 0) + 1
        stays = (has_backup and seen[group] == 1) or (
            seen[group] <= keep and one.created >= time.time() - max_age
        )
        if not stays and not one.unfinished:
            gone.append(one.deployment_id)
    return tuple(gone)


def _option(option: Option, given: str | None, rootdir: Path) -> Sourced[Path | None]:
    """As in a session: command line, then variable, then ini."""
    if given:
        return Sourced(Path(given).expanduser().absolute(), "command line")
    if option.variable and os.environ.get(option.variable):
        return Sourced(
            Path(os.environ[option.variable]).expanduser().absolute(), f"variable {option.variable}"
        )
    found = _ini(rootdir, option.ini or "")
    return Sourced(rootdir / found if found else None, "ini" if found else "default")


def _rootdir(arguments: argparse.Namespace) -> Path:
    rootdir: Path = (arguments.rootdir or _find_rootdir(Path.cwd())).resolve()
    if not rootdir.is_dir():
        raise ConfigError(f"--rootdir: there is no folder {rootdir}.", hint="Name the project's folder.")
    return rootdir


def _find_rootdir(start: Path) -> Path:
    """The nearest folder upwards with our file or pytest's settings; else ``start``."""
    for folder in (start, *start.parents):
        if (folder / DEFAULT_CONFIG).is_file() or _settings_of_pytest(folder) is not None:
            return folder
    return start


def _ini(folder: Path, key: str) -> str | None:
    value = (_settings_of_pytest(folder) or {}).get(key)
    return value if isinstance(value, str) and value.strip() else None


def _settings_of_pytest(folder: Path) -> Mapping[str, object] | None:
    """What the first ini file with settings of pytest says, read as pytest does; None when there is none."""
    for name in _INI_FILES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            if path.suffix == ".toml":
                tables = tomllib.loads(path.read_text(encoding="utf-8"))
                tool = tables if name.endswith("pytest.toml") else tables.get("tool", {})
                section = tool.get("pytest")
                found = section.get("ini_options", section) if section is not None else None
            else:
                parser = configparser.ConfigParser(interpolation=None)
                parser.read(path, encoding="utf-8")
                section_name = "tool:pytest" if name == "setup.cfg" else "pytest"
                found = dict(parser[section_name]) if section_name in parser else None
        except (OSError, ValueError, configparser.Error, AttributeError) as error:
            raise ConfigError(
                f"{path} cannot be read: {type(error).__name__}.", hint="Correct the file."
            ) from error
        if found is not None or name.lstrip(".").startswith("pytest."):
            return found or {}
    return None


if __name__ == "__main__":
    sys.exit(main())
