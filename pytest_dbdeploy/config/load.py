"""Options + ``dbdeploy.yaml`` + variables -> ``Settings``: frozen, checked, with the source of each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import LaterError
from ..invocation import Action, Sourced
from ..model import Mode, Severity
from ..options import DEFAULT_CONFIG, ENV, RESUME, ROLLBACK
from ..secret import Secret, redactor
from .alerting import alert_settings, silent_channels
from .environments import Environments, refuse_read_only, used_environments
from .models import (
    Acknowledgement,
    AlertSettings,
    Backup,
    Compare,
    Environment,
    Gates,
    Log,
    Migrations,
    Release,
    Reports,
    Rollback,
    Sandbox,
    State,
    Thresholds,
    Timeouts,
)
from .problems import config_error
from .reading import Configuration, KeyPath, read_configuration

BYPASS_HEADER = "x-vercel-protection-bypass"

DEFAULT_POLICY: Mapping[str, Severity] = {"table-removed": Severity.BLOCK, "column-removed": Severity.BLOCK}

# Sections that an action does not look at: a variable missing there does not matter.
_UNUSED: Mapping[Mode, frozenset[str]] = {
    Mode.COMPARE: frozenset({"alerts", "release", "backup", "rollback", "migrations"}),
    Mode.DRY_RUN: frozenset({"alerts"}),
}


@dataclass(frozen=True)
class Settings:
    """Everything that an action needs to know. ``environment``: the target; None in a comparison.

    ``file``: the file that was read. ``environments``: all whose database is known. ``promotion``: the one that ``promote_from`` names.
    ``compared``: label and environment of each side of a comparison. ``policy``: with the environment's overrides. ``sources``: what -> where it came from, for the header.
    ``command_at``: file and line of ``migrations.apply``. ``notes``: what was read otherwise than written, for the header.
    """

    rootdir: Path
    action: Action
    file: Path | None
    artifacts: Path
    keep_sandbox: bool
    approve: str | None
    environment: Environment | None
    environments: Mapping[str, Environment]
    promotion: Environment | None
    compared: tuple[tuple[str, Environment], ...]
    migrations: Migrations
    sandbox: Sandbox
    gates: Gates
    policy: Mapping[str, Severity]
    thresholds: Thresholds
    acknowledge: tuple[Acknowledgement, ...]
    compare: Compare
    backup: Backup
    rollback: Rollback
    release: Release
    timeouts: Timeouts
    alerts: AlertSettings
    log: Log
    reports: Reports
    state: State
    sources: Mapping[str, str]
    command_at: tuple[str, int]
    notes: tuple[str, ...]


def load_settings(
    rootdir: Path,
    action: Action,
    *,
    config_file: Sourced[Path | None],
    artifacts: Sourced[Path],
    keep_sandbox: bool,
    approve: str | None,
    environ: Mapping[str, str],
) -> Settings:
    """Reads, checks and merges. ConfigError (LaterError for parts that are documented but not there yet) for whatever is wrong."""
    names = used_environments(action)
    unused = _UNUSED.get(action.mode, frozenset())

    def used(path: KeyPath) -> bool:
        return path[1] in names if path[0] == "environments" and len(path) > 1 else path[0] not in unused

    read = read_configuration(rootdir, config_file, environ, used)
    content = read.content
    environments = Environments(read)
    by_id = action.deployment not in (None, "last")  # which names its environment
    option = {Mode.ROLLBACK: ROLLBACK.flag, Mode.RESUME: RESUME.flag}.get(action.mode) if by_id else None
    environment = environments.take(action.environment, option or ENV.flag) if action.environment else None
    if environment is not None:
        refuse_read_only(
            environment, action.mode, read.source(("environments", environment.name, "read_only"))
        )
    deploys = action.mode in (Mode.DEPLOY, Mode.DRY_RUN)
    # A rollback must go on whatever became of the environment before this one.
    promotion = environments.promotion(environment) if environment is not None and deploys else None
    compared = _unique([environments.side(side) for side in action.compare])
    _refuse_later(read)
    _check_paths(read, rootdir, action.mode)
    if environment is not None and action.mode is not Mode.COMPARE:
        _check_vercel(read, environment)
        environment = _with_bypass(environment, content.release.vercel.bypass)
    if content.release.git.remote and "://" in content.release.git.remote:
        redactor.register(content.release.git.remote)
    overrides = environment.policy if environment else {}
    return Settings(
        rootdir=rootdir,
        action=action,
        file=read.file,
        artifacts=artifacts.value,
        keep_sandbox=keep_sandbox,
        approve=approve,
        environment=environment,
        environments=environments.available(),
        promotion=promotion,
        compared=compared,
        migrations=_migrations(content.migrations),
        sandbox=content.sandbox,
        gates=content.gates,
        policy={**DEFAULT_POLICY, **content.policy, **overrides},
        thresholds=content.thresholds,
        acknowledge=content.acknowledge,
        compare=content.compare,
        backup=_backup(content.backup, rootdir),
        rollback=_rollback(content.rollback, environment),
        release=content.release,
        timeouts=content.timeouts,
        alerts=alert_settings(read),
        log=content.log,
        reports=content.reports,
        state=content.state,
        sources=_sources(environments, action, environment, config_file, artifacts),
        command_at=read.place(("migrations", "apply")),
        notes=tuple(
            dict.fromkeys((*read.variables.notes, *environments.notes, *silent_channels(read, action.mode)))
        ),
    )


def _unique(sides: list[tuple[str, Environment]]) -> tuple[tuple[str, Environment], ...]:
    """Two URLs may lead to one database as two users: their labels must differ all the same."""
    labels: list[str] = []
    for label, _ in sides:
        labels.append(label if label not in labels else f"{label} ({labels.count(label) + 1})")
    return tuple((label, environment) for label, (_, environment) in zip(labels, sides, strict=True))


def _migrations(section: Migrations) -> Migrations:
    """A command makes the layout: nothing needs to be detected then."""
    return section.model_copy(update={"layout": "command"}) if section.apply is not None else section


def _backup(section: Backup, rootdir: Path) -> Backup:
    if section.directory is None:
        return section
    return section.model_copy(update={"directory": rootdir / section.directory.expanduser()})


def _rollback(section: Rollback, environment: Environment | None) -> Rollback:
    if section.if_restore_loses_writes is not None or environment is None:
        return section
    return section.model_copy(
        update={"if_restore_loses_writes": "stop" if environment.protected else "discard"}
    )


# -- checks ----------------------------------------------------------------------------------------------------


def _refuse_later(read: Configuration) -> None:
    """Documented parts that this version does not have: never a silent no-op."""
    sandbox = read.content.sandbox
    later: list[tuple[KeyPath, bool, str]] = [
        (
            ("sandbox", "provider"),
            sandbox.provider in ("docker", "server", "neon"),
            f"sandboxes of provider {sandbox.provider}",
        ),
        (("sandbox", "url"), sandbox.url is not None, "a sandbox on another server"),
        (("sandbox", "image"), sandbox.image is not None, "a sandbox in a container"),
    ]
    for path, wanted, what in later:
        if wanted:
            key = ".".join(str(part) for part in path)
            raise LaterError(
                f"{read.source(path)}: {key}: this version does not have {what} yet.", hint=f"Remove {key}."
            )


def _check_vercel(read: Configuration, environment: Environment) -> None:
    """What a release with Vercel lacks; an environment whose code is not released needs nothing."""
    vercel = read.content.release.vercel
    if environment.branch is None:
        return
    if vercel.project is not None and not vercel.token:
        raise read.error(
            ("release", "vercel", "project"),
            "a release with Vercel needs a token",
            "Set VERCEL_TOKEN, or release.vercel.token: ${NAME_OF_A_VARIABLE}.",
        )
    if vercel.deploy_hook and vercel.project is None:
        raise read.error(
            ("release", "vercel", "deploy_hook"),
            "needs release.vercel.project and a token too",
            "A hook only starts a build; whether it succeeded is asked of the project.",
        )


def _with_bypass(environment: Environment, bypass: Secret | None) -> Environment:
    """Health checks get through Vercel's deployment protection; a header that the file names itself goes before."""
    if not bypass:
        return environment
    headers = environment.health.headers
    if any(name.lower() == BYPASS_HEADER for name in headers):
        return environment
    health = environment.health.model_copy(update={"headers": {**headers, BYPASS_HEADER: bypass.reveal()}})
    return replace(environment, health=health)


