"""File and variables -> ``ConfigFile``: fills ``${VAR}`` in, adds what only variables say, checks, and explains what is wrong."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError
from ..invocation import Sourced
from ..options import DEFAULT_CONFIG
from .document import Node, Template, read_document
from .models import ConfigFile
from .problems import Problem, config_error, describe, nearest, unknown
from .rule_names import rule_names
from .variables import BadReferenceError, MissingVariableError, Variables, fill, read_variables

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KeyPath = tuple[str | int, ...]
Used = Callable[[KeyPath], bool]

# Keys that a variable of the same meaning sets when the file leaves them out (``null`` in the file: off).
FROM_VARIABLES: Mapping[tuple[str, ...], str] = {
    ("alerts", "slack"): "SLACK_WEBHOOK_URL",
    ("alerts", "webhook", "url"): "ALERT_WEBHOOK_URL",
    ("alerts", "webhook", "secret"): "ALERT_WEBHOOK_SECRET",
    ("alerts", "email", "to"): "ALERT_EMAIL",
    ("release", "vercel", "token"): "VERCEL_TOKEN",
    ("release", "vercel", "deploy_hook"): "VERCEL_DEPLOY_HOOK",
    ("release", "vercel", "bypass"): "VERCEL_AUTOMATION_BYPASS_SECRET",
    ("release", "vercel", "api"): "VERCEL_API_URL",
}


@dataclass(frozen=True)
class Configuration:
    """What file and variables say. ``shown``: the file as messages call it. ``origins``: key -> the variables it came from."""

    file: Path | None
    shown: str
    root: Node
    variables: Variables
    content: ConfigFile
    origins: Mapping[KeyPath, str] = field(default_factory=dict)

    def source(self, path: KeyPath) -> str:
        """Where the value came from: ``dbdeploy.yaml:12``, ``variable X in .env.local:3``, ``default``."""
        node, line = self.root.find(path)
        if node is None:
            return self.origins.get(path, "default")
        return f"{self.shown}:{line}" + (f" ({self.origins[path]})" if path in self.origins else "")

    def place(self, path: KeyPath) -> tuple[str, int]:
        """The file as messages call it, and the line in it."""
        return self.shown, self.root.find(path)[1]

    def problem(self, path: KeyPath, message: str, hint: str | None = None) -> Problem:
        node, line = self.root.find(path)
        place = self.origins.get(path) if node is None else None
        return Problem(line, path, message, hint, place)

    def error(self, path: KeyPath, message: str, hint: str | None = None) -> ConfigError:
        return config_error(self.shown, [self.problem(path, message, hint)])

    def is_set(self, path: KeyPath) -> bool:
        """Whether the file gives the key a value (null is none)."""
        node, _ = self.root.find(path)
        return node is not None and node.value is not None

    def is_null(self, path: KeyPath) -> bool:
        """Whether the file turns the key off: a null for it, or for a section above it."""
        nodes = (self.root.find(path[:length])[0] for length in range(1, len(path) + 1))
        return any(node is not None and node.value is None for node in nodes)


def find_file(rootdir: Path, config_file: Sourced[Path | None]) -> Path | None:
    """The file to read, or None when there is none. ConfigError when the one asked for is not there."""
    if config_file.value is not None:
        if not config_file.value.is_file():
            what = "is a folder" if config_file.value.is_dir() else "does not exist"
            raise ConfigError(
                f"the configuration file {config_file.value} ({config_file.source}) {what}.",
                hint=f"Name an existing file with --dbdeploy-config=FILE, or leave it away for {DEFAULT_CONFIG} in {rootdir}.",
            )
        return config_file.value
    default = rootdir / DEFAULT_CONFIG
    if default.is_file():
        return default
    if default.is_dir():
        raise ConfigError(f"{default} is a folder.", hint="The configuration is a file: rename the folder.")
    if default.with_suffix(".yml").is_file():
        raise ConfigError(
            f"{rootdir} holds dbdeploy.yml: it is not read.", hint=f"Rename it to {DEFAULT_CONFIG}."
        )
    return None


def read_configuration(
    rootdir: Path, config_file: Sourced[Path | None], environ: Mapping[str, str], used: Used
) -> Configuration:
    """Reads and checks everything; a missing variable is an error only where ``used`` says that the key matters."""
    file = find_file(rootdir, config_file)
    folder = file.parent if file else rootdir
    variables = read_variables(folder, environ)
    shown = DEFAULT_CONFIG
    if file is not None:
        shown = str(file.relative_to(rootdir)) if file.is_relative_to(rootdir) else str(file)
    root = read_document(file, shown) if file else Node(1, {})
    filler = _Filler(variables, used, folder)
    data = filler.data(root, ())
    assert isinstance(data, dict)  # read_document gives a mapping
    _add_variables(data, variables, used, filler.origins)
    read = Configuration(file, shown, root, variables, ConfigFile(), filler.origins)
    problems = filler.problems
    try:
        content = ConfigFile.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        known = {
            problem.path for problem in problems
        }  # a key left out for its variable is not missing besides
        # nor is a list empty besides whose only element is wrong
        known |= {tuple(one["loc"][:-1]) for one in details}
        problems += [_problem(read, one) for one in details if tuple(one["loc"]) not in known]
    if problems:
        raise config_error(shown, problems)
    read = Configuration(file, shown, root, variables, content, filler.origins)
    _check_rule_names(read)
    return read


_DROPPED = object()


class _Filler:
    def __init__(self, variables: Variables, used: Used, folder: Path) -> None:
        self.variables = variables
        self.used = used
        self.folder = folder
        self.problems: list[Problem] = []
        self.origins: dict[KeyPath, str] = {}

    def data(self, node: Node, path: KeyPath) -> object:
        """Plain data for pydantic. A key whose variable is missing and not needed is left out."""
        value = node.value
        if isinstance(value, dict):
            pairs = {key: self.data(entry.node, (*path, key)) for key, entry in value.items()}
            return {key: one for key, one in pairs.items() if one is not _DROPPED}
        if isinstance(value, list):
            items = [self.data(one, (*path, index)) for index, one in enumerate(value)]
            # An element that came out empty is no element; a written null is refused by its type.
            return [
                x
                for x, one in zip(items, value, strict=True)
                if x is not _DROPPED and (x is not None or one.value is None)
            ]
        return self._scalar(value, node.line, path) if isinstance(value, Template) else value

    def _scalar(self, template: Template, line: int, path: KeyPath) -> object:
        if template.plain is None and not self.used(path) and path[-1] != "database":
            return _DROPPED  # nor does it matter what another environment's variables hold
        try:
            filled = fill(template, self.variables)
        except MissingVariableError as missing:
            if self.used(path):
                hint = f"Set it in the environment, or in .env.local or .env in {self.folder}; or write a default: ${{{missing.name}:-...}}."
                self.problems.append(Problem(line, path, f"variable {missing.name} is not set", hint))
            return _DROPPED
        except BadReferenceError:
            hint = "Write ${VAR} or ${VAR:-default}; $${ stands for the characters ${."
            self.problems.append(Problem(line, path, "the ${...} in the value is not understood", hint))
            return _DROPPED
        if filled.variables:
            self.origins[path] = ", ".join(dict.fromkeys(filled.variables))
        return filled.text


def _add_variables(
    data: dict[str, Any], variables: Variables, used: Used, origins: dict[KeyPath, str]
) -> None:
    for path, name in FROM_VARIABLES.items():
        found = variables.get(name)
        if found is None or not used(path):
            continue
        section: Any = data
        for key in path[:-1]:
            section = section.setdefault(key, {}) if isinstance(section, dict) else None
            if section is None:  # null in the file turns the whole of it off
                break
        if isinstance(section, dict) and path[-1] not in section:
            section[path[-1]] = found.value
            origins[path] = found.source


# -- what is wrong ---------------------------------------------------------------------------------------------


def _problem(read: Configuration, error: ErrorDetails) -> Problem:
    path: KeyPath = tuple(error["loc"])
    if error["type"] == "extra_forbidden":
        message, hint = unknown("key", str(path[-1]), keys_at(path[:-1]))
        return read.problem(path, message, hint)
    message = describe(error)
    if path in read.origins and read.root.find(path)[0] is not None:
        message += f" (the value comes from {read.origins[path]})"
    return read.problem(path, message)


def keys_at(path: KeyPath) -> list[str]:
    """The keys that the file may hold below ``path``."""
    model = _model_at(ConfigFile, path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    if not path:
        return model
    fields = {one.alias or name: one for name, one in model.model_fields.items()}
    found = fields.get(str(path[0]))
    inner = _model_in(found.annotation) if found else None
    if found is None or inner is None:
        return None
    direct = isinstance(found.annotation, type) and issubclass(found.annotation, BaseModel)
    return _model_at(inner, path[1:] if direct else path[2:])


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, typing.get_args(annotation))), None)


def _check_rule_names(read: Configuration) -> None:
    known = rule_names()
    named: list[tuple[KeyPath, str]] = [(("policy", rule), rule) for rule in read.content.policy]
    for name, environment in read.content.environments.items():
        named += [(("environments", name, "policy", rule), rule) for rule in environment.policy]
    named += [
        (("acknowledge", index, "rule"), one.rule) for index, one in enumerate(read.content.acknowledge)
    ]
    problems = []
    for path, rule in named:
        if rule not in known:
            near = nearest(rule, known)
            message = f'unknown rule "{rule}"' + (f'; did you mean "{near}"?' if near else "")
            problems.append(read.problem(path, message, f"Known rules: {', '.join(sorted(known))}."))
    if problems:
        raise config_error(read.shown, problems)
