"""The JSON Schema of ``dbdeploy.yaml``, for editors: generated from the models."""

from __future__ import annotations

from typing import Any

from .models import ConfigFile
from .rule_names import rule_names
from .units import DURATION_PATTERN, SIZE_PATTERN, show_duration, show_size

_VARIABLE = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "a value with ${VAR} or ${VAR:-default} in it",
}
_SCALARS = frozenset({"boolean", "integer", "number", "string"})


def config_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. Every value may be null (the default), and every scalar a text with ``${VAR}``."""
    schema = ConfigFile.model_json_schema(by_alias=True)
    definitions = {name: _open(part) for name, part in schema.pop("$defs").items()}
    definitions["Rules"] = {
        "type": "object",
        "propertyNames": {"enum": sorted(rule_names())},
        "additionalProperties": _lenient({"enum": ["block", "warn", "ignore"]}),
    }
    for owner in (definitions["EnvironmentSection"], schema):
        owner["properties"]["policy"] = {"anyOf": [{"$ref": "#/$defs/Rules"}, {"type": "null"}]}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dbdeploy.yaml",
        "description": "Configuration of pytest-dbdeploy. All keys are optional.",
    }
    properties = {
        name: part if name == "policy" else _lenient(part) for name, part in schema["properties"].items()
    }
    return {
        **head,
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
        "$defs": definitions,
    }


def _open(definition: dict[str, Any]) -> dict[str, Any]:
    """A section, or the values of an enum."""
    if "properties" not in definition:
        return _lenient(definition)
    properties = {name: _lenient(part) for name, part in definition["properties"].items()}
    return {**definition, "properties": properties}


def _lenient(part: dict[str, Any]) -> dict[str, Any]:
    """``part``, or null, or (where a scalar stands) a text with a variable; the same for what is in it."""
    part = dict(part)
    about: dict[str, Any] = {}
    for key in ("description", "default", "title"):
        if key in part:
            about[key] = part.pop(key)
    if "items" in part:
        part["items"] = _lenient(part["items"])
    if isinstance(part.get("additionalProperties"), dict):
        part["additionalProperties"] = _lenient(part["additionalProperties"])
    choices = part.pop("anyOf", None) or [part]
    _readable_default(about, choices)
    scalar = any("enum" in one or "const" in one or _types(one) & _SCALARS for one in choices)
    alternatives = [one for one in choices if one != {"type": "null"}]
    if scalar:
        alternatives.append(_VARIABLE)
    return {**about, "anyOf": [*alternatives, {"type": "null"}]}


def _readable_default(about: dict[str, Any], choices: list[dict[str, Any]]) -> None:
    """Seconds and bytes as they are written in the file; the defaults of a section stand at its keys."""
    default = about.get("default")
    patterns = {one.get("pattern") for one in choices}
    if default is None or any("$ref" in one for one in choices):
        about.pop("default", None)
    elif DURATION_PATTERN in patterns:
        about["default"] = show_duration(default)
    elif SIZE_PATTERN in patterns:
        about["default"] = show_size(default)


def _types(part: dict[str, Any]) -> set[str]:
    kind = part.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind)