def _check_paths(read: Configuration, rootdir: Path, mode: Mode) -> None:
    """A path that the file names and that is not there: without this check, a misspelt folder would leave the team's gates out."""
    problems = []
    if mode is not Mode.COMPARE and read.is_set(("gates", "paths")):
        for index, path in enumerate(read.content.gates.paths):
            if not (rootdir / path).exists():
                hint = f"Paths are relative to {rootdir}. Make the folder, or correct the path."
                problems.append(read.problem(("gates", "paths", index), f"there is no {path}", hint))
    migrations = read.content.migrations.path
    if mode in (Mode.DEPLOY, Mode.DRY_RUN) and migrations is not None and not (rootdir / migrations).exists():
        hint = f"Paths are relative to {rootdir}. Make the folder, or correct the path."
        problems.append(read.problem(("migrations", "path"), f"there is no {migrations}", hint))
    if problems:
        raise config_error(read.shown, problems)


def _sources(
    environments: Environments,
    action: Action,
    environment: Environment | None,
    config_file: Sourced[Path | None],
    artifacts: Sourced[Path],
) -> dict[str, str]:
    """For the header of the report: name -> source."""
    none_there = f"default: there is no {DEFAULT_CONFIG}"
    there = environments.read.file is not None or config_file.value is not None
    sources = {"config": config_file.source if there else none_there, "artifacts": artifacts.source}
    if environment is not None:
        given = action.deployment is None or action.deployment == "last"
        sources["environment"] = "command line" if given else "deployment ID"
        sources["database"] = environment.source
        if environment.app_url is not None:
            sources["app_url"] = environments.app_url_source(environment.name)
    return sources
