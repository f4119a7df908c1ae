"""How the values of two columns are made comparable: SQL fields whose hashes agree exactly when the values do. Pure.

PostgreSQL's own hashes follow `=`, but some forget a part: those of bigint and of times fold 64 bits to 32, that of numeric has
no sign, that of an array no bounds. Such values are taken in their binary form, or what the hash forgets stands beside it as a
field of its own. Types whose hash differs from database to database (enum), or that have none (json, xml, money, bit,
geometric), are taken as text.
"""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from .relations import Catalogue, Column

_AS_IT_IS = frozenset(
    (
        "bool",
        "int2",
        "int4",
        "oid",
        "float4",
        "float8",
        "date",
        "uuid",
        "bytea",
        "macaddr",
        "macaddr8",
        "inet",
        "cidr",
    )
)
_BINARY = {
    "timestamp": "timestamp_send",
    "timestamptz": "timestamptz_send",
    "time": "time_send",
    "timetz": "timetz_send",
    "pg_lsn": "pg_lsn_send",
}
_TEXTS = frozenset(("text", "varchar", "bpchar", "name", "citext"))
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
_EXACT_TEXTS = (_AS_IT_IS - {"float4", "float8"}) | _BINARY.keys()
_EXACT_TEXTS |= {"int8", "text", "varchar", "name", "enum", "bit", "varbit", "money"}
# In the text of equal values only these characters can differ; `=` of their containers is hashed as it is.
_UNCERTAIN = {"numeric": "0.", "jsonb": "0.", "float4": "-", "float8": "-", "bpchar": " "}
_HASHABLE = _AS_IT_IS | _BINARY.keys() | _UNCERTAIN.keys() | {"int8", "text", "varchar", "name", "interval"}


@dataclass(frozen=True, slots=True)
class Fields:
    """``strict``: cheap, the same only for equal values. ``exact``: the same for equal values and for no others."""

    strict: tuple[sql.Composable, ...]
    exact: tuple[sql.Composable, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """``by_value`` False: two values are equal when their texts are. ``one_encoding``: both databases store text alike."""

    by_value: bool
    one_encoding: bool
    one_locale: bool

    @classmethod
    def between(cls, a: Catalogue, b: Catalogue, equality: str) -> Rules:
        return cls(equality == "value", a.encoding == b.encoding, a.locale == b.locale)


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
        one_scale = column.modifier == other.modifier != -1
        return _plain(value, text, base, rules, one_scale=one_scale)
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


def _text(value: sql.Composable, rules: Rules) -> sql.Composable:
    text = sql.SQL("{}::text").format(value)
    return sql.SQL('({} collate "C")').format(text) if rules.one_encoding else _bytes(text)


def _only(field: sql.Composable) -> Fields:
    return Fields((field,), (field,))


def _plain(
    value: sql.Composable, text: sql.Composable, base: str, rules: Rules, *, one_scale: bool
) -> Fields:
    if base == "int8":
        both = (value, sql.SQL("({} >> 32)").format(value))
        return Fields(both, both)
    if base in _AS_IT_IS:
        return _only(value)
    if base in _BINARY:
        return _only(_send(_BINARY[base], value))
    if base == "numeric":
        sent, trimmed = _send("numeric_send", value), _send("numeric_send", _trimmed(value))
        return _only(sent) if one_scale else Fields((sent,), (trimmed,))
    if base == "interval":  # the hash alone folds its microseconds, too
        seconds = _send("numeric_send", _trimmed(_SECONDS.format(v=value)))
        return Fields((text,), (value, seconds))
    if base == "jsonb" and rules.one_encoding:
        return Fields((text,), (*_hashed(value), _without(text, "0.", rules)))
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


def _texts(
    value: sql.Composable, text: sql.Composable, column: Column, other: Column, rules: Rules
) -> Fields:
    """Where `=` compares bytes, they decide. Elsewhere `=` does, if both servers have the same version of its rules."""
    if not rules.one_encoding or column.collation != other.collation:
        return _only(text)
    if column.collation is None:
        return _only(value)
    return Fields((text,), (value,)) if rules.by_value else _only(text)


def _container(value: sql.Composable, text: sql.Composable, column: Column, rules: Rules) -> Fields:
    if (
        not rules.by_value
        or column.innermost <= _EXACT_TEXTS
        or not column.innermost <= _HASHABLE
        or not rules.one_encoding
        or column.collation is not None
    ):
        return _only(text)
    if "interval" in column.innermost:
        return Fields((text,), _hashed(value))
    uncertain = "".join(sorted({c for name in column.innermost for c in _UNCERTAIN.get(name, "")}))
    return Fields((text,), (*_hashed(value), _without(text, uncertain, rules)))


def _send(function: str, value: sql.Composable) -> sql.Composable:
    """The value's bytes as the protocol has them: the same on every server."""
    return sql.SQL("{}({})").format(sql.Identifier("pg_catalog", function), value)


def _trimmed(number: sql.Composable) -> sql.Composable:
    return sql.SQL("trim_scale({})").format(number)


def _hashed(value: sql.Composable) -> tuple[sql.Composable, ...]:
    """What `=` calls equal has one hash. Where numbers are in it, 1 and 10000 differ in its last bits only, which a row's hash loses."""
    last = sql.SQL("(hash_record_extended(row({}), {}) & 4294967295)").format(value, _SEED)
    return value, last


def _without(text: sql.Composable, characters: str, rules: Rules) -> sql.Composable:
    assert rules.one_encoding  # else it is bytes
    return sql.SQL("translate({}, {}, '')").format(text, sql.Literal(characters))


def _different_types(value: sql.Composable, column: Column, other: Column, rules: Rules) -> Fields:
    pair = {column.base, other.base}
    common = next((type_ for group, type_ in _COMMON if pair <= group), None)
    if common is None or not rules.by_value:
        return _only(_text(value, rules))
    cast = sql.SQL("({}::{})").format(value, sql.Identifier("pg_catalog", common))
    return _plain(cast, _text(cast, rules), common, rules, one_scale=False)


def row_hash(all_fields: list[sql.Composable]) -> sql.Composable:
    """A 64-bit hash of a row of ``all_fields``; a row without any is 0.

    hash_record_extended is linear in the hashes of its columns: without the second hash around it, values that trade places
    between rows would leave the sum of the rows as it was. float8 is the cheapest way to bring (53 of) its bits through.
    It counts null as 0, which is what the hash of a float's 0 is with seed 0: hence a seed, as big as hashes are.
    """
    hashed: sql.Composable = sql.SQL("0::bigint")
    for start in range(0, len(all_fields), _MOST_FIELDS):
        before = [sql.SQL("{}::float8").format(hashed)] if start else []
        row = sql.SQL(", ").join([*before, *all_fields[start : start + _MOST_FIELDS]])
        hashed = sql.SQL("hashfloat8extended(hash_record_extended(row({}), {})::float8, 0)").format(
            row, _SEED
        )
    return hashed


_SEED = sql.SQL("7046029254386353131")
_MOST_FIELDS = 1600  # a row constructor takes 1664
