"""Which installation an embedded server runs from."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import ServerError
from .tools import SERVER_TOOLS, Tools, find_installations, how_to_install


def choose_installation(
    minimum_major: int, extensions: Collection[str] = (), *, exactly: bool = False
) -> Tools:
    """The lowest major that is not below ``minimum_major`` (or exactly it) and has all ``extensions``.

    ServerError, naming what to install, when there is none.
    """
    wanted = frozenset(extensions)
    fitting = [
        tools
        for tools in find_installations()
        if tools.has(*SERVER_TOOLS)
        and (tools.major == minimum_major if exactly else tools.major >= minimum_major)
    ]
    for tools in fitting:
        if not tools.missing_extensions(wanted):
            return tools
    which = f"{minimum_major}" if exactly else f"{minimum_major} or later"
    if not fitting:
        raise ServerError(
            f"no PostgreSQL server {which} is installed here", hint=how_to_install(minimum_major)
        )
    lacking = sorted(fitting[0].missing_extensions(wanted))
    raise ServerError(
        f"no PostgreSQL server {which} here has the extensions {', '.join(lacking)}",
        hint=f"Install them for PostgreSQL {fitting[0].major}, such as the system's package postgresql-{fitting[0].major}-<extension>.",
    )


def preferred_installation(minimum_major: int | None) -> Tools:
    """For a new ``embedded://PATH``: the wheel's when it will do, so that all machines of a team get the same major."""
    usable = [
        tools
        for tools in find_installations()
        if tools.has(*SERVER_TOOLS) and tools.major >= (minimum_major or 0)
    ]
    wheels = [tools for tools in usable if tools.bindir.parent.name == "pginstall"]
    return wheels[0] if wheels else choose_installation(minimum_major or 15)
