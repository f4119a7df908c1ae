"""Database URLs: read as libpq reads them, without what other drivers add; never printed with the password."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote

from ..errors import ConfigError
from ..secret import MASK, Secret

SCHEMES = ("postgresql", "postgres")
_EMBEDDED = "embedded://"

# libpq's keywords beyond host, port, user, password and dbname, with the variable that the client programs read.
# Left out on purpose: service (the file would override the URL) and replication.
_ENVIRONMENT: Mapping[str, str | None] = {
    "application_name": "PGAPPNAME",
    "channel_binding": "PGCHANNELBINDING",
    "client_encoding": "PGCLIENTENCODING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "fallback_application_name": None,
    "gssdelegation": "PGGSSDELEGATION",
    "gssencmode": "PGGSSENCMODE",
    "gsslib": "PGGSSLIB",
    "hostaddr": "PGHOSTADDR",
    "keepalives": None,
    "keepalives_count": None,
    "keepalives_idle": None,
    "keepalives_interval": None,
    "krbsrvname": "PGKRBSRVNAME",
    "load_balance_hosts": "PGLOADBALANCEHOSTS",
    "max_protocol_version": "PGMAXPROTOCOLVERSION",
    "min_protocol_version": "PGMINPROTOCOLVERSION",
    "options": "PGOPTIONS",
    "passfile": "PGPASSFILE",
    "require_auth": "PGREQUIREAUTH",
    "requirepeer": "PGREQUIREPEER",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "sslcert": "PGSSLCERT",
    "sslcertmode": "PGSSLCERTMODE",
    "sslcompression": "PGSSLCOMPRESSION",
    "sslcrl": "PGSSLCRL",
    "sslcrldir": "PGSSLCRLDIR",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslpassword": None,
    "sslrootcert": "PGSSLROOTCERT",
    "sslsni": "PGSSLSNI",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "tcp_user_timeout": None,
}
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PLACE_KEYWORDS = ("host", "port", "user", "password", "dbname")
_SOCKET_FOLDERS = ("/var/run/postgresql", "/run/postgresql", "/tmp")
_ENCODE_HINT = "Percent-encode special characters of the user name and the password: % is %25, @ is %40, / is %2F, ? is %3F, : is %3A."


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseUrl:
    """One database. ``host``: a name, an address or the folder of a socket. ``params``: libpq's other keywords only.

    ``name``: what users call the URL (``DEV_POSTGRES_URL``), for messages. ``notes``: what was dropped or read otherwise.
    str() and repr() never show the password; ``reveal()`` does.
    """

    host: str
    port: int
    user: str
    password: Secret
    dbname: str
    params: Mapping[str, str] = field(default_factory=dict, hash=False)
    name: str = field(default="database", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def parse(cls, text: str, *, name: str) -> DatabaseUrl:
        """Reads a libpq URL; what it leaves open comes from PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, as for psql.

        ConfigError, without the text, when it is not a URL of one PostgreSQL database.
        """
        authority, path, query = _split(text.strip(), name)
        userinfo, _, hostport = authority.rpartition("@")
        user, _, password = userinfo.partition(":")
        host, port = _host_and_port(hostport, name)
        place = {
            "user": _decode(user, name),
            "password": _decode(password, name),
            "host": _decode(host, name),
            "port": port,
            "dbname": _decode(path, name),
        }
        params, notes = _parameters(query, place, name)
        return cls._from_place(place, params, name, notes)

    @classmethod
    def _from_place(
        cls, place: Mapping[str, str], params: Mapping[str, str], name: str, notes: tuple[str, ...]
    ) -> DatabaseUrl:
        user = place["user"] or os.environ.get("PGUSER", "") or _system_user()
        port = place["port"] or os.environ.get("PGPORT", "") or "5432"
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigError(f"{name}: the port is not a number from 1 to 65535", hint=_ENCODE_HINT)
        host = place["host"] or os.environ.get("PGHOST", "") or _default_host(int(port))
        if "," in host:
            raise _several_hosts(name)
        password = place["password"] or os.environ.get("PGPASSWORD", "")
        dbname = place["dbname"] or os.environ.get("PGDATABASE", "") or user
        return cls(host, int(port), user, Secret(password), dbname, params, name, notes)

    def with_dbname(self, dbname: str) -> DatabaseUrl:
        """The same server and role, another database."""
        return replace(self, dbname=dbname)

    def conninfo(self) -> dict[str, str]:
        """Keywords for ``psycopg.connect(**url.conninfo())``: with the password."""
        place = {"host": self.host, "port": str(self.port), "user": self.user, "dbname": self.dbname}
        if self.password:
            place["password"] = self.password.reveal()
        return place | dict(self.params)

    def tool_env(self) -> dict[str, str]:
        """Variables for pg_dump, pg_restore, psql: with the password, which thus is in no argument list.

        Keywords that have no variable (keepalives, sslpassword) are left out.
        """
        env = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.dbname,
            "PGAPPNAME": "pytest-dbdeploy",
            "PGCONNECT_TIMEOUT": "10",
        }
        if self.password:
            env["PGPASSWORD"] = self.password.reveal()
        for keyword, value in self.params.items():
            variable = _ENVIRONMENT[keyword]
            if variable is not None:
                env[variable] = value
        return env

    @property
    def place(self) -> tuple[str, str]:
        """Host and port, as ``tool_env`` has them."""
        return self.host, str(self.port)

    def reveal(self) -> str:
        """The URL with the password, for whoever connects by himself (a migration command, a worker)."""
        return self._text(quote(self.password.reveal(), safe=""), dict(self.params))

    @property
    def label(self) -> str:
        """``host:port/dbname``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.dbname}"

    def __str__(self) -> str:
        hidden = {
            key: MASK if key in ("sslpassword", "options") else value for key, value in self.params.items()
        }
        return self._text(MASK, hidden)

    def __repr__(self) -> str:
        return f"DatabaseUrl({self!s})"

    def _text(self, password: str, params: dict[str, str]) -> str:
        userinfo = quote(self.user, safe="") + (f":{password}" if self.password else "")
        if self.host.startswith(("/", "@")):  # a socket: as parameters, which more drivers understand
            params = {"host": self.host, "port": str(self.port)} | params
            hostport = ""
        else:
            host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
            hostport = f"{host}:{self.port}"
        query = "&".join(f"{quote(k, safe='')}={quote(v, safe='*')}" for k, v in params.items())
        return f"postgresql://{userinfo}@{hostport}/{quote(self.dbname, safe='')}" + (
            f"?{query}" if query else ""
        )


