"""The types of single values in ``dbdeploy.yaml``, with their place in the JSON Schema."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainValidator, WithJsonSchema

from ..secret import Secret
from .units import DURATION_HELP, DURATION_PATTERN, SIZE_HELP, SIZE_PATTERN, parse_duration, parse_size

Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "type": ["string", "integer"],
            "pattern": DURATION_PATTERN,
            "maximum": 0,
            "description": DURATION_HELP,
        }
    ),
]


def _some_time(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError(f"must be longer than 0, {DURATION_HELP}")
    return seconds


#: Where 0 would mean "for ever" to PostgreSQL, or "without a pause" to us.
SomeTime = Annotated[
    float,
    BeforeValidator(parse_duration),
    AfterValidator(_some_time),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "description": DURATION_HELP}),
]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    WithJsonSchema(
        {"type": ["string", "integer"], "pattern": SIZE_PATTERN, "maximum": 0, "description": SIZE_HELP}
    ),
]


def _to_secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise ValueError("must be a text")


SecretText = Annotated[Secret, PlainValidator(_to_secret), WithJsonSchema({"type": "string"})]


def _http_url(value: str) -> str:
    if not re.match(r"https?://[^\s/]+", value):
        raise ValueError("must be a URL that begins with http:// or https://")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url), WithJsonSchema({"type": "string", "format": "uri"})]


def _secret_http_url(value: object) -> Secret:
    return Secret(_http_url(_to_secret(value).reveal()))


SecretUrl = Annotated[
    Secret, PlainValidator(_secret_http_url), WithJsonSchema({"type": "string", "format": "uri"})
]
