"""How the values of two columns are made comparable: SQL fields whose hashes agree exactly when the values do. Pure.

PostgreSQL's own hashes follow `=`, and are much cheaper than text. But some forget a part: those of bigint and of times fold 64 bits
to 32, that of numeric has no sign, that of an array no bounds, that of jsonb does not know where an inner array ends. What is
forgotten goes into the seed, or stands beside it as a field of its own. Types whose hash differs from database to database (enum), or
that have none (json, xml, money, bit, geometric), are taken as text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from psycopg import sql

from .relations import Catalogue, Column

_TEXT_HASH = "hashtextextended({v}, {seed})"
# Floor to 2**32 microseconds: the half that the hash folds away. Two origins, as no other may be subtracted from every time.
_UPPER_HALF = (
    "case when {v} >= '2000-01-01' then timestamp_hash_extended(date_bin('4294.967296 s', {v}, '2000-01-01'), {seed}) "
    "else timestamp_hash_extended(date_bin('4294.967296 s', {v}, '4714-11-24 BC'), {other}) end"
)
_HASH_OF_TIME = f"timestamp_hash_extended({{v}}, {_UPPER_HALF})"
# The number of the day. Infinite ones cannot be subtracted.
_DAY = (
    "case when isfinite({v}::date) then {v}::date - date '2000-01-01' "
    "when {v} < '2000-01-01' then -2147483648 when {v} > '2000-01-01' then 2147483647 end"
)
# Functions that the server has for a type. ``v``: the value, ``seed`` and ``other``: 64 bits each, ``small``: 31.
_HASHES = {
    "bool": "case when {v} then {seed} when not {v} then {other} end",
    "int2": "hashint2extended({v}, {seed})",
    "int4": "hashint4extended({v}, {seed})",
    "int8": "hashint4extended({small}, {v})",  # a seed is not folded
    "oid": "hashoidextended({v}, {seed})",
    "float4": "hashfloat4extended({v}, {seed})",
    "float8": "hashfloat8extended({v}, {seed})",
    "date": f"hashint4extended({_DAY}, {{seed}})",
    "timestamp": _HASH_OF_TIME.replace("{v}", "{v}::timestamp"),
    # At the zone 0 a timestamptz is the timestamp with the same bits.
    "timestamptz": _HASH_OF_TIME.replace("{v}", "timezone(interval '0', {v}::timestamptz)"),
    "uuid": "uuid_hash_extended({v}, {seed})",
    "inet": "hashinetextended({v}, {seed})",
    "cidr": "hashinetextended({v}, {seed})",
    "macaddr": "hashmacaddrextended({v}, {seed})",
    "macaddr8": "hashmacaddr8extended({v}, {seed})",
    "name": "hashnameextended({v}, {seed})",
}
# The number's weight is only the last bits of its hash: in two columns they would cancel, without another hash around it. One
# without precision may be infinite, and NaN and both infinities have the hash of their seed.
_NUMERIC_HASH = (
    "hashint4extended({small}, hash_numeric_extended({v}, case when {v} < 0 then {seed} else {other} end))"
)
_UNLIMITED_NUMERIC_HASH = _NUMERIC_HASH.replace(" else", " when {v} = 'infinity' then {small} else")
_BINARY = {"time": "time_send", "timetz": "timetz_send", "pg_lsn": "pg_lsn_send"}
_INTEGERS = frozenset(("int2", "int4", "int8"))
_NUMBERS = _INTEGERS | {"numeric"}
# Values of different types are compared as values of the third: what `=` does, and JSON as JSON.
_COMMON = (
    (_INTEGERS, "int8"),
    (_NUMBERS, "numeric"),
    (_NUMBERS | {"float4", "float8"}, "float8"),
    (frozenset(("date", "timestamp", "timestamptz")), "timestamptz"),
    (frozenset(("inet", "cidr")), "inet"),
    (frozenset(("json", "jsonb")), "jsonb"),
)
# Their text is the same exactly when they are equal.
_EXACT_TEXTS = (_HASHES.keys() | _BINARY.keys()) - {"float4", "float8"}
_EXACT_TEXTS |= {"text", "varchar", "bytea", "enum", "bit", "varbit", "money"}
# In the text of equal values only these characters can differ; `=` of their containers is hashed as it is.
_UNCERTAIN = {"numeric": ".", "jsonb": ".", "float4": "-", "float8": "-", "bpchar": " "}
_LAST_ZEROS = r"(\.[0-9]*[1-9])0+(?![0-9])|\.0+(?![0-9])"
_JSON_STRING = r'("(?:[^"\\]|\\.)*")'
_HASHABLE = _HASHES.keys() | _BINARY.keys() | _UNCERTAIN.keys() | {"text", "varchar", "bytea", "interval"}


@dataclass(frozen=True, slots=True)
class Field:
    """``hash``: a template of ``_HASHES``; empty: as a record with the value in it is hashed, which costs a lot once."""

    value: sql.Composable
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """``strict``: cheap, the same only for equal values. ``exact``: the same for equal values and for no others."""

    strict: tuple[Field, ...]
    exact: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """``by_value`` False: two values are equal when their texts are. ``one_encoding``: both databases store text alike."""

    by_value: bool
    one_encoding: bool
    one_locale: bool

    @classmethod
    def between(cls, a: Catalogue, b: Catalogue, equality: str) -> Rules:
        return cls(equality == "value", a.encoding == b.encoding, a.locale == b.locale)


@lru_cache(4096)  # most tables have an id of the same type
def fields(column: Column, other: Column, rules: Rules) -> Fields:
    """What stands for ``column`` (of the table with the alias t) when it is compared with ``other``."""
    value = sql.SQL("t.{}").format(sql.Identifier(column.name))
    text = _text(value, rules)
    if column.innermost != other.innermost or column.holds_values != other.holds_values:
        return _different_types(value, column, other, rules)
    base = column.base
    if not base:
        return _container(value, text, column, rules)
    if base in ("text", "varchar"):
        return _texts(value, text, column, other, rules)
    if base in _EXACT_TEXTS or rules.by_value:
        return _plain(value, text, base, rules, limited=column.modifier != -1)
    return _only(text)


def shown(name: str) -> sql.Composed:
    """The column's value as people read it, at most 200 characters; bytes, as a server without an encoding may hold any."""
    return _bytes(sql.SQL("left(t.{}::text, 200)").format(sql.Identifier(name)))


