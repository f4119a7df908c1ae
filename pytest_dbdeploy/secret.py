"""Secrets stay secret: a wrapper that never prints itself, and the redactor that every text leaving the process goes through."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

# Shorter registered texts would mask ordinary words and digits all over the output.
_SHORTEST = 3

# Up to the last @ of the token: a password may hold an @ or a / that its author forgot to encode.
_POSTGRES_USERINFO = re.compile(r"""(?i)\b(postgres(?:ql)?(?:\+\w+)?://[^\s:@/?#"']*:)[^\s"'<>\\]*@""")
_HTTP_USERINFO = re.compile(r"(?i)\b(https?://)[^\s/?#@\"'<>]+@")
_QUERY_PASSWORD = re.compile(r"""(?i)([?&](?:ssl)?password=)[^\s&"'<>\\#]+""")


class Secret:
    """A text that prints as ``***``; ``reveal()`` gives it. Making one registers it with ``redactor``.

    URLs with a password are not registered whole: only their password is, so that messages can still name host and database.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        redactor.register(value)

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, (self._value,))  # registered again in the process that unpickles it


class Redactor:
    """A registry of secret texts, safe for use by threads; ``redact`` replaces each of them, however it is written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, text: str) -> None:
        """Registers a secret. Of a database's URL only the password; of another URL (webhooks) the whole and its userinfo."""
        wanted = list(_secrets_in_url(text)) if "://" in text else []
        if not _is_database_url(text):
            wanted.append(text)
        forms = {form for part in wanted if len(part) >= _SHORTEST for form in _spellings(part)}
        with self._lock:
            if forms <= self._forms:
                return
            self._forms |= forms
            # The longest first: a secret may hold another one.
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def redact(self, text: str) -> str:
        """``text`` without registered secrets, and without the password of any URL of PostgreSQL or HTTP."""
        pattern = self._pattern
        if pattern is not None:
            text = pattern.sub(MASK, text)
        if "://" in text:
            text = _POSTGRES_USERINFO.sub(rf"\g<1>{MASK}@", text)
            text = _HTTP_USERINFO.sub(rf"\g<1>{MASK}@", text)
            text = _QUERY_PASSWORD.sub(rf"\g<1>{MASK}", text)
        return text


redactor = Redactor()
"""The one registry of this process."""


def _is_database_url(text: str) -> bool:
    return re.match(r"(?i)(postgres(ql)?(\+\w+)?|embedded)://", text) is not None


def _secrets_in_url(text: str) -> Iterator[str]:
    """Userinfo's password (the whole userinfo in ``https://TOKEN@host``) and password parameters, as written and decoded."""
    rest = text.split("://", 1)[1]
    database = _is_database_url(text)
    found: list[str] = re.findall(r"(?i)[?&](?:ssl)?password=([^&#]+)", rest)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    ends = [authority.rpartition("@")[0]]
    if database:  # a password whose @ or / nobody encoded ends at another @
        ends += [rest.partition("@")[0], rest.rpartition("@")[0]]
    for userinfo in ends:
        user, colon, password = userinfo.partition(":")
        found.append(password if colon or database else user)
    for value in filter(None, found):
        yield from (value, unquote(value))


def _spellings(secret: str) -> Iterator[str]:
    """The secret as plain text, in a URL, in JSON, in a SQL literal and in a libpq connection string."""
    yield secret
    for encoded in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), encoded)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield secret.replace("'", "''")
    yield secret.replace("\\", "\\\\").replace("'", "\\'")


# -- passwords inside SQL ---------------------------------------------------------------------------------------

# Literals and comments of PostgreSQL; an unterminated one (a cut text) goes to the end.
_SQL_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<identifier>"(?:[^"]|"")*(?:"|\Z))
      | (?P<escape>\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))
      | (?P<literal>(?:\b[uU]&)?'(?:[^']|'')*(?:'|\Z))
      | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z))""",
    re.DOTALL | re.VERBOSE,
)
_ASKS_FOR_PASSWORD = re.compile(r'(?i)(?<![\w$])"?(?:ssl)?(?:password|passwd)"?\s*(?::?=\s*)?\Z')
_PASSWORD_IN_CONNINFO = re.compile(r"""(?i)(?<!\w)((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s'"&)]+)""")
_PASSWORD_IN_COMMENT = re.compile(r"(?i)(?<!\w)((?:ssl)?password\s*=?\s*)(E?'[^']*'|\$\w*\$[^$]*\$\w*\$)")


def redact_sql(text: str) -> str:
    """SQL in which the literal after PASSWORD, and passwords in connection strings, read ``'***'``.

    Covers roles and users, user mappings' and servers' OPTIONS, DO blocks and function bodies, and statements inside literals.
    """
    if "passw" not in text.lower():  # nearly all: there is nothing to look for
        return redactor.redact(text)
    out: list[str] = []
    code = ""  # what stands before the next literal, comments left out
    position = 0
    for match in _SQL_TOKEN.finditer(text):
        between = text[position : match.start()]
        code = (code + between)[-200:]
        out.append(between)
        position = match.end()
        token = match[0]
        if match.lastgroup == "comment":
            out.append(_PASSWORD_IN_COMMENT.sub(rf"\g<1>'{MASK}'", token))
            code += " "
            continue
        if match["identifier"] is not None:
            out.append(token)
            code += token
            continue
        out.append(f"'{MASK}'" if _ASKS_FOR_PASSWORD.search(code) else _redact_literal(match))
        code = ""
    out.append(text[position:])
    return redactor.redact("".join(out))


def _redact_literal(match: re.Match[str]) -> str:
    token = match[0]
    if match["dollar"] is not None:
        mark = f"${match['tag']}$"
        closed = len(token) >= 2 * len(mark) and token.endswith(mark)
        body = token[len(mark) : -len(mark)] if closed else token[len(mark) :]
        return mark + _redact_body(body) + (mark if closed else "")
    start = token.index("'") + 1
    closed = len(token) > start and token.endswith("'")
    body = token[start:-1] if closed else token[start:]
    if "password" not in body.lower() and "passwd" not in body.lower():
        return token
    inner = _redact_body(body.replace("''", "'")).replace("'", "''")
    return token[:start] + inner + ("'" if closed else "")


def _redact_body(body: str) -> str:
    if not re.search(r"(?i)passw", body):
        return body
    if re.search(r"(?i)\b(host|user|dbname|port)\s*=", body) and not re.search(
        r"(?i)\b(create|alter|do|begin)\b", body
    ):
        return _PASSWORD_IN_CONNINFO.sub(rf"\g<1>{MASK}", body)
    return redact_sql(body)
