"""What the command line asks for: which action, and the other options, each with the place that its value comes from."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from .errors import ConfigError
from .model import Mode
from .options import (
    APPROVE,
    ARTIFACTS,
    COMPARE,
    CONFIG,
    DEFAULT_ARTIFACTS,
    DRY_RUN,
    ENV,
    KEEP_SANDBOX,
    LOSE_WRITES,
    OPTIONS,
    RESUME,
    ROLLBACK,
    Option,
)
from .secret import redactor

T = TypeVar("T")


@dataclass(frozen=True)
class Sourced(Generic[T]):
    """A value and where it came from: ``command line``, ``variable X``, ``ini``, ``default``, ``dbdeploy.yaml:12``."""

    value: T
    source: str


# -- which action ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    """What the command line asks for.

    ``environment``: its name; with ``deployment="last"`` the one whose newest is meant; with an ID the one that the ID names.
    ``compare``: the sides, names or database URLs (with passwords: not printed). ``deployment``: ``last`` or an ID.
    ``lose_writes``: a restore may lose what others wrote since the backup.
    """

    mode: Mode
    environment: str | None = None
    compare: tuple[str, ...] = field(default=(), repr=False)
    deployment: str | None = None
    lose_writes: bool = False


def requested_action(config: pytest.Config) -> Action | None:
    """The action of the command line, or None: then the plugin has nothing to do.

    ConfigError for combinations that make no sense, and for an action in the ini file's ``addopts``.
    """
    environment = config.getoption(ENV.dest, None)
    dry_run = bool(config.getoption(DRY_RUN.dest, None))
    compare = config.getoption(COMPARE.dest, None)
    rollback = config.getoption(ROLLBACK.dest, None)
    resume = config.getoption(RESUME.dest, None)
    given = {COMPARE.flag: compare, ROLLBACK.flag: rollback, RESUME.flag: resume}
    exclusive = [flag for flag, value in given.items() if value is not None]
    lose_writes = bool(config.getoption(LOSE_WRITES.dest, None))
    if environment is None and not dry_run and not exclusive and not lose_writes:
        return None
    _refuse_addopts(config)
    for flag, value in {ENV.flag: environment, **given}.items():
        if value is not None and not (value.strip() if isinstance(value, str) else value):
            raise ConfigError(f"{flag} is empty.", hint=f"Write a value: {flag}={_METAVARS[flag]}.")
    for option in (ENV, ROLLBACK, RESUME):
        values = dict.fromkeys(getattr(config.option, f"{option.dest}_given", ()))
        if len(values) > 1:
            raise ConfigError(
                f"{option.flag} was given more than once: {redactor.redact(', '.join(values))}.",
                hint="Give it once; PYTEST_ADDOPTS counts too.",
            )
    if environment is not None and "://" in environment:
        raise ConfigError(
            f"{ENV.flag} names an environment; it was given a URL.",
            hint=f"Set variable DEV_POSTGRES_URL to the URL, and give {ENV.flag}=dev.",
        )
    if len(exclusive) > 1:
        raise ConfigError(
            f"{' and '.join(exclusive)} cannot be combined.", hint="Run them one after the other."
        )
    if dry_run and exclusive:
        raise ConfigError(
            f"{DRY_RUN.flag} cannot be combined with {exclusive[0]}.", hint=f"It goes with {ENV.flag}=NAME."
        )
    if lose_writes and rollback is None and resume is None:
        raise ConfigError(
            f"{LOSE_WRITES.flag} says how a deployment is rolled back, but not which.",
            hint=f"It goes with {ROLLBACK.flag}=ID or {RESUME.flag}=ID.",
        )
    if compare is not None:
        return _compare(compare, environment)
    if rollback is not None:
        action = _of_deployment(Mode.ROLLBACK, ROLLBACK.flag, rollback.strip(), environment)
        return replace(action, lose_writes=lose_writes)
    if resume is not None:
        action = _of_deployment(Mode.RESUME, RESUME.flag, resume.strip(), environment)
        return replace(action, lose_writes=lose_writes)
    if environment is None:
        raise ConfigError(
            f"{DRY_RUN.flag} needs an environment.", hint=f"Add {ENV.flag}=NAME, such as {ENV.flag}=dev."
        )
    return Action(Mode.DRY_RUN if dry_run else Mode.DEPLOY, environment.strip())


_METAVARS = {option.flag: option.metavar or "" for option in OPTIONS}
DEPLOYMENT_ID = r"deploy-(?P<environment>.+)-(?P<milliseconds>\d{10,})"


def _refuse_addopts(config: pytest.Config) -> None:
    """An action in the ini file would make a plain ``pytest`` deploy: refused."""
    try:
        addopts = config.getini("addopts")
    except (ValueError, KeyError):
        return
    words = shlex.split(addopts) if isinstance(addopts, str) else [str(word) for word in addopts]
    for option in OPTIONS:
        if option.action and any(word == option.flag or word.startswith(option.flag + "=") for word in words):
            raise ConfigError(
                f"{config.inipath or 'the ini file'}: addopts holds {option.flag}: a plain pytest must never deploy.",
                hint=f"Remove it there and give {option.flag} on the command line.",
            )


def _compare(values: list[str], environment: str | None) -> Action:
    for value in values:
        if "://" in value:
            redactor.register(value)
    if environment is not None:
        raise ConfigError(
            f"{COMPARE.flag} and {ENV.flag} cannot be combined.", hint=f"Name all sides: {COMPARE.flag}=A,B."
        )
    sides = list(_sides(values))
    how = f"Write {COMPARE.flag}=local,dev, or {COMPARE.flag}=URL1 {COMPARE.flag}=URL2; more sides are held against the first."
    if any(not side for side in sides) or len(sides) < 2:
        raise ConfigError(
            f"{COMPARE.flag} needs two sides or more, each an environment or a database URL.", hint=how
        )
    if len(set(sides)) < len(sides):
        raise ConfigError(f"{COMPARE.flag} was given the same side twice.", hint=how)
    return Action(Mode.COMPARE, compare=tuple(sides))


def _sides(values: list[str]) -> Iterator[str]:
    for value in values:
        if "://" not in value:
            yield from (side.strip() for side in value.split(","))
        elif len(values) == 1:
            raise ConfigError(
                f"{COMPARE.flag} was given one database URL: a URL may hold commas, so sides are not told apart in it.",
                hint=f"Give the option once for each side: {COMPARE.flag}=URL1 {COMPARE.flag}=URL2.",
            )
        else:
            yield value.strip()


def _of_deployment(mode: Mode, flag: str, deployment: str, environment: str | None) -> Action:
    environment = environment.strip() if environment is not None else None
    if deployment == "last":
        if environment is None:
            raise ConfigError(
                f"{flag}=last needs an environment.",
                hint=f"Add {ENV.flag}=NAME: whose last deployment is meant.",
            )
        return Action(mode, environment, deployment="last")
    parsed = re.fullmatch(DEPLOYMENT_ID, deployment)
    if parsed is None:
        raise ConfigError(
            f"{flag}={redactor.redact(deployment)}: this is no deployment ID.",
            hint="An ID looks like deploy-dev-1764000000000: the name of a folder in the artifacts folder; or write last.",
        )
    if environment not in (None, parsed["environment"]):
        raise ConfigError(
            f"{flag}={deployment} is a deployment to {parsed['environment']}, but {ENV.flag} says {environment}.",
            hint=f"Leave {ENV.flag} away: the ID says which environment is meant.",
        )
    return Action(mode, parsed["environment"], deployment=deployment)


# -- the other options -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResolvedOptions:
    """The options that are no action, each with its source. ``config_file`` None: look for the default one."""

    config_file: Sourced[Path | None]
    artifacts: Sourced[Path]
    keep_sandbox: Sourced[bool]
    approve: Sourced[str | None]


def resolve_options(config: pytest.Config, environ: Mapping[str, str]) -> ResolvedOptions:
    """Command line beats variable beats ini. Paths: relative to where pytest was started; of the ini file to its folder."""
    keep = _resolve(config, KEEP_SANDBOX, environ)
    approve = _resolve(config, APPROVE, environ)
    file = _path(config, CONFIG, environ)
    artifacts = _path(config, ARTIFACTS, environ)
    return ResolvedOptions(
        config_file=file,
        artifacts=Sourced(artifacts.value or config.rootpath / DEFAULT_ARTIFACTS, artifacts.source),
        keep_sandbox=Sourced(bool(_truth(KEEP_SANDBOX, keep)), keep.source),
        approve=Sourced((approve.value or "").strip() or None, approve.source),
    )


def _resolve(config: pytest.Config, option: Option, environ: Mapping[str, str]) -> Sourced[Any]:
    value = config.getoption(option.dest, None)
    if value is not None:
        return Sourced(value, "command line")
    if option.variable is not None and environ.get(option.variable):  # an empty variable counts as unset
        return Sourced(environ[option.variable], f"variable {option.variable}")
    if option.ini is not None:
        try:
            value = config.getini(option.ini)
        except (ValueError, TypeError, pytest.UsageError) as error:  # by version of pytest
            raise ConfigError(
                f"{config.inipath or 'the ini file'}: {option.ini}: {error}",
                hint="Allowed: true or false." if option.kind == "flag" else "Write a path.",
            ) from error
        if value is not None:
            return Sourced(value, "ini")
    return Sourced(None, "default")


def _path(config: pytest.Config, option: Option, environ: Mapping[str, str]) -> Sourced[Path | None]:
    found = _resolve(config, option, environ)
    if found.value is None:
        return Sourced(None, found.source)
    if not str(found.value).strip():
        name = option.ini if found.source == "ini" else option.flag
        raise ConfigError(f"{name} is empty.", hint=f"Write a path, or leave {name} away for the default.")
    from_ini = found.source == "ini" and config.inipath is not None
    base = config.inipath.parent if from_ini and config.inipath is not None else config.invocation_params.dir
    return Sourced(base / Path(found.value).expanduser(), found.source)


_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
_FALSE = frozenset({"0", "false", "no", "off", "n", "f"})


def _truth(option: Option, found: Sourced[Any]) -> bool | None:
    if found.value is None or isinstance(found.value, bool):
        return found.value
    word = str(found.value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ConfigError(
        f"{found.source}: {option.variable} must be true or false.",
        hint="Allowed: 1, true, yes, on, 0, false, no, off.",
    )