def is_embedded(text: str) -> Path | None:
    """The folder of an ``embedded://PATH``, as written (``~`` expanded), else None. ConfigError when PATH is empty."""
    text = text.strip()
    if not text.lower().startswith(_EMBEDDED):
        return None
    path = text[len(_EMBEDDED) :]
    if not path:
        raise ConfigError(
            "embedded:// names no folder", hint="Write embedded://.dbdeploy/dev or embedded:///abs/path."
        )
    return Path(path).expanduser()


def _split(text: str, name: str) -> tuple[str, str, str]:
    """Authority, path and query of the URL, still encoded."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in SCHEMES:
        other = f"is a {scheme.lower()}:// URL, not one of PostgreSQL"
        what = other if _is_scheme(scheme) and separator else "is no database URL"
        raise ConfigError(
            f"{name} {what}",
            hint="Write postgresql://user:password@host:5432/database (or embedded://PATH for a local one).",
        )
    if any(ord(char) < 33 for char in rest):
        raise ConfigError(f"{name} holds a space or a line break", hint=_ENCODE_HINT)
    before_query, _, query = rest.partition("?")
    authority, _, path = before_query.partition("/")
    # Nobody writes an @ in a database's name: it is a password with an unencoded / or ?.
    if "@" in path or ("@" in query and "@" not in authority):
        raise ConfigError(f"{name} cannot be read: there is an @ after the host's part", hint=_ENCODE_HINT)
    return authority, path, query


def _is_scheme(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,30}", text) is not None


def _host_and_port(hostport: str, name: str) -> tuple[str, str]:
    if hostport.startswith("["):
        host, bracket, port = hostport[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ConfigError(f"{name}: the address in brackets has no end", hint="Write [::1]:5432.")
        return host, port[1:]
    host, _, port = hostport.partition(":")
    if "," in hostport:
        raise _several_hosts(name)
    return host, port


def _several_hosts(name: str) -> ConfigError:
    return ConfigError(f"{name} names several hosts", hint="Name the one primary server to deploy to.")


def _parameters(query: str, place: dict[str, str], name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """libpq's parameters of the query; those that belong to ``place`` go there."""
    params: dict[str, str] = {}
    notes: list[str] = []
    for pair in filter(None, query.split("&")):
        key, _, value = (_decode(part, name) for part in pair.partition("="))
        if key in _PLACE_KEYWORDS:
            place[key] = value
        elif key == "sslmode":
            params[key] = _sslmode(value, name, notes)
        elif key in _ENVIRONMENT:
            params[key] = value
        elif key == "ssl" and value.lower() in ("true", "1"):
            params.setdefault("sslmode", "require")
        else:
            notes.append(f"{name}: parameter {key} is not one of libpq's and was dropped")
    if params.get("sslpassword"):
        Secret(params["sslpassword"])  # registers it with the redactor
    return params, tuple(notes)


def _sslmode(value: str, name: str, notes: list[str]) -> str:
    if value == "no-verify":  # node-postgres
        notes.append(f"{name}: sslmode=no-verify is read as sslmode=require")
        return "require"
    if value not in _SSLMODES:
        raise ConfigError(f"{name}: sslmode is none of {', '.join(_SSLMODES)}", hint="Correct the URL.")
    return value


def _decode(text: str, name: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ConfigError(f"{name}: there is a % that encodes nothing", hint=_ENCODE_HINT)
    decoded = unquote(text, errors="surrogateescape")
    if "\0" in decoded or not decoded.isprintable():
        raise ConfigError(f"{name}: an encoded character is not printable", hint=_ENCODE_HINT)
    return decoded


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry
        return "postgres"


def _default_host(port: int) -> str:
    """A socket that is there, else localhost: psycopg's and the tools' own defaults may differ."""
    for folder in _SOCKET_FOLDERS:
        if Path(folder, f".s.PGSQL.{port}").exists():
            return folder
    return "localhost"