def _bytes(text: sql.Composable) -> sql.Composed:
    """In UTF-8, or as they are where the database has no encoding."""
    encoding = "case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end"
    return sql.SQL("convert_to({}, {})").format(text, sql.SQL(encoding))


def order(column: Column) -> sql.Composed:
    """By what rows are sorted, the same on every server."""
    text = sql.SQL("t.{}") if is_number(column) else sql.SQL('t.{}::text collate "C"')
    return text.format(sql.Identifier(column.name))


def is_number(column: Column) -> bool:
    return column.base in _NUMBERS


def is_integer(column: Column) -> bool:
    return column.base in _INTEGERS


def _text(value: sql.Composable, rules: Rules) -> Field:
    text = sql.SQL("{}::text").format(value)
    return (
        Field(sql.SQL('({} collate "C")').format(text), _TEXT_HASH)
        if rules.one_encoding
        else Field(_bytes(text))
    )


def _only(field: Field) -> Fields:
    return Fields((field,), (field,))


def _plain(value: sql.Composable, text: Field, base: str, rules: Rules, *, limited: bool) -> Fields:
    """``limited``: it has a precision."""
    if base in _HASHES:
        return _only(Field(value, _HASHES[base]))
    if base in _BINARY:
        return _only(_send(_BINARY[base], value))
    if base == "bytea":
        return _only(Field(value))
    if base == "numeric":
        return _only(Field(value, _NUMERIC_HASH if limited else _UNLIMITED_NUMERIC_HASH))
    if base == "interval":  # the hash alone folds its microseconds, too
        seconds = _send("numeric_send", sql.SQL("trim_scale({})").format(_SECONDS.format(v=value)))
        return Fields((text,), (Field(value), seconds))
    if base == "jsonb" and rules.one_encoding:
        return Fields((text,), (_replaced(text, f"{_JSON_STRING}|{_LAST_ZEROS}", r"\1\2"),))
    if base == "bpchar":
        return _only(text)  # the cast to text leaves the padding away
    if base == "citext" and rules.one_locale:
        return Fields((text,), (_text(sql.SQL("lower({}::text)").format(value), rules),))
    return _only(text)


# As `=` counts them: a month has 30 days, a day 24 hours. Of an infinite interval null.
_SECONDS = sql.SQL(
    "(((extract(year from {v}) * 12 + extract(month from {v})) * 30 + extract(day from {v})) * 86400"
    " + extract(hour from {v}) * 3600 + extract(minute from {v}) * 60 + extract(second from {v}))"
)


