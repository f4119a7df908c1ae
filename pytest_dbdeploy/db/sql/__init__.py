"""SQL files: one query a file, whose first line says what it returns."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import LiteralString


@cache
def query(name: str) -> LiteralString:
    """The text of ``db/sql/<name>.sql``; KeyError when there is no such file. Parameters are psycopg's ``%(name)s``.

    Literal, as psycopg asks for text that no user wrote: a file of the package is just that.
    """
    resource = files(__name__).joinpath(f"{name}.sql")
    if not resource.is_file():
        raise KeyError(f"no SQL file {name}.sql in {__name__}")
    return resource.read_text("utf-8")
