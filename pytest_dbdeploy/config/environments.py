"""Which environments there are, and the one (or the two) that the action is about."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import ConfigError
from ..invocation import Action
from ..model import Mode
from ..options import COMPARE, ENV
from ..secret import Secret, redactor
from .models import Environment, EnvironmentSection
from .problems import nearest, unknown
from .reading import Configuration, KeyPath
from .variables import Variables

PROTECTED_NAMES = frozenset({"prod", "production", "live", "main"})
_VARIABLE = re.compile(r"([A-Z][A-Z0-9_]*)_POSTGRES_URL")
#: Headers whose values are ordinary words, which must not be masked wherever they stand.
_HARMLESS = re.compile(
    r"(?i)accept(-\w+)?|user-agent|host|origin|referer|content-type|cache-control|connection|pragma"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def variable_prefix(name: str) -> str:
    """``pre-prod`` -> ``PRE_PROD``."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def used_environments(action: Action) -> frozenset[str]:
    """The names that the action is about: only their variables must be there."""
    names = {side for side in action.compare if "://" not in side}
    return frozenset(names | {action.environment} if action.environment else names)


class Environments:
    """The environments of file and variables. Values are only asked for when one of them is taken."""

    def __init__(self, read: Configuration) -> None:
        self.read = read
        self.notes: list[str] = []
        self.sections: Mapping[str, EnvironmentSection] = read.content.environments
        for name in self.sections:
            if not _NAME.fullmatch(name):
                raise read.error(
                    ("environments", name),
                    "an environment's name holds letters, digits, - . and _ only",
                    "It names folders and variables: choose another one.",
                )
        claimed = {variable_prefix(name) for name in self.sections}
        self.from_variables = {
            prefix.lower(): prefix for prefix in _prefixes(read.variables) if prefix not in claimed
        }

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*self.sections, *self.from_variables}))

    def available(self) -> dict[str, Environment]:
        """Those whose database is known; their values are not checked any further."""
        made = ((name, self._make(name, checked=False)) for name in self.names)
        return {name: environment for name, environment in made if environment is not None}

    def take(self, name: str, option: str) -> Environment:
        """The environment, its database's URL checked. ConfigError when it is unknown or incomplete."""
        if name not in self.names:
            raise self._unknown(name, option)
        environment = self._make(name, checked=True)
        if environment is None:
            raise self.read.error(
                ("environments", name),
                f"no database: neither the key database nor variable {variable_prefix(name)}_POSTGRES_URL is set",
                f"Write database: postgresql://... there, or set {variable_prefix(name)}_POSTGRES_URL.",
            )
        self._check_database(environment.database.reveal(), environment.source, name)
        return environment

    def promotion(self, environment: Environment) -> Environment | None:
        """What ``promote_from`` names, its database's URL checked. ConfigError names the key of the chain that is wrong."""
        seen = [environment.name]
        name = environment.promote_from
        while name is not None:
            path: KeyPath = ("environments", seen[-1], "promote_from")
            if name not in self.names:
                message, hint = unknown("environment", name, self.names)
                raise self.read.error(path, message, hint)
            if name == seen[-1]:
                raise self.read.error(
                    path,
                    "an environment cannot be promoted from itself",
                    "Name the environment that comes before it, such as uat.",
                )
            if name in seen:
                raise self.read.error(
                    path,
                    f"promotion goes in a circle: {' <- '.join([*seen, name])}",
                    "One of them must be the first, without promote_from.",
                )
            seen.append(name)
            section = self.sections.get(name)
            name = section.promote_from if section else None
        if environment.promote_from is None:
            return None
        return self._source_of(environment.name, environment.promote_from)

    def _source_of(self, name: str, source: str) -> Environment:
        found = self._make(source, checked=False)
        if found is None:
            variable = f"{variable_prefix(source)}_POSTGRES_URL"
            raise self.read.error(
                ("environments", name, "promote_from"),
                f"environment {source} has no database: neither its key database nor variable {variable} is set",
                f"Set {variable}: what was deployed to {source} is read from there.",
            )
        self._check_database(found.database.reveal(), found.source, source)
        return found

    def side(self, text: str) -> tuple[str, Environment]:
        """One side of a comparison: label and environment; a URL is an environment of its own."""
        if "://" not in text:
            return text, self.take(text, COMPARE.flag)
        label = self._check_database(text, COMPARE.flag, None)
        return label, Environment(label, Secret(text))

    def _make(self, name: str, *, checked: bool) -> Environment | None:
        section = self.sections.get(name, EnvironmentSection())
        prefix = variable_prefix(name)
        path: KeyPath = ("environments", name, "database")
        database, source = section.database, self.read.source(path)
        if database is None:
            found = self.read.variables.get(f"{prefix}_POSTGRES_URL")
            if found is None:
                return None
            database, source = Secret(found.value), found.source
        app_url = section.app_url
        if app_url is None and "app_url" not in self._written(name):
            app_url = self._app_url(prefix, checked=checked)
        if app_url is not None and "@" in app_url:
            redactor.register(app_url)
        self._register_headers(section, name)
        protected = section.protected if section.protected is not None else name.lower() in PROTECTED_NAMES
        return Environment(
            name=name,
            database=database,
            app_url=app_url,
            health=section.health,
            branch=section.branch,
            protected=protected,
            read_only=section.read_only,
            promote_from=section.promote_from,
            policy=section.policy,
            source=source,
        )

    def _written(self, name: str) -> frozenset[str]:
        """The keys that the file writes for the environment, null ones too."""
        node, _ = self.read.root.find(("environments", name))
        return frozenset(node.value) if node is not None and isinstance(node.value, dict) else frozenset()

    def app_url_source(self, name: str) -> str:
        """Where the application's address came from."""
        if "app_url" in self._written(name):
            return self.read.source(("environments", name, "app_url"))
        found = self.read.variables.get(f"{variable_prefix(name)}_URL")
        return found.source if found else "default"

    def _app_url(self, prefix: str, *, checked: bool) -> str | None:
        found = self.read.variables.get(f"{prefix}_URL")
        if found is None or re.match(r"https?://[^\s/]+", found.value):
            return found.value if found else None
        if not checked:
            return None
        raise ConfigError(
            f"{found.source}: must be a URL that begins with http:// or https://",
            hint="It is the application's address.",
        )

    def _register_headers(self, section: EnvironmentSection, name: str) -> None:
        """Health headers that carry a credential: by their name, because they come from a variable, or by their length."""
        for header, value in section.health.headers.items():
            from_variable = ("environments", name, "health", "headers", header) in self.read.origins
            by_name = re.search(r"(?i)auth|cookie|token|secret|key|password|bypass", header)
            if from_variable or by_name or (len(value) > 8 and not _HARMLESS.fullmatch(header)):
                redactor.register(value)

    def _check_database(self, text: str, source: str, name: str | None) -> str:
        """``host:port/database``, or the folder of an embedded server. ConfigError without the URL when it is none of PostgreSQL."""
        from ..db.url import DatabaseUrl, is_embedded

        what = source if name is None else f"{source}: environments.{name}.database"
        try:
            folder = is_embedded(text)
            if folder is not None:
                return f"embedded:{folder.name}"
            url = DatabaseUrl.parse(text, name=what)
        except ConfigError as error:
            message = error.message if what in error.message else f"{what}: {error.message}"
            raise ConfigError(redactor.redact(message), hint=error.hint) from None
        self.notes += url.notes
        return url.label

    def _unknown(self, name: str, option: str) -> ConfigError:
        near = nearest(name, self.names)
        known = ", ".join(f"{one} ({self._place(one)})" for one in self.names)
        return ConfigError(
            f'{option}: unknown environment "{redactor.redact(name)}"'
            + (f'; did you mean "{near}"?' if near else ""),
            hint=f"Known environments: {known or 'none'}.\n"
            f"An environment exists when variable {variable_prefix(name)}_POSTGRES_URL is set (in the environment, or in .env.local"
            f" or .env in {self.read.variables.folder}), or when {self.read.shown} has it below the key environments.",
        )

    def _place(self, name: str) -> str:
        if name in self.sections:
            return f"{self.read.shown}:{self.read.root.find(('environments', name))[1]}"
        found = self.read.variables.get(f"{self.from_variables[name]}_POSTGRES_URL")
        return found.source if found else "variable"


def _prefixes(variables: Variables) -> list[str]:
    return [match[1] for match in map(_VARIABLE.fullmatch, variables.values) if match]


def refuse_read_only(environment: Environment, mode: Mode, where: str) -> None:
    """ConfigError when the action would write to an environment that may only be compared."""
    if environment.read_only and mode is not Mode.COMPARE:
        raise ConfigError(
            f"{where}: environment {environment.name} is read_only: it may be compared, but not be the target of a {mode.replace('_', ' ')}.",
            hint=f"Remove read_only there if that is wanted, or name another environment with {ENV.flag}.",
        )