def _texts(value: sql.Composable, text: Field, column: Column, other: Column, rules: Rules) -> Fields:
    """Where `=` compares bytes, they decide. Elsewhere `=` does, if both servers have the same version of its rules."""
    if column.collation is None or column.collation != other.collation:
        return _only(text)
    return Fields((text,), (Field(value),)) if rules.by_value and rules.one_encoding else _only(text)


def _container(value: sql.Composable, text: Field, column: Column, rules: Rules) -> Fields:
    if (
        not rules.by_value
        or column.innermost <= _EXACT_TEXTS
        or not column.innermost <= _HASHABLE
        or not rules.one_encoding
        or column.collation is not None
    ):
        return _only(text)
    if "interval" in column.innermost:
        return Fields((text,), (Field(value),))
    uncertain = "".join(sorted({c for name in column.innermost for c in _UNCERTAIN.get(name, "")}))
    return Fields((text,), (Field(value), _without(text, uncertain)))


def _send(function: str, value: sql.Composable) -> Field:
    """The value's bytes as the protocol has them: the same on every server."""
    return Field(sql.SQL("{}({})").format(sql.Identifier("pg_catalog", function), value))


def _without(text: Field, characters: str) -> Field:
    """``.``: without the zeros that end a fraction."""
    if "." in characters:
        text = _replaced(text, _LAST_ZEROS, r"\1")
    value = sql.SQL("translate({}, {}, '')").format(text.value, sql.Literal(characters.replace(".", "")))
    return Field(value, _TEXT_HASH)


def _replaced(text: Field, pattern: str, by: str) -> Field:
    assert text.hash == _TEXT_HASH  # else it is bytes
    value = sql.SQL("regexp_replace({}, {}, {}, 'g')")
    return Field(value.format(text.value, sql.Literal(pattern), sql.Literal(by)), _TEXT_HASH)


def _different_types(value: sql.Composable, column: Column, other: Column, rules: Rules) -> Fields:
    pair = {column.base, other.base}
    common = next((type_ for group, type_ in _COMMON if pair <= group), None)
    if common is None or not rules.by_value:
        return _only(_text(value, rules))
    cast = sql.SQL("({}::{})").format(value, sql.Identifier("pg_catalog", common))
    return _plain(cast, _text(cast, rules), common, rules, limited=False)


def row_hash(all_fields: Sequence[Field]) -> sql.Composable:
    """A 64-bit hash of a row of ``all_fields``, never null.

    Each field has a seed of its own, and a number for null: values that trade places within a row change it. The hash around all of
    them has them as its seed, of which no bit is lost; without it, values that trade places between rows would leave the sum of the
    rows as it was.
    """
    hashes = [_hash(field, place) for place, field in enumerate(all_fields) if field.hash]
    others = [_plain_text(field) for field in all_fields if not field.hash]
    for start in range(0, len(others), _MOST_FIELDS):
        # It counts null as 0, which is what the hash of a float's 0 is with seed 0: hence a seed, as big as hashes are.
        values = ", ".join(others[start : start + _MOST_FIELDS])
        hashes.append(f"hash_record_extended(row({values}), {_drawn('record', start)})")
    return sql.SQL(
        f"hashint4extended(0, {_together(hashes or [_NOTHING])})"
    )  # a composition is ten times slower


def _hash(field: Field, place: int) -> str:
    seed, other, null = (_drawn(role, place) for role in ("seed", "other", "null"))
    hashed = field.hash.format(v=_plain_text(field), seed=seed, other=other, small=seed >> 32)
    return f"coalesce({hashed}, {null})"


def _plain_text(field: Field) -> str:
    return field.value.as_string(None)


def _together(hashes: Sequence[str]) -> str:
    """Halved again and again: a chain of a thousand would be as deep as the parser can go."""
    if len(hashes) == 1:
        return hashes[0]
    middle = len(hashes) // 2
    return f"({_together(hashes[:middle])} # {_together(hashes[middle:])})"


@cache
def _drawn(role: str, place: int) -> int:
    """A number of 63 bits that has nothing to do with the others, the same in every session."""
    drawn = hashlib.blake2b(f"{role} {place}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") >> 1 | 1 << 62


_NOTHING = "bigint '0'"
_MOST_FIELDS = 1600  # a row constructor takes 1664
