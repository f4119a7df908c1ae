"""Encoding and collation of a database: a clone must sort, compare and fold as its original does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from .connect import Connection


@dataclass(frozen=True, slots=True)
class DatabaseLocale:
    """``provider``: ``c`` (libc), ``i`` (ICU) or ``b`` (builtin, from 17 on); ``locale`` is None for libc."""

    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str | None = None
    rules: str | None = None

    def clauses(self) -> sql.Composed:
        """What CREATE DATABASE ... TEMPLATE template0 is told."""
        provider = {"c": "libc", "i": "icu", "b": "builtin"}[self.provider]
        options = [
            ("encoding", self.encoding),
            ("locale_provider", provider),
            ("lc_collate", self.collate),
            ("lc_ctype", self.ctype),
        ]
        if self.locale is not None and provider != "libc":
            options.append((f"{provider}_locale", self.locale))
        if self.rules is not None:
            options.append(("icu_rules", self.rules))
        return sql.SQL(" ").join(
            sql.SQL("{} {}").format(sql.SQL(name), sql.Literal(value)) for name, value in options
        )

    def __str__(self) -> str:
        return f"{self.encoding}, {self.locale or self.collate}"


def read_locale(connection: Connection) -> DatabaseLocale:
    """Of the database that is connected to; the columns of pg_database differ by version, so the row is read as a whole."""
    row = connection.execute(
        "select to_jsonb(d) || jsonb_build_object('encoding_name', pg_encoding_to_char(d.encoding))"
        " from pg_catalog.pg_database d where datname = current_database()"
    ).fetchone()
    assert row is not None
    found: Mapping[str, Any] = row[0]
    return DatabaseLocale(
        encoding=found["encoding_name"],
        provider=found.get("datlocprovider", "c"),
        collate=found["datcollate"],
        ctype=found["datctype"],
        locale=found.get("datlocale", found.get("daticulocale")),
        rules=found.get("daticurules"),
    )
